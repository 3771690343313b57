//! ov-source
