//! Everything of one patient: what is to be restored, and what is said of it, wherever it goes.

use std::collections::{BTreeMap, BTreeSet};

use ov_catalog::{Found, GapFound, Holding, Question, Version, as_of, of_found, referred_to};
use ov_clinical::Ident;
use ov_restore::{FrameReader, SnapshotInfo};
use ov_terminal::screen::{BOLD, GOOD, shown};
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Exit, Failure, amount, moment};
use serde_json::{Map, Value, json};

use crate::holdings;
use crate::links::{self, Known};
use crate::reading::{Reading, Which};

/// Who is asked for.
pub struct Asked<'a> {
    /// The patient, as `ID` or `ID@ISSUER`.
    pub patient: &'a str,
    /// As of this moment; without one, the last version of each file that is held.
    pub at: Option<&'a str>,
    /// Of these snapshots alone.
    pub which: &'a Which,
}

/// What belongs into the target, and why.
pub struct Wish<'s> {
    /// What is the patient's.
    pub of_patient: Found<'s>,
    /// To which that refers.
    pub referred_to: Found<'s>,
    /// References that lead to nothing that is held.
    unresolved: Vec<Ident>,
    gaps: Vec<GapFound>,
    /// What was asked, with the links that were followed.
    question: Question,
    known: Known,
}

/// A version of a file that is to be restored, and where it was.
pub type Wanted<'w, 's> = (&'w Holding<'s>, &'w Version<'s>);

impl<'s> Wish<'s> {
    /// Finds what is to be restored; refuses where that might be two people's.
    pub fn find(
        asked: &Asked<'_>,
        reading: &'s Reading,
        reader: &FrameReader<'_>,
        desk: &Desk,
    ) -> Result<Self, Failure> {
        let question = Question::patient(asked.patient).ok_or_else(|| {
            Failure::usage("this can be nobody's identifier").help("give ID or ID@ISSUER")
        })?;
        let known = links::read(reading, desk)?;
        let question = links::follow(question, &known, desk);
        let at = asked.at.map(holdings::moment_of).transpose()?;
        let mut snapshots: Vec<&SnapshotInfo> =
            reading.snapshots.filtered(&asked.which.filters()).collect();
        if at.is_some() {
            snapshots = as_of(snapshots, at.as_ref());
        }
        let of_patient = holdings::ask(desk, reading, reader, &snapshots, &question);
        holdings::tell_limits(&of_patient, desk);
        refuse_several(&of_patient, &question, desk)?;
        let names = referred_to(&of_patient, &question);
        let referred_to = match names.is_empty() {
            true => Found::default(),
            false => {
                let question = Question::Resources(names.clone());
                holdings::ask(desk, reading, reader, &snapshots, &question)
            }
        };
        let unresolved = names
            .into_iter()
            .filter(|name| !is_among(name, &referred_to));
        Ok(Self {
            gaps: of_found(&of_patient, &known.crosswalk),
            unresolved: unresolved.collect(),
            referred_to: without(referred_to, &of_patient),
            of_patient,
            question,
            known,
        })
    }

    /// Every file that is to be restored, the patient's first.
    pub fn files(&self) -> impl Iterator<Item = Wanted<'_, 's>> {
        self.of_patient.latest().chain(self.referred_to.latest())
    }

    /// Whether all that was searched could be read.
    pub fn exit(&self) -> Exit {
        let sound = |found: &Found<'_>| found.failed.is_empty() && found.unreadable == 0;
        match self.known.whole && sound(&self.of_patient) && sound(&self.referred_to) {
            true => Exit::Done,
            false => Exit::Damage,
        }
    }

    /// Says what there is.
    pub fn tell(&self, desk: &Desk) {
        desk.screen
            .line(format_args!("{BOLD}Of this patient:{BOLD:#}"));
        table(self.of_patient.latest()).print(&desk.screen);
        if !self.referred_to.holdings.is_empty() {
            let count = u64::try_from(self.referred_to.holdings.len()).unwrap_or(u64::MAX);
            desk.screen.line(format_args!(
                "{BOLD}To which these refer ({}):{BOLD:#}",
                amount::of(count, "file", "files")
            ));
            table(self.referred_to.latest()).print(&desk.screen);
        }
        let mixed = self.of_patient.latest();
        for (holding, _) in mixed.filter(|(_, version)| version.answer.holds_others) {
            desk.screen.warn(format_args!(
                "/{} holds data of others too",
                shown(&holding.key.path())
            ));
        }
    }

    /// Says what is missing of it.
    pub fn tell_gaps(&self, desk: &Desk) {
        holdings::print_gaps(&self.gaps, desk);
        if !self.unresolved.is_empty() {
            let count = u64::try_from(self.unresolved.len()).unwrap_or(u64::MAX);
            desk.screen.note(format_args!(
                "{} to resources that are not held: {}",
                amount::of(count, "reference leads", "references lead"),
                shown(names(&self.unresolved).as_bytes())
            ));
        }
    }

    /// Says that nothing is missing, if that is so. Only for whoever has put back all of it.
    pub fn tell_complete(&self, desk: &Desk) {
        if self.gaps.is_empty() {
            desk.screen.line(format_args!(
                "{GOOD}Complete{GOOD:#}: no plan, dose, record or series lacks what it needs."
            ));
        }
    }

    /// For programs; `file` says of each file where it came to.
    pub fn document(
        &self,
        to: &str,
        file: &dyn Fn(Wanted<'_, 's>) -> Map<String, Value>,
    ) -> Map<String, Value> {
        let files = |found: &Found<'s>| -> Vec<Value> {
            let one = |wanted: Wanted<'_, 's>| {
                let mut said = about(wanted);
                said.extend(file(wanted));
                Value::Object(said)
            };
            found.latest().map(one).collect()
        };
        let unresolved = self.unresolved.iter().map(Ident::as_str);
        Map::from_iter([
            ("to".to_owned(), json!(to)),
            ("linked".to_owned(), links::linked(&self.question)),
            ("files".to_owned(), json!(files(&self.of_patient))),
            ("referred_to".to_owned(), json!(files(&self.referred_to))),
            ("kinds".to_owned(), kinds(self.of_patient.latest())),
            ("gaps".to_owned(), holdings::gap_documents(&self.gaps)),
            (
                "unresolved_references".to_owned(),
                json!(unresolved.collect::<Vec<_>>()),
            ),
        ])
    }
}

/// Refuses what is nobody's, and what might be two people's.
fn refuse_several(found: &Found<'_>, question: &Question, desk: &Desk) -> Result<(), Failure> {
    if people(found, question) > 1 {
        holdings::tell_identities(found, question, desk);
        return Err(Failure::usage(
            "this identifier is used in several ways: it may be several people's",
        )
        .help(
            "say whose it is with ID@ISSUER, or ID@ where no issuer is known, or name a \
                     dataset with --dataset",
        ));
    }
    if found.holdings.is_empty() {
        return Err(Failure::failed("nothing is held of this patient")
            .help("`oncovault find --patient ID` without an issuer looks among all issuers"));
    }
    Ok(())
}

/// How many people the identifier may stand for. One issuer gives an identifier to one person,
/// whatever kind of file has it; where no issuer is known, each kind of identifier is another's.
/// All identifiers that are linked are one's.
fn people(found: &Found<'_>, question: &Question) -> usize {
    let whose = found.identities().into_iter().map(|identity| {
        let linked = holdings::is_linked(identity, question);
        let unknown = identity.issuer.is_none().then_some(identity.domain);
        (!linked).then_some((&identity.issuer, unknown))
    });
    whose.collect::<BTreeSet<_>>().len()
}

fn is_among(name: &Ident, found: &Found<'_>) -> bool {
    let question = Question::Resources([name.clone()].into());
    found
        .latest()
        .filter_map(|(_, version)| version.account.as_deref())
        .any(|account| question.may_answer(account))
}

/// Files that are the patient's anyhow are not listed again.
fn without<'s>(mut found: Found<'s>, others: &Found<'s>) -> Found<'s> {
    let place = |one: &Holding<'s>| (one.dataset, one.host, one.key.clone());
    let known: BTreeSet<_> = others.holdings.iter().map(place).collect();
    found.holdings.retain(|one| !known.contains(&place(one)));
    found
}

fn names(names: &[Ident]) -> String {
    let first: Vec<&str> = names.iter().take(5).map(Ident::as_str).collect();
    let more = if names.len() > 5 { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Files and bytes by kind.
fn count<'w, 's: 'w>(
    files: impl Iterator<Item = Wanted<'w, 's>>,
) -> BTreeMap<&'static str, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for (_, version) in files {
        let kind = version.kind().map_or("unknown", |kind| kind.label());
        let (files, bytes) = counts.entry(kind).or_insert((0u64, 0u64));
        *files += 1;
        *bytes = bytes.saturating_add(version.entry.meta.size);
    }
    counts
}

/// Files and bytes by kind, for people.
pub fn table<'w, 's: 'w>(files: impl Iterator<Item = Wanted<'w, 's>>) -> Table {
    let mut table = Table::new(&[
        ("Files", Side::Right),
        ("Bytes", Side::Right),
        ("Kind", Side::Left),
    ]);
    for (kind, (files, bytes)) in count(files) {
        table.row(vec![
            files.to_string(),
            amount::bytes(bytes),
            kind.to_owned(),
        ]);
    }
    table
}

/// Files and bytes by kind, for programs.
pub fn kinds<'w, 's: 'w>(files: impl Iterator<Item = Wanted<'w, 's>>) -> Value {
    let counts = count(files)
        .into_iter()
        .map(|(kind, (files, bytes))| (kind.to_owned(), json!({"files": files, "bytes": bytes})));
    Value::Object(counts.collect())
}

fn about((holding, version): Wanted<'_, '_>) -> Map<String, Value> {
    let path = String::from_utf8_lossy(&holding.key.path()).into_owned();
    Map::from_iter([
        ("dataset".to_owned(), json!(holding.dataset)),
        ("host".to_owned(), json!(holding.host)),
        ("path".to_owned(), json!(format!("/{path}"))),
        ("snapshot_id".to_owned(), json!(version.last.id())),
        (
            "time".to_owned(),
            json!(moment::rfc3339(version.last.moment())),
        ),
        ("size".to_owned(), json!(version.entry.meta.size)),
        (
            "kind".to_owned(),
            json!(version.kind().map(|kind| kind.label())),
        ),
        ("current".to_owned(), json!(holding.is_current)),
        (
            "holds_others".to_owned(),
            json!(version.answer.holds_others),
        ),
    ])
}
