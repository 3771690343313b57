//! What changed from one snapshot to another. Pages that both have are passed over unread.

use std::cmp::Ordering;

use ov_format::content::Content;
use ov_format::entry::{Entry, EntryKey};

use crate::extents::{Extents, Stretch};
use crate::read_error::TreeError;
use crate::tree::{Cursor, Next, Tree, is_at_or_below};

/// How an entry differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It is in the second alone.
    Added,
    /// It is in the first alone.
    Removed,
    /// It is of another kind.
    Kind,
    /// Its content differs, and perhaps its metadata.
    Content,
    /// Its metadata alone differ.
    Meta,
}

/// One entry that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which entry.
    pub key: EntryKey,
    /// How it differs.
    pub change: Change,
    /// As it is in the first snapshot.
    pub before: Option<Entry>,
    /// As it is in the second.
    pub after: Option<Entry>,
}

/// Compares two snapshots below a folder (empty: all), in tree order. Contents that were cut in
/// other places count as different.
pub fn diff(
    before: &Tree<'_>,
    after: &Tree<'_>,
    folder: &[u8],
    visit: &mut dyn FnMut(Difference),
) -> Result<(), TreeError> {
    let from = (!folder.is_empty()).then(|| EntryKey::new(folder, *b""));
    let mut walk = Walk {
        trees: (*before, *after),
        folder,
        cursors: (before.cursor(from.clone()), after.cursor(from)),
        visit,
    };
    while walk.step()? {}
    Ok(())
}

struct Walk<'w, 'r> {
    trees: (Tree<'r>, Tree<'r>),
    folder: &'w [u8],
    cursors: (Cursor<'r>, Cursor<'r>),
    visit: &'w mut dyn FnMut(Difference),
}

/// What to do next.
enum Step {
    End,
    SkipBoth,
    ExpandFirst,
    ExpandSecond,
    First,
    Second,
    Both,
}

impl Walk<'_, '_> {
    fn step(&mut self) -> Result<bool, TreeError> {
        let (first, second) = &mut self.cursors;
        match choose(first.peek(), second.peek()) {
            Step::End => return Ok(false),
            Step::SkipBoth => {
                first.skip();
                second.skip();
            }
            Step::ExpandFirst => first.expand()?,
            Step::ExpandSecond => second.expand()?,
            Step::First => {
                let entry = first.take();
                return Ok(self.show(Change::Removed, entry, None));
            }
            Step::Second => {
                let entry = second.take();
                return Ok(self.show(Change::Added, None, entry));
            }
            Step::Both => {
                let (before, after) = (first.take(), second.take());
                let change = match (&before, &after) {
                    (Some(before), Some(after)) => self.compare(before, after),
                    _ => None,
                };
                if let Some(change) = change {
                    return Ok(self.show(change, before, after));
                }
            }
        }
        Ok(true)
    }

    /// Shows a difference; `false` behind the folder.
    fn show(&mut self, change: Change, before: Option<Entry>, after: Option<Entry>) -> bool {
        let Some(key) = before.as_ref().or(after.as_ref()).map(|e| e.key.clone()) else {
            return false;
        };
        if !is_at_or_below(&key.parent, self.folder) {
            return false;
        }
        (self.visit)(Difference {
            key,
            change,
            before,
            after,
        });
        true
    }

    fn compare(&self, before: &Entry, after: &Entry) -> Option<Change> {
        let kinds = [&before.meta.kind, &after.meta.kind].map(std::mem::discriminant);
        if kinds[0] != kinds[1] {
            return Some(Change::Kind);
        }
        if !self.same_content(&before.content, &after.content)
            || before.meta.kind != after.meta.kind
        {
            return Some(Change::Content);
        }
        (before.meta != after.meta || before.state != after.state).then_some(Change::Meta)
    }

    /// By what chunks are called, not by where they lie.
    fn same_content(&self, before: &Content, after: &Content) -> bool {
        if let (Content::Paged { pages: a, .. }, Content::Paged { pages: b, .. }) = (before, after)
        {
            let names = |pages: &[ov_format::content::ExtentPage]| {
                pages.iter().map(|page| page.chunk.tag).collect::<Vec<_>>()
            };
            if names(a) == names(b) {
                return true;
            }
        }
        let mut first = Extents::of(self.trees.0.reader(), before);
        let mut second = Extents::of(self.trees.1.reader(), after);
        loop {
            match (first.next(), second.next()) {
                (None, None) => return true,
                (Some(Ok((_, a))), Some(Ok((_, b)))) if same_stretch(&a, &b) => {}
                _ => return false,
            }
        }
    }
}

fn same_stretch(a: &Stretch, b: &Stretch) -> bool {
    match (a, b) {
        (
            Stretch::Data { chunk, length },
            Stretch::Data {
                chunk: other,
                length: other_length,
            },
        ) => chunk.tag == other.tag && length == other_length,
        _ => a == b,
    }
}

fn choose(first: Option<Next<'_>>, second: Option<Next<'_>>) -> Step {
    match (first, second) {
        (None, None) => Step::End,
        (Some(Next::Page(_)), None) => Step::ExpandFirst,
        (None, Some(Next::Page(_))) => Step::ExpandSecond,
        (Some(Next::Entry(_)), None) => Step::First,
        (None, Some(Next::Entry(_))) => Step::Second,
        (Some(Next::Page(a)), Some(Next::Page(b))) => {
            if a.chunk.tag == b.chunk.tag && a.level == b.level {
                return Step::SkipBoth;
            }
            // The one that begins first; of two that begin alike, the higher one. A root, whose
            // first key nobody told, is opened at once.
            match a.first.cmp(&b.first) {
                Ordering::Less => Step::ExpandFirst,
                Ordering::Greater => Step::ExpandSecond,
                Ordering::Equal if a.level >= b.level => Step::ExpandFirst,
                Ordering::Equal => Step::ExpandSecond,
            }
        }
        (Some(Next::Entry(entry)), Some(Next::Page(page))) => match page.first {
            Some(key) if entry.key < *key => Step::First,
            _ => Step::ExpandSecond,
        },
        (Some(Next::Page(page)), Some(Next::Entry(entry))) => match page.first {
            Some(key) if entry.key < *key => Step::Second,
            _ => Step::ExpandFirst,
        },
        (Some(Next::Entry(a)), Some(Next::Entry(b))) => match a.key.cmp(&b.key) {
            Ordering::Less => Step::First,
            Ordering::Greater => Step::Second,
            Ordering::Equal => Step::Both,
        },
    }
}
