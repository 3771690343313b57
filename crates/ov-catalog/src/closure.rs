//! What is missing from sets of objects that belong together: plans without their structure set,
//! series with a gap, treatment records without their plan.

use std::collections::BTreeSet;

use ov_clinical::{
    Account, Facts, Finding, Gap, Grade, Ident, Kind, Member, Missing, Patient, find_gaps,
};
use ov_format::entry::{Entry, EntryKey};
use ov_restore::{Below, FrameReader, Harvest, Picker, ReadError, SnapshotInfo, Tree};

use crate::account::read_account;
use crate::crosswalk::{Crosswalk, PatientName};
use crate::found::Found;

/// What a look at whole catalogs found missing.
#[derive(Debug, Default)]
pub struct Closure<'s> {
    /// The gaps.
    pub gaps: Vec<GapFound>,
    /// DICOM objects that were looked at.
    pub objects: u64,
    /// Parts of snapshots that could not be read: what stands there counts as missing.
    pub failed: Vec<(&'s SnapshotInfo, ReadError)>,
    /// Accounts that could not be read or are of no known form.
    pub unreadable: u64,
    /// References from one patient's object to another's that are none, since links say that both
    /// are one.
    pub by_link: u64,
    /// Snapshots without a catalog: nothing is known of what they hold.
    pub without_catalog: Vec<&'s SnapshotInfo>,
}

/// A gap.
#[derive(Clone, Debug)]
pub struct GapFound {
    /// Which.
    pub gap: Gap,
    /// The files that tell of it: dataset and path.
    pub files: Vec<(String, EntryKey)>,
    /// What is missing; nothing where the files do not say.
    pub missing: Vec<Missing>,
    /// Whose data it is, where a file says so.
    pub patients: Vec<Patient>,
    /// Other identifiers of these patients, by links.
    pub linked: BTreeSet<PatientName>,
}

impl GapFound {
    /// Whether the data cannot be used without what is missing.
    pub fn is_strong(&self) -> bool {
        self.gap.grade() == Grade::Strong
    }
}

/// Looks for gaps over all DICOM objects of these snapshots together: what one dataset lacks
/// another may have. Keeps what is said of all these objects in memory, about 1 KiB for each.
pub fn gaps<'s>(
    reader: &FrameReader<'_>,
    snapshots: &[&'s SnapshotInfo],
    crosswalk: &Crosswalk,
) -> Closure<'s> {
    let picker = Objects {
        reader,
        unreadable: 0,
    };
    let mut catalogs = Harvest::new(reader, picker);
    let mut closure = Closure::default();
    let mut objects = Vec::new();
    for info in snapshots {
        if info.snapshot.catalog.is_none() {
            closure.without_catalog.push(info);
            continue;
        }
        let (taken, failed) = catalogs.of(&Tree::catalog_of(reader, &info.snapshot));
        closure
            .failed
            .extend(failed.into_iter().map(|error| (*info, error)));
        let issuer = Ident::new(&info.snapshot.issuer);
        objects.extend(
            taken
                .iter()
                .map(|object| (*info, issuer.clone(), object.clone())),
        );
    }
    closure.unreadable = catalogs.into_picker().unreadable;
    closure.objects = u64::try_from(objects.len()).unwrap_or(u64::MAX);
    let told = objects.iter().map(|(info, issuer, object)| Told {
        dataset: &info.snapshot.dataset,
        issuer: issuer.clone(),
        key: &object.key,
        kind: object.kind,
        facts: &object.facts,
    });
    (closure.gaps, closure.by_link) = among(told.collect(), crosswalk);
    closure
}

/// Gaps among the last versions of the files that were found.
pub fn of_found(found: &Found<'_>, crosswalk: &Crosswalk) -> Vec<GapFound> {
    let told = found.latest().filter_map(|(holding, version)| {
        let said = version.said()?;
        Some(Told {
            dataset: holding.dataset,
            issuer: Ident::new(&version.last.snapshot.issuer),
            key: &holding.key,
            kind: said.kind,
            facts: &said.facts,
        })
    });
    among(told.collect(), crosswalk).0
}

/// What a file tells.
struct Told<'t> {
    dataset: &'t str,
    /// Whose identifiers those are for which the file names no issuer.
    issuer: Option<Ident>,
    key: &'t EntryKey,
    kind: Kind,
    facts: &'t Facts,
}

impl Told<'_> {
    /// All identifiers of its patients: those in the file, and those to which links lead.
    fn people(&self, crosswalk: &Crosswalk) -> BTreeSet<PatientName> {
        let names = self.facts.patients.iter().filter_map(|patient| {
            Some(PatientName {
                id: patient.id.clone(),
                issuer: patient.issuer.clone().or_else(|| self.issuer.clone())?,
            })
        });
        names.flat_map(|name| crosswalk.person(&name)).collect()
    }
}

/// The gaps, and how many more there would be without links.
fn among(told: Vec<Told<'_>>, crosswalk: &Crosswalk) -> (Vec<GapFound>, u64) {
    let paths: Vec<String> = told
        .iter()
        .map(|one| String::from_utf8_lossy(&one.key.path()).into_owned())
        .collect();
    let members: Vec<Member<'_>> = told
        .iter()
        .zip(&paths)
        .map(|(one, path)| Member {
            name: path,
            kind: one.kind,
            facts: one.facts,
            digest: None,
        })
        .collect();
    let found = find_gaps(&members).into_iter();
    let wanted = found.filter(|finding| is_of_objects(finding.gap));
    let (by_link, gaps): (Vec<_>, Vec<_>) =
        wanted.partition(|finding| is_one_person(finding, &told, crosswalk));
    let gaps = gaps.into_iter();
    let gaps = gaps.map(|finding| named(finding, &told, crosswalk));
    let by_link = u64::try_from(by_link.len()).unwrap_or(u64::MAX);
    (gaps.collect(), by_link)
}

/// Whether what looks like a reference to another patient's object leads to the same person's.
fn is_one_person(finding: &Finding, told: &[Told<'_>], crosswalk: &Crosswalk) -> bool {
    if finding.gap != Gap::OtherPatient {
        return false;
    }
    let mut people = finding.members.iter().filter_map(|at| told.get(*at));
    let own = people.next().map(|one| one.people(crosswalk));
    let own = own.unwrap_or_default();
    people.any(|other| !other.people(crosswalk).is_disjoint(&own))
}

fn named(finding: Finding, told: &[Told<'_>], crosswalk: &Crosswalk) -> GapFound {
    let files = finding.members.iter().filter_map(|at| told.get(*at));
    let people = files.clone().flat_map(|one| one.people(crosswalk));
    let said = |name: &PatientName| finding.patients.iter().any(|one| one.id == name.id);
    GapFound {
        linked: people.filter(|name| !said(name)).collect(),
        gap: finding.gap,
        files: files
            .map(|one| (one.dataset.to_owned(), one.key.clone()))
            .collect(),
        missing: finding.missing,
        patients: finding.patients,
    }
}

/// Whether a gap is one between DICOM objects, and more than a note.
fn is_of_objects(gap: Gap) -> bool {
    match gap {
        Gap::PlanWithoutStructureSet
        | Gap::PlanWithoutImages
        | Gap::PlanWithoutDose
        | Gap::StructureSetWithoutImages
        | Gap::DoseWithoutPlan
        | Gap::DoseWithoutStructureSet
        | Gap::RecordWithoutPlan
        | Gap::SourcesMissing
        | Gap::MediaIncomplete
        | Gap::OtherPatient
        | Gap::SeriesShort
        | Gap::SeriesGap => true,
        Gap::CramWithoutReference
        | Gap::IndexMissing
        | Gap::IndexAlone
        | Gap::EndMissing
        | Gap::MateMissing
        | Gap::SameBytes
        | Gap::SameDataSet
        | Gap::Versions => false,
    }
}

struct Object {
    key: EntryKey,
    kind: Kind,
    facts: Facts,
}

struct Objects<'o> {
    reader: &'o FrameReader<'o>,
    unreadable: u64,
}

impl Picker for Objects<'_> {
    type Taken = Object;

    fn may_be_below(&self, _: &Below<'_>) -> bool {
        true
    }

    fn pick(&mut self, entry: Entry) -> Option<Object> {
        let Some(account) = read_account(self.reader, &entry) else {
            self.unreadable += 1;
            return None;
        };
        match account {
            Account::Read(said) if said.facts.dicom.is_some() => Some(Object {
                key: entry.key,
                kind: said.kind,
                facts: said.facts,
            }),
            Account::Read(_) | Account::Opaque(_) => None,
        }
    }
}
