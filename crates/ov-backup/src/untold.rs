//! Entries that are complete but for what their files say.

use std::collections::VecDeque;

use ov_format::content::Content;

use crate::extract::Told;
use crate::local_page::LocalEntry;

/// So many entries wait at most: so long that somebody who shows many files together has shown them
/// by himself.
const ENTRIES_MAX: usize = 128;

/// So many extents are held by entries that wait, at most, beside those of the last one.
const EXTENTS_MAX: usize = 16 * 1024;

/// Entries in tree order, of which the first waits for its account.
#[derive(Default)]
pub struct Untold {
    entries: VecDeque<(LocalEntry, Told)>,
    extents: usize,
}

impl Untold {
    /// The next entry, and what is said of its file.
    pub(crate) fn push(&mut self, entry: LocalEntry, told: Told) {
        self.extents += extents(&entry);
        self.entries.push_back((entry, told));
    }

    /// The first entry, if what is said of it is known, or if there are too many: then it is waited
    /// for.
    pub(crate) fn pop(&mut self) -> Option<LocalEntry> {
        let full = self.entries.len() > ENTRIES_MAX || self.extents > EXTENTS_MAX;
        match self.entries.front()? {
            (_, Told::Later(_)) if !full => None,
            _ => self.pop_anyway(),
        }
    }

    /// The first entry, whoever must be waited for.
    pub(crate) fn pop_anyway(&mut self) -> Option<LocalEntry> {
        let (mut entry, told) = self.entries.pop_front()?;
        self.extents = self.extents.saturating_sub(extents(&entry));
        entry.account = told.account();
        Some(entry)
    }
}

fn extents(entry: &LocalEntry) -> usize {
    match &entry.entry.content {
        Content::Extents(extents) => extents.len(),
        Content::Empty | Content::Inline(_) | Content::Paged { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::content::Extent;
    use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn entry(number: usize, content: Content) -> LocalEntry {
        let meta = Meta {
            kind: Kind::File,
            mode: 0,
            uid: 0,
            gid: 0,
            user: Vec::new(),
            group: Vec::new(),
            mtime: Time::default(),
            size: 0,
            xattrs: Vec::new(),
            link_group: None,
        };
        let key = EntryKey {
            parent: Vec::new(),
            name: number.to_string().into_bytes(),
        };
        let state = ReadState::Clean;
        LocalEntry {
            entry: Entry {
                key,
                meta,
                content,
                state,
            },
            fingerprint: Default::default(),
            account: None,
        }
    }

    /// What is said of a file later: its number. Counts those that were asked.
    fn later(number: usize, asked: &Arc<AtomicUsize>) -> Told {
        let asked = Arc::clone(asked);
        Told::Later(Box::new(move || {
            asked.fetch_add(1, Ordering::Relaxed);
            Some(number.to_string().into_bytes())
        }))
    }

    #[test]
    fn entries_come_out_in_order_each_with_its_own_account() {
        let asked = Arc::default();
        let mut untold = Untold::default();
        let mut out = Vec::new();
        for number in 0..1000 {
            let told = match number % 3 {
                0 => Told::Now(Some(number.to_string().into_bytes())),
                _ => later(number, &asked),
            };
            untold.push(entry(number, Content::Empty), told);
            out.extend(std::iter::from_fn(|| untold.pop()));
        }
        assert!(out.len() >= 1000 - ENTRIES_MAX && out.len() < 1000);
        out.extend(std::iter::from_fn(|| untold.pop_anyway()));
        for (number, entry) in out.iter().enumerate() {
            let number = number.to_string().into_bytes();
            assert_eq!(entry.entry.key.name, number);
            assert_eq!(entry.account, Some(number));
        }
        assert_eq!(out.len(), 1000);
    }

    #[test]
    fn nobody_is_asked_before_there_are_too_many() {
        let asked = Arc::default();
        let mut untold = Untold::default();
        for number in 0..ENTRIES_MAX {
            untold.push(entry(number, Content::Empty), later(number, &asked));
            assert!(untold.pop().is_none());
        }
        untold.push(entry(ENTRIES_MAX, Content::Empty), Told::Now(None));
        assert!(untold.pop().is_some());
        assert!(untold.pop().is_none());
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn many_extents_do_not_wait() {
        let asked = Arc::default();
        let mut untold = Untold::default();
        let hole = Extent::Hole { length: 1 };
        let many = Content::Extents(vec![hole; EXTENTS_MAX + 1]);
        untold.push(entry(0, Content::Empty), later(0, &asked));
        untold.push(entry(1, many), later(1, &asked));
        let out: Vec<_> = std::iter::from_fn(|| untold.pop()).collect();
        assert_eq!(out.len(), 2);
    }
}
