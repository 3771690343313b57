//! ov-store
