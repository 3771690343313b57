//! What `run` can do with a key that may do all: what an agent and a keeper can, and let snapshots
//! go by the name of their dataset.

use std::collections::BTreeSet;

use oncovault_agent::jobs::AgentJobs;
use oncovault_keeper::Keeping;
use oncovault_keeper::forget;
use oncovault_keeper::jobs::KeeperJobs;
use ov_format::name::RecordName;
use ov_format::statement::Role;
use ov_program::config::Retention;
use ov_program::runner::Ended;
use ov_program::{Job, Jobs, Task};
use ov_restore::{ReaderKeys, Snapshots};
use ov_terminal::verb::run::{Site, ended};
use ov_terminal::{Exit, Failure};
use ov_vault::State;
use ov_vault::forget::ForgetOptions;
use serde_json::Value;

use crate::verb::forget::all_open;

/// What the owner can do.
struct AllJobs<'s> {
    site: Site<'s>,
    agent: AgentJobs<'s>,
    keeper: KeeperJobs<'s>,
}

/// As `run` takes it.
pub fn of(site: Site<'_>) -> Box<dyn Jobs + '_> {
    Box::new(AllJobs {
        site,
        agent: AgentJobs::new(site),
        keeper: KeeperJobs::new(site),
    })
}

impl Jobs for AllJobs<'_> {
    fn can(&self, task: &Task) -> bool {
        self.agent.can(task) || self.keeper.can(task)
    }

    fn carry_out(&mut self, job: &Job<'_>) -> Ended {
        match job {
            Job::Backup(_) => self.agent.carry_out(job),
            Job::Forget if by_name(&self.site) => ended(forget_by_name(&self.site), &self.site),
            _ => self.keeper.carry_out(job),
        }
    }

    fn interrupted(&self) -> bool {
        self.agent.interrupted()
    }
}

/// Whether rules need more than a keeper sees, and this key sees it. A key that does not read goes
/// by what a keeper does.
fn by_name(site: &Site<'_>) -> bool {
    let config = site.config;
    if !site.facts.roles.contains(&Role::Reader) {
        return false;
    }
    let own = config.dataset.iter().any(|d| d.retention.is_some());
    let all = config.policy.retention.as_ref();
    own || all.is_some_and(|retention| !retention.tags.is_empty())
}

/// Each dataset by its own rules, the others by those of the policy.
fn forget_by_name(site: &Site<'_>) -> Result<(Value, Exit), Failure> {
    let mut keeping = Keeping::open(site.desk)?;
    let (vault, writer) = (&keeping.opened.vault, &keeping.opened.writer);
    let keys = ReaderKeys::unlock(vault, writer.member, &writer.secret)?;
    let snapshots = Snapshots::load(vault, &State::of(vault), &keys)?;
    all_open(&snapshots)?;
    let mut done = Vec::new();
    let mut left: BTreeSet<RecordName> = snapshots.listed.iter().map(|s| s.commit).collect();
    let config = site.config;
    for dataset in &config.dataset {
        let Some(retention) = &dataset.retention else {
            continue;
        };
        let of_it = snapshots.listed.iter();
        let of_it = of_it.filter(|info| info.snapshot.dataset == dataset.name.as_str());
        let among: BTreeSet<RecordName> = of_it.map(|info| info.commit).collect();
        left.retain(|name| !among.contains(name));
        done.push(part(&mut keeping, retention, among, &snapshots, site)?);
    }
    if let Some(retention) = &config.policy.retention {
        done.push(part(&mut keeping, retention, left, &snapshots, site)?);
    }
    keeping.watcher.meter.clear();
    Ok((Value::Array(done), Exit::Done))
}

fn part(
    keeping: &mut Keeping,
    retention: &Retention,
    among: BTreeSet<RecordName>,
    snapshots: &Snapshots,
    site: &Site<'_>,
) -> Result<Value, Failure> {
    let tagged = snapshots.listed.iter();
    let known = ForgetOptions {
        zone: site.config.policy.zone(),
        among: Some(among),
        tags: tagged
            .map(|info| (info.commit, info.tags.clone()))
            .collect(),
        ..ForgetOptions::default()
    };
    forget::by_rules(keeping, &retention.rules(), &known, site.desk)
}
