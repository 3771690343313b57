//! How things stand, gathered: the configuration, the history, the vault, its copies, and what is
//! remembered of those that are not there now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use ov_format::name::RecordName;
use ov_policy::forecast::{Track, backtest, outlook};
use ov_policy::placement::{Checked, Site as PlacedAt};
use ov_program::config::{CopyPlace, Fetched, Site as Sited};
use ov_program::forecast::{Nights, history};
use ov_program::notify::Cause;
use ov_program::status::{
    ANY, Contents, Dataset, Kit, Place, PlaceKind, PlaceNote, PlaceNotes, Reach, Status, heard,
};
use ov_program::{Config, History, Plan, Task};
use ov_seal::entropy::{Entropy, OsEntropy};
use ov_store::{Store, TargetUrl};
use ov_vault::append::Writer;
use ov_vault::{Clock, State, SystemClock, Vault};
use serde_json::Value;

use crate::configuration;
use crate::desk::{Copies, Desk};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::machine;

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
    /// Names of datasets; without, all snapshots of a place are judged as one.
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
    note: PlaceNote,
    outlook: Option<ov_policy::forecast::Outlook>,
    state: State,
}

impl Standing<'_> {
    /// Gathers it. What is out of reach is no error: it is told.
    pub fn gather(&self) -> Result<Status, Failure> {
        let at = now();
        let file = self.folder.join(PlaceNotes::FILE);
        let mut notes = PlaceNotes::read(&file);
        let (vault, writer, state) = self.vault(&mut notes, at);
        let mut places = vec![vault];
        for copy in &self.config.copy {
            places.push(self.copy(copy, writer.as_ref(), &mut notes, at));
        }
        if let Err(error) = notes.write(&file) {
            let file = file.display();
            self.desk
                .screen
                .warn(format_args!("cannot write {file}: {error}"));
        }
        let cycle = self.config.policy.check_cycle.seconds();
        Ok(Status {
            at,
            vault: machine::host(),
            rule: *self.config.policy.copies.value(),
            checked_since: Timestamp::from_second(at.as_second() - cycle).unwrap_or(at),
            datasets: self.datasets(at),
            places,
            agents: state.map_or_else(Vec::new, |state| heard(&self.config.watch, &state, at)),
            kit: self.kit(),
        })
    }

    fn datasets(&self, at: Timestamp) -> Vec<Dataset> {
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

    fn vault(
        &self,
        notes: &mut PlaceNotes,
        at: Timestamp,
    ) -> (Place, Option<Writer>, Option<State>) {
        let place = &self.config.vault;
        let note = notes.of_mut(place.url.text());
        let (reach, look, writer) = match self.desk.open(Copies::Never) {
            Ok(opened) => {
                let look = self.look(&opened.vault, Some(&opened.writer), note, at);
                (Reach::Reached, Some(look), Some(opened.writer))
            }
            Err(failure) => (unreached(&failure, note), None, None),
        };
        let mut shown = self.place("vault", PlaceKind::Vault, &place.url, reach, look.as_ref());
        shown.take(
            &look
                .as_ref()
                .map_or_else(|| note.clone(), |look| look.note.clone()),
        );
        shown.checked = self.last_check().or(shown.checked);
        shown.medium.clone_from(&place.medium);
        shown.site = sited(place.site);
        if let Some(look) = &look {
            note.clone_from(&look.note);
        }
        (shown, writer, look.map(|look| look.state))
    }

    fn copy(
        &self,
        copy: &CopyPlace,
        writer: Option<&Writer>,
        notes: &mut PlaceNotes,
        at: Timestamp,
    ) -> Place {
        let note = notes.of_mut(copy.url.text());
        let (reach, look) = match self.open_copy(copy) {
            Ok(vault) => (Reach::Reached, Some(self.look(&vault, writer, note, at))),
            Err(_) if copy.offline => (Reach::Unplugged { seen: note.seen }, None),
            Err(failure) => (unreached(&failure, note), None),
        };
        let age_max = u64::try_from(copy.max_age.seconds()).unwrap_or(0);
        let kind = PlaceKind::Copy { age_max };
        let mut shown = self.place(copy.name.as_str(), kind, &copy.url, reach, look.as_ref());
        if let Some(look) = look {
            *note = look.note;
        }
        shown.take(note);
        shown.medium.clone_from(&copy.medium);
        shown.site = sited(copy.site);
        shown.offline = copy.offline;
        shown.pulled = copy.by == Fetched::Pull;
        shown
    }

    fn open_copy(&self, copy: &CopyPlace) -> Result<Vault, Failure> {
        let options = configuration::for_copy(&self.desk.options, copy.s3.as_ref());
        let store = ov_store::open(&copy.url, &options.s3.open_options())?;
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

    fn look(
        &self,
        vault: &Vault,
        writer: Option<&Writer>,
        note: &PlaceNote,
        at: Timestamp,
    ) -> Look {
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
        let mut note = note.clone();
        let verified = self.folder.join("verified");
        note.look(at, Contents::of(vault, &state, dataset, Some(&verified)));
        if self.probing == Probing::Now {
            let mut nonce = [0; 16];
            OsEntropy.fill(&mut nonce);
            match ov_store::probe(&**vault.store(), nonce) {
                Ok(probe) => note.probe(at, probe.grade),
                Err(error) => self.desk.screen.warn(&error),
            }
        }
        let days = history(vault, &state, at);
        let outlook = outlook(&days, &Track::of([&self.tested(vault, &days, at)]));
        Look {
            note,
            outlook,
            state,
        }
    }

    /// Tries earlier forecasts against what came, and keeps the result once a night.
    fn tested(
        &self,
        vault: &Vault,
        days: &[ov_policy::forecast::Day],
        at: Timestamp,
    ) -> ov_policy::forecast::Backtest {
        let test = backtest(days);
        let file: PathBuf = self.folder.join("forecasts.json");
        let mut nights = Nights::read(&file);
        if nights.add(&vault.target().to_string(), &test, at)
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

    /// The last check of the vault that came to its end.
    fn last_check(&self) -> Option<Checked> {
        let checks = self.history.of(&Task::Check).rev();
        let (done, damage) = (Exit::Done.code(), Exit::Damage.code());
        let mut ended = checks.filter(|entry| entry.exit == done || entry.exit == damage);
        let last = ended.next()?;
        let found = u64::from(last.exit == damage);
        Some(Checked {
            at: last.end,
            errors: last.measures.errors.max(found),
        })
    }
}

fn unreached(failure: &Failure, note: &PlaceNote) -> Reach {
    Reach::Unreached {
        seen: note.seen,
        why: Cause::of_exit(failure.exit.code()),
    }
}

fn sited(site: Sited) -> PlacedAt {
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
