//! What a vault holds of whom: the catalogs of its snapshots, searched.
//!
//! Each snapshot carries a catalog, sealed like its files: at the path of a file, what was found
//! out about it ([`ov_clinical::Account`]). This crate asks [`Question`]s of many catalogs:
//!
//! - [`find()`]: the files that answer, with their versions, over all snapshots or as of a moment.
//! - [`gaps`]: what is missing from sets of files that belong together.
//! - [`Crosswalk`]: which identifiers are one patient's, because a reader of the vault said so.
//! - [`Cache`]: a copy that makes this quick, in a local file ([`Sqlite`]) or on a server
//!   ([`Postgres`]). It holds keyed tokens in place of identifiers, and says nothing but which pages
//!   of the catalogs are worth reading. It may be deleted: the vault has everything.
//!
//! The one path: [`Cache::update`] → [`Cache::pages`] → [`find()`] → [`Found`]. Identifiers are
//! compared exactly and after opening; the cache can only spare reading. Two equal identifiers of
//! two issuers are two people, and nothing here guesses.

mod account;
mod cache;
mod closure;
mod crosswalk;
mod error;
mod found;
mod pass_file;
mod place;
mod postgres;
mod question;
mod references;
mod search;
mod server_tls;
mod sqlite;
mod tables;
mod term;
mod unassigned;

pub use cache::{Cache, Updated};
pub use closure::{Closure, GapFound, gaps, of_found};
pub use crosswalk::{Crosswalk, Pair, PatientName, Said};
pub use error::CatalogError;
pub use found::{Found, Holding, Version};
pub use place::folder_name;
pub use postgres::{Postgres, Server};
pub use question::{Answer, Followed, Identity, Issuer, Question};
pub use references::referred_to;
pub use search::{Pages, as_of, find};
pub use sqlite::Sqlite;
pub use tables::{PageId, Root, Tables};
pub use term::{Term, Token, TokenKey};
pub use unassigned::Unassigned;
