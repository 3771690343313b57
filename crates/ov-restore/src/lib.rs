//! ov-restore
