//! The verbs, one file each: parse, call, print.

pub mod backup;
pub mod init;
pub mod restore;
pub mod snapshots;
pub mod version;
