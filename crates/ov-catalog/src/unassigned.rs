//! Files that are no patient's: all that snapshots hold, but for what names one.
//!
//! The catalogs alone do not say this: nothing stands there of files that nothing recognises, and
//! nothing at all of snapshots from before there were catalogs. So both trees are walked. What is
//! said of each file that names nobody, and the entries of all files, are kept in memory meanwhile.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use ov_clinical::{Account, Opaque, Silence};
use ov_format::entry::{Entry, EntryKey, Kind};
use ov_restore::{Below, FrameReader, Harvest, Picker, Sameness, SnapshotInfo, Tree};

use crate::account::read_account;
use crate::found::{Found, Holding, Version};
use crate::question::Answer;
use crate::search::newest;

/// Why a file is assigned to no patient. It is never guessed whose it might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unassigned {
    /// It was looked at and names none.
    Silent(Silence),
    /// It could not be looked at.
    Opaque(Opaque),
    /// It has no content.
    Empty,
    /// Nothing is said of it, though others beside it were looked at: nothing recognised it, or it
    /// has not been read since there are catalogs.
    NothingSaid,
    /// Nobody looked at the files of the snapshot.
    NoCatalog,
    /// What is said of it, or of those around it, cannot be read.
    Unreadable,
}

impl Unassigned {
    /// Of a file that was looked at; `None` if it names a patient.
    pub fn of(account: &Account) -> Option<Self> {
        match account {
            Account::Read(said) => Silence::of(said).map(Self::Silent),
            Account::Opaque(reason) => Some(Self::Opaque(*reason)),
        }
    }

    /// The word for it, for programs.
    pub fn label(self) -> &'static str {
        match self {
            Self::Silent(Silence::Subjects) => "trial-subjects",
            Self::Silent(Silence::Samples) => "samples",
            Self::Silent(Silence::Nobody) => "names-nobody",
            Self::Silent(Silence::NotWhole) => "not-whole",
            Self::Silent(Silence::NotSearched) => "not-searched",
            Self::Opaque(_) => "opaque",
            Self::Empty => "empty",
            Self::NothingSaid => "unknown",
            Self::NoCatalog => "no-catalog",
            Self::Unreadable => "unreadable",
        }
    }

    /// In words for people, after a file.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Silent(Silence::Subjects) => "names subjects of trials, and no patient",
            Self::Silent(Silence::Samples) => "names samples, and no patient",
            Self::Silent(Silence::Nobody) => "could name a patient, and names none",
            Self::Silent(Silence::NotWhole) => "could not be read whole, and names none so far",
            Self::Silent(Silence::NotSearched) => "such files are not searched for patients",
            Self::Opaque(reason) => reason.reason(),
            Self::Empty => "is empty",
            Self::NothingSaid => "of no known kind, or not read since there are catalogs",
            Self::NoCatalog => "nobody looked at the files of this snapshot",
            Self::Unreadable => "what is said of it cannot be read",
        }
    }

    /// Whether this is for want of a look: then another snapshot with the same bytes may know more.
    fn is_for_want_of_a_look(self) -> bool {
        matches!(self, Self::NothingSaid | Self::NoCatalog | Self::Unreadable)
    }
}

/// All files of these snapshots, which come oldest first, but for those that name a patient.
pub(crate) fn find<'s>(reader: &FrameReader<'_>, snapshots: &[&'s SnapshotInfo]) -> Found<'s> {
    let mut found = Found::default();
    let mut files = Harvest::new(reader, Files);
    let saying = Saying {
        reader,
        unreadable: 0,
    };
    let mut catalogs = Harvest::new(reader, saying);
    let mut places: BTreeMap<Place<'s>, History<'s>> = BTreeMap::new();
    let newest = newest(snapshots);
    for info in snapshots {
        let (entries, failed) = files.of(&Tree::of(reader, &info.snapshot));
        found
            .failed
            .extend(failed.into_iter().map(|error| (*info, error)));
        let (said, failed) = catalogs.of(&Tree::catalog_of(reader, &info.snapshot));
        let otherwise = match (info.snapshot.catalog.is_some(), failed.is_empty()) {
            (false, _) => Unassigned::NoCatalog,
            (true, true) => Unassigned::NothingSaid,
            (true, false) => Unassigned::Unreadable,
        };
        if info.snapshot.catalog.is_none() {
            found.without_catalog.push(info);
        }
        found
            .failed
            .extend(failed.into_iter().map(|error| (*info, error)));
        let said: HashMap<&EntryKey, &Says> = said.iter().map(|one| (&one.0, &one.1)).collect();
        for entry in entries.iter() {
            let says = said.get(&entry.key).copied();
            let place = (
                &*info.snapshot.dataset,
                &*info.snapshot.host,
                entry.key.clone(),
            );
            let history = places.entry(place).or_default();
            history.is_current |= newest.contains(&info.commit);
            history.see(info, entry, says.unwrap_or(&Says::Nothing), otherwise);
        }
    }
    found.unreadable = catalogs.into_picker().unreadable;
    let holdings = places
        .into_iter()
        .filter_map(|((.., key), history)| history.holding(reader, key));
    found.holdings = holdings.collect();
    found
}

/// A file at one place: dataset, host, path.
type Place<'s> = (&'s str, &'s str, EntryKey);

/// A file at one place over all snapshots.
#[derive(Default)]
struct History<'s> {
    /// Where it is nobody's, the oldest first.
    nobodys: Vec<Nobodys<'s>>,
    /// As it was where it names a patient; the same entry in several snapshots once.
    somebodys: Vec<Arc<Entry>>,
    is_current: bool,
}

struct Nobodys<'s> {
    info: &'s SnapshotInfo,
    entry: Arc<Entry>,
    account: Option<Arc<Account>>,
    why: Unassigned,
}

impl<'s> History<'s> {
    fn see(
        &mut self,
        info: &'s SnapshotInfo,
        entry: &Arc<Entry>,
        says: &Says,
        otherwise: Unassigned,
    ) {
        let (account, why) = match says {
            Says::Somebody => {
                let known = self.somebodys.last();
                if known.is_none_or(|known| !Arc::ptr_eq(known, entry)) {
                    self.somebodys.push(Arc::clone(entry));
                }
                return;
            }
            Says::Nobody(account, why) => (Some(Arc::clone(account)), *why),
            Says::Unreadable => (None, Unassigned::Unreadable),
            Says::Nothing if entry.meta.size == 0 => (None, Unassigned::Empty),
            Says::Nothing => (None, otherwise),
        };
        self.nobodys.push(Nobodys {
            info,
            entry: Arc::clone(entry),
            account,
            why,
        });
    }

    /// The versions that are nobody's; `None` if there is none.
    fn holding(self, reader: &FrameReader<'_>, key: EntryKey) -> Option<Holding<'s>> {
        let mut holding = Holding::of(self.nobodys.first()?.info, key);
        holding.is_current = self.is_current;
        let unlooked = self
            .nobodys
            .iter()
            .any(|one| one.why.is_for_want_of_a_look());
        let known: HashSet<Sameness> = match unlooked {
            true => self
                .somebodys
                .iter()
                .map(|entry| Sameness::of(reader, entry))
                .collect(),
            false => HashSet::new(),
        };
        let mut last: Option<(Arc<Entry>, Sameness)> = None;
        for one in self.nobodys {
            let sameness = match &last {
                Some((entry, sameness)) if Arc::ptr_eq(entry, &one.entry) => sameness.clone(),
                _ => Sameness::of(reader, &one.entry),
            };
            last = Some((Arc::clone(&one.entry), sameness.clone()));
            if one.why.is_for_want_of_a_look() && known.contains(&sameness) {
                continue;
            }
            holding.add(Version {
                first: one.info,
                last: one.info,
                snapshots: 1,
                entry: one.entry,
                account: one.account,
                answer: Answer::from(one.why),
                sameness,
            });
        }
        (!holding.versions.is_empty()).then_some(holding)
    }
}

/// Takes every regular file.
struct Files;

impl Picker for Files {
    type Taken = Entry;

    fn may_be_below(&self, _: &Below<'_>) -> bool {
        true
    }

    fn pick(&mut self, entry: Entry) -> Option<Entry> {
        (entry.meta.kind == Kind::File).then_some(entry)
    }
}

/// What a catalog says of a file.
enum Says {
    /// It names a patient.
    Somebody,
    /// It names none.
    Nobody(Arc<Account>, Unassigned),
    /// It cannot be read.
    Unreadable,
    /// Nothing.
    Nothing,
}

struct Saying<'r> {
    reader: &'r FrameReader<'r>,
    unreadable: u64,
}

impl Picker for Saying<'_> {
    type Taken = (EntryKey, Says);

    fn may_be_below(&self, _: &Below<'_>) -> bool {
        true
    }

    fn pick(&mut self, entry: Entry) -> Option<(EntryKey, Says)> {
        let says = match read_account(self.reader, &entry) {
            None => {
                self.unreadable += 1;
                Says::Unreadable
            }
            Some(account) => match Unassigned::of(&account) {
                None => Says::Somebody,
                Some(why) => Says::Nobody(Arc::new(account), why),
            },
        };
        Some((entry.key, says))
    }
}
