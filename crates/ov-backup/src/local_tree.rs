//! The agent's own copy of its last tree: what it compares the source with, since it cannot read
//! the vault. Read and written as a stream, in tree order.

use ov_format::cbor::{Reader, Writer};
use ov_format::content::ChunkRef;
use ov_format::entry::{Entry, EntryKey, Time};
use ov_format::id::DatasetId;
use ov_format::name::RecordName;
use ov_format::page::Page;
use ov_format::{FormatError, Wire};
use ov_source::Fingerprint;

use crate::local_file::{Block, BlockReader, BlockWriter, LocalFiles};

/// Entries in one block.
const BLOCK_ENTRIES: usize = 1024;

/// Bytes of accounts after which a block ends.
const BLOCK_ACCOUNTS: usize = 1024 * 1024;

/// An entry with what the vault does not keep beside it, or not in a form that an agent can read.
#[derive(Clone, Debug)]
pub struct LocalEntry {
    /// The entry.
    pub entry: Entry,
    /// Of the file that it was read from.
    pub fingerprint: Fingerprint,
    /// What was found out about the file, encoded; `None` if nothing was.
    pub account: Option<Vec<u8>>,
}

/// The root pages of a run's trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// Of the files.
    pub files: Option<ChunkRef>,
    /// Of the catalog.
    pub catalog: Option<ChunkRef>,
}

impl Wire for Roots {
    fn write(&self, w: &mut Writer) {
        w.array(2)
            .option(self.files.as_ref())
            .option(self.catalog.as_ref());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let roots = Self {
            files: r.option()?,
            catalog: r.option()?,
        };
        r.skip_fields(more)?;
        Ok(roots)
    }
}

/// The name of the file for a dataset's tree as of a commit: only the commit that the vault knows
/// as the newest vouches for it.
fn file_name(commit: &RecordName) -> String {
    format!("tree/{}", commit.hash)
}

/// Reads the tree of the last run: when it began ‖ blocks of entries ‖ the roots.
pub struct OldTree {
    blocks: Option<BlockReader>,
    entries: std::vec::IntoIter<LocalEntry>,
    next: Option<LocalEntry>,
    began: Option<Time>,
    roots: Option<Roots>,
}

impl OldTree {
    /// Opens the tree that a commit vouches for. If there is none everything is read.
    pub fn open(files: &LocalFiles, commit: Option<&RecordName>) -> Self {
        let blocks = commit.and_then(|commit| files.reader(&file_name(commit)));
        let entries = Vec::new().into_iter();
        let mut tree = Self {
            blocks,
            entries,
            next: None,
            began: None,
            roots: None,
        };
        tree.began = tree.block().and_then(|block| Time::from_bytes(&block).ok());
        if tree.began.is_none() {
            tree.blocks = None;
        }
        tree.next = tree.read();
        tree
    }

    /// When the last run began; `None` if there is no tree.
    pub fn began(&self) -> Option<Time> {
        self.began
    }

    /// The root pages of the last run. Known once all entries were read.
    pub fn roots(&self) -> Option<&Roots> {
        self.roots.as_ref()
    }

    fn block(&mut self) -> Option<Vec<u8>> {
        match self.blocks.as_mut()?.next_block() {
            Some(Block::Data(block)) => Some(block),
            Some(Block::End) | None => None,
        }
    }

    fn read(&mut self) -> Option<LocalEntry> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Some(entry);
            }
            let block = self.block()?;
            if let Ok(roots) = Roots::from_bytes(&block) {
                self.roots = Some(roots);
                return None;
            }
            self.entries = decode_block(&block).ok()?.into_iter();
        }
    }

    /// Reads on to the end, so that the root is known.
    pub fn finish(&mut self) {
        while self.next.is_some() {
            self.next = self.read();
        }
    }

    /// The old entry with this key. Keys must be asked for in tree order.
    pub fn take(&mut self, key: &EntryKey) -> Option<LocalEntry> {
        while let Some(next) = &self.next {
            match next.entry.key.cmp(key) {
                std::cmp::Ordering::Less => self.next = self.read(),
                std::cmp::Ordering::Equal => {
                    let found = self.next.take();
                    self.next = self.read();
                    return found;
                }
                std::cmp::Ordering::Greater => return None,
            }
        }
        None
    }
}

/// Writes the tree of this run. It becomes the next run's when the commit is known.
pub struct NewTree {
    blocks: Option<BlockWriter>,
    entries: Vec<LocalEntry>,
    account_bytes: usize,
}

impl NewTree {
    /// Starts a tree, under a name of its dataset's until its commit is known.
    pub fn start(files: &LocalFiles, dataset: DatasetId, began: Time) -> Self {
        let mut blocks = files.writer(&format!("tree/unfinished-{dataset}"));
        if let Some(blocks) = &mut blocks {
            blocks.push(&began.to_bytes());
        }
        Self {
            blocks,
            entries: Vec::new(),
            account_bytes: 0,
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: &LocalEntry) {
        if self.blocks.is_none() {
            return;
        }
        self.account_bytes += entry.account.as_ref().map_or(0, Vec::len);
        self.entries.push(entry.clone());
        if self.entries.len() == BLOCK_ENTRIES || self.account_bytes >= BLOCK_ACCOUNTS {
            self.flush();
        }
    }

    fn flush(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.account_bytes = 0;
        if let Some(blocks) = self.blocks.as_mut().filter(|_| !entries.is_empty()) {
            blocks.push(&encode_block(entries));
        }
    }

    /// Ends the tree and puts it in place for its commit.
    pub fn finish(mut self, files: &LocalFiles, commit: &RecordName, roots: &Roots) {
        self.flush();
        let (Some(mut blocks), Some(path)) = (self.blocks.take(), files.path(&file_name(commit)))
        else {
            return;
        };
        blocks.push(&roots.to_bytes());
        blocks.finish_at(&path);
    }
}

/// Forgets the tree of an older commit.
pub fn remove_tree(files: &LocalFiles, commit: &RecordName) {
    files.remove(&file_name(commit));
}

fn encode_block(block: Vec<LocalEntry>) -> Vec<u8> {
    let mut entries = Vec::with_capacity(block.len());
    let mut beside = Vec::with_capacity(block.len());
    for local in block {
        entries.push(local.entry);
        beside.push((local.fingerprint, local.account));
    }
    let mut w = Writer::new();
    w.array(2)
        .bytes(&Page::Leaf(entries).encode())
        .array(beside.len());
    for (fingerprint, account) in &beside {
        w.array(5)
            .uint(fingerprint.device)
            .uint(fingerprint.inode)
            .uint(fingerprint.links);
        w.value(&fingerprint.ctime).option(account.as_ref());
    }
    w.finish()
}

fn decode_block(block: &[u8]) -> Result<Vec<LocalEntry>, FormatError> {
    let mut r = Reader::new(block);
    r.fields(2)?;
    let Page::Leaf(entries) = Page::decode_any(r.bytes()?)? else {
        return Err(FormatError::Rule("a block of a local tree holds entries"));
    };
    if r.array()? != entries.len() {
        return Err(FormatError::Rule(
            "a block of a local tree has a fingerprint per entry",
        ));
    }
    let mut old = Vec::with_capacity(entries.len());
    for entry in entries {
        r.fields(5)?;
        let (device, inode, links) = (r.uint()?, r.uint()?, r.uint()?);
        let fingerprint = Fingerprint {
            device,
            inode,
            links,
            ctime: r.value()?,
        };
        old.push(LocalEntry {
            entry,
            fingerprint,
            account: r.option()?,
        });
    }
    Ok(old)
}
