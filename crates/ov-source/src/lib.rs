//! Where originals live ([`Source`]) and where they go back ([`FileSink`]).
//!
//! A source yields its items in tree order ([`ov_format::entry::EntryKey`]) and opens their
//! contents. There are three: [`FileTree`] (folders on Linux), [`Stream`] (one file read from any
//! reader) and [`CommandStream`] (one file read from a program's output). A sink puts items back
//! under a target folder and never outside it.
//!
//! What is skipped is decided by a [`Selection`]; what could not be read is always told.

mod beneath;
mod command;
mod error;
mod folders;
mod links;
mod list;
mod listing;
mod look;
mod made;
mod metadata;
mod names;
mod new_file;
mod notice;
mod pattern;
mod place;
mod recent_folders;
mod removal;
mod roots;
mod scouts;
mod selection;
mod selection_error;
mod shown;
mod sink;
mod sink_error;
mod size;
mod source;
mod stream;
mod target_file;
mod tree;
mod tree_file;
mod walk;
mod xattrs;

pub use command::CommandStream;
pub use error::SourceError;
pub use list::{Separator, read_list};
pub use notice::{Notice, Notices};
pub use pattern::Case;
pub use removal::Deletion;
pub use selection::{FileSystems, Selection, SelectionBuilder};
pub use selection_error::SelectionError;
pub use shown::ShownPath;
pub use sink::{Announced, Contents, FileSink, FileStart, Made, Overwrite, Owners, SinkOptions};
pub use sink_error::{Action, SinkError};
pub use size::parse_size;
pub use source::{Asked, FileStat, Fingerprint, Item, ItemHandle, OpenFile, Segment, Source};
pub use stream::Stream;
pub use target_file::{FileTarget, Found};
pub use tree::FileTree;
