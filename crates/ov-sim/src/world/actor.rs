//! What actors do: real engine code, from opening the vault to the last word.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ov_backup::{Agent, BackupError, BackupOptions, BackupReport, Seams, Threads, Void, backup};
use ov_format::entry::Time;
use ov_format::name::RecordName;
use ov_format::statement::{Change, Statement};
use ov_policy::{Emptying, MaxUnused};
use ov_seal::entropy::{Entropy, SeededEntropy};
use ov_store::Store;
use ov_vault::accept::{AcceptReport, accept};
use ov_vault::append::Writer;
use ov_vault::check::{CheckReport, Checking, Depth, check};
use ov_vault::copy::{CopyReport, Which, copy};
use ov_vault::forget::{ForgetError, ForgetOptions, plan_by_names};
use ov_vault::give_up::give_up_records;
use ov_vault::prune::{PruneOptions, PruneReport, Timeless};
use ov_vault::repair::mend_logs;
use ov_vault::secrets::Secrets;
use ov_vault::{Clock, Keeper, Silence, Vault, VaultError};

use super::account::Witness;
use super::bug::Bug;
use super::cast::{Part, founded};
use super::dice::Dice;
use super::files::Files;
use super::gate::{Errand, Gate, Stage, lock};
use super::judge::{Problem, Reading};
use super::oracle::Contents;

/// In seconds.
const YEAR: i64 = 365 * 86_400;

/// The clock of one actor: the true time and its own error, which may jump while it works.
pub struct ActorClock {
    stage: Arc<Stage>,
    error: Mutex<(i64, Dice)>,
    jumps: Jumps,
}

/// Whether a clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jumps {
    /// It is right.
    Never,
    /// By days, forwards or back, at any moment.
    Sometimes,
}

impl ActorClock {
    /// A clock that is `ahead` seconds ahead at first.
    pub fn new(stage: &Arc<Stage>, jumps: Jumps, ahead: i64, seed: u64) -> Self {
        Self {
            stage: Arc::clone(stage),
            error: Mutex::new((ahead, Dice::new(seed, "clock"))),
            jumps,
        }
    }
}

impl Clock for ActorClock {
    fn now(&self) -> Time {
        let (error, dice) = &mut *lock(&self.error);
        if self.jumps == Jumps::Sometimes && dice.hits(150) {
            *error = dice.seconds(600_000) - 300_000;
        }
        Time {
            seconds: self.stage.now() + *error,
            nanos: 0,
        }
    }
}

/// One actor on one errand: its keys, its clock, its way to the targets.
pub struct Actor {
    pub(super) stage: Arc<Stage>,
    errand: Arc<Errand>,
    pub(super) part: Part,
    pub(super) clock: ActorClock,
    pub(super) entropy: Arc<dyn Entropy>,
}

impl Actor {
    /// An actor sets out.
    pub fn new(
        stage: &Arc<Stage>,
        errand: &Arc<Errand>,
        part: Part,
        jumps: Jumps,
        seed: u64,
    ) -> Self {
        let ahead = match (stage.bug, part) {
            (Some(Bug::OneClockAhead), Part::Keeper(1)) => YEAR,
            // An enemy sets its clock as it likes.
            _ if errand.lies() => 30 * YEAR,
            _ => 0,
        };
        Self {
            stage: Arc::clone(stage),
            errand: Arc::clone(errand),
            part,
            clock: ActorClock::new(stage, jumps, ahead, seed),
            entropy: Arc::new(SeededEntropy::new(seed)),
        }
    }

    pub(super) fn open(&self, disk: usize) -> Result<Vault, VaultError> {
        let gate = Arc::new(Gate::new(&self.stage, &self.errand, disk));
        Vault::open(gate, founded().vault)
    }

    fn secrets(&self, vault: &Vault) -> Result<Secrets, VaultError> {
        let (member, secret) = (self.part.member(), self.part.secret());
        Secrets::unlock(&**vault.store(), vault.id(), vault.head(), member, &secret)
    }

    /// Backs up files.
    pub fn backup(&self, files: &Files, state: Option<&Path>) -> Result<BackupReport, BackupError> {
        let mut vault = self.open(0)?;
        let secrets = self.secrets(&vault)?;
        let agent = Agent::new(self.part.writer(), secrets, None)?;
        let options = BackupOptions {
            dataset: "files".to_owned(),
            ..Default::default()
        };
        let seams = Seams {
            entropy: Arc::clone(&self.entropy),
            clock: &self.clock,
            monitor: &Void,
            state,
            threads: Threads::Inline,
            extractor: Some(&Witness),
        };
        backup(&mut vault, &agent, files, &options, &seams)
    }

    fn keep<T, E: From<VaultError>>(
        &self,
        disk: usize,
        work: impl FnOnce(&mut Vault, &Keeper<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut vault = self.open(disk)?;
        let secrets = self.secrets(&vault)?;
        let writer: Writer = self.part.writer();
        let keeper = Keeper {
            writer: &writer,
            secrets: &secrets,
            entropy: &*self.entropy,
            clock: &self.clock,
            monitor: &Silence,
        };
        work(&mut vault, &keeper)
    }

    /// Accepts what is complete.
    pub fn accept(&self, disk: usize, grace: i64) -> Result<AcceptReport, VaultError> {
        self.keep(disk, |vault, keeper| accept(vault, keeper, grace))
    }

    /// Prunes without mercy: no unused byte may stay, and small packs are gathered.
    pub fn prune(&self, disk: usize, how: Prune) -> Result<PruneReport, VaultError> {
        let options = PruneOptions {
            max_unused: MaxUnused::Bytes(0),
            small_bytes: 1 << 20,
            small_packs_min: how.small_packs_min,
            gather_bytes_max: 4 << 20,
            grace_seconds: how.grace,
            unpublished_hours: how.unpublished_hours,
            timeless: Timeless::Young,
        };
        self.keep(disk, |vault, keeper| {
            let plan = ov_vault::prune::plan(vault, keeper, &options)?;
            ov_vault::prune::apply(vault, keeper, &plan)
        })
    }

    /// Copies everything from the first target to the second.
    pub fn copy(&self) -> Result<CopyReport, VaultError> {
        let to = Arc::new(Gate::new(&self.stage, &self.errand, 1));
        self.keep(0, |vault, keeper| copy(vault, to, &Which::All, keeper))
    }

    /// Restores a snapshot while others work: a turn for each file. What others delete meanwhile
    /// may be missing; what is read must be right.
    pub fn restore(&self, name: &RecordName, files: &Contents) -> Result<(), Problem> {
        let gate = Arc::new(Gate::new(&self.stage, &self.errand, 0));
        let reading =
            Reading::open(gate).map_err(|error| Problem::Unreadable(error.to_string()))?;
        self.errand.read_freely();
        let (stage, actor) = (&self.stage, self.part.actor());
        reading.restore(name, files, &|| stage.baton.wait(actor))
    }

    /// Gives up records that are lost, as a person does who has seen that no copy has them.
    pub fn give_up(&self, names: &BTreeSet<RecordName>) -> Result<(), VaultError> {
        self.keep(0, |vault, keeper| {
            give_up_records(vault, keeper, names).map(|_| ())
        })
    }

    /// Revokes a member, as `ov-admin` does: what it has said up to now stays.
    pub fn revoke(&self, part: Part) -> Result<(), VaultError> {
        let mut vault = self.open(0)?;
        let member = part.member();
        let logs = vault.logs().tips.iter();
        let of_member = logs.filter(|(log, _)| log.member == member);
        let last = of_member.filter_map(|(log, tips)| Some((*log, tips.first()?.number)));
        let after = last.collect();
        let statement = Statement::Head(vec![Change::Revoke { member, after }]);
        let writer = self.part.writer();
        let done = vault.append(&writer, &self.clock, statement, Vec::new(), &[]);
        done.map(drop)
    }

    /// Mends the first target from the second, as a person does.
    pub fn repair(&self) -> Result<(), VaultError> {
        let gate =
            |disk| -> Arc<dyn Store> { Arc::new(Gate::new(&self.stage, &self.errand, disk)) };
        let copies = [gate(1)];
        mend_logs(&*gate(0), &copies)?;
        // Nobody else is about, and several threads read.
        self.errand.read_freely();
        let report = self.check(0, Depth::Read)?;
        self.keep(0, |vault, keeper| {
            let mut plan = ov_vault::repair::plan(vault, keeper, &report, &copies)?;
            plan.give_up.clear();
            plan.give_up_records.clear();
            ov_vault::repair::apply(vault, keeper, &plan, &copies).map(|_| ())
        })
    }

    /// Forgets snapshots by name, as a person does.
    pub fn forget(&self, disk: usize, names: &BTreeSet<RecordName>) -> Result<(), ForgetError> {
        let options = ForgetOptions {
            emptying: Emptying::Allowed,
            ..Default::default()
        };
        self.keep(disk, |vault, keeper| {
            let plan = plan_by_names(vault, keeper, names, &options)?;
            ov_vault::forget::apply(vault, keeper, &plan)?;
            Ok(())
        })
    }

    /// Checks that everything is there.
    pub fn check(&self, disk: usize, depth: Depth) -> Result<CheckReport, VaultError> {
        self.keep(disk, |vault, keeper| {
            let checking = Checking {
                secrets: Some(keeper.secrets),
                clock: keeper.clock,
                monitor: keeper.monitor,
                verified: None,
            };
            check(vault, &checking, depth)
        })
    }
}

/// How a keeper prunes.
#[derive(Clone, Copy, Debug)]
pub struct Prune {
    /// Seconds between a condemn and the deletion.
    pub grace: i64,
    /// Small packs are gathered where there are so many.
    pub small_packs_min: usize,
    /// Unpublished packs go when they are older.
    pub unpublished_hours: u64,
}
