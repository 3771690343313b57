//! BorgBackup 1, as it comes and with the compression that the others use.

use super::{Key, PASSPHRASE, Peer, Place, text};
use crate::bench::gauge::Line;
use crate::bench::phase::Phase;
use std::ffi::OsString;

pub enum Borg {
    /// LZ4.
    Default,
    /// zstd at level 3.
    Zstd,
}

impl Peer for Borg {
    fn name(&self) -> &'static str {
        match self {
            Self::Default => "borg",
            Self::Zstd => "borg-zstd",
        }
    }

    fn program(&self) -> &'static str {
        "borg"
    }

    fn key(&self) -> Key {
        Key::Passphrase
    }

    fn settings(&self) -> &'static str {
        match self {
            Self::Default => "defaults: repokey, lz4; check --verify-data",
            Self::Zstd => "repokey, zstd 3; check --verify-data",
        }
    }

    fn environment(&self, place: &Place) -> Vec<(&'static str, OsString)> {
        let yes = || OsString::from("yes");
        vec![
            ("BORG_PASSPHRASE", OsString::from(PASSPHRASE)),
            ("BORG_REPO", place.store().into_os_string()),
            ("BORG_BASE_DIR", place.work.join("borg").into_os_string()),
            ("BORG_RELOCATED_REPO_ACCESS_IS_OK", yes()),
            ("BORG_CHECK_I_KNOW_WHAT_I_AM_DOING", OsString::from("YES")),
        ]
    }

    fn lines(&self, phase: Phase, place: &Place) -> Vec<Line> {
        let source = text(&place.source);
        let archive = format!("::s{}", place.backups);
        let coder = match self {
            Self::Default => "lz4",
            Self::Zstd => "zstd,3",
        };
        let words: &[&str] = match phase {
            Phase::Start => &["--version"],
            Phase::Init => &["init", "-e", "repokey"],
            Phase::Full | Phase::Unchanged | Phase::Changed => {
                &["create", "-C", coder, &archive, &source]
            }
            Phase::Open => &["list"],
            Phase::Restore => &["extract", &archive],
            Phase::Check => &["check", "--verify-data"],
            Phase::CheckWithoutKey | Phase::Protect | Phase::OpenProtected => return Vec::new(),
            Phase::Prune => {
                let prune = place.line(&["prune", "--keep-last", "1"]);
                return vec![prune, place.line(&["compact"])];
            }
        };
        let mut line = place.line(words);
        if phase == Phase::Restore {
            line.folder = place.out();
        }
        vec![line]
    }
}
