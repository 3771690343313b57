//! Forgetting snapshots: a plan with the reasons for each, then one tombstone for all that go.
//!
//! Nothing is deleted here; [`crate::prune`] frees what no snapshot needs any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ov_format::entry::Time;
use ov_format::id::{DatasetId, MemberId};
use ov_format::name::RecordName;
use ov_format::statement::{Role, Statement};
use ov_policy::activity::alarm;
use ov_policy::retention::{GroupPlan, plan, plan_named};
use ov_policy::{
    Alarm, Arrival, Band, Bounds, Candidate, Emptying, Reason, RetentionError, Rules, Span, Terms,
    Verdict,
};

use crate::error::VaultError;
use crate::finding::short;
use crate::graph::Graph;
use crate::keeper::{Keeper, require_role, writing_members};
use crate::state::{Commit, State};
use crate::vault::Vault;
use crate::view::tips;

pub use crate::forget_plan::ForgetPlan;

/// What rules count together: the snapshots of one agent and dataset, and of one label where the
/// caller can read more than a keeper.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group {
    /// The agent.
    pub agent: MemberId,
    /// The dataset, an id without a name.
    pub dataset: DatasetId,
    /// Such as a host or a path; empty where the caller gave none.
    pub label: String,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dataset {} of member {}", self.dataset, self.agent)?;
        match self.label.as_str() {
            "" => Ok(()),
            label => write!(f, " ({label})"),
        }
    }
}

/// Whether forgetting stops where a group behaves unusually.
#[derive(Clone, Debug)]
pub enum Watch {
    /// In vaults that more than one member writes into, with the usual band.
    Default,
    /// Always, with this band.
    Band(Band),
    /// Never.
    Off,
}

/// What is asked for, beside the rules.
#[derive(Clone, Debug)]
pub struct ForgetOptions {
    /// Whose calendar says what a day is.
    pub zone: TimeZone,
    /// Whether a group may be left with nothing.
    pub emptying: Emptying,
    /// Nothing younger is forgotten; without one, 30 days where more than one member writes.
    pub floor: Option<Span>,
    /// So many of the newest accepted ones remain in every group.
    pub minimum_kept: u32,
    /// Whether forgetting stops where a group behaves unusually.
    pub watch: Watch,
    /// Up to when a person has looked at a group and found it in order.
    pub cleared: BTreeMap<(MemberId, DatasetId), Timestamp>,
    /// Only these snapshots are looked at; without, all.
    pub among: Option<BTreeSet<RecordName>>,
    /// Tags, where the caller can read them.
    pub tags: BTreeMap<RecordName, Vec<String>>,
    /// A finer grouping, where the caller can read more.
    pub labels: BTreeMap<RecordName, String>,
}

impl Default for ForgetOptions {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            emptying: Emptying::Refused,
            floor: None,
            minimum_kept: 1,
            watch: Watch::Default,
            cleared: BTreeMap::new(),
            among: None,
            tags: BTreeMap::new(),
            labels: BTreeMap::new(),
        }
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// The rules give none.
    #[error(transparent)]
    Rules(#[from] RetentionError<Group>),
    /// The vault gives none.
    #[error(transparent)]
    Vault(#[from] VaultError),
}

/// Plans by rules. Binds a person like a keeper: floor, minimum and band hold.
pub fn plan_by_rules(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    rules: &Rules,
    options: &ForgetOptions,
) -> Result<ForgetPlan, ForgetError> {
    let known = Known::read(vault, keeper)?;
    let candidates = known.candidates(keeper, options);
    let paused = known.paused(vault, options);
    let terms = Terms {
        rules,
        bounds: bounds(vault, options),
        now: timestamp(keeper.clock.now()),
        zone: &options.zone,
        paused: &paused,
        emptying: options.emptying,
    };
    let groups = plan(&candidates, &terms)?.groups;
    Ok(ForgetPlan::new(vault, tips(vault), groups))
}

/// Plans to forget what is named. An admin is bound by holds alone, a keeper also by floor,
/// minimum and band. Checkpoints may be named too.
pub fn plan_by_names(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    names: &BTreeSet<RecordName>,
    options: &ForgetOptions,
) -> Result<ForgetPlan, ForgetError> {
    let known = Known::read(vault, keeper)?;
    let mut options = options.clone();
    let groups: BTreeSet<Group> = names
        .iter()
        .map(|name| {
            let commit = known.state.commits.get(name);
            let commit = commit.filter(|commit| !commit.forgotten);
            let commit = commit.ok_or_else(|| VaultError::NoSnapshot(short(name)))?;
            Ok(known.group(commit, &options))
        })
        .collect::<Result<_, VaultError>>()?;
    options.among = None;
    let mut candidates = known.candidates(keeper, &options);
    candidates.extend(known.named_checkpoints(keeper, names, &options));
    candidates.retain(|one| groups.contains(&one.group));
    let mut plans = plan_named(&candidates, names, options.emptying)?.groups;
    let member = vault.head().member(keeper.writer.member)?;
    if !member.may(Role::Admin) {
        let paused = known.paused(vault, &options);
        let bounds = bounds(vault, &options);
        bind(
            &mut plans,
            &candidates,
            bounds,
            &paused,
            keeper,
            &options.zone,
        );
    }
    Ok(ForgetPlan::new(vault, tips(vault), plans))
}

/// Writes the tombstone. Nothing is written if nothing goes. Refused if the vault has changed in a
/// way that contradicts the plan.
pub fn apply(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    plan: &ForgetPlan,
) -> Result<Option<RecordName>, VaultError> {
    vault.refresh()?;
    let roles = [Role::Keeper, Role::Admin];
    require_role(vault, keeper.writer, &roles, "forget snapshots")?;
    let state = State::of(vault);
    plan.check(vault, &state)?;
    let open = |name: &&RecordName| !state.commits[*name].forgotten;
    let names: Vec<RecordName> = plan.forgotten().filter(open).copied().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let statement = Statement::Forget(names);
    let name = vault.append(keeper.writer, keeper.clock, statement, Vec::new(), &[])?;
    Ok(Some(name))
}

struct Known {
    state: State,
    graph: Graph,
}

impl Known {
    fn read(vault: &mut Vault, keeper: &Keeper<'_>) -> Result<Self, VaultError> {
        vault.refresh()?;
        let what = "forget snapshots";
        require_role(vault, keeper.writer, &[Role::Keeper, Role::Admin], what)?;
        if keeper.secrets.structure.is_empty() {
            return Err(VaultError::NoStructure { what });
        }
        let state = State::of(vault);
        let open = |context: &_, head: &[u8]| keeper.open(context, head);
        let live = |name: &RecordName| state.commits.get(name).is_some_and(|one| !one.forgotten);
        let graph = Graph::load_roots(vault, &state, &open, &live)?;
        Ok(Self { state, graph })
    }

    fn group(&self, commit: &Commit, options: &ForgetOptions) -> Group {
        let root = self.graph.root(&commit.name);
        Group {
            agent: commit.name.log.member,
            // Where its section cannot be read, it is a group of its own: kept by every rule that
            // keeps one, and found by check.
            dataset: root.map_or(DatasetId([0; 8]), |root| root.dataset),
            label: options
                .labels
                .get(&commit.name)
                .cloned()
                .unwrap_or_default(),
        }
    }

    fn candidates(
        &self,
        keeper: &Keeper<'_>,
        options: &ForgetOptions,
    ) -> Vec<Candidate<RecordName, Group>> {
        let wanted = |commit: &&Commit| {
            let among = options.among.as_ref();
            among.is_none_or(|among| among.contains(&commit.name))
        };
        let listed = self.state.listed().filter(wanted);
        listed
            .map(|commit| self.candidate(commit, keeper, options))
            .collect()
    }

    fn named_checkpoints(
        &self,
        keeper: &Keeper<'_>,
        names: &BTreeSet<RecordName>,
        options: &ForgetOptions,
    ) -> Vec<Candidate<RecordName, Group>> {
        let commits = names.iter().filter_map(|name| self.state.commits.get(name));
        let partial = commits.filter(|commit| commit.partial && !commit.forgotten);
        partial
            .map(|commit| self.candidate(commit, keeper, options))
            .collect()
    }

    fn candidate(
        &self,
        commit: &Commit,
        keeper: &Keeper<'_>,
        options: &ForgetOptions,
    ) -> Candidate<RecordName, Group> {
        let holds = self.state.holds.iter();
        let holds = holds.filter(|hold| hold.commits.contains(&commit.name));
        Candidate {
            id: commit.name,
            arrival: timestamp(commit.arrival.unwrap_or_else(|| keeper.clock.now())),
            group: self.group(commit, options),
            accepted: commit.arrival.is_some(),
            holds: holds.map(|hold| hold.reason.clone()).collect(),
            tags: options.tags.get(&commit.name).cloned().unwrap_or_default(),
        }
    }

    /// Groups that behave unusually. An alarm of an agent's dataset pauses it under every label.
    fn paused(&self, vault: &Vault, options: &ForgetOptions) -> BTreeMap<Group, Alarm> {
        let band = match (&options.watch, writing_members(vault)) {
            (Watch::Off, _) | (Watch::Default, 0 | 1) => return BTreeMap::new(),
            (Watch::Default, _) => Band::default(),
            (Watch::Band(band), _) => *band,
        };
        let mut arrivals: BTreeMap<(MemberId, DatasetId), Vec<Arrival>> = BTreeMap::new();
        let mut groups = BTreeSet::new();
        for commit in self.state.listed() {
            let Some(at) = commit.arrival else { continue };
            let group = self.group(commit, options);
            let key = (group.agent, group.dataset);
            arrivals
                .entry(key)
                .or_default()
                .push(self.arrival(commit, at));
            groups.insert(group);
        }
        let alarm_of = |group: &Group| {
            let key = (group.agent, group.dataset);
            alarm(&arrivals[&key], options.cleared.get(&key).copied(), &band)
        };
        let found = groups.into_iter().filter_map(|group| {
            let alarm = alarm_of(&group)?;
            Some((group, alarm))
        });
        found.collect()
    }

    fn arrival(&self, commit: &Commit, at: Time) -> Arrival {
        let said = self.graph.root(&commit.name).map(|root| root.counts.bytes);
        Arrival {
            at: timestamp(at),
            bytes: commit.stored_bytes.or(said).unwrap_or(0),
            new_bytes: commit.packs.iter().map(|pack| pack.length).sum(),
        }
    }
}

/// The floor is a wall between several who write; who is alone with his vault needs none.
fn bounds(vault: &Vault, options: &ForgetOptions) -> Bounds {
    let usual = match writing_members(vault) {
        0 | 1 => Span::ZERO,
        _ => Bounds::BINDING.floor,
    };
    Bounds {
        floor: options.floor.unwrap_or(usual),
        minimum_kept: options.minimum_kept,
        ..Bounds::BINDING
    }
}

/// Adds what binds a keeper who names snapshots.
fn bind(
    plans: &mut [GroupPlan<RecordName, Group>],
    candidates: &[Candidate<RecordName, Group>],
    bounds: Bounds,
    paused: &BTreeMap<Group, Alarm>,
    keeper: &Keeper<'_>,
    zone: &TimeZone,
) {
    let floor = bounds.floor.before(timestamp(keeper.clock.now()), zone);
    let by_name: BTreeMap<_, _> = candidates.iter().map(|one| (one.id, one)).collect();
    let minimum = usize::try_from(bounds.minimum_kept).unwrap_or(usize::MAX);
    for plan in plans {
        let mut newest = 0;
        for (name, verdict) in &mut plan.verdicts {
            let Some(one) = by_name.get(name) else {
                continue;
            };
            let is_newest = one.accepted && newest < minimum;
            newest += usize::from(one.accepted);
            let reason = match paused.get(&plan.group) {
                _ if !one.accepted => Reason::NotAccepted,
                _ if !bounds.floor.is_zero() && one.arrival > floor => Reason::Floor(bounds.floor),
                _ if is_newest => Reason::MinimumKept(bounds.minimum_kept),
                Some(alarm) => Reason::Paused(*alarm),
                None => continue,
            };
            if *verdict == Verdict::Forget {
                *verdict = Verdict::Keep(vec![reason]);
            }
        }
    }
}

/// A time of the format as the rules take it. Times beyond the calendar become its ends.
pub fn timestamp(time: Time) -> Timestamp {
    let nanos = i32::try_from(time.nanos).unwrap_or(0);
    let end = match time.seconds < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    };
    Timestamp::new(time.seconds, nanos).unwrap_or(end)
}
