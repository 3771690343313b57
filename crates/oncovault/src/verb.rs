//! The verbs of readers and admins, one file each: parse, call, print.

pub mod check;
pub mod debug;
pub mod demo;
pub mod diff;
pub mod discover;
pub mod dump;
pub mod find;
pub mod forget;
pub mod init;
pub mod key;
pub mod ls;
pub mod mount;
pub mod patient;
pub mod patient_wish;
pub mod restore;
pub mod restore_pacs;
pub mod restore_patient;
pub mod snapshots;
pub mod stats;
pub mod tag;
