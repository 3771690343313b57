//! Back from the vault: finding snapshots, reading trees, restoring, dumping, comparing, checking.
//!
//! # What it must never do
//!
//! Write to the vault, print, or hand out a byte whose chunk id it did not compute again.
//!
//! # The one path through it
//!
//! [`ReaderKeys`] open what the key file or the recovery kit may open; [`Snapshots`] lists and
//! selects; a [`FrameReader`] fetches, opens, decodes and verifies frames; a [`Tree`] walks the
//! entries of a snapshot, and [`RandomAccess`] enters trees and files anywhere;
//! [`restore`](fn@restore), [`dump`](dump_file), [`diff`](fn@diff), [`find`](fn@find) and
//! [`check_content`](fn@check_content) are what people ask for.

mod archive;
mod bench;
mod cache;
mod check_content;
mod delete;
mod diff;
mod dump;
mod extents;
mod filter;
mod find;
mod flight;
mod frame;
mod graph;
mod harvest;
mod keys;
mod links;
mod moment;
mod monitor;
mod open_files;
mod positions;
mod random_access;
mod read_at;
mod read_error;
mod reader;
mod report;
mod restore;
mod run;
mod selector;
mod shape;
mod snapshots;
mod tally;
mod tree;
mod turns;
mod verify;
mod window;

pub use archive::{ArchiveError, dump_tar, dump_zip};
pub use check_content::{ContentCheck, ContentFinding, Touched, check_content};
pub use diff::{Change, Difference, diff};
pub use dump::{ContentReader, DumpError, dump_file};
pub use extents::{Extents, Sameness, Stretch};
pub use filter::{Filter, FilterError};
pub use find::{Hit, find};
pub use frame::Frame;
pub use graph::load_graph;
pub use harvest::{Below, Harvest, Picker, Taken};
pub use keys::{CompartmentKey, ReaderKeys};
pub use links::{LinkRecord, Links};
pub use moment::Moment;
pub use monitor::{Monitor, Notice, Progress, Void};
pub use open_files::raise_open_files;
pub use positions::{Gap, Leaf, Located, Positions};
pub use random_access::RandomAccess;
pub use read_at::Seek;
pub use read_error::{Damage, PageFault, ReadError, TreeError};
pub use reader::{FrameReader, Keeping, Limits, Visit};
pub use report::{Ending, EntryError, Failure, Report, Shown};
pub use restore::{
    Deleting, Plan, RestoreError, RestoreOptions, Verifying, plan, restore, would_delete,
};
pub use run::Run;
pub use selector::{Filters, SelectError, SnapshotPath};
pub use shape::{Part, Wanted};
pub use snapshots::{SnapshotInfo, Snapshots};
pub use tree::{Entries, Tree};
