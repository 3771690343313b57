//! Sets that are incomplete, named with the files that tell of it.

use std::collections::BTreeMap;

use ov_clinical::{Category, Facts, Finding, Gap, Member, Missing, Patient, Role, find_gaps};

use crate::file::FoundFile;
use crate::people::{Keep, patient_text};

/// Whether sets were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    /// Among all files.
    All,
    /// Not at all: the facts of so many files do not fit into the memory that is meant for them.
    TooMany,
}

/// Sets that are incomplete.
#[derive(Clone, Debug)]
pub struct Sets {
    /// Whether they were looked for.
    pub looked: Looked,
    /// The gaps, the worst sorts first.
    pub incomplete: Vec<Incomplete>,
}

/// A set with a gap.
#[derive(Clone)]
pub struct Incomplete {
    /// How it is incomplete.
    pub gap: Gap,
    /// The files that tell of it, by their places in the survey.
    pub files: Vec<usize>,
    missing: Vec<Missing>,
    patients: Vec<Patient>,
}

impl std::fmt::Debug for Incomplete {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incomplete({:?}, {:?})", self.gap, self.files)
    }
}

impl Incomplete {
    /// What is missing, in words for people. UIDs of objects are identifiers: they are named only
    /// where identifiers were asked for.
    #[must_use]
    pub fn missing(&self, keep: Keep) -> Vec<String> {
        let mut said = instances(&self.missing, keep);
        said.extend(self.missing.iter().filter_map(|one| text(one, keep)));
        said.extend(sequences(&self.missing));
        said
    }

    /// How many patients are touched, as far as files name them.
    #[must_use]
    pub fn patients(&self) -> usize {
        self.patients.len()
    }

    /// Who they are, in words for people.
    #[must_use]
    pub fn patient_names(&self) -> Vec<String> {
        self.patients.iter().map(patient_text).collect()
    }
}

/// All gaps; the same bytes twice are no gap and are told apart.
pub(crate) fn find(files: &[FoundFile], looked: Looked) -> Sets {
    let incomplete = match looked {
        Looked::All => gaps(files),
        Looked::TooMany => Vec::new(),
    };
    Sets { looked, incomplete }
}

fn gaps(files: &[FoundFile]) -> Vec<Incomplete> {
    let concerned: Vec<(usize, &FoundFile)> = (0..)
        .zip(files)
        .filter(|(_, file)| file.facts().is_some() || file.category() == Category::Genomes)
        .collect();
    let names: Vec<String> = concerned
        .iter()
        .map(|(_, file)| String::from_utf8_lossy(&file.path()).into_owned())
        .collect();
    let nothing = Facts::default();
    let members: Vec<Member> = concerned
        .iter()
        .zip(&names)
        .filter_map(|((_, file), name)| {
            Some(Member {
                name,
                kind: file.kind()?,
                facts: file.facts().unwrap_or(&nothing),
                digest: None,
            })
        })
        .collect();
    let place = |member: &usize| concerned.get(*member).map(|(at, _)| *at);
    let found = find_gaps(&members).into_iter();
    let found = found.filter(|finding| finding.gap != Gap::SameBytes);
    let mut found: Vec<Incomplete> = found.map(|finding| named(finding, place)).collect();
    found.sort_by_key(|one| (one.gap.grade(), one.gap));
    found
}

fn named(finding: Finding, place: impl Fn(&usize) -> Option<usize>) -> Incomplete {
    Incomplete {
        gap: finding.gap,
        files: finding.members.iter().filter_map(place).collect(),
        missing: finding.missing,
        patients: finding.patients,
    }
}

fn instances(missing: &[Missing], keep: Keep) -> Vec<String> {
    let mut by_role: BTreeMap<Role, Vec<&str>> = BTreeMap::new();
    for one in missing {
        if let Missing::Instance { uid, role } = one {
            by_role.entry(*role).or_default().push(uid.as_str());
        }
    }
    let said = by_role.into_iter().map(|(role, uids)| {
        let what = counted(role, uids.len());
        match keep {
            Keep::Counts => what,
            Keep::Identifiers => format!("{what}: {}", uids.join(", ")),
        }
    });
    said.collect()
}

fn counted(role: Role, count: usize) -> String {
    let (one, many) = match role {
        Role::StructureSet => ("structure set", "structure sets"),
        Role::Plan | Role::OtherPlan => ("plan", "plans"),
        Role::Dose => ("dose", "doses"),
        Role::Contour | Role::Source | Role::Verification => ("image", "images"),
        Role::Record => ("treatment record", "treatment records"),
        Role::Predecessor => ("earlier version", "earlier versions"),
        Role::Media => ("file of the medium", "files of the medium"),
        Role::Evidence | Role::Context => ("object", "objects"),
    };
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

fn text(missing: &Missing, keep: Keep) -> Option<String> {
    Some(match missing {
        Missing::Instance { .. } | Missing::Sequence { .. } => return None,
        Missing::Frame { uid } => match keep {
            Keep::Counts => "every image in its frame of reference".to_owned(),
            Keep::Identifiers => format!("every image in the frame of reference {}", uid.as_str()),
        },
        Missing::Slices {
            series,
            count,
            after,
        } => {
            let slices = match count {
                1 => "1 slice".to_owned(),
                count => format!("{count} slices"),
            };
            let slices = match keep {
                Keep::Counts => slices,
                Keep::Identifiers => format!("{slices} of the series {}", series.as_str()),
            };
            match after {
                Some(number) => format!("{slices} after number {number}"),
                None => slices,
            }
        }
        Missing::File { names } => names.first()?.as_str().to_owned(),
    })
}

/// So many sequences are named; the others are counted.
const SEQUENCES_NAMED: usize = 3;

fn sequences(missing: &[Missing]) -> Option<String> {
    let names: Vec<&str> = missing
        .iter()
        .filter_map(|one| match one {
            Missing::Sequence { name, .. } => Some(&**name),
            _ => None,
        })
        .collect();
    let (first, rest) = names.split_at(names.len().min(SEQUENCES_NAMED));
    let first = first.join(", ");
    match (names.len(), rest.len()) {
        (0, _) => None,
        (1, _) => Some(format!("reference sequence {first}")),
        (_, 0) => Some(format!("reference sequences {first}")),
        (_, more) => Some(format!("reference sequences {first} and {more} more")),
    }
}
