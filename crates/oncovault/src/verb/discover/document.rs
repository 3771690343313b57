//! What `discover` says to programs.

use jiff::Timestamp;
use ov_discover::{CATEGORIES, Incomplete, Keep, Proposal, Survey, Total};
use serde_json::{Value, json};

use super::Outcome;

/// The document.
pub(super) fn document(outcome: &Outcome<'_>) -> Value {
    let survey = outcome.survey;
    let all = &survey.totals.all;
    let mut document = json!({
        "paths": survey.roots.iter().map(|root| text(&[b"/", &root[..]].concat()))
            .collect::<Vec<_>>(),
        "files": all.files,
        "bytes": all.bytes,
        "folders": survey.folders,
        "others": survey.others,
        "excluded": survey.excluded,
        "vanished": survey.vanished,
        "unreadable_count": survey.unread_count,
        "unreadable": survey.unread.iter().map(|unread| json!({
            "path": unread.path.to_string(),
            "reason": unread.reason,
        })).collect::<Vec<_>>(),
        "sets_looked_for": survey.sets.looked == ov_discover::Looked::All,
        "seconds": outcome.seconds,
    });
    let parts = [
        ("categories", categories(survey)),
        ("kinds", kinds(survey)),
        ("worth", worth(survey)),
        ("incomplete", incomplete(outcome)),
        ("duplicates", duplicates(survey)),
        ("flawed", flawed(survey)),
        ("people", people(outcome)),
        ("without_patient", without_patient(survey)),
        ("unknown", unknown(survey)),
        ("protection", protection(outcome)),
        ("proposal", proposal(&outcome.proposal)),
    ];
    for (key, part) in parts {
        document[key] = part;
    }
    document
}

fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}

fn path(survey: &Survey, at: usize) -> String {
    let file = survey.files.get(at);
    file.map_or_else(String::new, |file| text(&file.path()))
}

fn moment(seconds: Option<i64>) -> Option<String> {
    Some(Timestamp::from_second(seconds?).ok()?.to_string())
}

fn categories(survey: &Survey) -> Value {
    let there = CATEGORIES
        .iter()
        .map(|category| (category, survey.totals.category(*category)))
        .filter(|(_, total)| total.files > 0);
    let said = there.map(|(category, total)| {
        let mut said = sums(&total);
        said["category"] = json!(category.label());
        said
    });
    said.collect()
}

fn kinds(survey: &Survey) -> Value {
    let said = survey.totals.kinds.iter().map(|(kind, total)| {
        let mut said = sums(total);
        said["kind"] = json!(kind.label());
        said["title"] = json!(kind.title());
        said["category"] = json!(kind.category().label());
        said
    });
    said.collect()
}

fn sums(total: &Total) -> Value {
    json!({
        "files": total.files,
        "bytes": total.bytes,
        "oldest": moment(total.oldest),
        "newest": moment(total.newest),
        "bytes_a_month": total.growth.monthly(),
    })
}

fn worth(survey: &Survey) -> Value {
    let said = survey.worth.iter().map(|sum| {
        json!({
            "rank": sum.worth.rank.number(),
            "again": sum.worth.again.label(),
            "reason": sum.worth.reason.text(),
            "category": sum.category.label(),
            "files": sum.files,
            "bytes": sum.bytes,
        })
    });
    said.collect()
}

fn incomplete(outcome: &Outcome<'_>) -> Value {
    let survey = outcome.survey;
    let said = survey.sets.incomplete.iter().map(|one: &Incomplete| {
        let files = one.files.iter().map(|at| path(survey, *at));
        json!({
            "gap": one.gap.label(),
            "grade": one.gap.grade().label(),
            "files": files.collect::<Vec<_>>(),
            "missing": one.missing(outcome.keep),
            "closed_by": one.gap.closed_by(),
            "patients": one.patients(),
            "patient_identifiers": match outcome.keep {
                Keep::Counts => None,
                Keep::Identifiers => Some(one.patient_names()),
            },
        })
    });
    said.collect()
}

fn duplicates(survey: &Survey) -> Value {
    let said = survey.duplicates.iter().map(|one| {
        let files = one.files.iter().map(|at| path(survey, *at));
        json!({
            "bytes": one.size,
            "spare": one.spare(),
            "files": files.collect::<Vec<_>>(),
        })
    });
    said.collect()
}

fn flawed(survey: &Survey) -> Value {
    let said = survey.files.iter().filter_map(|file| {
        let seen = file.seen.as_ref()?;
        Some(json!({
            "path": text(&file.path()),
            "kind": seen.kind.label(),
            "flaw": seen.flaw.as_ref()?.to_string(),
        }))
    });
    said.collect()
}

fn people(outcome: &Outcome<'_>) -> Value {
    let people = &outcome.survey.people;
    let identifiers = people.identifiers().map(|all| all.collect::<Vec<_>>());
    json!({
        "patients": people.patients(),
        "subjects": people.subjects(),
        "samples": people.samples(),
        "identifiers": identifiers,
    })
}

fn without_patient(survey: &Survey) -> Value {
    let said = survey.unassigned.iter();
    let said = said.map(|one| json!({"folder": text(&one.folder), "files": one.files}));
    said.collect()
}

fn unknown(survey: &Survey) -> Value {
    let said = survey.unknown.iter().map(|one| {
        json!({
            "ending": one.ending,
            "folder": text(&one.folder),
            "files": one.files,
            "bytes": one.bytes,
        })
    });
    said.collect()
}

fn protection(outcome: &Outcome<'_>) -> Value {
    let Some((config, protection)) = &outcome.protection else {
        return Value::Null;
    };
    let (files, bytes) = protection.open(outcome.survey);
    let folders = protection.open_folders(outcome.survey).into_iter();
    json!({
        "config": config,
        "datasets": protection.datasets(),
        "open_files": files,
        "open_bytes": bytes,
        "open_folders": folders.map(|folder| json!({
            "path": text(&folder.path),
            "files": folder.files,
            "bytes": folder.bytes,
        })).collect::<Vec<_>>(),
    })
}

fn proposal(proposal: &Proposal) -> Value {
    let said = proposal.datasets.iter().map(|dataset| {
        let terms = dataset.terms();
        json!({
            "name": dataset.name,
            "category": dataset.category.label(),
            "paths": dataset.paths,
            "except": dataset.except,
            "compartment": terms.compartment,
            "rpo": terms.rpo,
            "rto": terms.rto,
            "retention": terms.retention,
            "why": terms.why,
        })
    });
    said.collect()
}
