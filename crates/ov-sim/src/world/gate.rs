//! A target as one actor sees it on one errand: in turns, late, failing, and until it dies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use ov_format::id::MemberId;
use ov_format::name::{ObjectName, RecordName};
use ov_store::{Action, Durable, Listed, Listing, Overwrite, Store, StoreError};

use super::baton::Baton;
use super::bug::Bug;
use super::cast::Part;
use super::dice::Dice;
use super::disk::{Disk, Written, claimed};
use super::elsewhere::Elsewhere;
use super::trace::{Trace, class};
use super::weather::Weather;

/// A put that hangs lands within this many seconds, if it lands.
const LIMBO: i64 = 200_000;

/// What is younger than so many seconds may not be found yet.
const YOUNG: i64 = 300;

/// A bug lets packs land this many seconds after the record that names them.
const LATE: i64 = 43_200;

/// A bug lets keepers see agents' records only after this many seconds.
const BLIND: i64 = 86_400;

/// What all actors share.
#[derive(Default)]
pub struct Stage {
    /// Whose turn it is.
    pub baton: Baton,
    /// The targets.
    pub disks: Vec<Arc<Disk>>,
    /// The true time.
    pub now: AtomicI64,
    /// What happened.
    pub trace: Mutex<Trace>,
    /// The planted bug.
    pub bug: Option<Bug>,
    /// Agents in the order of the cast.
    pub agents: Vec<MemberId>,
    /// Keepers in the order of the cast.
    pub keepers: Vec<MemberId>,
}

impl Stage {
    /// Adds a line to the trace.
    pub fn say(&self, line: String) {
        lock(&self.trace).say(line);
    }

    /// The true time.
    pub fn now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }
}

/// One piece of work of one actor, from the start of its process to the end.
pub struct Errand {
    /// The actor's number on the stage.
    pub actor: usize,
    /// Its member.
    pub member: MemberId,
    weather: Weather,
    seed: u64,
    dead: AtomicBool,
    /// Whether packs are read without waiting for turns, since several threads read them.
    reads_freely: AtomicBool,
    elsewhere: Mutex<Option<Elsewhere>>,
    state: Mutex<State>,
}

struct State {
    faults: Dice,
    listings: Dice,
    first: BTreeMap<usize, Vec<Listed>>,
    records: Vec<RecordName>,
    puts: BTreeSet<ObjectName>,
}

impl Errand {
    /// Work that begins now.
    pub fn new(actor: usize, member: MemberId, weather: Weather, seed: u64) -> Self {
        Self {
            actor,
            member,
            weather,
            seed,
            dead: AtomicBool::new(false),
            reads_freely: AtomicBool::new(false),
            elsewhere: Mutex::new(None),
            state: Mutex::new(State {
                faults: Dice::new(seed, "faults"),
                listings: Dice::new(seed, "listings"),
                first: BTreeMap::new(),
                records: Vec::new(),
                puts: BTreeSet::new(),
            }),
        }
    }

    /// From now on it is shown something else than the present.
    pub fn show(&self, elsewhere: Elsewhere) {
        *lock(&self.elsewhere) = Some(elsewhere);
    }

    /// Whether its actor is the enemy among the agents.
    pub fn lies(&self) -> bool {
        self.weather.liar && self.member == Part::Agent(1).member()
    }

    /// Records that it put, or tried to.
    pub fn records(&self) -> Vec<RecordName> {
        lock(&self.state).records.clone()
    }

    /// From now on packs are read without waiting for turns: whoever reads waits for one itself,
    /// before each file.
    pub fn read_freely(&self) {
        self.reads_freely.store(true, Ordering::SeqCst);
    }

    /// Whether the actor died.
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Fine,
    Fails,
    AnswerLost,
    Full,
    Dies(Remains),
}

/// What a call leaves behind whose caller dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remains {
    Nothing,
    Everything,
    Half,
    Later,
}

/// Whether a call can leave something behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Reads,
    Puts,
    Deletes,
}

/// A target as one actor sees it.
pub struct Gate {
    stage: Arc<Stage>,
    errand: Arc<Errand>,
    disk: usize,
}

impl Gate {
    /// The way of an errand to a target.
    pub fn new(stage: &Arc<Stage>, errand: &Arc<Errand>, disk: usize) -> Self {
        Self {
            stage: Arc::clone(stage),
            errand: Arc::clone(errand),
            disk,
        }
    }

    fn disk(&self) -> Result<&Disk, StoreError> {
        self.stage
            .disks
            .get(self.disk)
            .map(|disk| &**disk)
            .ok_or_else(|| broken("no such target"))
    }

    /// The target as it is shown to this errand.
    fn shown_disk(&self) -> Result<Arc<Disk>, StoreError> {
        let elsewhere = lock(&self.errand.elsewhere);
        let shown = elsewhere.as_ref().and_then(|other| other.shown(self.disk));
        let present = || self.stage.disks.get(self.disk).cloned();
        shown
            .or_else(present)
            .ok_or_else(|| broken("no such target"))
    }

    fn changes(&self, change: impl FnOnce(&Disk)) {
        if let Some(elsewhere) = &mut *lock(&self.errand.elsewhere) {
            elsewhere.change(self.disk, change);
        }
    }

    /// What is read: now and then it comes from elsewhere on the medium, or with a flipped bit.
    /// Name and place decide, whoever reads first: an errand that reads again sees the same.
    fn misread(&self, name: &ObjectName, offset: u64, bytes: Vec<u8>) -> Vec<u8> {
        let (rate, hash) = (self.errand.weather.misreads, name.hash().0);
        let start = hash
            .iter()
            .take(8)
            .fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
        let mut dice = Dice::new(self.errand.seed ^ start ^ offset.rotate_left(32), "misread");
        if rate == 0 || !dice.hits(rate) || bytes.is_empty() {
            return bytes;
        }
        let others = || {
            let objects = self.shown_disk().ok()?.objects();
            let other = |(other, there): (ObjectName, Arc<Vec<u8>>)| {
                let part = there.get(..bytes.len()).filter(|_| other != *name)?;
                (part != bytes).then(|| part.to_vec())
            };
            objects.into_iter().find_map(other)
        };
        let other = if dice.hits(500) { others() } else { None };
        other.unwrap_or_else(|| {
            let mut bytes = bytes.clone();
            let at = dice.index(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            bytes
        })
    }

    /// Whether others' young object is not found yet. Name and errand decide, whoever asks first.
    fn is_stale(&self, name: &ObjectName) -> Result<bool, StoreError> {
        let rate = self.errand.weather.stale;
        let age = self.shown_disk()?.age(name, self.stage.now());
        if rate == 0 || age.is_none_or(|age| age >= YOUNG) {
            return Ok(false);
        }
        let own = lock(&self.errand.state).puts.contains(name);
        let mut dice = Dice::new(self.errand.seed, &format!("stale {name}"));
        Ok(!own && dice.hits(rate))
    }

    fn find(&self, name: &ObjectName) -> Result<Arc<Disk>, StoreError> {
        match self.is_stale(name)? {
            true => Err(StoreError::NotFound { name: *name }),
            false => self.shown_disk(),
        }
    }

    /// Waits for the turn and learns what becomes of the call.
    fn turn(&self, kind: Kind) -> Result<Fate, StoreError> {
        if self.errand.is_dead() {
            return Err(broken("the machine has crashed"));
        }
        self.stage.baton.wait(self.errand.actor);
        let fate = self.fate(kind);
        if let Fate::Dies(_) = fate {
            self.errand.dead.store(true, Ordering::SeqCst);
        }
        Ok(fate)
    }

    fn fate(&self, kind: Kind) -> Fate {
        let weather = &self.errand.weather;
        let dice = &mut lock(&self.errand.state).faults;
        let (dies, fails) = (dice.hits(weather.crashes), dice.hits(weather.flaky));
        let (full, half, choice) = (dice.hits(weather.full), dice.hits(500), dice.below(4));
        if dies {
            return Fate::Dies(match (kind, choice) {
                (Kind::Puts, 0) if weather.torn => Remains::Half,
                (Kind::Puts, 1) if weather.limbo => Remains::Later,
                (Kind::Puts | Kind::Deletes, 2 | 3) => Remains::Everything,
                _ => Remains::Nothing,
            });
        }
        match (kind, fails, full) {
            (_, true, _) if half => Fate::AnswerLost,
            (_, true, _) => Fate::Fails,
            (Kind::Puts, _, true) => Fate::Full,
            _ => Fate::Fine,
        }
    }

    fn say(&self, what: &str, name: &ObjectName, length: usize, fate: Fate) {
        let mut trace = lock(&self.stage.trace);
        let called = trace.called(name);
        let (actor, disk, class) = (self.errand.actor, self.disk, class(length));
        let now = self.stage.now();
        trace.say(format!(
            "{now} actor {actor}, target {disk}: {what} {called} ({class}) {fate:?}"
        ));
    }

    fn refused(&self, fate: Fate) -> StoreError {
        let target = self.describe();
        match fate {
            Fate::Full => StoreError::Full {
                target,
                source: "no space left".into(),
            },
            _ => broken("no answer"),
        }
    }

    fn store(&self, name: &ObjectName, bytes: &[u8]) -> Result<(), StoreError> {
        let (disk, now) = (self.disk()?, self.stage.now());
        // Where it is told that it put, it sees what it put.
        self.changes(|shown| drop(shown.put(name, bytes, now, Written::Synced)));
        let written = match self.stage.bug {
            Some(Bug::AckBeforeDurable) => Written::Unsynced,
            _ => Written::Synced,
        };
        let earlier = |wanted: fn(&ObjectName) -> bool| {
            disk.objects()
                .into_keys()
                .find(|other| wanted(other) && other != name)
        };
        let pack = |name: &ObjectName| matches!(name, ObjectName::Pack(_));
        if let ObjectName::Record(record) = name {
            let by = record.log.member;
            match self.stage.bug {
                Some(Bug::CondemnLost) if self.stage.keepers.contains(&by) => return Ok(()),
                Some(Bug::RecordLost) if self.stage.agents.contains(&by) => return Ok(()),
                _ => {}
            }
        }
        if pack(name) {
            match (self.stage.bug, earlier(pack)) {
                (Some(Bug::PacksLandLate), _)
                    if self.stage.agents.contains(&self.errand.member) =>
                {
                    disk.put_later(name, bytes, now + LATE);
                    return Ok(());
                }
                (Some(Bug::CopyLosesPack), _) if self.disk == 1 => return Ok(()),
                (Some(Bug::StoredBitFlips), Some(_)) => {
                    let mut bytes = bytes.to_vec();
                    let middle = bytes.len() / 2;
                    bytes
                        .iter_mut()
                        .skip(middle)
                        .take(1)
                        .for_each(|byte| *byte ^= 1);
                    return disk.put(name, &bytes, now, written);
                }
                (Some(Bug::PutSwapped), Some(other)) => {
                    let bytes = disk.get(&other)?;
                    return disk.put(name, &bytes, now, written);
                }
                (Some(Bug::PutOverwrites), Some(other)) => disk.overwrite(&other, bytes),
                (Some(Bug::ObjectLost), Some(other)) => disk.lose(&other),
                (Some(Bug::TornPutAccepted), Some(_)) => {
                    return disk.put(name, &bytes[..bytes.len() / 2], now, written);
                }
                _ => {}
            }
        }
        disk.put(name, bytes, now, written)
    }

    fn remove(&self, name: &ObjectName) -> Result<(), StoreError> {
        let (disk, now) = (self.disk()?, self.stage.now());
        self.changes(|shown| shown.remove(name, now));
        match self.stage.bug {
            Some(Bug::DeleteLies) => return Ok(()),
            Some(Bug::DeleteTakesNeighbour) => {
                let mut packs = disk.objects().into_keys();
                let next = packs.find(|pack| matches!(pack, ObjectName::Pack(_)) && pack > name);
                next.iter().for_each(|next| disk.remove(next, now));
            }
            Some(Bug::DeleteTakesRecord) => {
                let is_agents =
                    |record: &RecordName| self.stage.agents.contains(&record.log.member);
                let mut records = disk.objects().into_keys();
                let first = records
                    .find(|name| matches!(name, ObjectName::Record(record) if is_agents(record)));
                first.iter().for_each(|record| disk.remove(record, now));
            }
            _ => {}
        }
        disk.remove(name, now);
        Ok(())
    }

    fn shown(&self, what: Listing) -> Result<Vec<Listed>, StoreError> {
        let mut state = lock(&self.errand.state);
        let (now, lag) = (self.stage.now(), self.errand.weather.lag);
        let mut shown = self
            .shown_disk()?
            .listing(what, now, lag, &mut state.listings);
        shown.retain(|listed| self.sees(listed, now));
        let agent = self.stage.agents.contains(&self.errand.member);
        let keeper = self.stage.keepers.contains(&self.errand.member);
        match self.stage.bug {
            Some(Bug::AgentLooksOnce) if agent && what == Listing::Logs => {
                return Ok(state.first.entry(self.disk).or_insert(shown).clone());
            }
            // It sees its own words, or it would know that something is wrong.
            Some(Bug::KeeperLooksOnce) if keeper && what == Listing::Logs => {
                let first = state
                    .first
                    .entry(self.disk)
                    .or_insert_with(|| shown.clone());
                let own = |name: &ObjectName| {
                    matches!(name, ObjectName::Record(record)
                        if record.log.member == self.errand.member)
                };
                shown.retain(|listed| own(&listed.name) || first.contains(listed));
            }
            Some(Bug::ListingCutShort) if keeper && what == Listing::Logs => {
                shown.truncate(shown.len() / 2);
            }
            _ => {}
        }
        Ok(shown)
    }

    /// Whether a bug hides an object from this actor.
    fn sees(&self, listed: &Listed, now: i64) -> bool {
        let ObjectName::Record(record) = listed.name else {
            return true;
        };
        let (stage, own, by) = (&self.stage, self.errand.member, record.log.member);
        let is_keeper = stage.keepers.contains(&own);
        match stage.bug {
            Some(Bug::DropsHidden) => is_keeper || !stage.keepers.contains(&by),
            Some(Bug::OtherKeeperHidden) => !is_keeper || by == own || !stage.keepers.contains(&by),
            Some(Bug::AgentHidden) => !is_keeper || stage.agents.last() != Some(&by),
            Some(Bug::KeeperSeesLate) if is_keeper && stage.agents.contains(&by) => {
                let latest = u64::try_from(now - BLIND).unwrap_or(0);
                listed.modified <= Some(UNIX_EPOCH + Duration::from_secs(latest))
            }
            _ => true,
        }
    }
}

impl Store for Gate {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        let fate = self.turn(Kind::Puts)?;
        self.say("put", name, bytes.len(), fate);
        lock(&self.errand.state).puts.insert(*name);
        if let ObjectName::Record(record) = name {
            lock(&self.errand.state).records.push(*record);
        }
        match fate {
            Fate::Fine => {
                self.store(name, bytes)?;
                claimed(name)
            }
            Fate::AnswerLost | Fate::Dies(Remains::Everything) => {
                self.store(name, bytes)?;
                Err(self.refused(fate))
            }
            // A torn record on a copy is a matter for a repair, which nobody does here.
            Fate::Dies(Remains::Half)
                if self.disk == 0 || !matches!(name, ObjectName::Record(_)) =>
            {
                let half = bytes.get(..bytes.len() / 2).unwrap_or_default();
                self.disk()?
                    .put(name, half, self.stage.now(), Written::Synced)?;
                Err(self.refused(fate))
            }
            Fate::Dies(Remains::Later) => {
                let wait = lock(&self.errand.state).faults.seconds(LIMBO);
                self.disk()?.put_later(name, bytes, self.stage.now() + wait);
                Err(self.refused(fate))
            }
            _ => Err(self.refused(fate)),
        }
    }

    /// Records never change and are read by several threads of one actor: no turn is waited for.
    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        if let ObjectName::Record(_) = name {
            return match self.errand.is_dead() {
                true => Err(broken("the machine has crashed")),
                false => self
                    .find(name)?
                    .get(name)
                    .map(|bytes| self.misread(name, 0, bytes)),
            };
        }
        let read = || {
            let bytes = self.find(name)?.get(name)?;
            Ok(self.misread(name, 0, bytes))
        };
        if self.errand.reads_freely.load(Ordering::SeqCst) {
            return read();
        }
        let fate = self.turn(Kind::Reads)?;
        self.say("get", name, 0, fate);
        match fate {
            Fate::Fine => read(),
            _ => Err(self.refused(fate)),
        }
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        let read = || {
            let bytes = self.find(name)?.get_range(name, offset, length)?;
            Ok(self.misread(name, offset, bytes))
        };
        if self.errand.reads_freely.load(Ordering::SeqCst) {
            return read();
        }
        let fate = self.turn(Kind::Reads)?;
        self.say("get a part of", name, length, fate);
        match fate {
            Fate::Fine => read(),
            _ => Err(self.refused(fate)),
        }
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        let fate = self.turn(Kind::Reads)?;
        self.say("look for", name, 0, fate);
        match fate {
            Fate::Fine if self.is_stale(name)? => Ok(None),
            Fate::Fine => self.shown_disk()?.length(name),
            _ => Err(self.refused(fate)),
        }
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fate = self.turn(Kind::Reads)?;
        let mut shown = self.shown(what)?;
        let (actor, disk, now) = (self.errand.actor, self.disk, self.stage.now());
        let folder = match what {
            Listing::Log(_) | Listing::LogFrom(..) => "a log".to_owned(),
            _ => what.folder(),
        };
        let count = shown.len();
        let line = format!("{now} actor {actor}, target {disk}: list {folder} ({count}) {fate:?}");
        self.stage.say(line);
        // A listing that breaks off shows a part of it, and is an error.
        if fate != Fate::Fine {
            shown.truncate(count / 2);
        }
        shown.into_iter().try_for_each(visit)?;
        match fate {
            Fate::Fine => Ok(()),
            _ => Err(self.refused(fate)),
        }
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let fate = self.turn(Kind::Deletes)?;
        self.say("delete", name, 0, fate);
        match fate {
            Fate::Fine => self.remove(name),
            Fate::AnswerLost | Fate::Dies(Remains::Everything) => {
                self.remove(name)?;
                Err(self.refused(fate))
            }
            _ => Err(self.refused(fate)),
        }
    }

    fn describe(&self) -> String {
        format!("target {}", self.disk)
    }

    fn try_overwrite(&self, _: &ObjectName, _: &[u8]) -> Result<Overwrite, StoreError> {
        Err(StoreError::Denied {
            target: self.describe(),
            action: Action::Put,
            source: "nobody may".into(),
        })
    }
}

fn broken(why: &'static str) -> StoreError {
    StoreError::Unreachable {
        target: "a simulated target".to_owned(),
        source: why.into(),
    }
}

/// A panic elsewhere is reported as such; what it left is good enough to report it.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
