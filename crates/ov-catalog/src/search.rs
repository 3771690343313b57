//! Asking the catalogs of many snapshots.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ov_clinical::{Account, Ident};
use ov_format::entry::{Entry, EntryKey};
use ov_format::id::{ChunkTag, MemberId};
use ov_restore::{
    Below, FrameReader, Harvest, Moment, Picker, Sameness, SnapshotInfo, Taken, Tree,
};

use crate::account::read_account;
use crate::found::{Found, Holding, Version};
use crate::question::{Answer, Question};
use crate::unassigned;

/// Pages of catalogs that are worth reading: those that may hold an answer, and those above them.
pub type Pages = HashSet<ChunkTag>;

/// A dataset as one agent backs it up from one host: agent, dataset, host, paths.
type Source<'s> = (MemberId, &'s str, &'s str, &'s [Vec<u8>]);

/// Of each source, the last of its snapshots that is not after a moment. A source is a dataset as
/// one agent backs it up from one host and the same paths.
pub fn as_of<'s>(
    snapshots: impl IntoIterator<Item = &'s SnapshotInfo>,
    moment: Option<&Moment>,
) -> Vec<&'s SnapshotInfo> {
    let mut last: BTreeMap<Source<'_>, &SnapshotInfo> = BTreeMap::new();
    for info in snapshots {
        if moment.is_none_or(|moment| moment.holds(info.moment())) {
            let said = &info.snapshot;
            let source = (info.member, &*said.dataset, &*said.host, &*said.paths);
            last.insert(source, info);
        }
    }
    let mut last: Vec<&SnapshotInfo> = last.into_values().collect();
    last.sort_by_key(|info| (info.moment(), info.commit));
    last
}

/// Asks the catalogs of snapshots, which come oldest first. With `pages` only those are read.
pub fn find<'s>(
    reader: &FrameReader<'_>,
    snapshots: &[&'s SnapshotInfo],
    question: &Question,
    pages: Option<&Pages>,
) -> Found<'s> {
    if *question == Question::Unassigned {
        return unassigned::find(reader, snapshots);
    }
    let mut found = Found::default();
    let hits = ask(reader, snapshots, question, pages, &mut found);
    let keys: BTreeSet<EntryKey> = hits
        .iter()
        .flat_map(|(_, hits)| hits.iter().map(|(hit, _)| hit.key.clone()))
        .collect();
    let mut files = Harvest::new(reader, AtKeys { keys: &keys });
    let mut holdings: BTreeMap<(&'s str, &'s str, EntryKey), Holding<'s>> = BTreeMap::new();
    let mut samenesses: HashMap<*const Entry, Sameness> = HashMap::new();
    let newest = newest(snapshots);
    for (info, hits) in hits {
        let (entries, failed) = files.of(&Tree::of(reader, &info.snapshot));
        found
            .failed
            .extend(failed.into_iter().map(|error| (info, error)));
        let entries: HashMap<&EntryKey, &Arc<Entry>> =
            entries.iter().map(|entry| (&entry.key, entry)).collect();
        for (hit, answer) in hits {
            let Some(entry) = entries.get(&hit.key) else {
                continue;
            };
            let sameness = samenesses
                .entry(Arc::as_ptr(entry))
                .or_insert_with(|| Sameness::of(reader, entry));
            let said = &info.snapshot;
            let place = (&*said.dataset, &*said.host, hit.key.clone());
            let holding = holdings
                .entry(place)
                .or_insert_with(|| Holding::of(info, hit.key.clone()));
            holding.is_current |= newest.contains(&info.commit);
            holding.add(Version {
                first: info,
                last: info,
                snapshots: 1,
                entry: Arc::clone(entry),
                account: Some(Arc::clone(&hit.account)),
                answer,
                sameness: sameness.clone(),
            });
        }
    }
    found.holdings = holdings.into_values().collect();
    found
}

/// A snapshot, and its files that answer.
type Answered<'s> = (&'s SnapshotInfo, Vec<(Arc<Hit>, Answer)>);

/// What each snapshot answers.
fn ask<'s>(
    reader: &FrameReader<'_>,
    snapshots: &[&'s SnapshotInfo],
    question: &Question,
    pages: Option<&Pages>,
    found: &mut Found<'s>,
) -> Vec<Answered<'s>> {
    let mut catalogs = Harvest::new(
        reader,
        Answering {
            reader,
            question,
            pages,
            unreadable: 0,
        },
    );
    let mut hits = Vec::new();
    for info in snapshots {
        if info.snapshot.catalog.is_none() {
            found.without_catalog.push(info);
            continue;
        }
        let (taken, failed): (Taken<Hit>, _) =
            catalogs.of(&Tree::catalog_of(reader, &info.snapshot));
        found
            .failed
            .extend(failed.into_iter().map(|error| (*info, error)));
        let issuer = Ident::new(&info.snapshot.issuer);
        let own = taken.iter().filter_map(|hit| {
            let answer = question.answer(&hit.account, issuer.as_ref())?;
            Some((Arc::clone(hit), answer))
        });
        let own: Vec<_> = own.collect();
        if !own.is_empty() {
            hits.push((*info, own));
        }
    }
    found.unreadable = catalogs.into_picker().unreadable;
    hits
}

/// The last snapshot of each source.
pub(crate) fn newest(snapshots: &[&SnapshotInfo]) -> HashSet<ov_format::name::RecordName> {
    let newest = as_of(snapshots.iter().copied(), None);
    newest.into_iter().map(|info| info.commit).collect()
}

/// A file that may answer, whoever issued its identifiers.
struct Hit {
    key: EntryKey,
    account: Arc<Account>,
}

struct Answering<'a> {
    reader: &'a FrameReader<'a>,
    question: &'a Question,
    pages: Option<&'a Pages>,
    unreadable: u64,
}

impl Picker for Answering<'_> {
    type Taken = Hit;

    fn may_be_below(&self, below: &Below<'_>) -> bool {
        self.pages.is_none_or(|pages| pages.contains(below.tag))
    }

    fn pick(&mut self, entry: Entry) -> Option<Hit> {
        let Some(account) = read_account(self.reader, &entry) else {
            self.unreadable += 1;
            return None;
        };
        let may = self.question.may_answer(&account);
        may.then(|| Hit {
            key: entry.key,
            account: Arc::new(account),
        })
    }
}

/// Takes the entries with certain keys.
struct AtKeys<'k> {
    keys: &'k BTreeSet<EntryKey>,
}

impl Picker for AtKeys<'_> {
    type Taken = Entry;

    fn may_be_below(&self, below: &Below<'_>) -> bool {
        let mut from = match below.first {
            Some(first) => self.keys.range(first..),
            None => self.keys.range::<EntryKey, _>(..),
        };
        let next = from.next();
        next.is_some_and(|next| below.end.is_none_or(|end| next < end))
    }

    fn pick(&mut self, entry: Entry) -> Option<Entry> {
        self.keys.contains(&entry.key).then_some(entry)
    }
}
