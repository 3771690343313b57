//! rustic.

use super::{Key, PASSPHRASE, Peer, Place, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;

pub struct Rustic;

impl Peer for Rustic {
    fn name(&self) -> &'static str {
        "rustic"
    }

    fn program(&self) -> &'static str {
        "rustic"
    }

    fn key(&self) -> Key {
        Key::Passphrase
    }

    fn settings(&self) -> &'static str {
        "defaults: zstd; prune with --instant-delete, as its default only marks packs"
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)> {
        vec![
            ("RUSTIC_PASSWORD", OsString::from(PASSPHRASE)),
            ("RUSTIC_REPOSITORY", place.store().into_os_string()),
            ("RUSTIC_LOG_LEVEL", OsString::from("warn")),
            ("RUSTIC_NO_PROGRESS", OsString::from("true")),
        ]
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (source, out) = (text(&place.source), text(place.out()));
        let words: &[&str] = match phase {
            Phase::Start => &["--version"],
            Phase::Init => &["init"],
            Phase::Full | Phase::Unchanged | Phase::Changed => &["backup", &source],
            Phase::Open => &["snapshots"],
            Phase::Restore => &["restore", "latest", &out],
            Phase::Check => &["check", "--read-data"],
            Phase::CheckWithoutKey | Phase::Protect | Phase::OpenProtected => return Vec::new(),
            Phase::Prune => &["forget", "--keep-last", "1", "--prune", "--instant-delete"],
        };
        vec![place.line(words)]
    }
}
