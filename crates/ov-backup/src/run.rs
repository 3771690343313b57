//! A backup from beginning to end.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::Wire;
use ov_format::entry::Time;
use ov_format::id::{DatasetId, ObjectHash};
use ov_format::name::RecordName;
use ov_format::snapshot::Counts;
use ov_format::statement::{Role, Statement};
use ov_source::Source;
use ov_store::Store;
use ov_vault::append::lock_or_busy;
use ov_vault::state::{State, Verdict};
use ov_vault::{Vault, VaultError};

use crate::agent::Agent;
use crate::discard::Discard;
use crate::error::BackupError;
use crate::extract::Extractor;
use crate::frame_writer::{FrameWriter, Pace, Sealing};
use crate::index::Index;
use crate::local_file::LocalFiles;
use crate::local_tree::{NewTree, OldTree, Roots, remove_tree};
use crate::options::{BackupOptions, BackupReport, Mode, Reuse, Seams, Unchanged};
use crate::ordered::Threads;
use crate::pass::{Pass, When};
use crate::publish::{Said, Stage, publish};
use crate::read::ReadKeys;
use crate::renewal::{self, Renewal};
use crate::reread::Drawing;
use crate::spares::Spares;
use crate::trees::{Finished, Trees};
use crate::unchanged::share_to_reread;
use crate::untold::Untold;
use crate::used::Used;

/// A checkpoint is published when this much was stored since the last one: what a killed run
/// loses at most, and what bounds the lists in memory.
const CHECKPOINT_BYTES: u64 = 8 * 1024 * 1024 * 1024;

/// A checkpoint is published after this long, if anything was stored.
const CHECKPOINT_SECONDS: i64 = 15 * 60;

/// Passes until a run gives up.
const PASSES_MAX: u32 = 5;

/// Backs up a source into a dataset.
///
/// The rule that makes it safe beside keepers who delete without locks: the commit is put, *then*
/// the keepers' logs are read again; if they dropped anything that the commit uses, the run is
/// repeated before it counts as done (`docs/decisions/0002-one-flag-protocol.md`).
pub fn backup(
    vault: &mut Vault,
    agent: &Agent,
    source: &dyn Source,
    options: &BackupOptions,
    seams: &Seams<'_>,
) -> Result<BackupReport, BackupError> {
    let run = Run::new(vault, agent, source, options, seams)?;
    let _lock = run.lock()?;
    let mut report = BackupReport::default();
    for pass in 1..=PASSES_MAX {
        let (objects, stored) = (report.objects, report.bytes_stored);
        report = BackupReport {
            passes: pass,
            objects,
            bytes_stored: stored,
            ..Default::default()
        };
        match run.pass(vault, &mut report)? {
            Outcome::Done => return Ok(report),
            Outcome::Repeat => {
                seams
                    .monitor
                    .notice("data that this run used is being deleted; it stores that data again");
            }
        }
    }
    Err(BackupError::Repeated(PASSES_MAX))
}

enum Outcome {
    Done,
    Repeat,
}

struct Run<'r> {
    agent: &'r Agent,
    source: &'r dyn Source,
    options: &'r BackupOptions,
    seams: &'r Seams<'r>,
    files: LocalFiles,
    keys: ReadKeys,
    sealing: Sealing,
    dataset: DatasetId,
    began: Time,
}

impl<'r> Run<'r> {
    fn new(
        vault: &Vault,
        agent: &'r Agent,
        source: &'r dyn Source,
        options: &'r BackupOptions,
        seams: &'r Seams<'r>,
    ) -> Result<Self, BackupError> {
        let head = vault.head();
        head.member(agent.writer.member)?;
        let kem = head
            .compartments
            .get(&agent.compartment)
            .and_then(|k| k.get(&agent.epoch));
        let kem = kem.ok_or(VaultError::NoKey("this compartment"))?;
        let key = ov_seal::compartment::CompartmentPublic::from_bytes(kem)
            .map_err(|_| VaultError::NoKey("this compartment"))?;
        let (structure_epoch, structure) = head.structure_key()?;
        let state_key = agent.writer.secret.local_state_key();
        Ok(Self {
            agent,
            source,
            options,
            seams,
            files: LocalFiles::open(seams.state, state_key, Arc::clone(&seams.entropy))?,
            keys: ReadKeys::new(&agent.secret),
            sealing: Sealing {
                vault: vault.id(),
                signer: agent.writer.member,
                compartment: agent.compartment,
                epoch: agent.epoch,
                key,
                structure_epoch,
                structure,
                entropy: Arc::clone(&seams.entropy),
            },
            dataset: agent.dataset(&options.dataset),
            began: seams.clock.now(),
        })
    }

    /// One run per dataset and machine at a time.
    fn lock(&self) -> Result<Option<std::fs::File>, BackupError> {
        let path = self.files.path(&format!("last/{}.lock", self.dataset));
        let lock = path.map(|path| lock_or_busy(&path, "a backup of this dataset"));
        Ok(lock.transpose()?)
    }

    fn last_file(&self) -> String {
        format!("last/{}", self.dataset)
    }

    /// The last commit of this dataset by this agent that counts: it vouches for the local tree.
    fn last_commit(&self, vault: &Vault, state: &State) -> Option<RecordName> {
        let name = RecordName::from_bytes(&self.files.read(&self.last_file())?).ok()?;
        let commit = state.commits.get(&name)?;
        let ours = name.log.member == self.agent.writer.member;
        let here = name.log.target == vault.target();
        let fine = !matches!(commit.verdict, Verdict::Rejected(_));
        (ours && here && fine).then_some(name)
    }

    fn pass(&self, vault: &mut Vault, report: &mut BackupReport) -> Result<Outcome, BackupError> {
        vault.refresh()?;
        let state = State::of(vault);
        let monitor = self.seams.monitor;
        let mut index = Index::load(vault, &state, self.agent, &self.files, monitor)?;
        let mut origins = index.origins().clone();
        let last = self.last_commit(vault, &state);
        let wanted = last.filter(|_| self.options.reuse == Reuse::Unchanged);
        let mut old = OldTree::open(&self.files, wanted.as_ref());
        let mut new = NewTree::start(&self.files, self.dataset, self.began);
        let since = old.began().map_or(0, |last| self.since(last));
        let share = share_to_reread(self.options, since);
        let reread = Drawing::new(self.keys.id.clone(), self.began, share);
        let renewal = Renewal::open(&self.files, last.as_ref());
        let discard = Discard::default();
        let store = Arc::clone(vault.store());
        let store: &dyn Store = match self.options.mode {
            Mode::Store => &*store,
            Mode::DryRun => &discard,
        };

        let memory = self.options.memory;
        let spares = Spares::up_to(memory.spares());
        let (trees, used, mut frames_left) = std::thread::scope(|scope| {
            let threads = match self.seams.threads {
                Threads::Inline => Threads::Inline,
                Threads::Count(count) => Threads::Count(memory.pairs(count)),
            };
            let pace = Pace {
                threads,
                effort: self.options.effort,
                memory,
            };
            let mut frames = FrameWriter::start(scope, &self.sealing, store, &spares, pace)?;
            let mut checkpoints = Checkpoints::new(self, self.seams.clock.now().seconds);
            let mut checkpoint = |frames: &mut FrameWriter<'_>, trees: &mut Trees, when| {
                checkpoints.consider(frames, trees, when, vault, &mut origins)
            };
            let mut pass = Pass {
                options: self.options,
                source: self.source,
                keys: &self.keys,
                extractor: self.extractor(),
                monitor: self.seams.monitor,
                index: &mut index,
                frames: &mut frames,
                spares: &spares,
                old: &mut old,
                new: &mut new,
                renewal: &renewal,
                report,
                checkpoint: &mut checkpoint,
                used: Used::default(),
                run: None,
                reread,
                untold: Untold::default(),
            };
            let trees = pass.run(scope, threads)?;
            let used = pass.used;
            let left = frames.flush()?;
            checkpoints.count(report);
            Ok::<_, BackupError>((trees, used, left))
        })?;
        if self.options.mode == Mode::DryRun {
            return Ok(Outcome::Done);
        }
        let Finished { files, catalog } = trees;
        let roots = Roots {
            files: files.root,
            catalog: catalog.root,
        };
        if self.options.unchanged == Unchanged::Skip && is_same(&mut old, &roots) {
            return Ok(Outcome::Done);
        }
        let said = Said {
            dataset: self.dataset,
            options: self.options,
            began: self.began,
            root: files.root.map(|root| (root, files.level)),
            catalog: catalog.root.map(|root| (root, catalog.level)),
            counts: files.counts,
            stage: Stage::Whole,
        };
        frames_left.refs = files.refs;
        frames_left.refs.extend(catalog.refs);
        let name = publish(
            vault,
            self.agent,
            &self.sealing,
            self.seams,
            frames_left,
            &said,
            report,
        )?;
        origins.extend(published_by(vault, &name));
        if self.must_repeat(vault, &used, &origins)? {
            self.take_back(vault, name)?;
            return Ok(Outcome::Repeat);
        }
        new.finish(&self.files, &name, &roots);
        let budget = renewal::budget(report.bytes_added, report.bytes, since);
        renewal::finish(&self.files, last.as_ref(), &name, &used, budget);
        self.files.write(&self.last_file(), &name.to_bytes());
        if let Some(last) = last {
            remove_tree(&self.files, &last);
            renewal::forget(&self.files, &last);
        }
        report.snapshot = Some(name);
        Ok(Outcome::Done)
    }

    /// What a dry run would learn is kept nowhere.
    fn extractor(&self) -> Option<&'r dyn Extractor> {
        match self.options.mode {
            Mode::Store => self.seams.extractor,
            Mode::DryRun => None,
        }
    }

    fn since(&self, last: Time) -> i64 {
        self.began.seconds.saturating_sub(last.seconds)
    }

    /// A keeper's own commit carried its accept; what turns out to rest on dropped data is not
    /// accepted after all.
    fn take_back(&self, vault: &mut Vault, commit: RecordName) -> Result<(), BackupError> {
        let writer = &self.agent.writer;
        if vault.head().member(writer.member)?.may(Role::Keeper) {
            let reason = "data that it used was being deleted; the run was repeated".to_owned();
            let reject = Statement::Reject { commit, reason };
            vault.append(writer, self.seams.clock, reject, Vec::new(), &[])?;
        }
        Ok(())
    }

    /// Reads the keepers' logs after the commit was durable: all of them, or nothing is known.
    fn must_repeat(
        &self,
        vault: &mut Vault,
        used: &Used,
        origins: &BTreeSet<ObjectHash>,
    ) -> Result<bool, BackupError> {
        vault.refresh()?;
        let unread = vault.keepers_unread();
        if !unread.is_empty() {
            return Err(BackupError::KeepersUnread(unread));
        }
        let after = State::of(vault).condemns();
        Ok(used.frames().any(|frame| after.drops(&frame, origins)))
    }
}

/// Whether the trees are the last run's, byte for byte.
fn is_same(old: &mut OldTree, roots: &Roots) -> bool {
    old.finish();
    old.began().is_some() && old.roots() == Some(roots)
}

/// Packs and tables that a commit published: a keeper that found one unpublished may have condemned
/// it whole.
fn published_by(vault: &Vault, commit: &RecordName) -> Vec<ObjectHash> {
    let said = vault.logs().find(commit);
    let (packs, tables) = said.map_or((&[][..], &[][..]), |said| said.statement.published());
    packs
        .iter()
        .chain(tables)
        .map(|object| object.hash)
        .collect()
}

/// Publishes what was stored so far, now and then, so that a killed run loses little.
struct Checkpoints<'r> {
    run: &'r Run<'r>,
    since_seconds: i64,
    since_bytes: u64,
    counted: BackupReport,
}

impl<'r> Checkpoints<'r> {
    fn new(run: &'r Run<'r>, since_seconds: i64) -> Self {
        Self {
            run,
            since_seconds,
            since_bytes: 0,
            counted: BackupReport::default(),
        }
    }

    fn consider(
        &mut self,
        frames: &mut FrameWriter<'_>,
        trees: &mut Trees,
        when: When,
        vault: &mut Vault,
        origins: &mut BTreeSet<ObjectHash>,
    ) -> Result<(), BackupError> {
        let stored = frames.stored() - self.since_bytes;
        let now = self.run.seams.clock.now().seconds;
        let old = stored > 0 && now - self.since_seconds >= CHECKPOINT_SECONDS;
        if when == When::Due && stored < CHECKPOINT_BYTES && !old {
            return Ok(());
        }
        let mut published = frames.flush()?;
        published.refs = trees.take_refs();
        if self.run.options.mode == Mode::DryRun {
            self.since_bytes = frames.stored();
            self.since_seconds = now;
            return Ok(());
        }
        if published.packs.is_empty() {
            return Ok(());
        }
        let said = Said {
            dataset: self.run.dataset,
            options: self.run.options,
            began: self.run.began,
            root: None,
            catalog: None,
            counts: Counts::default(),
            stage: Stage::Partial,
        };
        let run = self.run;
        let counted = &mut self.counted;
        let name = publish(
            vault,
            run.agent,
            &run.sealing,
            run.seams,
            published,
            &said,
            counted,
        )?;
        origins.extend(published_by(vault, &name));
        self.since_bytes = frames.stored();
        self.since_seconds = now;
        Ok(())
    }

    /// Adds what the checkpoints stored to the report of the run.
    fn count(&self, report: &mut BackupReport) {
        report.objects += self.counted.objects;
        report.bytes_stored += self.counted.bytes_stored;
    }
}
