//! What a page needs: its child pages and the frames that hold what it names.
//!
//! Computed here from the page alone, published once per new page, sealed to keepers and readers;
//! so a keeper can find everything that a snapshot needs without reading a name.

use std::collections::BTreeSet;

use crate::content::{ChunkRef, Content, Extent, ExtentPage, FrameRef};
use crate::extents::ExtentList;
use crate::page::Page;

/// Where a page lies; its identity for those who cannot read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PagePlace {
    /// The frame.
    pub at: FrameRef,
    /// Its number in the frame's chunk table.
    pub index: u16,
}

impl From<&ChunkRef> for PagePlace {
    fn from(chunk: &ChunkRef) -> Self {
        Self {
            at: chunk.at,
            index: chunk.index,
        }
    }
}

/// What one page needs beside itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refs {
    /// Pages below it: of the tree, and of long lists of extents.
    pub children: BTreeSet<PagePlace>,
    /// Frames that hold content named in it.
    pub frames: BTreeSet<FrameRef>,
}

impl Refs {
    /// What a page of the tree needs.
    pub fn of_page(page: &Page) -> Self {
        let mut refs = Self::default();
        match page {
            Page::Leaf(entries) => entries
                .iter()
                .for_each(|entry| refs.add_content(&entry.content)),
            Page::Index { children, .. } => {
                refs.children
                    .extend(children.iter().map(|child| PagePlace::from(&child.chunk)));
            }
        }
        refs
    }

    /// What a page of a long list of extents needs.
    pub fn of_extents(list: &ExtentList) -> Self {
        let mut refs = Self::default();
        match list {
            ExtentList::Extents(extents) => refs.add_extents(extents),
            ExtentList::Pages { pages, .. } => refs.add_pages(pages),
        }
        refs
    }

    fn add_content(&mut self, content: &Content) {
        match content {
            Content::Empty | Content::Inline(_) => {}
            Content::Extents(extents) => self.add_extents(extents),
            Content::Paged { pages, .. } => self.add_pages(pages),
        }
    }

    fn add_extents(&mut self, extents: &[Extent]) {
        self.frames
            .extend(extents.iter().filter_map(|extent| match extent {
                Extent::Data { chunk, .. } => Some(chunk.at),
                Extent::Hole { .. } => None,
            }));
    }

    fn add_pages(&mut self, pages: &[ExtentPage]) {
        self.children
            .extend(pages.iter().map(|page| PagePlace::from(&page.chunk)));
    }
}
