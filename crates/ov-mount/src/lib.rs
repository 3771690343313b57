//! Snapshots as a read-only file system, served to the kernel through FUSE.
//!
//! # What it must never do
//!
//! Write to the vault or let anybody write below the mount, print, hand out a byte that was not
//! verified, or end because something in the vault is damaged: that is an I/O error of the file
//! that it touches, and a word to the [`Monitor`] which names it.
//!
//! # The one path through it
//!
//! [`mount`](fn@mount) puts a [`View`] of a vault at a folder and serves it until it is unmounted.
//! The kernel's questions arrive at the gate and are answered by threads from the files, which
//! are found by numbers: an inode number says which snapshot and which position in its tree, so
//! there is no table of inodes that could grow. All that is kept are decoded pages and frames,
//! within bounds, and how many names each hard-linked file has.

mod error;
mod files;
mod gate;
mod links;
mod monitor;
mod mount;
mod node;
mod shelves;
mod trouble;

pub use error::MountError;
pub use monitor::Monitor;
pub use mount::{Ending, Options, View, Visible, mount};
pub use trouble::{Cause, Trouble};
