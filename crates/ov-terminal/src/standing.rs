//! How things stand, gathered: the configuration, the history, the vault, its copies, and what is
//! remembered of those that are not there now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ov_format::name::RecordName;
use ov_format::statement::Role;
use ov_policy::forecast::{Track, backtest, outlook};
use ov_policy::placement::Site as PlacedAt;
use ov_program::config::{CopyPlace, Fetched, Site as Sited};
use ov_program::forecast::{Nights, history};
use ov_program::notify::Cause;
use ov_program::status::{
    ANY, Checks, Contents, Dataset, Kit, Place, PlaceKind, PlaceNote, Reach, Status, heard,
};
use ov_program::{Config, History, Plan, Task};
use ov_seal::entropy::{Entropy, OsEntropy};
use ov_store::{Grade, Store, TargetUrl};
use ov_vault::append::Writer;
use ov_vault::{Clock, State, SystemClock, Vault};
use serde_json::Value;

use crate::configuration;
use crate::desk::{Copies, Desk, verified};
use crate::failure::Failure;
use crate::machine;
use crate::remembered;

/// Tells to which dataset each snapshot of a vault belongs, where a key opens that.
pub type NamesOf = fn(&Vault, &Writer) -> Result<BTreeMap<RecordName, String>, Failure>;

/// Whether targets are tried anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probing {
    /// Small objects are stored and removed again.
    Now,
    /// What was learnt the last time counts.
    Remembered,
}

/// What a status is gathered from.
pub struct Standing<'s> {
    /// The options are those of the configuration.
    pub desk: &'s Desk,
    /// The configuration.
    pub config: &'s Config,
    /// The folder of the member's local state.
    pub folder: &'s Path,
    /// What happened.
    pub history: &'s History,
    /// What the key may do.
    pub roles: &'s [Role],
    /// Names of datasets, for a key that reads; without, all snapshots of a place are judged as one.
    pub names: Option<NamesOf>,
    /// Whether targets are tried anew.
    pub probing: Probing,
}

/// Now, by the clock of this program.
pub fn now() -> Timestamp {
    Timestamp::from_second(SystemClock.now().seconds).unwrap_or(Timestamp::MIN)
}

/// What a look at a place found.
struct Look {
    contents: Contents,
    grade: Option<Grade>,
    outlook: Option<ov_policy::forecast::Outlook>,
    state: State,
}

impl Standing<'_> {
    /// Gathers it. What is out of reach is no error: it is told.
    pub fn gather(&self) -> Result<Status, Failure> {
        let at = now();
        let (vault, writer, state) = self.vault(at);
        let mut places = vec![vault];
        for copy in &self.config.copy {
            places.push(self.copy(copy, writer.as_ref(), at));
        }
        let cycle = self.config.policy.check_cycle.seconds();
        Ok(Status {
            at,
            vault: machine::host(),
            rule: *self.config.policy.copies.value(),
            checked_since: Timestamp::from_second(at.as_second() - cycle).unwrap_or(at),
            checks: self.checks(),
            datasets: self.datasets(at),
            places,
            agents: state.map_or_else(Vec::new, |state| heard(&self.config.watch, &state, at)),
            kit: self.kit(),
        })
    }

    fn checks(&self) -> Checks {
        match self.roles.contains(&Role::Keeper) {
            true => Checks::Here,
            false => Checks::Elsewhere,
        }
    }

    /// What this key neither backs up nor tells by name is somebody else's, who knows its age.
    fn datasets(&self, at: Timestamp) -> Vec<Dataset> {
        if self.names.is_none() && !self.roles.contains(&Role::Agent) {
            return Vec::new();
        }
        let host = machine::host();
        let plan = Plan {
            config: self.config,
            history: self.history,
            host: &host,
        };
        let of = |dataset: &ov_program::config::Dataset| {
            let task = Task::Dataset(dataset.name.value().clone());
            let past = self.history.past(&task);
            let last = self.history.of(&task).next_back();
            let rpo = dataset.rpo.as_ref().map(|rpo| rpo.seconds());
            Dataset {
                name: dataset.name.to_string(),
                rpo: rpo.and_then(|seconds| u64::try_from(seconds).ok()),
                past,
                cause: last.map(|entry| Cause::of_exit(entry.exit)),
                next: plan.next(&task, at),
            }
        };
        self.config.dataset.iter().map(of).collect()
    }

    fn vault(&self, at: Timestamp) -> (Place, Option<Writer>, Option<State>) {
        let place = &self.config.vault;
        let seen = remembered::of(self.folder, &place.url).seen;
        let (reach, look, writer) = match self.desk.open(Copies::Never) {
            Ok(opened) => {
                let look = self.look("vault", &opened.vault, Some(&opened.writer), at);
                (Reach::Reached, Some(look), Some(opened.writer))
            }
            Err(failure) => (unreached(&failure, seen), None, None),
        };
        let mut shown = self.place("vault", PlaceKind::Vault, &place.url, reach, look.as_ref());
        shown.take(&self.remember(&place.url, look.as_ref(), at));
        forget_if_gone(&mut shown);
        shown.medium.clone_from(&place.medium);
        shown.site = sited(place.site);
        (shown, writer, look.map(|look| look.state))
    }

    fn copy(&self, copy: &CopyPlace, writer: Option<&Writer>, at: Timestamp) -> Place {
        let name = copy.name.as_str();
        let seen = remembered::of(self.folder, &copy.url).seen;
        let (reach, look) = match self.open_copy(copy) {
            Ok(vault) => (Reach::Reached, Some(self.look(name, &vault, writer, at))),
            Err(_) if copy.offline => (Reach::Unplugged { seen }, None),
            Err(failure) => (unreached(&failure, seen), None),
        };
        let age_max = u64::try_from(copy.max_age.seconds()).unwrap_or(0);
        let kind = PlaceKind::Copy { age_max };
        let mut shown = self.place(name, kind, &copy.url, reach, look.as_ref());
        shown.take(&self.remember(&copy.url, look.as_ref(), at));
        forget_if_gone(&mut shown);
        shown.medium.clone_from(&copy.medium);
        shown.site = sited(copy.site);
        shown.offline = copy.offline;
        shown.pulled = copy.by == Fetched::Pull;
        shown
    }

    fn open_copy(&self, copy: &CopyPlace) -> Result<Vault, Failure> {
        let options = configuration::for_copy(&self.desk.options, copy.s3.as_ref());
        let store = ov_store::open(&copy.url, &options.open_options())?;
        let store: Arc<dyn Store> = Arc::from(store);
        Ok(Vault::open(store, self.desk.key_file()?.facts().vault)?)
    }

    fn place(
        &self,
        name: &str,
        kind: PlaceKind,
        url: &TargetUrl,
        reach: Reach,
        look: Option<&Look>,
    ) -> Place {
        Place {
            name: name.to_owned(),
            kind,
            medium: String::new(),
            site: PlacedAt::Here,
            free: free(url).filter(|_| reach == Reach::Reached),
            reach,
            offline: false,
            pulled: false,
            grade: None,
            checked: None,
            contents: None,
            outlook: look.and_then(|look| look.outlook),
        }
    }

    /// Notes what a look found, and tells all that is known of the place.
    fn remember(&self, url: &TargetUrl, look: Option<&Look>, at: Timestamp) -> PlaceNote {
        let Some(look) = look else {
            return remembered::of(self.folder, url);
        };
        remembered::note(self.folder, url, &self.desk.screen, |note| {
            note.look(at, look.contents.clone());
            if let Some(grade) = look.grade {
                note.probe(at, grade);
            }
        })
    }

    fn look(&self, name: &str, vault: &Vault, writer: Option<&Writer>, at: Timestamp) -> Look {
        let state = State::of(vault);
        let named = self.names.zip(writer);
        let names = named.and_then(|(names, writer)| match names(vault, writer) {
            Ok(names) => Some(names),
            Err(failure) => {
                self.desk.screen.warn(&failure.message);
                None
            }
        });
        let dataset = |commit: &ov_vault::state::Commit| match &names {
            Some(names) => names.get(&commit.name).cloned(),
            None => Some(ANY.to_owned()),
        };
        let verified = verified(self.folder, vault);
        let contents = Contents::of(vault, &state, dataset, Some(&verified));
        let days = history(vault, &state, at);
        let outlook = outlook(&days, &Track::of([&self.tested(name, &days, at)]));
        Look {
            contents,
            grade: self.probed(vault),
            outlook,
            state,
        }
    }

    fn probed(&self, vault: &Vault) -> Option<Grade> {
        if self.probing == Probing::Remembered {
            return None;
        }
        let mut nonce = [0; 16];
        OsEntropy.fill(&mut nonce);
        match ov_store::probe(&**vault.store(), nonce) {
            Ok(probe) => Some(probe.grade),
            Err(error) => {
                self.desk.screen.warn(&error);
                None
            }
        }
    }

    /// Tries earlier forecasts against what came, and keeps the result once a night.
    fn tested(
        &self,
        name: &str,
        days: &[ov_policy::forecast::Day],
        at: Timestamp,
    ) -> ov_policy::forecast::Backtest {
        let test = backtest(days);
        let file: PathBuf = self.folder.join("forecasts.json");
        let mut nights = Nights::read(&file);
        if nights.add(name, &test, at)
            && let Err(error) = nights.write(&file)
        {
            let file = file.display();
            self.desk
                .screen
                .warn(format_args!("cannot write {file}: {error}"));
        }
        test
    }

    /// The kit is the business of whoever can read.
    fn kit(&self) -> Kit {
        if self.names.is_none() {
            return Kit::Elsewhere;
        }
        let file = self
            .folder
            .parent()
            .map(|vault| vault.join("kit-test.json"));
        let text = file.and_then(|file| std::fs::read_to_string(file).ok());
        let record: Option<Value> = text.and_then(|text| serde_json::from_str(&text).ok());
        let tested = record.filter(|record| record["opens_all"] == true);
        let time = tested.and_then(|record| record["time"].as_str()?.parse().ok());
        time.map_or(Kit::Untested, Kit::Tested)
    }
}

fn unreached(failure: &Failure, seen: Option<Timestamp>) -> Reach {
    Reach::Unreached {
        seen,
        why: Cause::of_exit(failure.exit.code()),
    }
}

/// Where no vault is, nothing is, whatever there was the last time. A place that does not answer
/// keeps what is known of it until that is too old.
fn forget_if_gone(place: &mut Place) {
    let why = match place.reach {
        Reach::Unreached { why, .. } => why,
        Reach::Reached | Reach::Unplugged { .. } => return,
    };
    if why == Cause::NoVault {
        place.contents = None;
    }
}

/// As the rule for copies takes it.
pub fn sited(site: Sited) -> PlacedAt {
    match site {
        Sited::Here => PlacedAt::Here,
        Sited::Away => PlacedAt::Away,
    }
}

/// Bytes that still fit into a folder's file system, for whom is no superuser.
fn free(url: &TargetUrl) -> Option<u64> {
    let found = rustix::fs::statvfs(url.as_folder()?).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}
