//! Ours.

use super::{Key, Peer, Place, Role, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;

pub struct Oncovault;

impl Peer for Oncovault {
    fn name(&self) -> &'static str {
        "oncovault"
    }

    fn program(&self) -> &'static str {
        "oncovault"
    }

    fn role(&self) -> Role {
        Role::Ours
    }

    fn key(&self) -> Key {
        Key::File
    }

    fn settings(&self) -> &'static str {
        "defaults; key file without a passphrase"
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
            Phase::Full | Phase::Unchanged | Phase::Changed => &["backup", &source],
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
