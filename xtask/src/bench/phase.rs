//! What is measured of each engine, in the order in which it happens.

use serde::{Deserialize, Serialize};

/// One step in the life of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The program says its version: what starting it costs.
    Start,
    /// An empty store is made.
    Init,
    /// Everything is stored for the first time.
    Full,
    /// Nothing changed.
    Unchanged,
    /// One file in a hundred changed; of a dump, the later versions, one after the other.
    Changed,
    /// Snapshots are listed: what opening the store costs.
    Open,
    /// The newest snapshot is restored into an empty folder.
    Restore,
    /// All stored data is read, opened and verified.
    Check,
    /// All stored bytes are read and verified, without any key.
    CheckWithoutKey,
    /// All but the newest snapshot are let go, and their space is freed.
    Prune,
    /// The key file gets a passphrase.
    Protect,
    /// As `Open`, with the passphrase.
    OpenProtected,
}

impl Phase {
    /// All, in order.
    pub const ALL: [Self; 12] = [
        Self::Start,
        Self::Init,
        Self::Full,
        Self::Unchanged,
        Self::Changed,
        Self::Open,
        Self::Restore,
        Self::Check,
        Self::CheckWithoutKey,
        Self::Prune,
        Self::Protect,
        Self::OpenProtected,
    ];

    /// The heading of its column.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Init => "init",
            Self::Full => "full",
            Self::Unchanged => "unchanged",
            Self::Changed => "changed",
            Self::Open => "open",
            Self::Restore => "restore",
            Self::Check => "check",
            Self::CheckWithoutKey => "check without key",
            Self::Prune => "prune",
            Self::Protect => "protect",
            Self::OpenProtected => "open with passphrase",
        }
    }
}
