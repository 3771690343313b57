//! What looks as it did when it was last read is not read again; where all entries of a page look
//! so, the page is passed on as it is.
//!
//! A page of the last tree that is passed on must be the page that its entries would make, and
//! everything that it needs must still be promised. So all of this must hold:
//! - Each item in turn looks as the entry did, the time of its last change among it, and that time
//!   is well before the last run began. Then its extended attributes, its content and what a link
//!   points to are as they were, too. Nothing came between, and nothing is missing.
//! - All of it was read cleanly, and ended at a cut. The tree is between two pages when it comes.
//! - The page itself and every frame of its files may be used: their segments are in the index, no
//!   keeper dropped them, and none is to be renewed.
//! - All of these are noted as used, as they would be one by one: what is said to keepers, and
//!   looked up in their logs after the commit, is the same.
//! - No file of it was drawn to be read again.

use ov_format::content::{Content, FrameRef};
use ov_format::entry::{Kind, ReadState};
use ov_source::{Asked, Item};

use crate::error::BackupError;
use crate::extent_list::chunks_of;
use crate::index::Index;
use crate::line::{Line, Pending};
use crate::local_page::{Kept, LocalEntry, LocalPage};
use crate::local_tree::{Met, Run};
use crate::options::{BackupOptions, Counts, Reread, Reuse};
use crate::pass::{Pass, When, local, ready};
use crate::renewal::Renewal;
use crate::trees::Trees;
use crate::used::Used;

/// A file that changed so shortly before a run began may have changed again within the same tick of
/// its clock.
const TICK_SECONDS: i64 = 2;

/// The share of unchanged files that a run reads again.
pub fn share_to_reread(options: &BackupOptions, since: i64) -> f64 {
    const SPREAD_SECONDS: f64 = 90.0 * 24.0 * 3600.0;
    match options.reread {
        Reread::Share(share) => share,
        Reread::Spread => {
            f64::from(u32::try_from(since.max(0)).unwrap_or(u32::MAX)) / SPREAD_SECONDS
        }
    }
}

impl Pass<'_, '_> {
    /// Takes the next item of the walk.
    pub(crate) fn meet(
        &mut self,
        item: Item,
        line: &mut Line,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        let Some(mut run) = self.run_with(&item) else {
            return self.alone(item, line, trees);
        };
        let met = match self.may_stay(&item) {
            true => run.meet(item),
            false => run.refuse(item),
        };
        match met {
            Met::Part => {
                self.run = Some(run);
                Ok(())
            }
            Met::Whole => self.whole(run, line, trees),
            Met::Other => self.one_by_one(run, line, trees),
        }
    }

    /// Ends the walk.
    pub(crate) fn meet_end(
        &mut self,
        line: &mut Line,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        match self.run.take() {
            Some(run) => self.one_by_one(run, line, trees),
            None => Ok(()),
        }
    }

    /// The run that the item may continue: the one under way, or one along the next page, if that
    /// begins with it and may be passed on.
    fn run_with(&mut self, item: &Item) -> Option<Run> {
        if self.run.is_some() {
            return self.run.take();
        }
        let page = self.old.page()?;
        let begins = self.options.compare.ctime == Counts::Yes && *page.first() == item.key;
        if !begins || !may_pass_on(page, self.index, self.renewal) {
            return None;
        }
        self.old.take_page().map(Run::along)
    }

    /// Whether a look can tell that nothing of an item changed.
    fn may_stay(&self, item: &Item) -> bool {
        item.problem.is_none() && item.asked == Asked::Yes && self.is_settled(item)
    }

    /// Whether an item had settled when the last run began.
    fn is_settled(&self, item: &Item) -> bool {
        self.old.began().is_some_and(|began| {
            let limit = began.seconds.saturating_sub(TICK_SECONDS);
            let ctime = item.fingerprint.ctime.seconds;
            item.meta.mtime.seconds < limit
                && (self.options.compare.ctime == Counts::No || ctime < limit)
        })
    }

    fn whole(&mut self, run: Run, line: &mut Line, trees: &mut Trees) -> Result<(), BackupError> {
        let files = run.page().kept().map_or(0, |kept| kept.files);
        if !self.reread.spares(files) {
            return self.one_by_one(run, line, trees);
        }
        let (page, items) = run.end();
        let entries = u64::try_from(items.len()).unwrap_or(u64::MAX);
        self.report.files_unmodified += files;
        self.report.others += entries.saturating_sub(files);
        line.push(Pending::Whole(Box::new(page)));
        self.complete_overdue(line, trees)
    }

    /// As if the items had never been held against a page.
    fn one_by_one(
        &mut self,
        run: Run,
        line: &mut Line,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        let (page, items) = run.end();
        self.old.put_back(&page);
        for item in items {
            self.alone(item, line, trees)?;
        }
        Ok(())
    }

    fn alone(
        &mut self,
        mut item: Item,
        line: &mut Line,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        self.source.look_closer(&mut item);
        let next = self.begin(item, line)?;
        line.push(next);
        self.complete_overdue(line, trees)
    }

    fn begin(&mut self, item: Item, line: &Line) -> Result<Pending, BackupError> {
        let old = self.old.take(&item.key);
        // The content of a file may be readable though something else of it is not.
        if let Some(problem) = item
            .problem
            .clone()
            .filter(|_| item.meta.kind != Kind::File)
        {
            let state = self.unreadable(&item, problem);
            return Ok(ready(item, Content::Empty, state));
        }
        if item.meta.kind != Kind::File {
            self.report.others += 1;
            let mut item = item;
            // The time of a folder that only leads to the data changes with all that is not backed
            // up: it is kept as it was, so that an unchanged run stores nothing.
            if let Some(old) = old.filter(|_| item.asked == Asked::Above) {
                item.meta.mtime = old.entry.meta.mtime;
            }
            return Ok(ready(item, Content::Empty, ReadState::Clean));
        }
        let before = match old {
            Some(old)
                if self.is_unchanged(&item, &old)
                    && !self.renewal.is_worth(&old.entry)
                    && !self.reread.draws() =>
            {
                self.report.files_unmodified += 1;
                let account = old.account;
                let mut next = local(item, old.entry.content, old.entry.state);
                next.account = account;
                return Ok(Pending::Ready(Box::new(next)));
            }
            old => old.map(|old| Box::new(old.entry)),
        };
        line.read(item, before)
    }

    /// Whether a file looks as it did when it was last read, and what was stored of it is still
    /// promised. One that had not settled is read.
    fn is_unchanged(&mut self, item: &Item, old: &LocalEntry) -> bool {
        let (now, then) = (&item.meta, &old.entry.meta);
        let compare = self.options.compare;
        let same = self.options.reuse == Reuse::Unchanged
            && now.kind == then.kind
            && (now.size, now.mtime, now.mode) == (then.size, then.mtime, then.mode)
            && (compare.inode == Counts::No
                || (item.fingerprint.inode, item.fingerprint.device)
                    == (old.fingerprint.inode, old.fingerprint.device))
            && (compare.ctime == Counts::No || item.fingerprint.ctime == old.fingerprint.ctime);
        same && self.is_settled(item)
            && old.entry.state == ReadState::Clean
            && chunks_of(&old.entry.content).all(|(chunk, _)| self.index.may_use(&chunk.at))
    }

    /// Puts a page into the tree as it is, or its entries one by one where the tree is within a
    /// page: it comes to the same cut, there or later.
    pub(crate) fn pass_on(
        &mut self,
        page: &LocalPage,
        trees: &mut Trees,
    ) -> Result<(), BackupError> {
        let kept = page.kept().filter(|_| trees.is_between_pages());
        let Some(kept) = kept else {
            for entry in page.open()? {
                self.put(entry, trees)?;
            }
            return Ok(());
        };
        note_used(page, kept, &mut self.used);
        self.report.bytes = self.report.bytes.saturating_add(kept.bytes);
        self.new.pass_on(page);
        self.tell_progress(page.first());
        if page.has_accounts() {
            for local in page.open()? {
                if let Some(account) = local.account {
                    self.say(local.entry.key, account, trees)?;
                }
            }
        }
        trees.pass_on(kept, page.first().clone(), &mut self.sink())?;
        (self.checkpoint)(self.frames, trees, When::Due)
    }
}

/// Notes all that a page rests on, so that a keeper who condemns any of it is noticed.
fn note_used(page: &LocalPage, kept: &Kept, used: &mut Used) {
    for need in page.needs() {
        let length = usize::try_from(need.length).unwrap_or(usize::MAX);
        used.add_at(&need.at, need.index, length);
    }
    used.add(&kept.chunk, kept.length);
}

/// Whether a page and all that its files consist of is still promised, and to stay where it is.
fn may_pass_on(page: &LocalPage, index: &mut Index<'_>, renewal: &Renewal) -> bool {
    let mut may = |at: &FrameRef| !renewal.has(at) && index.may_use(at);
    page.kept().is_some_and(|kept| may(&kept.chunk.at))
        && page.needs().iter().all(|need| may(&need.at))
}

#[cfg(test)]
mod tests {
    use ov_format::content::{ChunkRef, Extent};
    use ov_format::entry::{Entry, EntryKey, Meta, Time};
    use ov_format::id::{ChunkTag, SegmentId};
    use ov_source::Fingerprint;
    use proptest::prelude::*;

    use super::*;
    use crate::page_writer::Leaf;

    fn chunk() -> impl Strategy<Value = ChunkRef> {
        (0u8..3, 0u16..300, 0u16..300).prop_map(|(segment, frame, index)| ChunkRef {
            tag: ChunkTag([segment; 16]),
            at: FrameRef {
                segment: SegmentId([segment; 32]),
                frame,
            },
            index,
        })
    }

    fn file(number: usize, extents: Vec<(ChunkRef, u32)>) -> LocalEntry {
        let meta = Meta {
            kind: Kind::File,
            mode: 0o600,
            uid: 1,
            gid: 2,
            user: b"doctor".to_vec(),
            group: Vec::new(),
            mtime: Time::default(),
            size: extents.iter().map(|(_, length)| u64::from(*length)).sum(),
            xattrs: Vec::new(),
            link_group: None,
        };
        let extent = |(chunk, length)| Extent::Data { chunk, length };
        let content = Content::Extents(extents.into_iter().map(extent).collect());
        LocalEntry {
            entry: Entry {
                key: EntryKey::new(format!("ward/{:02}", number / 3), format!("{number:03}")),
                meta,
                content,
                state: ReadState::Clean,
            },
            fingerprint: Fingerprint {
                inode: u64::try_from(number).unwrap(),
                ..Fingerprint::default()
            },
            account: (number % 4 == 1).then(|| vec![7; number]),
        }
    }

    proptest! {
        #[test]
        fn a_page_that_is_passed_on_uses_what_its_entries_use_and_opens_to_them(
            files in prop::collection::vec(prop::collection::vec((chunk(), 1u32..400_000), 0..4), 1..40),
            of in chunk(),
            length in 1usize..5000,
        ) {
            let numbered = files.into_iter().enumerate();
            let locals: Vec<_> = numbered.map(|(number, extents)| file(number, extents)).collect();
            let encoded = LocalPage::encode(locals.clone(), Some(Leaf { chunk: of, length }));
            let block = [&b"before"[..], &encoded, b"behind"].concat();
            let (page, end) = LocalPage::read(&block, 6).unwrap();
            prop_assert_eq!((end, page.encoded()), (6 + encoded.len(), &encoded[..]));

            let (mut alone, mut together) = (Used::default(), Used::default());
            for (chunk, length) in locals.iter().flat_map(|local| chunks_of(&local.entry.content)) {
                alone.add(chunk, usize::try_from(length).unwrap());
            }
            alone.add(&of, length);
            let kept = page.kept().unwrap();
            note_used(&page, kept, &mut together);
            prop_assert_eq!(together.gathered(), alone.gathered());
            let mut frames: [Vec<_>; 2] = [together.frames().collect(), alone.frames().collect()];
            frames.iter_mut().for_each(|frames| frames.sort());
            prop_assert_eq!(&frames[0], &frames[1]);

            let opened = page.open().unwrap();
            prop_assert_eq!(page.first(), &locals[0].entry.key);
            prop_assert_eq!(kept.entries, u64::try_from(locals.len()).unwrap());
            prop_assert_eq!(opened.len(), locals.len());
            for (opened, local) in opened.iter().zip(&locals) {
                prop_assert_eq!(&opened.entry, &local.entry);
                prop_assert_eq!(opened.fingerprint, local.fingerprint);
                prop_assert_eq!(&opened.account, &local.account);
            }
        }
    }

    #[test]
    fn what_was_not_read_cleanly_or_has_pages_of_its_own_is_not_passed_on() {
        let chunk = ChunkRef {
            tag: ChunkTag([1; 16]),
            at: FrameRef {
                segment: SegmentId([2; 32]),
                frame: 3,
            },
            index: 4,
        };
        let leaf = Some(Leaf { chunk, length: 9 });
        let kept = |local: LocalEntry, leaf| {
            let encoded = LocalPage::encode(vec![local], leaf);
            LocalPage::read(&encoded, 0).unwrap().0.kept().copied()
        };
        assert!(kept(file(1, vec![(chunk, 5); 64]), leaf).is_some());
        assert!(kept(file(1, vec![(chunk, 5); 65]), leaf).is_none());
        assert!(kept(file(1, Vec::new()), None).is_none());
        let mut changed = file(1, Vec::new());
        changed.entry.state = ReadState::Changed;
        assert!(kept(changed, leaf).is_none());
    }
}
