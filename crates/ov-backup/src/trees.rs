//! The two trees of a snapshot as they are written: its files, and what is said of them.

use ov_format::content::{Content, Extent};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use ov_format::list::PageRefs;
use ov_seal::compartment::IdKey;

use crate::error::BackupError;
use crate::local_page::Kept;
use crate::page_writer::{Leaf, PageSink, PageWriter, Tree};

/// The files, and the catalog: at the path of a file, what was found out about it.
pub struct Trees {
    files: PageWriter,
    catalog: PageWriter,
}

/// Both trees, finished.
pub struct Finished {
    /// The files.
    pub files: Tree,
    /// What is said of them; without a root if nothing is.
    pub catalog: Tree,
}

impl Trees {
    /// Two empty trees, cut by the same key.
    pub fn new(cut: &IdKey) -> Self {
        Self {
            files: PageWriter::new(cut.clone()),
            catalog: PageWriter::new(cut.clone()),
        }
    }

    /// Says that something could not be read that has no entry of its own.
    pub fn count_trouble(&mut self) {
        self.files.count_trouble();
    }

    /// The content of a file with these extents: in its entry, or in pages of their own.
    pub fn content(
        &mut self,
        extents: Vec<Extent>,
        sink: &mut dyn PageSink,
    ) -> Result<Content, BackupError> {
        self.files.content(extents, sink)
    }

    /// Adds the next entry of the files. If its page ends with it, says where that lies.
    pub fn push(
        &mut self,
        entry: Entry,
        sink: &mut dyn PageSink,
    ) -> Result<Option<Leaf>, BackupError> {
        self.files.push(entry, sink)
    }

    /// Whether the next entry of the files begins a page.
    pub fn is_between_pages(&self) -> bool {
        self.files.is_between_pages()
    }

    /// Adds a page of the files that is in the vault already: see [`PageWriter::pass_on`].
    pub fn pass_on(
        &mut self,
        kept: &Kept,
        first: EntryKey,
        sink: &mut dyn PageSink,
    ) -> Result<(), BackupError> {
        self.files.pass_on(kept, first, sink)
    }

    /// Adds what is said of the file with this key: `content` is an account of `size` bytes. Files
    /// come in tree order here too.
    pub fn say(
        &mut self,
        key: EntryKey,
        content: Content,
        size: u64,
        sink: &mut dyn PageSink,
    ) -> Result<(), BackupError> {
        let content = match content {
            Content::Extents(extents) => self.catalog.content(extents, sink)?,
            other => other,
        };
        self.catalog.push(bare(key, content, size), sink)?;
        Ok(())
    }

    /// What the new pages need that were stored since the last time.
    pub fn take_refs(&mut self) -> Vec<PageRefs> {
        let mut refs = self.files.take_refs();
        refs.append(&mut self.catalog.take_refs());
        refs
    }

    /// Ends both trees.
    pub fn finish(self, sink: &mut dyn PageSink) -> Result<Finished, BackupError> {
        Ok(Finished {
            files: self.files.finish(sink)?,
            catalog: self.catalog.finish(sink)?,
        })
    }
}

/// An entry of the catalog: a file without metadata, so that a changed mode or time of the
/// original changes no page here.
fn bare(key: EntryKey, content: Content, size: u64) -> Entry {
    let meta = Meta {
        kind: Kind::File,
        mode: 0,
        uid: 0,
        gid: 0,
        user: Vec::new(),
        group: Vec::new(),
        mtime: Time::default(),
        size,
        xattrs: Vec::new(),
        link_group: None,
    };
    Entry {
        key,
        meta,
        content,
        state: ReadState::Clean,
    }
}
