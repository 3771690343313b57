//! restic.

use super::{Key, PASSPHRASE, Peer, Place, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;

pub struct Restic;

impl Peer for Restic {
    fn name(&self) -> &'static str {
        "restic"
    }

    fn program(&self) -> &'static str {
        "restic"
    }

    fn key(&self) -> Key {
        Key::Passphrase
    }

    fn settings(&self) -> &'static str {
        "defaults: repository version 2, zstd; check --read-data"
    }

    fn version_words(&self) -> &'static [&'static str] {
        &["version"]
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)> {
        vec![
            ("RESTIC_PASSWORD", OsString::from(PASSPHRASE)),
            ("RESTIC_REPOSITORY", place.store().into_os_string()),
        ]
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (source, out) = (text(&place.source), text(place.out()));
        let words: &[&str] = match phase {
            Phase::Start => &["version"],
            Phase::Init => &["init", "-q"],
            Phase::Full | Phase::Unchanged | Phase::Changed => &["backup", "-q", &source],
            Phase::Open => &["snapshots", "-q"],
            Phase::Restore => &["restore", "-q", "latest", "--target", &out],
            Phase::Check => &["check", "-q", "--read-data"],
            Phase::CheckWithoutKey | Phase::Protect | Phase::OpenProtected => return Vec::new(),
            Phase::Prune => &["forget", "-q", "--keep-last", "1", "--prune"],
        };
        vec![place.line(words)]
    }
}
