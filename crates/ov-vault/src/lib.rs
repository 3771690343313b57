//! ov-vault
