//! A copy of the catalogs in a file of its own: SQLite, compiled in.

use std::fs::{File, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

use ov_format::id::ChunkTag;
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::CatalogError;
use crate::tables::{PageId, Root, Tables};
use crate::term::Token;

/// The form of the tables. A copy of another form is made anew.
const FORM: i64 = 2;

/// Tokens asked for in one query.
const TOKENS_AT_ONCE: usize = 500;

/// How long to wait for another process that changes the file.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory for pages of the file, in KiB: tokens come in no order, so a filling touches all of it.
const CACHE_KIB: i64 = 64 * 1024;

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
    CREATE TABLE IF NOT EXISTS root (
        snapshot BLOB PRIMARY KEY, compartment BLOB NOT NULL, page INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS mark (compartment BLOB PRIMARY KEY, mark INTEGER NOT NULL) WITHOUT ROWID;
";

const SWEEP: &str = "
    CREATE TEMP TABLE live (id INTEGER PRIMARY KEY);
    WITH RECURSIVE down(id) AS (
        SELECT page FROM root
        UNION SELECT child FROM above JOIN down ON above.parent = down.id)
    INSERT INTO live SELECT id FROM down;
    DELETE FROM token WHERE page NOT IN (SELECT id FROM live);
    DELETE FROM above WHERE parent NOT IN (SELECT id FROM live);
    DELETE FROM page WHERE id NOT IN (SELECT id FROM live);
    DROP TABLE live;
";

/// A copy in a file.
pub struct Sqlite {
    database: Connection,
    /// Beside the file, since SQLite's own locks are lost when anybody here closes the file.
    lock: File,
}

impl Sqlite {
    /// Opens the copy, or makes an empty one, for the owner's eyes only. A file that is no such
    /// copy, or of another form, is replaced.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be made, or the database says no.
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
        let lock = options.open(path.with_extension("lock")).map_err(failed)?;
        let database = match open_file(path) {
            Ok(database) => database,
            Err(_) => {
                std::fs::write(path, b"").map_err(failed)?;
                open_file(path)?
            }
        };
        Ok(Self { database, lock })
    }

    fn add_page(&self, tag: ChunkTag) -> Result<PageId, rusqlite::Error> {
        let add = "INSERT INTO page (tag) VALUES (?1)";
        self.database
            .prepare_cached(add)?
            .insert([&tag.bytes()[..]])
    }
}

fn open_file(path: &Path) -> Result<Connection, rusqlite::Error> {
    let database = Connection::open(path)?;
    database.busy_timeout(PATIENCE)?;
    database.pragma_update(None, "cache_size", -CACHE_KIB)?;
    let form = "SELECT user_version FROM pragma_user_version";
    let form: i64 = database.query_row(form, [], |row| row.get(0))?;
    if form != FORM && form != 0 {
        return Err(rusqlite::Error::InvalidQuery);
    }
    database.execute_batch(TABLES)?;
    database.pragma_update(None, "user_version", FORM)?;
    Ok(database)
}

impl Tables for Sqlite {
    fn claim(&mut self) -> Result<bool, CatalogError> {
        match self.lock.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(source)) => Err(CatalogError::Lock(source)),
        }
    }

    fn release(&mut self) -> Result<(), CatalogError> {
        self.lock.unlock().map_err(CatalogError::Lock)
    }

    fn begin(&mut self) -> Result<(), CatalogError> {
        Ok(self.database.execute_batch("BEGIN IMMEDIATE")?)
    }

    fn look(&mut self) -> Result<(), CatalogError> {
        Ok(self.database.execute_batch("BEGIN")?)
    }

    fn commit(&mut self) -> Result<(), CatalogError> {
        Ok(self.database.execute_batch("COMMIT")?)
    }

    fn page(&mut self, tag: ChunkTag) -> Result<Option<PageId>, CatalogError> {
        let known = "SELECT id FROM page WHERE tag = ?1";
        let mut known = self.database.prepare_cached(known)?;
        let id = known.query_row([&tag.bytes()[..]], |row| row.get(0));
        Ok(id.optional()?)
    }

    fn add_leaf(&mut self, tag: ChunkTag, tokens: &[Token]) -> Result<PageId, CatalogError> {
        let page = self.add_page(tag)?;
        let add = "INSERT INTO token (token, page) VALUES (?1, ?2)";
        let mut add = self.database.prepare_cached(add)?;
        for token in tokens {
            add.execute([token.0, page])?;
        }
        Ok(page)
    }

    fn add_index(&mut self, tag: ChunkTag, below: &[PageId]) -> Result<PageId, CatalogError> {
        let page = self.add_page(tag)?;
        let add = "INSERT OR IGNORE INTO above (child, parent) VALUES (?1, ?2)";
        let mut add = self.database.prepare_cached(add)?;
        for child in below {
            add.execute([*child, page])?;
        }
        Ok(page)
    }

    fn roots(&mut self) -> Result<Vec<Root>, CatalogError> {
        let roots = "SELECT snapshot, compartment FROM root";
        let mut roots = self.database.prepare_cached(roots)?;
        let roots = roots.query_map([], |row| {
            Ok(Root {
                snapshot: row.get(0)?,
                compartment: row.get(1)?,
            })
        })?;
        Ok(roots.collect::<Result<_, _>>()?)
    }

    fn add_root(
        &mut self,
        snapshot: &[u8],
        compartment: &[u8],
        page: PageId,
    ) -> Result<(), CatalogError> {
        let add = "INSERT OR REPLACE INTO root (snapshot, compartment, page) VALUES (?1, ?2, ?3)";
        self.database
            .execute(add, params![snapshot, compartment, page])?;
        Ok(())
    }

    fn forget(&mut self, snapshots: &[&[u8]]) -> Result<(), CatalogError> {
        for name in snapshots {
            let forget = "DELETE FROM root WHERE snapshot = ?1";
            self.database.execute(forget, [name])?;
        }
        Ok(self.database.execute_batch(SWEEP)?)
    }

    fn mark(&mut self, compartment: &[u8]) -> Result<Option<Token>, CatalogError> {
        let mark = "SELECT mark FROM mark WHERE compartment = ?1";
        let mut mark = self.database.prepare_cached(mark)?;
        let mark = mark.query_row([compartment], |row| row.get(0).map(Token));
        Ok(mark.optional()?)
    }

    fn set_mark(&mut self, compartment: &[u8], mark: Token) -> Result<(), CatalogError> {
        let set = "INSERT OR REPLACE INTO mark (compartment, mark) VALUES (?1, ?2)";
        self.database.execute(set, params![compartment, mark.0])?;
        Ok(())
    }

    fn pages(&mut self, tokens: &[Token]) -> Result<Vec<ChunkTag>, CatalogError> {
        let mut pages = Vec::new();
        for tokens in tokens.chunks(TOKENS_AT_ONCE) {
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
                pages.extend(<[u8; 16]>::try_from(tag?).map(ChunkTag));
            }
        }
        Ok(pages)
    }
}
