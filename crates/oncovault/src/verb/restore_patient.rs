//! `restore --patient`: everything of one patient, from all datasets, with a list of what came back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ov_catalog::{
    Found, GapFound, Holding, Question, Version, as_of, folder_name, of_found, referred_to,
};
use ov_clinical::Ident;
use ov_format::entry::Entry;
use ov_format::name::RecordName;
use ov_restore::{
    Filter, FrameReader, Monitor, Part, Report, RestoreOptions, SnapshotInfo, Tree, Wanted,
};
use ov_terminal::screen::{BOLD, GOOD, shown};
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Exit, Failure, amount, moment};
use serde_json::{Value, json};

use crate::explain;
use crate::holdings;
use crate::links::{self, Known};
use crate::reading::{Reading, Which};

/// What is asked for.
pub struct Asked<'a> {
    /// The patient, as `ID` or `ID@ISSUER`.
    pub patient: &'a str,
    /// As of this moment; without one, the last version of each file that is held.
    pub at: Option<&'a str>,
    /// Of these snapshots alone.
    pub which: &'a Which,
    /// Where to.
    pub to: &'a Path,
    /// How.
    pub options: RestoreOptions,
}

/// What belongs into the target, and why.
struct Wish<'s> {
    of_patient: Found<'s>,
    referred_to: Found<'s>,
    /// References that lead to nothing that is held.
    unresolved: Vec<Ident>,
    gaps: Vec<GapFound>,
}

/// Restores what is held of a patient.
pub fn run(
    asked: &Asked<'_>,
    reading: &Reading,
    desk: &Desk,
    monitor: &dyn Monitor,
) -> Result<(Vec<Report>, Exit), Failure> {
    let question = Question::patient(asked.patient).ok_or_else(|| {
        Failure::usage("this can be nobody's identifier").help("give ID or ID@ISSUER")
    })?;
    let known = links::read(reading, desk)?;
    let question = links::follow(question, &known, desk);
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let at = asked.at.map(holdings::moment_of).transpose()?;
    let mut snapshots: Vec<&SnapshotInfo> =
        reading.snapshots.filtered(&asked.which.filters()).collect();
    if at.is_some() {
        snapshots = as_of(snapshots, at.as_ref());
    }
    let wish = wish(&question, &known, reading, &reader, &snapshots, desk)?;
    let mut reports = Vec::new();
    for (place, (info, entries)) in batches(&wish) {
        let part = Part::These(entries);
        let filter = Filter::default();
        let wanted = Wanted {
            tree: Tree::of(&reader, &info.snapshot),
            part: &part,
            filter: &filter,
            roots: &info.snapshot.paths,
        };
        let to = asked.to.join(place.0);
        make_folders(asked.to, &to)?;
        let report = ov_restore::restore(&wanted, &to, &asked.options, monitor);
        reports.push(report.map_err(explain::restore)?);
    }
    print(&wish, asked.to, desk);
    desk.screen
        .document(&document(&wish, &question, asked.to, &reports));
    let found = [&wish.of_patient, &wish.referred_to];
    let exit = match found
        .iter()
        .all(|found| known.whole && found.failed.is_empty() && found.unreadable == 0)
    {
        true => Exit::Done,
        false => Exit::Damage,
    };
    Ok((reports, exit))
}

/// Finds what is to be restored; refuses where that might be two people's.
fn wish<'s>(
    question: &Question,
    known: &Known,
    reading: &Reading,
    reader: &FrameReader<'_>,
    snapshots: &[&'s SnapshotInfo],
    desk: &Desk,
) -> Result<Wish<'s>, Failure> {
    let of_patient = holdings::ask(desk, reading, reader, snapshots, question);
    holdings::tell_limits(&of_patient, desk);
    if people(&of_patient, question) > 1 {
        holdings::tell_identities(&of_patient, question, desk);
        return Err(Failure::usage(
            "this identifier is used in several ways: it may be several people's",
        )
        .help(
            "say whose it is with ID@ISSUER, or ID@ where no issuer is known, or name a \
                     dataset with --dataset",
        ));
    }
    if of_patient.holdings.is_empty() {
        return Err(Failure::failed("nothing is held of this patient")
            .help("`oncovault find --patient ID` without an issuer looks among all issuers"));
    }
    let names = referred_to(&of_patient, question);
    let referred_to = match names.is_empty() {
        true => Found::default(),
        false => {
            let question = Question::Resources(names.clone());
            holdings::ask(desk, reading, reader, snapshots, &question)
        }
    };
    let unresolved = names
        .into_iter()
        .filter(|name| !is_among(name, &referred_to));
    Ok(Wish {
        gaps: of_found(&of_patient, &known.crosswalk),
        unresolved: unresolved.collect(),
        referred_to: without(referred_to, &of_patient),
        of_patient,
    })
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
        .any(|(_, version)| question.may_answer(&version.account))
}

/// Files that are the patient's anyhow are not listed again.
fn without<'s>(mut found: Found<'s>, others: &Found<'s>) -> Found<'s> {
    let place = |one: &Holding<'s>| (one.dataset, one.host, one.key.clone());
    let known: BTreeSet<_> = others.holdings.iter().map(place).collect();
    found.holdings.retain(|one| !known.contains(&place(one)));
    found
}

/// What is put back from one snapshot, and below which folder of the target.
type Batches<'s> = BTreeMap<(PathBuf, RecordName), (&'s SnapshotInfo, Vec<Entry>)>;

fn batches<'s>(wish: &Wish<'s>) -> Batches<'s> {
    let mut batches = Batches::new();
    for found in [&wish.of_patient, &wish.referred_to] {
        for (holding, version) in found.latest() {
            let place = (place(holding), version.last.commit);
            let batch = batches
                .entry(place)
                .or_insert_with(|| (version.last, Vec::new()));
            batch.1.push((*version.entry).clone());
        }
    }
    for (_, entries) in batches.values_mut() {
        entries.sort_by(|a, b| a.key.cmp(&b.key));
    }
    batches
}

/// Where a dataset of a host goes: the same path on two hosts is two files.
fn place(holding: &Holding<'_>) -> PathBuf {
    PathBuf::from(folder_name(holding.dataset)).join(folder_name(holding.host))
}

fn make_folders(target: &Path, folder: &Path) -> Result<(), Failure> {
    ov_terminal::folders::make_private(folder).map_err(|error| {
        Failure::failed(format!("cannot restore into {}: {error}", target.display()))
    })
}

fn print(wish: &Wish<'_>, to: &Path, desk: &Desk) {
    desk.screen
        .line(format_args!("{BOLD}Of this patient:{BOLD:#}"));
    kinds(&wish.of_patient).print(&desk.screen);
    if !wish.referred_to.holdings.is_empty() {
        let count = u64::try_from(wish.referred_to.holdings.len()).unwrap_or(u64::MAX);
        desk.screen.line(format_args!(
            "{BOLD}To which these refer ({}):{BOLD:#}",
            amount::of(count, "file", "files")
        ));
        kinds(&wish.referred_to).print(&desk.screen);
    }
    let mixed = wish.of_patient.latest();
    for (holding, _) in mixed.filter(|(_, version)| version.answer.holds_others) {
        desk.screen.warn(format_args!(
            "/{} holds data of others too",
            shown(&holding.key.path())
        ));
    }
    holdings::print_gaps(&wish.gaps, desk);
    if !wish.unresolved.is_empty() {
        let count = u64::try_from(wish.unresolved.len()).unwrap_or(u64::MAX);
        desk.screen.note(format_args!(
            "{} to resources that are not held: {}",
            amount::of(count, "reference leads", "references lead"),
            shown(names(&wish.unresolved).as_bytes())
        ));
    }
    if wish.gaps.is_empty() {
        desk.screen.line(format_args!(
            "{GOOD}Complete{GOOD:#}: no plan, dose, record or series lacks what it needs."
        ));
    }
    desk.screen.line(format_args!("It is in {}.", to.display()));
}

fn names(names: &[Ident]) -> String {
    let first: Vec<&str> = names.iter().take(5).map(Ident::as_str).collect();
    let more = if names.len() > 5 { ", …" } else { "" };
    format!("{}{more}", first.join(", "))
}

fn kinds(found: &Found<'_>) -> Table {
    let mut table = Table::new(&[
        ("Files", Side::Right),
        ("Bytes", Side::Right),
        ("Kind", Side::Left),
    ]);
    for (kind, (files, bytes)) in count(found) {
        table.row(vec![
            files.to_string(),
            amount::bytes(bytes),
            kind.to_owned(),
        ]);
    }
    table
}

/// Files and bytes by kind.
fn count(found: &Found<'_>) -> BTreeMap<&'static str, (u64, u64)> {
    let mut counts = BTreeMap::new();
    for (_, version) in found.latest() {
        let kind = version.kind().map_or("unknown", |kind| kind.label());
        let (files, bytes) = counts.entry(kind).or_insert((0u64, 0u64));
        *files += 1;
        *bytes = bytes.saturating_add(version.entry.meta.size);
    }
    counts
}

fn document(wish: &Wish<'_>, question: &Question, to: &Path, reports: &[Report]) -> Value {
    let files = |found: &Found<'_>| -> Vec<Value> {
        let latest = found.latest();
        latest
            .map(|(holding, version)| file(holding, version))
            .collect()
    };
    let counts = |found: &Found<'_>| -> Value {
        let counts = count(found).into_iter();
        let counts = counts.map(|(kind, (files, bytes))| {
            (kind.to_owned(), json!({"files": files, "bytes": bytes}))
        });
        Value::Object(counts.collect())
    };
    let sum = |of: fn(&Report) -> u64| reports.iter().map(of).sum::<u64>();
    json!({
        "to": to.display().to_string(),
        "linked": links::linked(question),
        "files": files(&wish.of_patient),
        "referred_to": files(&wish.referred_to),
        "kinds": counts(&wish.of_patient),
        "gaps": holdings::gap_documents(&wish.gaps),
        "unresolved_references": wish.unresolved.iter().map(Ident::as_str).collect::<Vec<_>>(),
        "files_written": sum(|report| report.files_written),
        "kept": sum(|report| report.kept),
        "bytes_written": sum(|report| report.bytes_written),
        "verified": sum(|report| report.verified),
        "failed": sum(|report| report.failures.count),
    })
}

fn file(holding: &Holding<'_>, version: &Version<'_>) -> Value {
    let path = String::from_utf8_lossy(&holding.key.path()).into_owned();
    let restored = place(holding).join(&path);
    json!({
        "dataset": holding.dataset,
        "host": holding.host,
        "path": format!("/{path}"),
        "restored": restored.display().to_string(),
        "snapshot_id": version.last.id(),
        "time": moment::rfc3339(version.last.moment()),
        "size": version.entry.meta.size,
        "kind": version.kind().map(|kind| kind.label()),
        "current": holding.is_current,
        "holds_others": version.answer.holds_others,
    })
}
