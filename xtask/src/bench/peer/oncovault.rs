//! Ours.

use super::{Key, Peer, Place, Role, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;

pub enum Oncovault {
    /// What peers do.
    Engine,
    /// With the catalog, as it comes: what files say of patients is read, and stored beside them.
    Catalog,
}

impl Peer for Oncovault {
    fn name(&self) -> &'static str {
        match self {
            Self::Engine => "oncovault",
            Self::Catalog => "oncovault-catalog",
        }
    }

    fn program(&self) -> &'static str {
        "oncovault"
    }

    fn role(&self) -> Role {
        match self {
            Self::Engine => Role::Ours,
            Self::Catalog => Role::Variant,
        }
    }

    fn key(&self) -> Key {
        Key::File
    }

    fn settings(&self) -> &'static str {
        match self {
            Self::Engine => "--no-catalog; key file without a passphrase",
            Self::Catalog => "defaults: with the catalog; key file without a passphrase",
        }
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)> {
        vec![
            ("ONCOVAULT_VAULT", place.store().into_os_string()),
            ("ONCOVAULT_KEY", place.work.join("key").into_os_string()),
            ("ONCOVAULT_QUIET", OsString::from("1")),
        ]
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (source, out) = (text(&place.source), text(place.out()));
        let passphrase = text(place.passphrase());
        let words: &[&str] = match phase {
            Phase::Start => &["--version"],
            Phase::Init => &["init", "--unprotected-key"],
            Phase::Full | Phase::Unchanged | Phase::Changed => match self {
                Self::Engine => &["backup", "--no-catalog", &source],
                Self::Catalog => &["backup", &source],
            },
            Phase::Open => &["snapshots"],
            Phase::Restore => &["restore", "latest", "--to", &out],
            Phase::Check => &["check", "--read-data", "--with-keys"],
            Phase::CheckWithoutKey => &["check", "--read-data", "--without-key"],
            Phase::Prune => &["forget", "--keep-last", "1", "--prune"],
            Phase::Protect => &["key", "passwd", "--new-passphrase-file", &passphrase],
            Phase::OpenProtected => &["snapshots", "--passphrase-file", &passphrase],
        };
        vec![place.line(words)]
    }
}
