//! Appointing: founding a vault, members, compartments, rotation, recovery.
//!
//! Holds opening keys, since whoever appoints a reader seals them anew; never sees content, and
//! depends on nothing that could decode it.
//!
//! The path through it: [`found::init`] makes a vault with its owner and its recovery kit;
//! [`access::AdminAccess`] is what an admin's key or the kit opens; with it [`appoint`],
//! [`compartment`] and [`rotate`] change the constitution, each with one record of the head and, in
//! front of it, one table of sealed secrets; [`recover`] does the same with the kit alone;
//! [`members`] shows who there is.
//!
//! No files, no terminal: the caller keeps the keys that come out.

pub mod access;
pub mod appoint;
pub mod compartment;
pub mod error;
pub mod found;
pub mod members;
pub mod names;
pub mod recover;
pub mod rotate;
mod sealing;
#[cfg(test)]
mod world;

pub use access::AdminAccess;
pub use error::AdminError;
