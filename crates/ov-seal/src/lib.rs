//! ov-seal
