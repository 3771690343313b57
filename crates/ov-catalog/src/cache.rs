//! A copy of what the catalogs say, in tokens: which pages are worth reading.
//!
//! A page of a catalog never changes, so what is known of it stays true: a new snapshot costs its
//! new pages only. A page is written down once all below it is, so whatever dies in between leaves
//! a copy that says less and nothing wrong. Several may use one copy, with keys that open different
//! compartments: one changes it at a time, and who asks relies on it only if it knows all snapshots
//! that are asked, under the keys that they have now.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use ov_format::Wire;
use ov_format::content::ChunkRef;
use ov_format::page::Page;
use ov_restore::{FrameReader, ReaderKeys, SnapshotInfo};

use crate::account::read_account;
use crate::error::CatalogError;
use crate::question::Question;
use crate::search::Pages;
use crate::sqlite::Sqlite;
use crate::tables::{PageId, Root, Tables};
use crate::term::{Token, TokenKey, each_term};

/// Pages that are written down in one transaction.
const PAGES_AT_ONCE: u64 = 4096;

/// A copy of the catalogs.
pub struct Cache {
    tables: Box<dyn Tables>,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Pages that were read.
    pub pages: u64,
    /// Snapshots that could not be read whole: they have to be searched without the copy.
    pub incomplete: u64,
    /// Whether somebody else is changing the copy now, so that nothing was done.
    pub is_busy: bool,
}

impl Cache {
    /// A copy in a file of its own.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be made, or the database says no.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        Ok(Self::of(Box::new(Sqlite::open(path)?)))
    }

    /// A copy that is kept in these tables.
    pub fn of(tables: Box<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Takes over what the catalogs of these snapshots say, and forgets those of all others of the
    /// compartments that the keys open.
    ///
    /// # Errors
    ///
    /// The database says no.
    pub fn update(
        &mut self,
        reader: &FrameReader<'_>,
        snapshots: &[&SnapshotInfo],
        keys: &ReaderKeys,
    ) -> Result<Updated, CatalogError> {
        if !self.tables.claim()? {
            return Ok(Updated {
                is_busy: true,
                ..Updated::default()
            });
        }
        let updated = self.take_over(reader, snapshots, keys)?;
        self.tables.release()?;
        Ok(updated)
    }

    fn take_over(
        &mut self,
        reader: &FrameReader<'_>,
        snapshots: &[&SnapshotInfo],
        keys: &ReaderKeys,
    ) -> Result<Updated, CatalogError> {
        let tables = &mut *self.tables;
        forget(tables, snapshots, keys)?;
        let roots = tables.roots()?.into_iter();
        let known: HashSet<Vec<u8>> = roots.map(|root| root.snapshot).collect();
        let mut updated = Updated::default();
        for info in snapshots {
            let name = info.commit.to_bytes();
            let catalog = info.snapshot.catalog.filter(|_| !known.contains(&name));
            let (Some(root), Some(key)) = (catalog, keys.catalog_key(info.compartment)) else {
                continue;
            };
            let mut intake = Intake {
                tables,
                reader,
                key: TokenKey::new(key),
                pages: 0,
            };
            intake.tables.begin()?;
            let page = intake.page(&root, info.snapshot.catalog_level)?;
            updated.pages += intake.pages;
            match page {
                Some(page) => tables.add_root(&name, info.compartment.bytes(), page)?,
                None => updated.incomplete += 1,
            }
            tables.commit()?;
        }
        Ok(updated)
    }

    /// The pages of these snapshots' catalogs that may hold an answer, with those above them;
    /// `None` if all must be read, since no term leads to what is asked or the copy does not know
    /// all of these snapshots.
    ///
    /// # Errors
    ///
    /// The database says no.
    pub fn pages(
        &mut self,
        question: &Question,
        snapshots: &[&SnapshotInfo],
        keys: &ReaderKeys,
    ) -> Result<Option<Pages>, CatalogError> {
        let Some(terms) = question.terms() else {
            return Ok(None);
        };
        let tables = &mut *self.tables;
        tables.look()?;
        let roots = tables.roots()?.into_iter();
        let known: HashSet<Vec<u8>> = roots.map(|root| root.snapshot).collect();
        let mut tokens = BTreeSet::new();
        let mut compartments = BTreeSet::new();
        for info in snapshots
            .iter()
            .filter(|info| info.snapshot.catalog.is_some())
        {
            compartments.insert(info.compartment);
            if !known.contains(&info.commit.to_bytes()) {
                tables.commit()?;
                return Ok(None);
            }
        }
        for compartment in compartments {
            let key = keys.catalog_key(compartment).map(TokenKey::new);
            let mark = tables.mark(compartment.bytes())?;
            let Some(key) = key.filter(|key| mark == Some(key.mark())) else {
                tables.commit()?;
                return Ok(None);
            };
            tokens.extend(terms.iter().map(|term| key.token(term)));
        }
        let tokens: Vec<Token> = tokens.into_iter().collect();
        let pages = tables.pages(&tokens)?;
        tables.commit()?;
        Ok(Some(pages.into_iter().collect()))
    }
}

/// Forgets snapshots of the compartments that these keys open and that are no longer there, with
/// what only they had. New ids of a compartment make new tokens: what stands there under the old
/// ones is useless, and goes too.
fn forget(
    tables: &mut dyn Tables,
    snapshots: &[&SnapshotInfo],
    keys: &ReaderKeys,
) -> Result<(), CatalogError> {
    tables.begin()?;
    let mut useless = HashSet::new();
    for compartment in keys.compartments.keys() {
        let Some(key) = keys.catalog_key(*compartment) else {
            continue;
        };
        let mark = TokenKey::new(key).mark();
        let known = tables.mark(compartment.bytes())?;
        if known != Some(mark) {
            useless.insert(compartment.bytes().to_vec());
            tables.set_mark(compartment.bytes(), mark)?;
        }
    }
    let there: HashSet<Vec<u8>> = snapshots
        .iter()
        .map(|info| info.commit.to_bytes())
        .collect();
    let own: HashSet<&[u8]> = keys
        .compartments
        .keys()
        .map(|one| &one.bytes()[..])
        .collect();
    let roots = tables.roots()?;
    let goes = |root: &&Root| {
        let is_own = own.contains(&root.compartment[..]);
        is_own && (useless.contains(&root.compartment) || !there.contains(&root.snapshot))
    };
    let gone: Vec<&[u8]> = roots
        .iter()
        .filter(goes)
        .map(|root| &root.snapshot[..])
        .collect();
    if !gone.is_empty() {
        tables.forget(&gone)?;
    }
    tables.commit()
}

/// Takes over the catalog of one snapshot.
struct Intake<'i> {
    tables: &'i mut dyn Tables,
    reader: &'i FrameReader<'i>,
    key: TokenKey,
    pages: u64,
}

impl Intake<'_> {
    /// The number of a page, once all below it is written down; `None` if a part cannot be read.
    /// As deep as a tree has levels, 32 at most: each page must be one level below its parent.
    fn page(&mut self, chunk: &ChunkRef, level: u8) -> Result<Option<PageId>, CatalogError> {
        if let Some(known) = self.tables.page(chunk.tag)? {
            return Ok(Some(known));
        }
        self.pages += 1;
        if self.pages.is_multiple_of(PAGES_AT_ONCE) {
            self.tables.commit()?;
            self.tables.begin()?;
        }
        match self.reader.page(chunk) {
            Ok(Page::Leaf(entries)) if level == 0 => {
                let mut tokens = BTreeSet::new();
                for entry in &entries {
                    // An account of no known form answers nothing, with or without this copy.
                    if let Some(account) = read_account(self.reader, entry) {
                        each_term(&account, &mut |term| {
                            tokens.insert(self.key.token(&term));
                        });
                    }
                }
                let tokens: Vec<Token> = tokens.into_iter().collect();
                self.tables.add_leaf(chunk.tag, &tokens).map(Some)
            }
            Ok(Page::Index {
                level: own,
                children,
            }) if own == level => {
                let ahead = children.iter().map(|child| child.chunk.at);
                self.reader.read_ahead(ahead.take(64));
                let mut below = Vec::with_capacity(children.len());
                for child in &children {
                    below.push(self.page(&child.chunk, level.saturating_sub(1))?);
                }
                let Some(below) = below.into_iter().collect::<Option<Vec<PageId>>>() else {
                    return Ok(None);
                };
                self.tables.add_index(chunk.tag, &below).map(Some)
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }
}
