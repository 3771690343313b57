//! From a source into a vault: compare, read, cut, name, gather, code, seal, pack, put, commit.
//!
//! What it must never do: open what it sealed. It depends on nothing that could.
//!
//! The path through it: [`backup`] makes [`pass`]es over the source; each reads what changed
//! ([`read`]), looks it up in the [`index`], gives new chunks to the [`frame_writer`] and entries
//! to the [`page_writer`], and ends with [`publish`]. What the last
//! run left hardly used is stored again ([`renewal`]).

pub mod agent;
mod discard;
pub mod error;
pub mod extent_list;
pub mod extract;
pub mod frame_writer;
pub mod index;
pub mod line;
pub mod local_file;
pub mod local_page;
pub mod local_tree;
pub mod memory;
pub mod monitor;
pub mod options;
pub mod ordered;
pub mod page_writer;
pub mod pass;
pub mod publish;
pub mod read;
pub mod renewal;
pub mod reread;
pub mod run;
pub mod sink;
pub mod spares;
mod storing;
pub mod trees;
pub mod unchanged;
pub mod uncut;
mod untold;
pub mod used;

pub use agent::Agent;
pub use error::BackupError;
pub use extract::{Extraction, Extractor, Told};
pub use memory::{Memory, TooLittleMemory};
pub use monitor::{Monitor, Progress, Void};
pub use options::{
    BackupOptions, BackupReport, Compare, Counts, Mode, Reread, Reuse, Seams, Unchanged,
};
pub use ordered::Threads;
pub use run::backup;
