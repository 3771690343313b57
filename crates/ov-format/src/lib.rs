//! Every persisted byte of OncoVault: ids and records, bytes to values and back.
//!
//! The only crate with offsets and magic. Pure: no clock, no randomness, no disk, no network. It
//! reads hostile bytes, so every decoder is bounded by its input and never panics.
//!
//! The path through it: an [`object`] has a header; a [`record`] is a signed statement; a
//! [`pack`] holds segments of frames; [`list`]s are the bulk that records name; [`page`]s make
//! the tree of a snapshot. The written format is `docs/FORMAT.md`, locked to this crate.

pub mod audience;
pub mod cbor;
pub mod content;
pub mod crosswalk;
pub mod entry;
pub mod error;
pub mod extents;
pub mod id;
pub mod keys;
pub mod list;
pub mod name;
pub mod names;
pub mod object;
pub mod pack;
pub mod page;
pub mod record;
pub mod refs;
pub mod segments;
pub mod snapshot;
pub mod statement;
pub mod target;

pub use cbor::Wire;
pub use error::FormatError;
