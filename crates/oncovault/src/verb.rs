//! The verbs, one file each: parse, call, print.

pub mod backup;
pub mod debug;
pub mod diff;
pub mod dump;
pub mod find;
pub mod init;
pub mod key;
pub mod key_show;
pub mod ls;
pub mod restore;
pub mod snapshots;
pub mod stats;
pub mod tag;
pub mod target;
pub mod version;
