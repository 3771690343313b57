//! What a copy of the catalogs keeps, and what keeps it: a local file or a server.
//!
//! The tables are the same everywhere: pages by tag, which page is above which, which tokens a
//! leaf has, the root page of each snapshot, and for each compartment what tells its key from
//! others. Nothing in them can be understood without that key.

use ov_format::id::ChunkTag;

use crate::error::CatalogError;
use crate::term::Token;

/// The number of a page in a copy.
pub type PageId = i64;

/// A snapshot that is known whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its name.
    pub snapshot: Vec<u8>,
    /// Its compartment.
    pub compartment: Vec<u8>,
}

/// Where a copy is kept. Whoever changes it claims it first ([`Tables::claim`]); whoever asks does
/// so between [`Tables::look`] and [`Tables::commit`], and sees one state throughout.
pub trait Tables: Send {
    /// Claims the sole right to change the copy; `false` if somebody else has it now. It ends with
    /// [`Tables::release`], or with the connection.
    fn claim(&mut self) -> Result<bool, CatalogError>;

    /// Gives the right back.
    fn release(&mut self) -> Result<(), CatalogError>;

    /// Begins a change.
    fn begin(&mut self) -> Result<(), CatalogError>;

    /// Begins to look: nothing that others change shows until the commit.
    fn look(&mut self) -> Result<(), CatalogError>;

    /// Makes a change last, or ends a look.
    fn commit(&mut self) -> Result<(), CatalogError>;

    /// A page that is known, with all below it.
    fn page(&mut self, tag: ChunkTag) -> Result<Option<PageId>, CatalogError>;

    /// Writes down a leaf, whose tokens are ascending and distinct.
    fn add_leaf(&mut self, tag: ChunkTag, tokens: &[Token]) -> Result<PageId, CatalogError>;

    /// Writes down a page above others.
    fn add_index(&mut self, tag: ChunkTag, below: &[PageId]) -> Result<PageId, CatalogError>;

    /// All snapshots that are known whole.
    fn roots(&mut self) -> Result<Vec<Root>, CatalogError>;

    /// Writes down that a snapshot is known whole.
    fn add_root(
        &mut self,
        snapshot: &[u8],
        compartment: &[u8],
        page: PageId,
    ) -> Result<(), CatalogError>;

    /// Forgets snapshots, and all pages that then belong to none.
    fn forget(&mut self, snapshots: &[&[u8]]) -> Result<(), CatalogError>;

    /// What tells the key of a compartment's tokens, if there are any.
    fn mark(&mut self, compartment: &[u8]) -> Result<Option<Token>, CatalogError>;

    /// Writes down what tells the key of a compartment's tokens.
    fn set_mark(&mut self, compartment: &[u8], mark: Token) -> Result<(), CatalogError>;

    /// Leaves with any of these tokens, and all pages above them.
    fn pages(&mut self, tokens: &[Token]) -> Result<Vec<ChunkTag>, CatalogError>;
}
