//! Originals in memory: what an agent backs up.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::sync::Arc;

use ov_format::entry::{EntryKey, Kind, Meta, Time};
use ov_source::{
    Asked, FileStat, Fingerprint, Item, ItemHandle, OpenFile, Segment, ShownPath, Source,
    SourceError,
};

use super::dice::Dice;

/// Contents that all agents choose from, so that they store the same chunks, give them up, and
/// want them again.
const DOCUMENTS: u64 = 8;

/// Lengths of documents: inline, gathered, alone.
const LENGTHS: [usize; 6] = [40, 700, 3_000, 9_000, 30_000, 120_000];

/// Names that files may have.
const NAMES: [&str; 5] = ["ct/1.dcm", "ct/2.dcm", "notes.txt", "plan/dose.dcm", "z"];

/// Files by path, as a simulated machine has them.
#[derive(Clone, Debug, Default)]
pub struct Files {
    files: BTreeMap<&'static str, (Arc<Vec<u8>>, Time)>,
}

impl Files {
    /// Content by path: what the oracle remembers.
    pub fn contents(&self) -> BTreeMap<Vec<u8>, Arc<Vec<u8>>> {
        let content = |(path, (bytes, _)): (&&str, &(Arc<Vec<u8>>, Time))| {
            (path.as_bytes().to_vec(), Arc::clone(bytes))
        };
        self.files.iter().map(content).collect()
    }

    /// Changes a few files.
    pub fn change(&mut self, dice: &mut Dice, seed: u64, now: i64) {
        for _ in 0..=dice.below(3) {
            let Some(name) = dice.pick(&NAMES) else {
                return;
            };
            if dice.hits(200) {
                self.files.remove(name);
                continue;
            }
            let number = dice.below(DOCUMENTS);
            let bytes = document(seed, number);
            let time = Time {
                seconds: now - 1000,
                nanos: 0,
            };
            self.files.insert(name, (Arc::new(bytes), time));
        }
    }

    /// Has content again that was there before.
    pub fn recall(&mut self, bytes: &Arc<Vec<u8>>, dice: &mut Dice, now: i64) {
        let Some(name) = dice.pick(&NAMES) else {
            return;
        };
        let time = Time {
            seconds: now - 1000,
            nanos: 0,
        };
        self.files.insert(name, (Arc::clone(bytes), time));
    }

    /// Gives all files the same times, as if none had changed. A planted bug.
    pub fn hide_changes(&mut self) {
        for (_, time) in self.files.values_mut() {
            *time = Time {
                seconds: 1_700_000_000,
                nanos: 0,
            };
        }
    }

    fn folders(&self) -> BTreeSet<&'static str> {
        let parent = |name: &&'static str| name.split_once('/').map(|(folder, _)| folder);
        self.files.keys().filter_map(parent).collect()
    }

    fn items(&self) -> BTreeMap<EntryKey, Item> {
        let mut items = BTreeMap::new();
        let oldest = Time {
            seconds: 1_600_000_000,
            nanos: 0,
        };
        let folders = self.folders().into_iter();
        let all = folders.map(|name| (name, None, oldest)).chain(
            self.files
                .iter()
                .map(|(name, (bytes, time))| (*name, Some(bytes), *time)),
        );
        for (name, bytes, time) in all {
            let Some(key) = EntryKey::from_path(name.as_bytes()) else {
                continue;
            };
            let item = Item {
                key: key.clone(),
                meta: meta(bytes.map(|bytes| bytes.len()), time),
                fingerprint: fingerprint(name, time),
                handle: ItemHandle::default(),
                problem: None,
                asked: Asked::Yes,
            };
            items.insert(key, item);
        }
        items
    }
}

/// The bytes of a document. The same for all agents of a world.
fn document(seed: u64, number: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed ^ number, "document");
    let length = dice.pick(&LENGTHS).copied().unwrap_or(1000);
    dice.bytes(length)
}

fn meta(size: Option<usize>, mtime: Time) -> Meta {
    Meta {
        kind: if size.is_some() {
            Kind::File
        } else {
            Kind::Directory
        },
        mode: 0o700,
        uid: 1000,
        gid: 1000,
        user: Vec::new(),
        group: Vec::new(),
        mtime,
        size: size.and_then(|size| size.try_into().ok()).unwrap_or(0),
        xattrs: Vec::new(),
        link_group: None,
    }
}

fn fingerprint(name: &str, ctime: Time) -> Fingerprint {
    let inode = name
        .bytes()
        .fold(7, |sum: u64, byte| sum * 31 % 1_000_003 + u64::from(byte));
    Fingerprint {
        device: 1,
        inode,
        links: 1,
        ctime,
    }
}

impl Source for Files {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(self.items().into_values().map(Ok))
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        let path = item.key.path();
        let found = self.files.iter().find(|(name, _)| name.as_bytes() == path);
        let Some((name, (bytes, time))) = found else {
            return Err(SourceError::Vanished {
                path: ShownPath::absolute(&item.key),
            });
        };
        Ok(Box::new(OpenDocument {
            bytes: Arc::clone(bytes),
            at: 0,
            begun: bytes.is_empty(),
            time: *time,
            fingerprint: fingerprint(name, *time),
        }))
    }
}

struct OpenDocument {
    bytes: Arc<Vec<u8>>,
    at: usize,
    begun: bool,
    time: Time,
    fingerprint: Fingerprint,
}

impl Read for OpenDocument {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.read(buffer)?;
        self.at += length;
        Ok(length)
    }
}

impl OpenFile for OpenDocument {
    fn next_segment(&mut self) -> Result<Option<Segment>, SourceError> {
        let first = !std::mem::replace(&mut self.begun, true);
        let length = self.bytes.len().try_into().unwrap_or(u64::MAX);
        Ok(first.then_some(Segment::Data { offset: 0, length }))
    }

    fn stat_now(&self) -> Result<FileStat, SourceError> {
        Ok(FileStat {
            size: self.bytes.len().try_into().ok(),
            mtime: self.time,
            fingerprint: self.fingerprint,
        })
    }
}
