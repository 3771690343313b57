//! Every persisted byte of OncoVault: ids and records, bytes to values and back.
//!
//! The only crate with offsets and magic. Pure: no clock, no randomness, no disk, no network. It
//! reads hostile bytes, so every decoder is bounded by its input and never panics.

pub mod content;
pub mod entry;
pub mod id;
pub mod name;
