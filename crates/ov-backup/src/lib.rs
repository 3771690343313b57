//! ov-backup
