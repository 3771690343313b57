//! The agent's own copy of its last tree: what it compares the source with, since it cannot read
//! the vault. Read and written as a stream of pages, in tree order.

use ov_format::cbor::{Reader, Writer};
use ov_format::content::ChunkRef;
use ov_format::entry::{EntryKey, Time};
use ov_format::id::DatasetId;
use ov_format::name::RecordName;
use ov_format::{FormatError, Wire};
use ov_source::Item;

use crate::local_file::{BLOCK_BYTES, Block, BlockReader, BlockWriter, LocalFiles};
use crate::local_page::{LocalEntry, LocalPage, put_look};
use crate::page_writer::Leaf;

/// Bytes of accounts after which a page of the local tree ends, wherever that of the vault does.
const PAGE_ACCOUNTS: usize = 1024 * 1024;

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

/// Reads the tree of the last run: when it began ‖ blocks of pages ‖ the roots.
pub struct OldTree {
    blocks: Option<BlockReader>,
    block: Vec<u8>,
    /// How far the block was read.
    at: usize,
    /// The page that comes next, as long as nobody asked for one of its entries.
    page: Option<LocalPage>,
    /// What is left of a page that was opened.
    entries: std::vec::IntoIter<LocalEntry>,
    next: Option<LocalEntry>,
    began: Option<Time>,
    roots: Option<Roots>,
}

impl OldTree {
    /// Opens the tree that a commit vouches for. If there is none everything is read.
    pub fn open(files: &LocalFiles, commit: Option<&RecordName>) -> Self {
        let blocks = commit.and_then(|commit| files.reader(&file_name(commit)));
        let mut tree = Self {
            blocks,
            block: Vec::new(),
            at: 0,
            page: None,
            entries: Vec::new().into_iter(),
            next: None,
            began: None,
            roots: None,
        };
        tree.began = tree.block().and_then(|block| Time::from_bytes(&block).ok());
        if tree.began.is_none() {
            tree.blocks = None;
        }
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

    /// The next page, if all before it was asked for and nothing in it.
    pub fn page(&mut self) -> Option<&LocalPage> {
        if self.next.is_some() {
            return None;
        }
        if self.page.is_none() {
            self.page = self.read();
        }
        self.page.as_ref()
    }

    /// Takes the page that [`Self::page`] shows.
    pub fn take_page(&mut self) -> Option<LocalPage> {
        self.page()?;
        self.page.take()
    }

    fn read(&mut self) -> Option<LocalPage> {
        if self.at >= self.block.len() {
            let block = self.block()?;
            if let Ok(roots) = Roots::from_bytes(&block) {
                self.roots = Some(roots);
                return None;
            }
            (self.block, self.at) = (block, 0);
        }
        let read = LocalPage::read(&self.block, self.at);
        // What is sealed under our own key and cannot be read is an older program's.
        let Ok((page, end)) = read else {
            self.blocks = None;
            return None;
        };
        self.at = end;
        Some(page)
    }

    /// Gives a page back that was taken, so that its entries can be asked for.
    pub fn put_back(&mut self, page: &LocalPage) {
        self.entries = page.open().unwrap_or_default().into_iter();
        self.next = self.entries.next();
    }

    /// Reads on to the end, so that the root is known.
    pub fn finish(&mut self) {
        self.next = None;
        self.entries = Vec::new().into_iter();
        while self.take_page().is_some() {}
    }

    /// The old entry with this key. Keys must be asked for in tree order.
    pub fn take(&mut self, key: &EntryKey) -> Option<LocalEntry> {
        loop {
            let Some(next) = &self.next else {
                if self.page()?.first() > key {
                    return None;
                }
                let page = self.take_page()?;
                self.put_back(&page);
                continue;
            };
            let order = next.entry.key.cmp(key);
            if order == std::cmp::Ordering::Greater {
                return None;
            }
            let found = std::mem::replace(&mut self.next, self.entries.next());
            if order == std::cmp::Ordering::Equal {
                return found;
            }
        }
    }
}

/// Items that look as the entries of an old page did, one after the other, as far as they came.
pub struct Run {
    page: LocalPage,
    /// How many bytes of its looks were met.
    met: usize,
    items: Vec<Item>,
    look: Vec<u8>,
}

/// What came of it that one more item was held against a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Met {
    /// It looks as before, and the page has more entries.
    Part,
    /// All entries of the page were met.
    Whole,
    /// It is another one, or looks otherwise.
    Other,
}

impl Run {
    /// Nothing of the page was met yet.
    pub fn along(page: LocalPage) -> Self {
        let entries = page.kept().map_or(0, |kept| kept.entries);
        Self {
            items: Vec::with_capacity(usize::try_from(entries).unwrap_or(0)),
            page,
            met: 0,
            look: Vec::new(),
        }
    }

    /// Holds the next item against the next entry, and keeps it.
    pub fn meet(&mut self, item: Item) -> Met {
        let parent = self.items.last().map(|last| &last.key.parent[..]);
        self.look.clear();
        put_look(
            &mut self.look,
            parent,
            &item.key,
            &item.meta,
            &item.fingerprint,
        );
        let looks = self.page.looks();
        let same = looks
            .get(self.met..)
            .is_some_and(|left| left.starts_with(&self.look));
        self.items.push(item);
        self.met += self.look.len();
        match same {
            false => Met::Other,
            true if self.met == looks.len() => Met::Whole,
            true => Met::Part,
        }
    }

    /// Keeps an item that cannot be as its entry was.
    pub fn refuse(&mut self, item: Item) -> Met {
        self.items.push(item);
        Met::Other
    }

    /// The page.
    pub fn page(&self) -> &LocalPage {
        &self.page
    }

    /// The page, and the items that were held against it.
    pub fn end(self) -> (LocalPage, Vec<Item>) {
        (self.page, self.items)
    }
}

/// Writes the tree of this run. It becomes the next run's when the commit is known.
pub struct NewTree {
    blocks: Option<BlockWriter>,
    block: Vec<u8>,
    entries: Vec<LocalEntry>,
    account_bytes: usize,
    piece: Piece,
}

/// What is written next of the page of the vault that is being filled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// All of it.
    Whole,
    /// The rest.
    Rest,
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
            block: Vec::new(),
            entries: Vec::new(),
            account_bytes: 0,
            piece: Piece::Whole,
        }
    }

    /// Adds an entry.
    pub fn push(&mut self, entry: LocalEntry) {
        if self.blocks.is_none() {
            return;
        }
        self.account_bytes += entry.account.as_ref().map_or(0, Vec::len);
        self.entries.push(entry);
        if self.account_bytes >= PAGE_ACCOUNTS {
            self.end_page(None);
            self.piece = Piece::Rest;
        }
    }

    /// Says that a page of the vault ended with the last entry, at a cut.
    pub fn close(&mut self, leaf: Leaf) {
        let whole = self.piece == Piece::Whole;
        self.end_page(whole.then_some(leaf));
        self.piece = Piece::Whole;
    }

    /// Adds a page of the last run as it lies, between two pages.
    pub fn pass_on(&mut self, page: &LocalPage) {
        self.put(page.encoded());
    }

    fn end_page(&mut self, stored: Option<Leaf>) {
        let entries = std::mem::take(&mut self.entries);
        self.account_bytes = 0;
        if !entries.is_empty() {
            self.put(&LocalPage::encode(entries, stored));
        }
    }

    fn put(&mut self, page: &[u8]) {
        if self.block.len() + page.len() > BLOCK_BYTES {
            self.flush();
        }
        self.block.extend_from_slice(page);
    }

    fn flush(&mut self) {
        if let Some(blocks) = self.blocks.as_mut().filter(|_| !self.block.is_empty()) {
            blocks.push(&self.block);
        }
        self.block.clear();
    }

    /// Ends the tree and puts it in place for its commit.
    pub fn finish(mut self, files: &LocalFiles, commit: &RecordName, roots: &Roots) {
        self.end_page(None);
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
