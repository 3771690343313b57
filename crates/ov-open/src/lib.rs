//! ov-open
