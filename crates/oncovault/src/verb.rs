//! The verbs, one file each: parse, call, print.

pub mod accept;
pub mod backup;
pub mod check;
pub mod check_with_keys;
pub mod copy;
pub mod debug;
pub mod demo;
pub mod diff;
pub mod dump;
pub mod find;
pub mod forget;
pub mod forget_with_keys;
pub mod hold;
pub mod init;
pub mod key;
pub mod key_show;
pub mod ls;
pub mod prune;
pub mod repair;
pub mod rescan;
pub mod restore;
pub mod snapshots;
pub mod stats;
pub mod tag;
pub mod target;
pub mod version;
