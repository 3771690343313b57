//! `restore --patient`: everything of one patient, from all datasets, into a folder, with a list of
//! what came back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ov_catalog::{Holding, folder_name};
use ov_format::entry::Entry;
use ov_format::name::RecordName;
use ov_restore::{Filter, Monitor, Part, Report, RestoreOptions, SnapshotInfo, Tree, Wanted};
use ov_terminal::{Desk, Exit, Failure};
use serde_json::{Map, Value, json};

use crate::explain;
use crate::reading::Reading;
use crate::verb::patient_wish::{Asked, Wish};

/// Where to, and how.
pub struct Target<'a> {
    /// The folder.
    pub to: &'a Path,
    /// How.
    pub options: RestoreOptions,
}

/// Restores what is held of a patient.
pub fn run(
    asked: &Asked<'_>,
    target: &Target<'_>,
    reading: &Reading,
    desk: &Desk,
    monitor: &dyn Monitor,
) -> Result<(Vec<Report>, Exit), Failure> {
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let wish = Wish::find(asked, reading, &reader, desk)?;
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
        let to = target.to.join(place.0);
        make_folders(target.to, &to)?;
        let report = ov_restore::restore(&wanted, &to, &target.options, monitor);
        reports.push(report.map_err(explain::restore)?);
    }
    wish.tell(desk);
    wish.tell_gaps(desk);
    wish.tell_complete(desk);
    let to = target.to.display();
    desk.screen.line(format_args!("It is in {to}."));
    desk.screen.document(&document(&wish, target.to, &reports));
    Ok((reports, wish.exit()))
}

/// What is put back from one snapshot, and below which folder of the target.
type Batches<'s> = BTreeMap<(PathBuf, RecordName), (&'s SnapshotInfo, Vec<Entry>)>;

fn batches<'s>(wish: &Wish<'s>) -> Batches<'s> {
    let mut batches = Batches::new();
    for (holding, version) in wish.files() {
        let place = (place(holding), version.last.commit);
        let batch = batches
            .entry(place)
            .or_insert_with(|| (version.last, Vec::new()));
        batch.1.push((*version.entry).clone());
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

/// Something that reports count, and its name.
type Sum = (&'static str, fn(&Report) -> u64);

fn document(wish: &Wish<'_>, to: &Path, reports: &[Report]) -> Value {
    let mut said = wish.document(&to.display().to_string(), &|(holding, _)| {
        let path = String::from_utf8_lossy(&holding.key.path()).into_owned();
        let restored = place(holding).join(path).display().to_string();
        Map::from_iter([("restored".to_owned(), json!(restored))])
    });
    let sums: [Sum; 5] = [
        ("files_written", |report| report.files_written),
        ("kept", |report| report.kept),
        ("bytes_written", |report| report.bytes_written),
        ("verified", |report| report.verified),
        ("failed", |report| report.failures.count),
    ];
    for (name, of) in sums {
        let sum = reports.iter().map(of).sum::<u64>();
        said.insert(name.to_owned(), json!(sum));
    }
    Value::Object(said)
}
