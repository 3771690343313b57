//! What files are worth: how soon care misses them, whether they can be had again, and why.

use std::collections::{BTreeMap, BTreeSet};

use ov_clinical::{Category, Ident, Kind, Role};

use crate::category::place;
use crate::file::FoundFile;

/// How soon and how badly a file is missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// Treatment stops.
    First,
    /// Care suffers within days.
    Second,
    /// Work is lost.
    Third,
    /// Nobody suffers.
    Fourth,
}

/// Whether a file can be had again once it is lost everywhere here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Again {
    /// Never.
    Never,
    /// Only while somebody else still has it.
    Elsewhere,
    /// Nothing in it tells.
    Unsure,
    /// From other files that were found here, as long as those are kept.
    FromHere,
}

/// Why a file is worth what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the text of each says what it is")]
pub enum Reason {
    PlanningWork,
    Dose,
    TreatmentRecord,
    VerificationImage,
    PatientRecord,
    PlanningImage,
    ArchiveImage,
    WorkOnImages,
    Slide,
    MediaDirectory,
    Volume,
    Reads,
    AlignmentFromReads,
    AlignmentAlone,
    VariantsFromAlignment,
    VariantsAlone,
    Index,
    Reference,
    Annotation,
    Sealed,
    Trial,
    Research,
    Calendar,
    Office,
    Directory,
    Database,
    Archive,
    Program,
    Loose,
    Nothing,
    Unrecognised,
}

/// What a file is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Worth {
    /// How soon it is missed.
    pub rank: Rank,
    /// Whether it can be had again.
    pub again: Again,
    /// Why.
    pub reason: Reason,
}

/// Files of one category that are worth the same for the same reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorthSum {
    /// Their category.
    pub category: Category,
    /// What they are worth.
    pub worth: Worth,
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Rank {
    /// From 1, the first to be missed, to 4.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::First => 1,
            Self::Second => 2,
            Self::Third => 3,
            Self::Fourth => 4,
        }
    }
}

impl Again {
    /// The word for it in reports.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Elsewhere => "elsewhere",
            Self::Unsure => "unsure",
            Self::FromHere => "from-here",
        }
    }
}

impl Reason {
    /// For people.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::PlanningWork => {
                "plans and structures: days of people's work, and what is treated now"
            }
            Self::Dose => {
                "doses: computed again only by the planning system that still has plan and machine"
            }
            Self::TreatmentRecord => {
                "treatment records: what was delivered, and nothing else says it"
            }
            Self::VerificationImage => "images of a treatment: the moment is gone",
            Self::PatientRecord => {
                "about patients, and nowhere else unless the system that wrote them is backed up"
            }
            Self::PlanningImage => {
                "images on which structures are drawn: plans are of no use without them"
            }
            Self::ArchiveImage => "exported again only while the archive (PACS) still has it",
            Self::WorkOnImages => "people's work on images",
            Self::Slide => "scanned again only while the glass is kept and has not faded",
            Self::MediaDirectory => "made from the files beside it",
            Self::Volume => "made from other images, which may be gone; or measured",
            Self::Reads => "sequenced again only if there is material left, and never the same",
            Self::AlignmentFromReads => {
                "aligned again from reads of its samples and a reference, both found here by name"
            }
            Self::AlignmentAlone => {
                "no reads of its samples were found here: it holds the only ones"
            }
            Self::VariantsFromAlignment => {
                "called again from alignments of its samples, found here"
            }
            Self::VariantsAlone => "no alignment of its samples was found here",
            Self::Index => "made again in minutes from the file beside it",
            Self::Reference => {
                "public sequences are fetched again by their checksum; own ones are not"
            }
            Self::Annotation => "fetched again if it is public, else somebody's work",
            Self::Sealed => "encrypted for exchange: nobody can look into it here",
            Self::Trial => "must be shown to authorities for decades",
            Self::Research => "may have cost months, or minutes: its owner knows",
            Self::Calendar => "who comes when: without it nobody can be called",
            Self::Office => "documents, tables and mail: somebody's work",
            Self::Directory => "who helps patients, and how to reach them",
            Self::Database => {
                "holds what nothing here can see; a copy of one in use may be torn: store its dump"
            }
            Self::Archive => "not looked into: it may hold anything",
            Self::Program => "installed again",
            Self::Loose => "belongs to nothing that is known; its folder tells more",
            Self::Nothing => "has no content",
            Self::Unrecognised => {
                "not recognised: look at it, and treat it as patients' data until then"
            }
        }
    }
}

/// Sums, those that are missed first first.
pub(crate) fn sums(files: &[FoundFile]) -> Vec<WorthSum> {
    let around = Around::of(files);
    let mut sums: BTreeMap<(Worth, usize), WorthSum> = BTreeMap::new();
    for file in files {
        let (worth, category) = (around.worth(file), file.category());
        let sum = sums.entry((worth, place(category))).or_insert(WorthSum {
            category,
            worth,
            files: 0,
            bytes: 0,
        });
        sum.files += 1;
        sum.bytes = sum.bytes.saturating_add(file.size);
    }
    sums.into_values().collect()
}

/// What else is there.
struct Around<'a> {
    /// Instances on which structures are drawn.
    planning: BTreeSet<&'a Ident>,
    /// Names of files with reads, in lower case.
    reads: BTreeSet<String>,
    /// Samples that are aligned.
    aligned: BTreeSet<&'a Ident>,
    /// Whether any sequences are there.
    reference: bool,
}

impl<'a> Around<'a> {
    fn of(files: &'a [FoundFile]) -> Self {
        let mut around = Self {
            planning: BTreeSet::new(),
            reads: BTreeSet::new(),
            aligned: BTreeSet::new(),
            reference: false,
        };
        for file in files {
            around.learn(file);
        }
        around
    }

    fn learn(&mut self, file: &'a FoundFile) {
        match file.kind() {
            Some(Kind::DicomRtStruct) => {
                let object = file.facts().and_then(|facts| facts.dicom.as_deref());
                let references = object.into_iter().flat_map(|object| &object.references);
                let drawn_on = references.filter(|one| one.role == Role::Contour);
                self.planning.extend(drawn_on.map(|one| &one.instance));
            }
            Some(Kind::Fastq) => {
                let name = String::from_utf8_lossy(&file.name).to_lowercase();
                self.reads.insert(name);
            }
            Some(Kind::Bam | Kind::Cram | Kind::Sam) => self.aligned.extend(samples(file)),
            Some(Kind::Fasta | Kind::TwoBit) => self.reference = true,
            _ => {}
        }
    }

    fn worth(&self, file: &FoundFile) -> Worth {
        use Again::{Elsewhere, FromHere, Never, Unsure};
        use Rank::{First, Fourth, Second, Third};
        let Some(kind) = file.kind() else {
            return Worth::new(Third, Unsure, Reason::Unrecognised);
        };
        let (rank, again, reason) = match kind {
            Kind::DicomRtRecord => (First, Never, Reason::TreatmentRecord),
            Kind::DicomRtDose => (First, Elsewhere, Reason::Dose),
            Kind::DicomRtImage => (Second, Never, Reason::VerificationImage),
            Kind::DicomCt | Kind::DicomMr | Kind::DicomPt if self.is_planned_on(file) => {
                (First, Elsewhere, Reason::PlanningImage)
            }
            Kind::DicomSeg | Kind::DicomReg | Kind::DicomSr | Kind::DicomPresentation => {
                (Second, Never, Reason::WorkOnImages)
            }
            Kind::DicomSlide | Kind::Svs | Kind::OmeTiff => (Second, Elsewhere, Reason::Slide),
            Kind::Dicomdir => (Fourth, FromHere, Reason::MediaDirectory),
            kind if kind.is_dicom() && kind.category() == Category::Images => {
                (Second, Elsewhere, Reason::ArchiveImage)
            }
            Kind::Fastq => (Third, Never, Reason::Reads),
            Kind::Bam | Kind::Cram | Kind::Sam => return self.alignment(file),
            Kind::Vcf | Kind::Bcf => return self.variants(file),
            Kind::Bai | Kind::Csi | Kind::Tbi | Kind::Crai | Kind::Fai | Kind::Gzi => {
                (Fourth, FromHere, Reason::Index)
            }
            Kind::Fasta | Kind::TwoBit | Kind::GenBank => (Third, Elsewhere, Reason::Reference),
            Kind::Crypt4gh => (Third, Unsure, Reason::Sealed),
            Kind::ICalendar => (First, Elsewhere, Reason::Calendar),
            Kind::Sqlite
            | Kind::Access
            | Kind::PgDump
            | Kind::PgDumpCustom
            | Kind::MysqlDump
            | Kind::MssqlBackup => (First, Unsure, Reason::Database),
            Kind::Executable => (Fourth, Elsewhere, Reason::Program),
            Kind::Empty => (Fourth, FromHere, Reason::Nothing),
            Kind::Unknown => (Third, Unsure, Reason::Unrecognised),
            kind => by_category(kind.category(), kind),
        };
        Worth::new(rank, again, reason)
    }

    fn is_planned_on(&self, file: &FoundFile) -> bool {
        let object = file.facts().and_then(|facts| facts.dicom.as_deref());
        let instance = object.and_then(|object| object.instance.as_ref());
        instance.is_some_and(|instance| self.planning.contains(instance))
    }

    fn alignment(&self, file: &FoundFile) -> Worth {
        let mut names = samples(file).peekable();
        let known = names.peek().is_some();
        match known && self.reference && names.all(|sample| self.has_reads(sample)) {
            true => Worth::new(Rank::Third, Again::FromHere, Reason::AlignmentFromReads),
            false => Worth::new(Rank::Third, Again::Never, Reason::AlignmentAlone),
        }
    }

    fn variants(&self, file: &FoundFile) -> Worth {
        let mut names = samples(file).peekable();
        let known = names.peek().is_some();
        match known && names.all(|sample| self.aligned.contains(sample)) {
            true => Worth::new(Rank::Third, Again::FromHere, Reason::VariantsFromAlignment),
            false => Worth::new(Rank::Third, Again::Unsure, Reason::VariantsAlone),
        }
    }

    /// By convention the names of files with reads begin with the sample's.
    fn has_reads(&self, sample: &Ident) -> bool {
        let sample = sample.as_str().to_lowercase();
        let mut from = self.reads.range(sample.clone()..);
        from.find_map(|name| match name.strip_prefix(&sample) {
            None => Some(false),
            Some(rest) => (!rest.starts_with(char::is_alphanumeric)).then_some(true),
        })
        .unwrap_or(false)
    }
}

fn by_category(category: Category, kind: Kind) -> (Rank, Again, Reason) {
    use Again::{Elsewhere, Never, Unsure};
    use Rank::{First, Second, Third};
    match category {
        Category::Records => (First, Elsewhere, Reason::PatientRecord),
        Category::Plans => (First, Never, Reason::PlanningWork),
        Category::Images => (Third, Unsure, Reason::Volume),
        Category::Genomes => (Third, Unsure, Reason::Annotation),
        Category::Trials => (Second, Never, Reason::Trial),
        Category::Research => (Third, Unsure, Reason::Research),
        Category::Administration => (Third, Unsure, Reason::Office),
        Category::Support => (Second, Elsewhere, Reason::Directory),
        Category::Other if is_archive(kind) => (Third, Unsure, Reason::Archive),
        Category::Other => (Third, Unsure, Reason::Loose),
    }
}

fn is_archive(kind: Kind) -> bool {
    let archives = [
        Kind::Zip,
        Kind::Gzip,
        Kind::Tar,
        Kind::Bzip2,
        Kind::Xz,
        Kind::Zstd,
        Kind::SevenZip,
        Kind::Rar,
        Kind::Iso9660,
    ];
    archives.contains(&kind)
}

fn samples(file: &FoundFile) -> impl Iterator<Item = &Ident> {
    let sequencing = file.facts().and_then(|facts| facts.sequencing.as_deref());
    sequencing.into_iter().flat_map(|s| &s.samples)
}

impl Worth {
    fn new(rank: Rank, again: Again, reason: Reason) -> Self {
        Self {
            rank,
            again,
            reason,
        }
    }
}
