//! What is there before it is protected: file trees looked through, every file told by its
//! content, and what follows from that.
//!
//! [`survey()`] walks the trees and gives a [`Survey`]: what there is of each kind and category, what
//! it is worth and why, sets that are incomplete, the same bytes twice, files without any patient,
//! files that nobody recognises, and what no dataset protects. [`propose`] makes a configuration of it
//! that is to be edited, [`page`] a page with a picture.
//!
//! What it must never do: open a vault, hold a key or reach a network. It reads files and changes
//! nothing. What files say of people is counted and not kept, unless the caller asks for it.
//!
//! The path through it: [`survey()`] lets a walk of `ov-source` feed threads that each look at one
//! file ([`ov_clinical::identify`], [`ov_clinical::read`]); then the files are put in order and
//! looked at together.

mod blank;
mod category;
mod duplicates;
mod error;
mod file;
mod folder;
mod growth;
mod look;
mod page;
mod people;
mod picture;
mod proposal;
mod proposal_text;
mod protection;
mod sets;
mod survey;
mod terms;
mod totals;
mod treemap;
mod watch;
mod worth;

pub use blank::{Unassigned, Unknown};
pub use category::{CATEGORIES, colour};
pub use duplicates::Duplicate;
pub use error::DiscoverError;
pub use file::{FoundFile, Seen, Unread, Whose};
pub use folder::FolderSum;
pub use growth::Growth;
pub use look::Depth;
pub use page::{About, page};
pub use people::{Keep, People};
pub use proposal::{Proposal, ProposedDataset, propose};
pub use protection::Protection;
pub use sets::{Incomplete, Looked, Sets};
pub use survey::{Options, Survey, survey};
pub use terms::Terms;
pub use totals::{Total, Totals};
pub use watch::{Silence, Watch};
pub use worth::{Again, Rank, Reason, Worth, WorthSum};
