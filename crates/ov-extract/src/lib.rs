//! Reading what files say about themselves in a process of its own, which may do nothing else.
//!
//! Parsers of hostile files must not share a process with keys. So the program starts itself as a
//! *worker*: a child with an empty environment that locks itself in ([`cage`]) before it reads its
//! first byte, knows nothing but one pipe, and turns the bytes of a file into an account
//! ([`survey`]). The other side ([`Extractors`]) keeps a few workers, shows them files, and gives
//! up on a file, never on a backup: whatever a worker does, the worst is an opaque account.
//!
//! The path through it: [`Extractors::begin`] makes a [`File`]; its first 64 KiB go to a worker
//! with [`message::Command`]s; the worker answers with the account, or says how much more it wants.
//! Files that are not longer than that wait for each other and are shown together ([`Later`]).
//! [`work`] is the other end of the pipe.

mod batch;
pub mod cage;
mod error;
mod extractors;
mod file;
pub mod message;
mod patience;
mod pipe;
pub mod survey;
mod window;
mod work;
mod worker;

pub use batch::Later;
pub use error::ExtractError;
pub use extractors::{Extractors, Program, Settings};
pub use file::{Ending, File};
pub use work::work;
