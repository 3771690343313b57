//! Reading packs to their last byte: two at a time, one in memory per thread, where the one before
//! it lay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use ov_format::content::FrameRef;
use ov_format::entry::Time;
use ov_format::id::{MemberId, ObjectHash};
use ov_format::list::Placement;
use ov_format::name::ObjectName;
use ov_store::StoreError;

use crate::check::Depth;
use crate::directory::read_directory;
use crate::error::VaultError;
use crate::finding::Finding;
use crate::frames::{frame_hash, head_hash};
use crate::graph::Graph;
use crate::keeper::{Monitor, Progress, Step};
use crate::secrets::Secrets;
use crate::vault::Vault;
use crate::verified::Verified;

const THREADS: usize = 2;

/// Reads packs.
pub(crate) struct PackReader<'a> {
    pub vault: &'a Vault,
    pub secrets: Option<&'a Secrets>,
    pub graph: Option<&'a Graph>,
    pub monitor: &'a dyn Monitor,
}

/// What reading a pack showed.
pub(crate) struct ReadPack {
    pub pack: ObjectHash,
    pub bytes: u64,
    pub findings: Vec<Finding>,
    pub bad_frames: BTreeSet<FrameRef>,
}

/// The packs that a check of this depth reads, those that were not verified for longest first.
pub(crate) fn select(
    packs: &BTreeMap<ObjectHash, u64>,
    depth: Depth,
    verified: &Verified,
    now: Time,
) -> Vec<ObjectHash> {
    let mut order: Vec<_> = packs.iter().collect();
    order.sort_by_key(|(pack, _)| (verified.last(pack), **pack));
    let all = || order.iter().map(|(pack, _)| **pack);
    match depth {
        Depth::Objects => Vec::new(),
        Depth::Read => all().collect(),
        Depth::OlderThan(age) => {
            let age = i64::try_from(age).unwrap_or(i64::MAX);
            let last = now.seconds.saturating_sub(age);
            all()
                .filter(|pack| verified.last(pack).is_none_or(|at| at <= last))
                .collect()
        }
        Depth::ReadShare(percent) => {
            let total: u128 = packs.values().map(|length| u128::from(*length)).sum();
            let mut left = (total * u128::from(percent.min(100))).div_ceil(100);
            let mut chosen = Vec::new();
            for (pack, length) in order {
                if left == 0 {
                    break;
                }
                left = left.saturating_sub(u128::from(*length));
                chosen.push(*pack);
            }
            chosen
        }
    }
}

impl PackReader<'_> {
    /// Reads packs; those that are gone meanwhile are left out.
    pub fn read_all(&self, packs: &[ObjectHash]) -> Result<Vec<ReadPack>, VaultError> {
        let placements = self.placements(packs);
        let signers = self.signers();
        let next = AtomicUsize::new(0);
        let outcome = Mutex::new((Vec::new(), None));
        let work = || {
            let mut buffer = Vec::new();
            while let Some(pack) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                let lies = placements.get(pack).map_or(&[][..], Vec::as_slice);
                let read = self.read(pack, lies, signers.get(pack), &mut buffer);
                let Ok(mut outcome) = outcome.lock() else {
                    return;
                };
                match read {
                    Ok(read) => outcome.0.extend(read),
                    Err(error) => {
                        outcome.1 = Some(error);
                        next.store(packs.len(), Ordering::Relaxed);
                    }
                }
                self.monitor.progress(Progress {
                    step: Step::Checking,
                    done: u64::try_from(outcome.0.len()).unwrap_or(u64::MAX),
                    total: u64::try_from(packs.len()).unwrap_or(u64::MAX),
                    bytes: outcome.0.iter().map(|read: &ReadPack| read.bytes).sum(),
                });
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..THREADS.min(packs.len()) {
                // Without a thread more the others do its work.
                let _ = std::thread::Builder::new().spawn_scoped(scope, work);
            }
            work();
        });
        let (mut all, error) = outcome.into_inner().unwrap_or_else(|e| e.into_inner());
        all.sort_by_key(|read| read.pack);
        match error {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }

    fn placements(&self, packs: &[ObjectHash]) -> BTreeMap<ObjectHash, Vec<&Placement>> {
        let wanted: BTreeSet<_> = packs.iter().collect();
        let mut found: BTreeMap<ObjectHash, Vec<&Placement>> = BTreeMap::new();
        let all = self.graph.into_iter().flat_map(Graph::all_placements);
        for placement in all.filter(|placement| wanted.contains(&placement.pack)) {
            found.entry(placement.pack).or_default().push(placement);
        }
        found
    }

    /// Who may have sealed the directory of each pack: the members that published it. One of them
    /// did; an agent can publish what somebody else made.
    fn signers(&self) -> BTreeMap<ObjectHash, BTreeSet<MemberId>> {
        let mut signers: BTreeMap<ObjectHash, BTreeSet<MemberId>> = BTreeMap::new();
        for said in self.vault.logs().all() {
            for pack in said.statement.published().0 {
                let members = signers.entry(pack.hash).or_default();
                members.insert(said.name.log.member);
            }
        }
        signers
    }

    fn read(
        &self,
        pack: &ObjectHash,
        placements: &[&Placement],
        signers: Option<&BTreeSet<MemberId>>,
        buffer: &mut Vec<u8>,
    ) -> Result<Option<ReadPack>, VaultError> {
        let name = ObjectName::Pack(*pack);
        let read = match placements {
            [] => self.look_through(pack),
            _ => self
                .vault
                .store()
                .get_into(&name, buffer)
                .map(|()| self.look_at(pack, buffer, placements, signers)),
        };
        match read {
            Ok(read) => Ok(Some(read)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) if error.is_retryable() => Err(error.into()),
            Err(error) => Ok(Some(ReadPack {
                pack: *pack,
                bytes: 0,
                findings: vec![Finding::Unreadable(name, error.to_string())],
                bad_frames: BTreeSet::new(),
            })),
        }
    }

    /// A pack of which nobody says what lies where: whether its bytes are those that its name says.
    fn look_through(&self, pack: &ObjectHash) -> Result<ReadPack, StoreError> {
        let name = ObjectName::Pack(*pack);
        let mut hasher = blake3::Hasher::new();
        self.vault.store().show(&name, &mut |piece| {
            hasher.update(piece);
        })?;
        let whole = *hasher.finalize().as_bytes() == pack.0;
        Ok(ReadPack {
            pack: *pack,
            bytes: hasher.count(),
            findings: (!whole)
                .then_some(Finding::Damaged(name))
                .into_iter()
                .collect(),
            bad_frames: BTreeSet::new(),
        })
    }

    fn look_at(
        &self,
        pack: &ObjectHash,
        bytes: &[u8],
        placements: &[&Placement],
        signers: Option<&BTreeSet<MemberId>>,
    ) -> ReadPack {
        let name = ObjectName::Pack(*pack);
        let whole = name.matches(bytes);
        let bad_frames = bad_frames(bytes, placements);
        let mut findings = Vec::new();
        if !whole {
            findings.push(Finding::Damaged(name));
        }
        findings.extend(
            bad_frames
                .iter()
                .map(|f| Finding::Frame(*pack, f.segment, f.frame)),
        );
        if whole && !self.directory_agrees(bytes, placements, signers) {
            findings.push(Finding::Directory(*pack));
        }
        ReadPack {
            pack: *pack,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            findings,
            bad_frames,
        }
    }

    /// Whether everything that was published of a pack stands in its own directory.
    fn directory_agrees(
        &self,
        bytes: &[u8],
        placements: &[&Placement],
        signers: Option<&BTreeSet<MemberId>>,
    ) -> bool {
        let (Some(secrets), Some(signers)) = (self.secrets, signers) else {
            return true;
        };
        let mut signers = signers.iter();
        let read = signers.find_map(|it| read_directory(bytes, self.vault.id(), secrets, *it));
        read.is_some_and(|directory| {
            let same = |one: &Placement, published: &Placement| {
                one.segment == published.segment
                    && one.offset == published.offset
                    && one.head == published.head
                    && one.frames == published.frames
            };
            let told = |placement: &&&Placement| {
                directory.placements.iter().any(|one| same(one, placement))
            };
            placements.iter().filter(told).count() == placements.len()
        })
    }
}

fn bad_frames(bytes: &[u8], placements: &[&Placement]) -> BTreeSet<FrameRef> {
    let mut bad = BTreeSet::new();
    for placement in placements {
        let part = |offset: u64, length: u32| {
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            bytes.get(start..end)
        };
        let head = part(placement.offset, placement.head.length);
        let headless = head.is_none_or(|head| head_hash(head) != placement.head.hash);
        for (offset, stored) in placement.offsets() {
            let frame = part(offset, stored.length);
            if headless || frame.is_none_or(|frame| frame_hash(frame) != stored.hash) {
                bad.insert(FrameRef {
                    segment: placement.segment,
                    frame: stored.number,
                });
            }
        }
    }
    bad
}
