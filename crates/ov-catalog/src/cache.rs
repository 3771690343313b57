//! A local copy of what the catalogs say, in tokens: which pages are worth reading.
//!
//! A page of a catalog never changes, so what is known of it stays true: a new snapshot costs its
//! new pages only. A page is written down once all below it is, so whatever dies in between leaves
//! a copy that says less and nothing wrong.

use std::collections::HashSet;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

use ov_format::Wire;
use ov_format::content::ChunkRef;
use ov_format::id::ChunkTag;
use ov_format::page::Page;
use ov_restore::{FrameReader, ReaderKeys, SnapshotInfo};
use rusqlite::{Connection, OptionalExtension, params};

use crate::account::read_account;
use crate::error::CatalogError;
use crate::question::Question;
use crate::search::Pages;
use crate::term::{Token, TokenKey, each_term};

/// The form of the tables. A copy of another form is made anew.
const FORM: i64 = 1;

/// Pages that are written down in one transaction.
const PAGES_AT_ONCE: u64 = 4096;

/// Tokens asked for in one query.
const TOKENS_AT_ONCE: usize = 500;

const TABLES: &str = "
    PRAGMA secure_delete = ON;
    CREATE TABLE IF NOT EXISTS page (id INTEGER PRIMARY KEY, tag BLOB NOT NULL UNIQUE);
    CREATE TABLE IF NOT EXISTS above (
        child INTEGER NOT NULL, parent INTEGER NOT NULL, PRIMARY KEY (child, parent)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS above_parent ON above (parent);
    CREATE TABLE IF NOT EXISTS token (
        token INTEGER NOT NULL, page INTEGER NOT NULL, PRIMARY KEY (token, page)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS root (snapshot BLOB PRIMARY KEY, page INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS mark (compartment BLOB PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID;
";

/// The local copy.
pub struct Cache {
    database: Connection,
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Updated {
    /// Pages that were read.
    pub pages: u64,
    /// Snapshots that could not be read whole: they have to be searched without the copy.
    pub incomplete: u64,
}

impl Cache {
    /// Opens the copy, or makes an empty one, for the owner's eyes only. A file that is no such
    /// copy, or of another form, is replaced.
    pub fn open(path: &Path) -> Result<Self, CatalogError> {
        let failed = |source| CatalogError::File {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            let mut builder = std::fs::DirBuilder::new();
            builder.recursive(true).mode(0o700);
            builder.create(folder).map_err(failed)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        options.open(path).map_err(failed)?;
        match Self::open_file(path) {
            Ok(cache) => Ok(cache),
            Err(_) => {
                std::fs::write(path, b"").map_err(failed)?;
                Ok(Self::open_file(path)?)
            }
        }
    }

    fn open_file(path: &Path) -> Result<Self, rusqlite::Error> {
        let database = Connection::open(path)?;
        database.busy_timeout(std::time::Duration::from_secs(30))?;
        let form = "SELECT user_version FROM pragma_user_version";
        let form: i64 = database.query_row(form, [], |row| row.get(0))?;
        if form != FORM && form != 0 {
            return Err(rusqlite::Error::InvalidQuery);
        }
        database.execute_batch(TABLES)?;
        database.pragma_update(None, "user_version", FORM)?;
        Ok(Self { database })
    }

    /// Takes over what the catalogs of these snapshots say, and forgets those of all others.
    pub fn update(
        &mut self,
        reader: &FrameReader<'_>,
        snapshots: &[&SnapshotInfo],
        keys: &ReaderKeys,
    ) -> Result<Updated, CatalogError> {
        self.check_keys(keys)?;
        self.forget(snapshots)?;
        let mut updated = Updated::default();
        for info in snapshots {
            let Some(root) = &info.snapshot.catalog else {
                continue;
            };
            let Some(key) = keys.catalog_key(info.compartment) else {
                continue;
            };
            let name = info.commit.to_bytes();
            let known = "SELECT 1 FROM root WHERE snapshot = ?1";
            let mut known = self.database.prepare_cached(known)?;
            if known.exists([&name])? {
                continue;
            }
            drop(known);
            let mut intake = Intake {
                database: &self.database,
                reader,
                key: TokenKey::new(key),
                pages: 0,
            };
            intake.database.execute_batch("BEGIN IMMEDIATE")?;
            let page = intake.page(root, info.snapshot.catalog_level)?;
            updated.pages += intake.pages;
            match page {
                Some(page) => {
                    let root = "INSERT OR REPLACE INTO root (snapshot, page) VALUES (?1, ?2)";
                    self.database.execute(root, params![name, page])?;
                }
                None => updated.incomplete += 1,
            }
            self.database.execute_batch("COMMIT")?;
        }
        Ok(updated)
    }

    /// The pages of catalogs that may hold an answer, with those above them; `None` if all must
    /// be read.
    pub fn pages(
        &self,
        question: &Question,
        keys: &ReaderKeys,
    ) -> Result<Option<Pages>, CatalogError> {
        let Some(terms) = question.terms() else {
            return Ok(None);
        };
        let compartments = keys.compartments.keys();
        let keys: Vec<TokenKey> = compartments
            .filter_map(|compartment| keys.catalog_key(*compartment).map(TokenKey::new))
            .collect();
        let tokens: HashSet<Token> = keys
            .iter()
            .flat_map(|key| terms.iter().map(|term| key.token(term)))
            .collect();
        let tokens: Vec<Token> = tokens.into_iter().collect();
        let mut pages = Pages::new();
        for tokens in tokens.chunks(TOKENS_AT_ONCE) {
            self.add_pages(tokens, &mut pages)?;
        }
        Ok(Some(pages))
    }

    fn add_pages(&self, tokens: &[Token], pages: &mut Pages) -> Result<(), rusqlite::Error> {
        let holes = vec!["?"; tokens.len()].join(",");
        let query = format!(
            "WITH RECURSIVE up(id) AS (
                SELECT page FROM token WHERE token IN ({holes})
                UNION SELECT parent FROM above JOIN up ON above.child = up.id)
             SELECT tag FROM page JOIN up ON page.id = up.id"
        );
        let mut query = self.database.prepare(&query)?;
        let tokens = rusqlite::params_from_iter(tokens.iter().map(|token| token.0));
        let tags = query.query_map(tokens, |row| row.get::<_, Vec<u8>>(0))?;
        for tag in tags {
            let tag = <[u8; 16]>::try_from(tag?);
            pages.extend(tag.map(ChunkTag));
        }
        Ok(())
    }

    /// New ids of a compartment make new tokens: what stands there under the old ones is useless.
    fn check_keys(&self, keys: &ReaderKeys) -> Result<(), rusqlite::Error> {
        for compartment in keys.compartments.keys() {
            let Some(key) = keys.catalog_key(*compartment) else {
                continue;
            };
            let mark = TokenKey::new(key).mark().0;
            let name = compartment.bytes();
            let known = "SELECT mark FROM mark WHERE compartment = ?1";
            let known = self
                .database
                .query_row(known, [&name[..]], |row| row.get(0));
            match known.optional()? {
                Some(known) if known == mark => continue,
                Some::<i64>(_) => self.database.execute_batch(
                    "DELETE FROM root; DELETE FROM token; DELETE FROM above; DELETE FROM page;
                     DELETE FROM mark;",
                )?,
                None => {}
            }
            let mark_it = "INSERT OR REPLACE INTO mark (compartment, mark) VALUES (?1, ?2)";
            self.database.execute(mark_it, params![&name[..], mark])?;
        }
        Ok(())
    }

    /// Forgets snapshots that are no longer there, with what only they had.
    fn forget(&self, snapshots: &[&SnapshotInfo]) -> Result<(), rusqlite::Error> {
        let kept: HashSet<Vec<u8>> = snapshots
            .iter()
            .map(|info| info.commit.to_bytes())
            .collect();
        let mut all = self.database.prepare("SELECT snapshot FROM root")?;
        let all = all.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
        let all: Vec<Vec<u8>> = all.collect::<Result<_, _>>()?;
        let gone: Vec<_> = all.iter().filter(|name| !kept.contains(*name)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.database.execute_batch("BEGIN IMMEDIATE")?;
        for name in gone {
            let forget = "DELETE FROM root WHERE snapshot = ?1";
            self.database.execute(forget, [name])?;
        }
        self.database.execute_batch(
            "CREATE TEMP TABLE live (id INTEGER PRIMARY KEY);
             WITH RECURSIVE down(id) AS (
                SELECT page FROM root
                UNION SELECT child FROM above JOIN down ON above.parent = down.id)
             INSERT INTO live SELECT id FROM down;
             DELETE FROM token WHERE page NOT IN (SELECT id FROM live);
             DELETE FROM above WHERE parent NOT IN (SELECT id FROM live);
             DELETE FROM page WHERE id NOT IN (SELECT id FROM live);
             DROP TABLE live;
             COMMIT",
        )
    }
}

/// Takes over the catalog of one snapshot.
struct Intake<'i> {
    database: &'i Connection,
    reader: &'i FrameReader<'i>,
    key: TokenKey,
    pages: u64,
}

impl Intake<'_> {
    /// The number of a page, once all below it is written down; `None` if a part cannot be read.
    /// As deep as a tree has levels, 32 at most: each page must be one level below its parent.
    fn page(&mut self, chunk: &ChunkRef, level: u8) -> Result<Option<i64>, rusqlite::Error> {
        let tag = &chunk.tag.bytes()[..];
        let known = "SELECT id FROM page WHERE tag = ?1";
        let mut known = self.database.prepare_cached(known)?;
        if let Some(id) = known.query_row([tag], |row| row.get(0)).optional()? {
            return Ok(Some(id));
        }
        drop(known);
        self.pages += 1;
        if self.pages.is_multiple_of(PAGES_AT_ONCE) {
            self.database.execute_batch("COMMIT; BEGIN IMMEDIATE")?;
        }
        match self.reader.page(chunk) {
            Ok(Page::Leaf(entries)) if level == 0 => {
                let mut tokens = HashSet::new();
                for entry in &entries {
                    // An account of no known form answers nothing, with or without this copy.
                    if let Some(account) = read_account(self.reader, entry) {
                        each_term(&account, &mut |term| {
                            tokens.insert(self.key.token(&term));
                        });
                    }
                }
                let page = self.write_down(tag)?;
                let add = "INSERT OR IGNORE INTO token (token, page) VALUES (?1, ?2)";
                let mut add = self.database.prepare_cached(add)?;
                for token in tokens {
                    add.execute([token.0, page])?;
                }
                Ok(Some(page))
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
                let Some(below) = below.into_iter().collect::<Option<Vec<i64>>>() else {
                    return Ok(None);
                };
                let page = self.write_down(tag)?;
                let add = "INSERT OR IGNORE INTO above (child, parent) VALUES (?1, ?2)";
                let mut add = self.database.prepare_cached(add)?;
                for child in below {
                    add.execute([child, page])?;
                }
                Ok(Some(page))
            }
            Ok(_) | Err(_) => Ok(None),
        }
    }

    fn write_down(&self, tag: &[u8]) -> Result<i64, rusqlite::Error> {
        let add = "INSERT INTO page (tag) VALUES (?1)";
        self.database.prepare_cached(add)?.insert([tag])
    }
}
