//! bupstash.

use super::{Key, Peer, Place, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;
use std::path::PathBuf;

pub struct Bupstash;

impl Peer for Bupstash {
    fn name(&self) -> &'static str {
        "bupstash"
    }

    fn program(&self) -> &'static str {
        "bupstash"
    }

    fn key(&self) -> Key {
        Key::File
    }

    fn settings(&self) -> &'static str {
        "defaults: zstd 3; key file without a passphrase; it has no check: the newest item is read to nowhere"
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)> {
        vec![
            ("BUPSTASH_KEY", place.work.join("key").into_os_string()),
            ("BUPSTASH_REPOSITORY", place.store().into_os_string()),
        ]
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (source, out) = (text(&place.source), text(place.out()));
        let newest = format!("name=s{}", place.backups);
        let key = text(place.work.join("key"));
        let words: &[&str] = match phase {
            Phase::Start => &["--version"],
            Phase::Init => {
                let key = place.line(&["new-key", "-o", &key]);
                return vec![key, place.line(&["init"])];
            }
            Phase::Full | Phase::Unchanged | Phase::Changed => &["put", "-q", &newest, &source],
            Phase::Open => &["list"],
            Phase::Restore => &["restore", "-q", "--into", &out, &newest],
            Phase::Check => &["get", "-q", &newest],
            Phase::CheckWithoutKey | Phase::Protect | Phase::OpenProtected => return Vec::new(),
            Phase::Prune => return prune(place),
        };
        vec![place.line(words)]
    }

    fn restored(&self, place: &Place) -> PathBuf {
        place.out()
    }
}

fn prune(place: &Place) -> Vec<Line> {
    let older = (1..place.backups).map(|backup| format!("name=s{backup}"));
    let mut lines: Vec<Line> = older.map(|item| place.line(&["rm", "-q", &item])).collect();
    lines.push(place.line(&["gc", "-q"]));
    lines
}
