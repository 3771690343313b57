//! What is missing from a set of files, and what would close it.

use crate::facts::{Facts, Patient, Role};
use crate::ident::Ident;
use crate::kind::Kind;
use crate::{closure, companions, duplicates, series};

/// A file of the set that is looked at.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// Its path, with `/` between components. Index and mate files are told by their names.
    pub name: &'a str,
    /// What it is.
    pub kind: Kind,
    /// What it says.
    pub facts: &'a Facts,
    /// BLAKE3 of all its bytes, where it was computed. What the DICOM reader computed counts too.
    pub digest: Option<[u8; 32]>,
}

/// How a set is incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gap {
    /// A plan whose structure set is not there.
    PlanWithoutStructureSet,
    /// A plan whose structure set is there, and images of it are not.
    PlanWithoutImages,
    /// A plan to which no dose belongs.
    PlanWithoutDose,
    /// A structure set without images on which it was drawn.
    StructureSetWithoutImages,
    /// A dose whose plan is not there.
    DoseWithoutPlan,
    /// A dose with a histogram whose structure set is not there.
    DoseWithoutStructureSet,
    /// A treatment record whose plan is not there, or that names none.
    RecordWithoutPlan,
    /// A segmentation, registration, report, or object of the second generation of radiotherapy
    /// whose sources are not there.
    SourcesMissing,
    /// A media directory that names files that are not there.
    MediaIncomplete,
    /// A reference that leads to the data of another patient.
    OtherPatient,
    /// A series with fewer instances than it says.
    SeriesShort,
    /// A series of slices with a gap.
    SeriesGap,
    /// A CRAM whose reference sequences are not there.
    CramWithoutReference,
    /// A file sorted by position without its index.
    IndexMissing,
    /// An index without its file.
    IndexAlone,
    /// A file without the marker that closes it.
    EndMissing,
    /// Reads of one of a pair.
    MateMissing,
    /// Files with the same bytes.
    SameBytes,
    /// DICOM files with the same data set in different files.
    SameDataSet,
    /// Several different objects under one SOP instance UID. All are kept.
    Versions,
}

/// How much a gap matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The data cannot be used, or somebody else's data would be.
    Strong,
    /// Wanted: it can be made again, or the data are of use without it.
    Wanted,
    /// Only worth knowing.
    Note,
}

impl Grade {
    /// The word for it in reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Strong => "strong",
            Self::Wanted => "wanted",
            Self::Note => "note",
        }
    }
}

impl Gap {
    /// How much it matters.
    #[must_use]
    pub fn grade(self) -> Grade {
        match self {
            Self::PlanWithoutDose
            | Self::MediaIncomplete
            | Self::IndexMissing
            | Self::IndexAlone
            | Self::MateMissing => Grade::Wanted,
            Self::SameBytes | Self::SameDataSet | Self::Versions => Grade::Note,
            _ => Grade::Strong,
        }
    }

    /// The short stable name, for reports; with spaces for its dashes it is what people read.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::PlanWithoutStructureSet => "plan-without-structure-set",
            Self::PlanWithoutImages => "plan-without-images",
            Self::PlanWithoutDose => "plan-without-dose",
            Self::StructureSetWithoutImages => "structure-set-without-images",
            Self::DoseWithoutPlan => "dose-without-plan",
            Self::DoseWithoutStructureSet => "dose-without-structure-set",
            Self::RecordWithoutPlan => "treatment-record-without-plan",
            Self::SourcesMissing => "referenced-objects-missing",
            Self::MediaIncomplete => "media-directory-incomplete",
            Self::OtherPatient => "refers-to-another-patient",
            Self::SeriesShort => "series-too-short",
            Self::SeriesGap => "series-with-a-gap",
            Self::CramWithoutReference => "cram-without-reference",
            Self::IndexMissing => "index-missing",
            Self::IndexAlone => "index-without-file",
            Self::EndMissing => "end-missing",
            Self::MateMissing => "mate-missing",
            Self::SameBytes => "same-bytes",
            Self::SameDataSet => "same-data-set",
            Self::Versions => "versions-of-one-instance",
        }
    }

    /// What would close it, for people.
    #[must_use]
    pub fn closed_by(self) -> &'static str {
        match self {
            Self::PlanWithoutStructureSet => "export the plan's structure set",
            Self::PlanWithoutImages => "export the planning images",
            Self::PlanWithoutDose => "export the plan's dose",
            Self::StructureSetWithoutImages => "export the images on which it was drawn",
            Self::DoseWithoutPlan => "export the plan of the dose",
            Self::DoseWithoutStructureSet => "export the structure set of the dose's histogram",
            Self::RecordWithoutPlan => "export the plan that was treated",
            Self::SourcesMissing => "export the objects that it refers to",
            Self::MediaIncomplete => "copy the medium again, with all its files",
            Self::OtherPatient => "find out in the source whose data these are",
            Self::SeriesShort | Self::SeriesGap => "export the series again",
            Self::CramWithoutReference => "protect the reference (FASTA) with the CRAM",
            Self::IndexMissing => "make the index again, or protect it too",
            Self::IndexAlone => "protect the indexed file too",
            Self::EndMissing => "copy the file again from where it is whole",
            Self::MateMissing => "protect the other file of the pair too",
            Self::SameBytes | Self::SameDataSet => "nothing: it is stored once",
            Self::Versions => "nothing: all versions are kept",
        }
    }
}

/// Something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// A DICOM object.
    Instance {
        /// Its SOP instance UID.
        uid: Ident,
        /// What it was for.
        role: Role,
    },
    /// Any image in this frame of reference.
    Frame {
        /// The UID of the frame of reference.
        uid: Ident,
    },
    /// Instances of a series.
    Slices {
        /// The UID of the series.
        series: Ident,
        /// How many, as far as can be told.
        count: u32,
        /// After the slice with this instance number, where slices have numbers.
        after: Option<i64>,
    },
    /// A file, under one of these names.
    File {
        /// The names it might have, the usual one first.
        names: Vec<Ident>,
    },
    /// A reference sequence.
    Sequence {
        /// Its name.
        name: Box<str>,
        /// MD5 of its bases, where it is known.
        md5: Option<[u8; 16]>,
    },
}

/// A gap in a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub gap: Gap,
    /// The files that tell of it, by their places in the set.
    pub members: Vec<usize>,
    /// What is missing. Nothing where the file does not say.
    pub missing: Vec<Missing>,
    /// Whose data it is, where a file says so.
    pub patients: Vec<Patient>,
}

/// All gaps of a set, in the order of the gaps and then of the members.
#[must_use]
pub fn find_gaps(set: &[Member]) -> Vec<Finding> {
    let mut found = closure::find(set);
    found.extend(series::find(set));
    found.extend(companions::find(set));
    found.extend(duplicates::find(set));
    for finding in &mut found {
        finding.patients = patients(set, &finding.members);
    }
    found.sort_by(|a, b| (a.gap, &a.members).cmp(&(b.gap, &b.members)));
    found
}

impl Finding {
    pub(crate) fn new(gap: Gap, members: Vec<usize>, missing: Vec<Missing>) -> Self {
        Self {
            gap,
            members,
            missing,
            patients: Vec::new(),
        }
    }
}

fn patients(set: &[Member], members: &[usize]) -> Vec<Patient> {
    let members = members.iter().filter_map(|at| set.get(*at));
    let mut all: Vec<Patient> = members
        .flat_map(|m| m.facts.patients.iter().cloned())
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}
