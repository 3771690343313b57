//! Floors: what archives and the file system cost without encryption and deduplication.

use super::{Key, Peer, Place, Role, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;
use std::path::PathBuf;

/// One compressed stream. Every backup is a full one.
pub struct TarZstd;

/// One stream as it is: what the file system costs in both directions.
pub struct Tar;

/// Looking at every file: what a run over unchanged files cannot do without.
pub struct Walk;

impl Peer for TarZstd {
    fn name(&self) -> &'static str {
        "tar-zstd"
    }

    fn program(&self) -> &'static str {
        "zstd"
    }

    fn role(&self) -> Role {
        Role::Floor
    }

    fn key(&self) -> Key {
        Key::None
    }

    fn settings(&self) -> &'static str {
        "tar | zstd -3 -T1: no encryption, no deduplication, no sync"
    }

    fn environment(&self, _place: &Place) -> Vec<(&'static str, OsString)> {
        Vec::new()
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (store, out) = (text(place.store()), text(place.out()));
        let (folder, name, file) = (parent(place), last(place), archive(place));
        match phase {
            Phase::Init => vec![other(place, &["mkdir", &store])],
            Phase::Full | Phase::Unchanged | Phase::Changed => {
                let script = r#"tar -C "$1" -cf - "$2" | zstd -3 -T1 -q -o "$3""#;
                vec![other(
                    place,
                    &["sh", "-c", script, "sh", &folder, &name, &file],
                )]
            }
            Phase::Restore => {
                let script = r#"zstd -dcq "$1" | tar -C "$2" -xf -"#;
                vec![other(place, &["sh", "-c", script, "sh", &file, &out])]
            }
            Phase::Check => {
                vec![other(
                    place,
                    &["sh", "-c", r#"zstd -tq "$1"/*"#, "sh", &store],
                )]
            }
            _ => Vec::new(),
        }
    }

    fn restored(&self, place: &Place) -> PathBuf {
        place.out().join(last(place))
    }
}

impl Peer for Tar {
    fn name(&self) -> &'static str {
        "tar"
    }

    fn program(&self) -> &'static str {
        "tar"
    }

    fn role(&self) -> Role {
        Role::Floor
    }

    fn key(&self) -> Key {
        Key::None
    }

    fn settings(&self) -> &'static str {
        "no compression, no encryption, no deduplication, no sync"
    }

    fn environment(&self, _place: &Place) -> Vec<(&'static str, OsString)> {
        Vec::new()
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let (store, out) = (text(place.store()), text(place.out()));
        let file = archive(place);
        match phase {
            Phase::Init => vec![other(place, &["mkdir", &store])],
            Phase::Full | Phase::Changed => {
                vec![place.line(&["-C", &parent(place), "-cf", &file, &last(place)])]
            }
            Phase::Restore => vec![place.line(&["-C", &out, "-xf", &file])],
            _ => Vec::new(),
        }
    }

    fn restored(&self, place: &Place) -> PathBuf {
        place.out().join(last(place))
    }
}

impl Peer for Walk {
    fn name(&self) -> &'static str {
        "walk"
    }

    fn program(&self) -> &'static str {
        "xtask"
    }

    fn role(&self) -> Role {
        Role::Floor
    }

    fn key(&self) -> Key {
        Key::None
    }

    fn settings(&self) -> &'static str {
        "every name and its statx, with all processors"
    }

    fn environment(&self, _place: &Place) -> Vec<(&'static str, OsString)> {
        Vec::new()
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        match phase {
            Phase::Unchanged => vec![place.line(&["bench", "--walk", &text(&place.source)])],
            _ => Vec::new(),
        }
    }
}

/// Another program than the floor's own.
fn other(place: &Place, words: &[&str]) -> Line {
    Line {
        words: words.iter().map(OsString::from).collect(),
        folder: place.work.clone(),
    }
}

/// The archive of the newest backup.
fn archive(place: &Place) -> String {
    text(place.store().join(format!("s{}", place.backups)))
}

fn parent(place: &Place) -> String {
    text(place.source.parent().unwrap_or(&place.source))
}

fn last(place: &Place) -> String {
    text(place.source.file_name().unwrap_or_default())
}
