//! DICOM objects given to a PACS, as they were backed up.
//!
//! - [`Address`]: which PACS, and how it is spoken to: STOW-RS (PS3.18 section 10.5) or C-STORE
//!   (PS3.4 annex B).
//! - [`choose`]: which of many files are objects that a PACS can take, and which are the same
//!   object twice or claim one identifier with different content.
//! - [`send`]: gives them to it, one after the other, and tells of each what became of it.
//!
//! # What it must never do
//!
//! Change an object. The file (STOW-RS) or its data set (C-STORE) goes out byte for byte, in the
//! transfer syntax in which it is stored; what the other side does not take so is not sent. Nor may
//! it call an object stored of which the other side did not say so.
//!
//! Memory is bounded by the beginning of one file, [`HEAD_MAX`], and the pieces that are on their
//! way. The content comes through [`Content`]; this crate knows neither vaults nor keys.

mod access;
mod address;
mod answer;
mod association;
mod choice;
mod command;
mod dimse;
mod effort;
mod error;
mod object;
mod send;
mod status;
mod stow;
#[cfg(feature = "test-servers")]
pub mod testing;
mod trouble;

pub use access::{Access, Certificates, PlainHttp};
pub use address::{Address, AddressError, AeTitle, Peer, WebService};
pub use choice::{Candidate, Choice, Unfit, choose};
pub use effort::Effort;
pub use error::PacsError;
pub use object::{Content, HEAD_MAX, Object};
pub use send::{Outcome, send};
pub use status::Status;
pub use trouble::Refusal;
