//! What a vault holds of somebody or something: asked of the catalogs, and shown.

use std::collections::{BTreeMap, BTreeSet};

use ov_catalog::{
    Cache, CatalogError, Found, GapFound, Holding, Identity, Pages, Postgres, Question, Server,
    Unassigned, Version,
};
use ov_clinical::{Domain, Missing};
use ov_format::entry::Time;
use ov_restore::{FrameReader, Moment, SnapshotInfo};
use ov_terminal::screen::{BOLD, shown};
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Failure, amount, folders, moment};
use serde_json::{Value, json};

use crate::links;
use crate::reading::Reading;

/// How many of many are named to people.
const NAMED_MAX: usize = 5;

/// Asks the catalogs of snapshots, by way of the local copy unless that is not wanted.
pub fn ask<'s>(
    desk: &Desk,
    reading: &Reading,
    reader: &FrameReader<'_>,
    snapshots: &[&'s SnapshotInfo],
    question: &Question,
) -> Found<'s> {
    let pages = match desk.options.no_cache {
        true => None,
        false => pages(desk, reading, reader, snapshots, question),
    };
    ov_catalog::find(reader, snapshots, question, pages.as_ref())
}

/// Which pages the copy calls worth reading; `None` if it knows too little. Without it, all
/// are read: that is slower and finds the same.
fn pages(
    desk: &Desk,
    reading: &Reading,
    reader: &FrameReader<'_>,
    snapshots: &[&SnapshotInfo],
    question: &Question,
) -> Option<Pages> {
    let known = || {
        let Some(mut cache) = copy(desk, reading)? else {
            return Ok(None);
        };
        let all: Vec<&SnapshotInfo> = reading.snapshots.listed.iter().collect();
        if cache.update(reader, &all, &reading.keys)?.is_busy {
            desk.screen
                .note("Another process brings the copy of the catalogs up to date.");
        }
        cache.pages(question, snapshots, &reading.keys)
    };
    match known() {
        Ok(pages) => pages,
        Err(error) => {
            let error: CatalogError = error;
            desk.screen
                .warn(format_args!("{error}; the vault is searched without it"));
            None
        }
    }
}

/// The copy of the catalogs: on the server that the configuration names, else in a local file;
/// `None` if there is no folder for that.
fn copy(desk: &Desk, reading: &Reading) -> Result<Option<Cache>, CatalogError> {
    let vault = reading.vault().id();
    if let Some(said) = &desk.options.catalog {
        let server = Server {
            url: said.url.as_str().to_owned(),
            passfile: said.passfile.clone(),
            ca_file: said.ca_file.clone(),
        };
        return Ok(Some(Cache::of(Box::new(Postgres::open(&server, vault)?))));
    }
    let Ok(folder) = folders::cache(&desk.options) else {
        return Ok(None);
    };
    let file = folder.join(vault.to_string()).join("catalog.sqlite");
    Cache::open(&file).map(Some)
}

/// Reads a moment as people write it.
pub fn moment_of(text: &str) -> Result<Moment, Failure> {
    Moment::parse(text).ok_or_else(|| {
        Failure::usage(format!("{text:?} is no moment"))
            .help("write it as 2026-11-22 or 2026-11-22T10:30:00")
    })
}

/// Says whose the identifiers are, where several issuers use the same.
pub fn tell_identities(found: &Found<'_>, question: &Question, desk: &Desk) {
    let identities = found.identities();
    if identities.len() < 2 {
        return;
    }
    let other = match question.linked().next() {
        None => "Each issuer's patient is another:",
        Some(_) => "Each issuer's patient is another, but for those that are linked:",
    };
    desk.screen.line(format_args!(
        "{BOLD}This identifier is used in several ways. {other}{BOLD:#}"
    ));
    for identity in identities {
        let linked = match is_linked(identity, question) {
            true => "  (linked)",
            false => "",
        };
        desk.screen
            .line(format_args!("  {}{linked}", spelled(identity)));
    }
}

/// Whether links lead to an identifier from the one that was asked for.
pub fn is_linked(identity: &Identity, question: &Question) -> bool {
    question
        .linked()
        .any(|name| name.id == identity.id && Some(&name.issuer) == identity.issuer.as_ref())
}

fn spelled(identity: &Identity) -> String {
    match &identity.issuer {
        Some(issuer) => format!(
            "{} of {}",
            domain(identity.domain),
            shown(issuer.as_str().as_bytes())
        ),
        None => format!("{} of an unknown issuer", domain(identity.domain)),
    }
}

fn domain(domain: Domain) -> &'static str {
    match domain {
        Domain::Dicom => "DICOM patient ID",
        Domain::FhirIdentifier => "FHIR identifier",
        Domain::FhirPatient => "FHIR Patient id",
        Domain::Hl7 => "HL7 patient ID",
        Domain::Cda => "patient ID of a clinical document",
    }
}

/// Says what could not be looked at.
pub fn tell_limits(found: &Found<'_>, desk: &Desk) {
    for (info, error) in &found.failed {
        desk.screen
            .warn(format_args!("snapshot {}: {error}", info.short_id()));
    }
    if found.unreadable > 0 {
        let files = amount::of(found.unreadable, "file", "files");
        desk.screen.warn(format_args!(
            "what is said of {files} cannot be read by this program; whose they are is not known"
        ));
    }
    tell_without_catalog(&found.without_catalog, desk);
}

/// Says of which snapshots nothing is known.
pub fn tell_without_catalog(snapshots: &[&SnapshotInfo], desk: &Desk) {
    if snapshots.is_empty() {
        return;
    }
    let ids: Vec<String> = snapshots
        .iter()
        .rev()
        .take(NAMED_MAX)
        .map(|info| info.short_id())
        .collect();
    let count = u64::try_from(snapshots.len()).unwrap_or(u64::MAX);
    desk.screen.note(format_args!(
        "Of the files of {} nothing is known ({}{}): no file of a known kind was in them, or nobody \
         looked. `backup --force` reads all files again and looks.",
        amount::of(count, "snapshot", "snapshots"),
        ids.join(", "),
        if snapshots.len() > NAMED_MAX { ", …" } else { "" }
    ));
}

/// Shows files, dataset by dataset.
pub fn print(found: &Found<'_>, desk: &Desk) {
    let mut place = None;
    let mut table = columns();
    for holding in &found.holdings {
        let next = Some((holding.dataset, holding.host));
        if place != next {
            table.print(&desk.screen);
            table = columns();
            place = next;
            desk.screen.line(format_args!(
                "{BOLD}Dataset {} of {}{BOLD:#}",
                shown(holding.dataset.as_bytes()),
                shown(holding.host.as_bytes())
            ));
        }
        for version in &holding.versions {
            table.row(row(holding, version));
        }
    }
    table.print(&desk.screen);
}

fn columns() -> Table {
    Table::new(&[
        ("From", Side::Left),
        ("To", Side::Left),
        ("Snapshot", Side::Left),
        ("Size", Side::Right),
        ("Kind", Side::Left),
        ("File", Side::Left),
    ])
}

fn row(holding: &Holding<'_>, version: &Version<'_>) -> Vec<String> {
    let mut path = format!("/{}", shown(&holding.key.path()));
    if version.answer.holds_others {
        path.push_str("  (holds others too)");
    }
    if let Some(why) = version.answer.unassigned {
        path.push_str(&format!("  ({})", why.reason()));
    }
    if !holding.is_current {
        path.push_str("  (no longer in the newest snapshot)");
    }
    vec![
        moment::local(version.first.moment()),
        moment::local(version.last.moment()),
        version.last.short_id(),
        amount::bytes(version.entry.meta.size),
        kind(version).to_owned(),
        path,
    ]
}

fn kind(version: &Version<'_>) -> &'static str {
    match (version.kind(), &version.account) {
        (Some(kind), _) => kind.label(),
        (None, Some(_)) => "could not be read",
        (None, None) => "unknown",
    }
}

/// Counts the files that are no patient's, reason by reason.
pub fn print_reasons(found: &Found<'_>, desk: &Desk) {
    let mut counts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (_, version) in found.latest() {
        if let Some(why) = version.answer.unassigned {
            let (files, bytes) = counts.entry(why.reason()).or_default();
            *files += 1;
            *bytes = bytes.saturating_add(version.entry.meta.size);
        }
    }
    let mut table = Table::new(&[
        ("Files", Side::Right),
        ("Bytes", Side::Right),
        ("Why they are no patient's", Side::Left),
    ]);
    for (why, (files, bytes)) in counts {
        let count = files.to_string();
        table.row(vec![count, amount::bytes(bytes), why.to_owned()]);
    }
    table.print(&desk.screen);
}

/// For programs.
pub fn document(found: &Found<'_>, question: &Question) -> Value {
    let identities = found.identities().into_iter().map(|identity| {
        json!({
            "id": identity.id.as_str(),
            "kind": domain(identity.domain),
            "issuer": identity.issuer.as_ref().map(ov_clinical::Ident::as_str),
        })
    });
    let failed = found
        .failed
        .iter()
        .map(|(info, error)| json!({"snapshot_id": info.id(), "error": error.to_string()}));
    let without = found.without_catalog.iter().map(|info| info.id());
    json!({
        "linked": links::linked(question),
        "identities": identities.collect::<Vec<_>>(),
        "holdings": found.holdings.iter().map(holding_document).collect::<Vec<_>>(),
        "failed": failed.collect::<Vec<_>>(),
        "unreadable_accounts": found.unreadable,
        "snapshots_without_catalog": without.collect::<Vec<_>>(),
    })
}

fn holding_document(holding: &Holding<'_>) -> Value {
    let end = |info: &SnapshotInfo| json!({"snapshot_id": info.id(), "time": moment::rfc3339(info.moment())});
    let versions = holding.versions.iter().map(|version| {
        json!({
            "first": end(version.first),
            "last": end(version.last),
            "snapshots": version.snapshots,
            "size": version.entry.meta.size,
            "mtime": moment::rfc3339(version.entry.meta.mtime),
            "kind": kind(version),
            "holds_others": version.answer.holds_others,
            "unassigned": version.answer.unassigned.map(Unassigned::label),
            "unassigned_why": version.answer.unassigned.map(Unassigned::reason),
        })
    });
    json!({
        "dataset": holding.dataset,
        "host": holding.host,
        "path": format!("/{}", String::from_utf8_lossy(&holding.key.path())),
        "current": holding.is_current,
        "versions": versions.collect::<Vec<_>>(),
    })
}

/// Shows gaps, with what would close them.
pub fn print_gaps(gaps: &[GapFound], desk: &Desk) {
    for gap in gaps {
        let patients: Vec<String> = gap
            .patients
            .iter()
            .map(|patient| shown(patient.id.as_str().as_bytes()))
            .collect();
        let whose = match patients.is_empty() {
            true => "a patient who is not named".to_owned(),
            false => format!("patient {}", patients.join(", ")),
        };
        let whose = match gap.linked.is_empty() {
            true => whose,
            false => {
                let linked: Vec<String> = gap.linked.iter().map(links::spelled).collect();
                format!("{whose} (by links also {})", linked.join(", "))
            }
        };
        desk.screen
            .warn(format_args!("{whose}: {}", gap.gap.label()));
        for (dataset, key) in &gap.files {
            let dataset = shown(dataset.as_bytes());
            desk.screen
                .line(format_args!("    {dataset}: /{}", shown(&key.path())));
        }
        for missing in gap.missing.iter().take(NAMED_MAX) {
            desk.screen
                .line(format_args!("    missing: {}", missing_text(missing)));
        }
        if let Some(more) = gap
            .missing
            .len()
            .checked_sub(NAMED_MAX)
            .filter(|more| *more > 0)
        {
            desk.screen
                .line(format_args!("    and {more} more; `--json` names all"));
        }
        desk.screen
            .line(format_args!("    to close it: {}", gap.gap.closed_by()));
    }
}

fn missing_text(missing: &Missing) -> String {
    match missing {
        Missing::Instance { uid, .. } => format!("object {}", shown(uid.as_str().as_bytes())),
        Missing::Frame { uid } => format!(
            "any image in the frame of reference {}",
            shown(uid.as_str().as_bytes())
        ),
        Missing::Slices {
            series,
            count,
            after,
        } => {
            let slices = format!(
                "{count} of the series {}",
                shown(series.as_str().as_bytes())
            );
            match after {
                Some(after) => format!("{slices}, after number {after}"),
                None => slices,
            }
        }
        Missing::File { names } => {
            let names: Vec<String> = names.iter().map(|n| shown(n.as_str().as_bytes())).collect();
            names.join(" or ")
        }
        Missing::Sequence { name, .. } => format!("sequence {}", shown(name.as_bytes())),
    }
}

/// Gaps for programs.
pub fn gap_documents(gaps: &[GapFound]) -> Value {
    let documents = gaps.iter().map(|gap| {
        let files = gap.files.iter().map(|(dataset, key)| {
            json!({
                "dataset": dataset,
                "path": format!("/{}", String::from_utf8_lossy(&key.path())),
            })
        });
        let patients = gap.patients.iter().map(|patient| {
            json!({
                "id": patient.id.as_str(),
                "issuer": patient.issuer.as_ref().map(ov_clinical::Ident::as_str),
            })
        });
        json!({
            "gap": gap.gap.label(),
            "strong": gap.is_strong(),
            "patients": patients.collect::<Vec<_>>(),
            "linked": gap.linked.iter().map(links::document).collect::<Vec<_>>(),
            "files": files.collect::<Vec<_>>(),
            "series": series_of(gap),
            "missing": gap.missing.iter().map(missing_text).collect::<Vec<_>>(),
            "closed_by": gap.gap.closed_by(),
        })
    });
    Value::Array(documents.collect())
}

/// The series of which slices are missing.
fn series_of(gap: &GapFound) -> BTreeSet<&str> {
    let series = gap.missing.iter().filter_map(|missing| match missing {
        Missing::Slices { series, .. } => Some(series.as_str()),
        _ => None,
    });
    series.collect()
}

/// From when to when something is held, over all files.
pub fn span(found: &Found<'_>) -> Option<(Time, Time)> {
    let versions = || found.holdings.iter().flat_map(|holding| &holding.versions);
    let first = versions().map(|version| version.first.moment()).min()?;
    let last = versions().map(|version| version.last.moment()).max()?;
    Some((first, last))
}
