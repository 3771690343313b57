//! Checking: is everything there, whole, and enough for every snapshot?
//!
//! Damage is never an error here: it is named, and the check goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ov_format::content::FrameRef;
use ov_format::id::ObjectHash;
use ov_format::name::{ObjectName, RecordName};
use ov_format::target::decode_target;
use ov_store::{Listed, Listing};

use crate::check_packs::{PackReader, select};
use crate::clock::Clock;
use crate::error::VaultError;
use crate::finding::Finding;
use crate::graph::{Graph, Needs, Place};
use crate::keeper::Monitor;
use crate::secrets::Secrets;
use crate::state::{State, Verdict};
use crate::vault::{Vault, target_identities};
use crate::verified::Verified;
use crate::view::{listed, tips};

/// How deep a check looks into packs and tables. Records are always read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// They are there, with their lengths.
    Objects,
    /// Every byte is read and hashed.
    Read,
    /// So many percent of the bytes of packs, those that were not verified for longest first.
    ReadShare(u8),
    /// Packs that were not verified for so many seconds.
    OlderThan(u64),
}

/// What a check works with.
#[derive(Clone, Copy)]
pub struct Checking<'a> {
    /// Opens structure sections; without, only what anyone can check is checked.
    pub secrets: Option<&'a Secrets>,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Who listens.
    pub monitor: &'a dyn Monitor,
    /// A local file that remembers when each pack was verified.
    pub verified: Option<&'a Path>,
}

/// Something found wrong, and what it touches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What.
    pub finding: Finding,
    /// Snapshots that are not forgotten and need what is wrong. Known only with the structure
    /// secret.
    pub snapshots: Vec<RecordName>,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// What is wrong.
    pub findings: Vec<Found>,
    /// Snapshots whose needs were followed.
    pub snapshots: u64,
    /// Frames that they need.
    pub frames: u64,
    /// Objects that are there, records too.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Packs read to their last byte.
    pub packs_read: u64,
    /// Bytes read of packs and tables.
    pub bytes_read: u64,
    /// Packs and tables that no record names: of runs under way, or of dead ones.
    pub unpublished: u64,
    /// Their bytes.
    pub unpublished_bytes: u64,
    /// Condemned packs that are still there.
    pub condemned: u64,
    /// Snapshots that no keeper accepted and that need what was deleted: their agents saw that too
    /// and ran again. No damage; `accept` clears them.
    pub late: Vec<RecordName>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Snapshots that something wrong touches.
    pub fn affected(&self) -> BTreeSet<RecordName> {
        let all = self.findings.iter().flat_map(|found| &found.snapshots);
        all.copied().collect()
    }
}

/// Checks a vault on its target. Others may write and delete meanwhile: what only seemed wrong
/// because of that is left out.
pub fn check(
    vault: &mut Vault,
    checking: &Checking<'_>,
    depth: Depth,
) -> Result<CheckReport, VaultError> {
    let mut report = look(vault, checking, depth)?;
    let seen = tips(vault);
    if report.is_clean() || vault.refresh().is_err() || seen == tips(vault) {
        return Ok(report);
    }
    let again = look(vault, checking, Depth::Objects)?;
    let deleted = State::of(vault).deleted;
    report.findings.retain(|found| match &found.finding {
        Finding::Frame(pack, ..)
        | Finding::Directory(pack)
        | Finding::Damaged(ObjectName::Pack(pack))
        | Finding::Unreadable(ObjectName::Pack(pack), _) => !deleted.contains(pack),
        Finding::Damaged(_) => true,
        lasting => again.findings.iter().any(|found| found.finding == *lasting),
    });
    Ok(report)
}

fn look(
    vault: &mut Vault,
    checking: &Checking<'_>,
    depth: Depth,
) -> Result<CheckReport, VaultError> {
    let mut found: Vec<Finding> = Vec::new();
    match vault.refresh() {
        Ok(()) => {}
        Err(VaultError::Damaged(name)) => found.push(Finding::Damaged(name)),
        Err(error) => return Err(error),
    }
    // What was given up needs nothing; what others need of it is missed by them.
    let given_up = vault.given_up();
    let said = vault.logs().findings.iter();
    found.extend(said.filter(|one| !one.is_about(&given_up)).cloned());
    found.extend(check_identity(vault)?);
    let state = State::of(vault);
    let mut check = Check {
        vault,
        checking,
        packs: listed(&**vault.store(), Listing::Packs)?,
        tables: listed(&**vault.store(), Listing::Tables)?,
        known: known(vault, checking, &state)?,
        report: CheckReport::default(),
        state,
        found,
        bad_packs: BTreeSet::new(),
        bad_frames: BTreeSet::new(),
    };
    check.count_objects();
    check.presence();
    check.cover();
    check.read(depth)?;
    Ok(check.finish())
}

/// What the structure secret shows.
struct Known {
    graph: Graph,
    needs: Needs,
    used: BTreeSet<FrameRef>,
}

struct Check<'a> {
    vault: &'a Vault,
    checking: &'a Checking<'a>,
    state: State,
    packs: BTreeMap<ObjectHash, Listed>,
    tables: BTreeMap<ObjectHash, Listed>,
    known: Option<Known>,
    report: CheckReport,
    found: Vec<Finding>,
    /// Packs that cannot be relied on as a whole: missing, or of a wrong length.
    bad_packs: BTreeSet<ObjectHash>,
    /// Frames whose bytes in a pack are wrong.
    bad_frames: BTreeSet<(ObjectHash, FrameRef)>,
}

impl Check<'_> {
    fn count_objects(&mut self) {
        let records = self.vault.logs().all().map(|said| said.length);
        let stored = self.packs.values().chain(self.tables.values());
        let lengths: Vec<u64> = stored.map(|listed| listed.length).chain(records).collect();
        self.report.objects = u64::try_from(lengths.len()).unwrap_or(u64::MAX);
        self.report.bytes = lengths.iter().sum();
    }

    /// Published − deleted = present, with the lengths that were published.
    fn presence(&mut self) {
        let here = self.published_here();
        for (pack, length) in &self.state.published_packs {
            if self.state.deleted.contains(pack) {
                continue;
            }
            let name = ObjectName::Pack(*pack);
            let listed = self.packs.get(pack);
            let length = listed
                .map(|listed| listed.length)
                .filter(|length| self.state.is_length(pack, *length))
                .unwrap_or(*length);
            let found = compare(name, length, listed);
            if found.is_some() {
                self.bad_packs.insert(*pack);
            }
            let wanted = here.contains(pack) && !self.is_condemned(pack);
            let absent = matches!(found, Some(Finding::Missing(_)));
            self.found.extend(found.filter(|_| wanted || !absent));
        }
        for (table, length) in &self.state.published_tables {
            let name = ObjectName::Table(*table);
            let found = compare(name, *length, self.tables.get(table));
            let absent = matches!(found, Some(Finding::Missing(_)));
            let wanted = here.contains(table) && !self.state.deleted.contains(table);
            self.found.extend(found.filter(|_| wanted || !absent));
        }
        self.count_unpublished();
    }

    /// What the records of this target's own logs published, and what accepted commits of other
    /// targets need; keys tables belong to every target.
    fn published_here(&self) -> BTreeSet<ObjectHash> {
        let target = self.vault.target();
        let own = self.vault.logs().all().filter(|said| {
            let accepted = self.state.commits.get(&said.name);
            said.name.log.target == target
                || accepted.is_some_and(|commit| commit.verdict == Verdict::Accepted)
        });
        let mut here: BTreeSet<ObjectHash> = BTreeSet::new();
        for said in own {
            let (packs, tables) = said.statement.published();
            let is_home = said.name.log.target == target;
            // Of packs that a copied commit published some may have been left out.
            here.extend(packs.iter().filter(|_| is_home).map(|pack| pack.hash));
            here.extend(tables.iter().map(|table| table.hash));
        }
        here.extend(self.vault.head().keys.iter().map(|table| table.hash));
        here
    }

    fn is_named_missing(&self, pack: &ObjectHash) -> bool {
        self.found
            .contains(&Finding::Missing(ObjectName::Pack(*pack)))
    }

    fn is_condemned(&self, pack: &ObjectHash) -> bool {
        self.state
            .condemned
            .iter()
            .any(|(_, _, one)| one.pack == *pack)
    }

    fn count_unpublished(&mut self) {
        let state = &self.state;
        let packs = self.packs.iter();
        let packs = packs.filter(|(pack, _)| !state.published_packs.contains_key(pack));
        let tables = self.tables.iter();
        let tables = tables.filter(|(table, _)| !state.published_tables.contains_key(table));
        let lengths: Vec<u64> = packs
            .chain(tables)
            .map(|(_, listed)| listed.length)
            .collect();
        self.report.unpublished = u64::try_from(lengths.len()).unwrap_or(u64::MAX);
        self.report.unpublished_bytes = lengths.iter().sum();
        let condemned = self.packs.keys().filter(|pack| self.is_condemned(pack));
        self.report.condemned = u64::try_from(condemned.count()).unwrap_or(u64::MAX);
    }

    /// Every frame that a snapshot needs has a place in a pack that is there.
    fn cover(&mut self) {
        let Some(known) = &self.known else { return };
        self.found.extend(known.graph.findings().iter().cloned());
        self.report.frames = u64::try_from(known.used.len()).unwrap_or(u64::MAX);
        let mut late_ones = BTreeSet::new();
        for frame in &known.used {
            let places = known.graph.places(frame);
            let there = |pack: &ObjectHash| {
                self.packs.contains_key(pack) && !self.state.deleted.contains(pack)
            };
            // A missing or short pack is named itself, where its absence is a finding.
            let named = |pack: &ObjectHash| {
                self.bad_packs.contains(pack)
                    && (self.packs.contains_key(pack) || self.is_named_missing(pack))
            };
            let fine = places
                .iter()
                .any(|place| there(&place.pack) || named(&place.pack));
            if !fine {
                let by = self.who_needs(&BTreeSet::from([*frame]));
                let deleted = |place: &Place| self.state.deleted.contains(&place.pack);
                let late = !places.is_empty()
                    && places.iter().all(deleted)
                    && by.iter().all(|name| !self.is_accepted(name));
                if late {
                    late_ones.extend(by);
                    continue;
                }
                let commit = by.first().copied();
                let finding = commit.map(|c| Finding::NoPlace(c, frame.segment, frame.frame));
                self.found.extend(finding);
            }
        }
        self.report.late = late_ones.into_iter().collect();
        self.report.snapshots =
            u64::try_from(accepted_or_home(self.vault, &self.state).count()).unwrap_or(u64::MAX);
    }

    fn is_accepted(&self, name: &RecordName) -> bool {
        let commit = self.state.commits.get(name);
        commit.is_some_and(|commit| commit.verdict == Verdict::Accepted)
    }

    fn read(&mut self, depth: Depth) -> Result<(), VaultError> {
        if depth == Depth::Read {
            self.read_tables()?;
        }
        let mut verified = Verified::open(self.checking.verified);
        let now = self.checking.clock.now();
        let readable: BTreeMap<ObjectHash, u64> = self
            .packs
            .iter()
            .filter(|(pack, _)| !self.state.deleted.contains(pack))
            .map(|(pack, listed)| (*pack, listed.length))
            .collect();
        let wanted = select(&readable, depth, &verified, now);
        let reader = PackReader {
            vault: self.vault,
            secrets: self.checking.secrets,
            graph: self.known.as_ref().map(|known| &known.graph),
            monitor: self.checking.monitor,
        };
        for read in reader.read_all(&wanted)? {
            self.report.packs_read += 1;
            self.report.bytes_read += read.bytes;
            if read.findings.is_empty() {
                verified.note(read.pack, now);
            }
            self.bad_frames
                .extend(read.bad_frames.iter().map(|frame| (read.pack, *frame)));
            self.found.extend(read.findings);
        }
        verified.keep(&readable);
        if let Err(error) = verified.store() {
            self.checking.monitor.notice(&error.to_string());
        }
        Ok(())
    }

    fn read_tables(&mut self) -> Result<(), VaultError> {
        let published = |table: &&ObjectHash| self.state.published_tables.contains_key(table);
        for table in self.tables.keys().filter(published) {
            let name = ObjectName::Table(*table);
            match self.vault.store().get(&name) {
                Ok(bytes) => {
                    self.report.bytes_read += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                    if !name.matches(&bytes) {
                        self.found.push(Finding::Damaged(name));
                    }
                }
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(error) => self
                    .found
                    .push(Finding::Unreadable(name, error.to_string())),
            }
        }
        Ok(())
    }

    fn finish(mut self) -> CheckReport {
        let mut seen = Vec::new();
        for finding in std::mem::take(&mut self.found) {
            if !seen.contains(&finding) {
                seen.push(finding);
            }
        }
        let found = seen.into_iter().map(|finding| Found {
            snapshots: self.affected(&finding),
            finding,
        });
        let findings = found.collect();
        CheckReport {
            findings,
            ..self.report
        }
    }

    fn affected(&self, finding: &Finding) -> Vec<RecordName> {
        let Some(known) = &self.known else {
            return Vec::new();
        };
        match finding {
            Finding::NoPlace(_, segment, frame) | Finding::NoRefs(_, segment, frame) => {
                let frame = FrameRef {
                    segment: *segment,
                    frame: *frame,
                };
                self.who_needs(&BTreeSet::from([frame]))
            }
            Finding::Frame(pack, segment, frame) => {
                let frame = FrameRef {
                    segment: *segment,
                    frame: *frame,
                };
                self.who_needs(&self.relies_on(known, pack, Some(frame)))
            }
            Finding::Missing(ObjectName::Pack(pack))
            | Finding::Length(ObjectName::Pack(pack))
            | Finding::Unreadable(ObjectName::Pack(pack), _) => {
                self.who_needs(&self.relies_on(known, pack, None))
            }
            Finding::Damaged(ObjectName::Pack(pack)) => {
                let bad = self.bad_frames.iter().filter(|(one, _)| one == pack);
                let bad = bad.flat_map(|(_, frame)| self.relies_on(known, pack, Some(*frame)));
                self.who_needs(&bad.collect())
            }
            Finding::Damaged(name)
            | Finding::Missing(name)
            | Finding::Length(name)
            | Finding::Unreadable(name, _)
            | Finding::Sealed(name, _) => self.who_rests_on(known, name),
            _ => Vec::new(),
        }
    }

    /// Needed frames of a pack that no other pack keeps safe.
    fn relies_on(
        &self,
        known: &Known,
        pack: &ObjectHash,
        only: Option<FrameRef>,
    ) -> BTreeSet<FrameRef> {
        let here = |frame: &&FrameRef| {
            let places = known.graph.places(frame);
            let other = |other: &ObjectHash| {
                other != pack
                    && self.packs.contains_key(other)
                    && !self.bad_packs.contains(other)
                    && !self.bad_frames.contains(&(*other, **frame))
            };
            places.iter().any(|place| place.pack == *pack)
                && !places.iter().any(|place| other(&place.pack))
        };
        let wanted = |frame: &&FrameRef| only.is_none_or(|only| only == **frame);
        known
            .used
            .iter()
            .filter(wanted)
            .filter(here)
            .copied()
            .collect()
    }

    fn who_needs(&self, frames: &BTreeSet<FrameRef>) -> Vec<RecordName> {
        let Some(known) = &self.known else {
            return Vec::new();
        };
        let needs_one = |name: &RecordName| {
            let mut needs = Needs::default();
            // A walk that breaks off has found what it could.
            let _ = known.graph.add_needs(name, &mut needs);
            frames
                .iter()
                .any(|frame| known.graph.is_needed(&needs, frame))
        };
        if frames
            .iter()
            .all(|frame| !known.graph.is_needed(&known.needs, frame))
        {
            return Vec::new();
        }
        let names = accepted_or_home(self.vault, &self.state);
        names.filter(|name| needs_one(name)).collect()
    }

    /// Snapshots whose own record, or whose walk, is broken by a lost record or table: those for
    /// which some page's needs or some frame's place is unknown.
    fn who_rests_on(&self, known: &Known, name: &ObjectName) -> Vec<RecordName> {
        if !matches!(name, ObjectName::Record(_) | ObjectName::Table(_)) {
            return Vec::new();
        }
        let broken = |commit: &RecordName| {
            let mut needs = Needs::default();
            known.graph.add_needs(commit, &mut needs).is_err()
                || known
                    .graph
                    .needed(&needs)
                    .iter()
                    .any(|f| known.graph.places(f).is_empty())
        };
        let names = accepted_or_home(self.vault, &self.state);
        names.filter(|name| broken(name)).collect()
    }
}

fn compare(name: ObjectName, length: u64, listed: Option<&Listed>) -> Option<Finding> {
    match listed {
        Some(listed) if listed.length == length => None,
        Some(_) => Some(Finding::Length(name)),
        None => Some(Finding::Missing(name)),
    }
}

/// Snapshots that should be complete here: those of this target, and those that a keeper accepted.
fn accepted_or_home(vault: &Vault, state: &State) -> impl Iterator<Item = RecordName> {
    let target = vault.target();
    let wanted = move |commit: &&crate::state::Commit| {
        let home = commit.name.log.target == target;
        let rejected = matches!(commit.verdict, Verdict::Rejected(_));
        (home && !rejected) || commit.verdict == Verdict::Accepted
    };
    let names: Vec<_> = state
        .listed()
        .filter(wanted)
        .map(|commit| commit.name)
        .collect();
    names.into_iter()
}

fn known(
    vault: &Vault,
    checking: &Checking<'_>,
    state: &State,
) -> Result<Option<Known>, VaultError> {
    let secrets = checking
        .secrets
        .filter(|secrets| !secrets.structure.is_empty());
    let Some(secrets) = secrets else {
        return Ok(None);
    };
    let open = |context: &_, head: &[u8]| secrets.open(context, head);
    let mut graph = Graph::load(vault, state, &open, &|_| true)?;
    let mut needs = Needs::default();
    let mut broken = Vec::new();
    for name in accepted_or_home(vault, state) {
        // What an earlier broken walk has passed is not walked again: a walk of its own tells.
        let shared = graph.add_needs(&name, &mut needs);
        let own = match broken.is_empty() {
            true => shared,
            false => graph.add_needs(&name, &mut Needs::default()),
        };
        broken.extend(own.err());
    }
    graph.note_findings(broken);
    let used = graph.needed(&needs).into_iter().collect();
    Ok(Some(Known { graph, needs, used }))
}

/// The target's identity is one object, whole; another one means that two vaults were mixed.
fn check_identity(vault: &Vault) -> Result<Vec<Finding>, VaultError> {
    let mut found = Vec::new();
    for hash in target_identities(&**vault.store())? {
        let name = ObjectName::Target(hash);
        match vault.store().get(&name) {
            Ok(bytes) if !name.matches(&bytes) => found.push(Finding::Damaged(name)),
            Ok(bytes) => match decode_target(&bytes) {
                Ok(id) if id == vault.target() => {}
                Ok(_) => {
                    let why = "a second identity: were two vaults mixed?";
                    found.push(Finding::Unreadable(name, why.to_owned()));
                }
                Err(why) => found.push(Finding::Unreadable(name, why.to_string())),
            },
            Err(error) if error.is_retryable() => return Err(error.into()),
            Err(error) => found.push(Finding::Unreadable(name, error.to_string())),
        }
    }
    if found.is_empty() && target_identities(&**vault.store())?.is_empty() {
        found.push(Finding::NoIdentity);
    }
    Ok(found)
}
