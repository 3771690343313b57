//! What a file says about itself: whose it is, what it is part of, what it refers to.

use crate::ident::Ident;

/// Everything that readers take out of files. Each reader fills the fields of its format.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// Whose data it is.
    pub patients: Vec<Patient>,
    /// Subjects of clinical trials: a key space of their own.
    pub subjects: Vec<Subject>,
    /// DICOM: identity and references.
    pub dicom: Option<Box<Dicom>>,
    /// FHIR resources.
    pub resources: Vec<Resource>,
    /// HL7 version 2 messages.
    pub messages: Vec<Message>,
    /// Clinical documents.
    pub documents: Vec<Document>,
    /// Sequencing: samples, reads, references.
    pub sequencing: Option<Box<Sequencing>>,
    /// Names of tables or datasets: SAS members, item groups.
    pub tables: Vec<Box<str>>,
    /// Whether the marker that closes a file of this kind is there.
    pub end: EndMarker,
}

/// Where a patient's identifier comes from. Each has its own domain: the same digits in two
/// domains are two people until a crosswalk says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Domain {
    /// DICOM (0010,0020), issuer (0010,0021) or (0010,0024).
    Dicom,
    /// `Patient.identifier` of FHIR: system and value.
    FhirIdentifier,
    /// The logical id of a FHIR Patient, on the server where it lives.
    FhirPatient,
    /// PID-3 of HL7 version 2 with its assigning authority.
    Hl7,
    /// `recordTarget/patientRole/id` of a clinical document: extension and root.
    Cda,
}

/// One identifier of a patient.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Patient {
    /// The kind of identifier.
    pub domain: Domain,
    /// The identifier.
    pub id: Ident,
    /// Who issued it, where the file says so.
    pub issuer: Option<Ident>,
}

/// A subject of a trial.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject {
    /// The trial: protocol id, study OID.
    pub trial: Option<Ident>,
    /// The site, where it is told apart.
    pub site: Option<Ident>,
    /// The subject's key; none where a file names a trial and no subject.
    pub subject: Option<Ident>,
}

/// Identity and references of a DICOM object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dicom {
    /// SOP class UID (0008,0016), or (0002,0002) where that is absent.
    pub class: Option<Box<str>>,
    /// Transfer syntax UID (0002,0010).
    pub syntax: Option<Box<str>>,
    /// Modality (0008,0060).
    pub modality: Option<Box<str>>,
    /// Study instance UID (0020,000D).
    pub study: Option<Ident>,
    /// Series instance UID (0020,000E).
    pub series: Option<Ident>,
    /// SOP instance UID (0008,0018), or (0002,0003) where that is absent.
    pub instance: Option<Ident>,
    /// Study date (0008,0020), `YYYYMMDD`.
    pub study_date: Option<Ident>,
    /// Frames of reference: (0020,0052), and (3006,0024) of structure sets.
    pub frames_of_reference: Vec<Ident>,
    /// Instance number (0020,0013).
    pub number: Option<i64>,
    /// Image position (0020,0032) in millimetres.
    pub position: Option<[f64; 3]>,
    /// Image orientation (0020,0037): direction cosines of row and column.
    pub orientation: Option<[f64; 6]>,
    /// How many instances the series has, where the file says so (0020,1209).
    pub series_instances: Option<u32>,
    /// Whether a plan lies in a patient (300A,000C).
    pub geometry: Option<Geometry>,
    /// Objects that this one refers to.
    pub references: Vec<Reference>,
    /// Digests, where all bytes were fed.
    pub digests: Option<Digests>,
}

/// RT Plan Geometry (300A,000C).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// A structure set exists and is referred to.
    Patient,
    /// Planned on a device, without a structure set.
    Device,
}

/// What a DICOM reference is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The structure set of a plan, or of a dose with a histogram.
    StructureSet,
    /// The plan of a dose, a treatment record or an image.
    Plan,
    /// An earlier or alternative plan.
    OtherPlan,
    /// A dose.
    Dose,
    /// An image on which a structure was drawn.
    Contour,
    /// An image from which the object was derived, or on which it is shown.
    Source,
    /// Evidence listed with study and series.
    Evidence,
    /// An image for positioning or verification.
    Verification,
    /// A treatment record.
    Record,
    /// An earlier version.
    Predecessor,
    /// A file of a media directory.
    Media,
    /// Anything else.
    Context,
}

/// A reference to another DICOM object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What for.
    pub role: Role,
    /// Its SOP class UID, where given.
    pub class: Option<Box<str>>,
    /// Its SOP instance UID.
    pub instance: Ident,
    /// Its series, where given.
    pub series: Option<Ident>,
    /// Its study, where given.
    pub study: Option<Ident>,
}

/// BLAKE3 digests of a DICOM file.
///
/// Archives rewrite the meta group and coerce patient tags, so two different files are often the
/// same image: then the later digests still agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digests {
    /// Of all bytes.
    pub file: [u8; 32],
    /// Of the data set: everything after the meta group, inflated where it is deflated. Only to be
    /// compared with its like: it is the digest of all bytes but the pixel value, followed by the
    /// digest of that.
    pub data_set: Option<[u8; 32]>,
    /// Of the pixel value: native bytes, or the fragments after the offset table, one after the
    /// other.
    pub pixels: Option<[u8; 32]>,
}

/// A FHIR resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its type, such as `Observation`.
    pub kind: Box<str>,
    /// Its logical id.
    pub id: Option<Ident>,
    /// Its version on its server.
    pub version: Option<Ident>,
    /// The patient or group that it is about, as the reference stands there.
    pub subject: Option<Ident>,
    /// All references, as they stand there, sorted and without doubles.
    pub references: Vec<Ident>,
}

/// An HL7 version 2 message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Type and trigger (MSH-9), such as `ADT^A01`.
    pub kind: Box<str>,
    /// Control id (MSH-10).
    pub control: Option<Ident>,
    /// Sending application and facility (MSH-3, MSH-4).
    pub sender: Option<Ident>,
    /// Time of the message (MSH-7).
    pub time: Option<Ident>,
}

/// A clinical document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its identity: root and extension.
    pub id: Option<Ident>,
    /// What all its versions share.
    pub set: Option<Ident>,
    /// Its version number.
    pub version: Option<Ident>,
    /// The code of its type, such as the LOINC code `34133-9`.
    pub code: Option<Box<str>>,
    /// The template of its type.
    pub templates: Vec<Box<str>>,
}

/// What sequencing files say in their headers and first records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequencing {
    /// Sample names: `SM` of read groups, columns of a VCF.
    pub samples: Vec<Ident>,
    /// Read groups.
    pub read_groups: Vec<Ident>,
    /// Reference sequences.
    pub sequences: Vec<Sequence>,
    /// Which of a pair the reads are.
    pub mate: Option<Mate>,
    /// Instrument, run and flow cell, where the names of the reads say so.
    pub run: Option<Ident>,
    /// Name of the first read without its mate number: two mates share it.
    pub first_read: Option<Ident>,
    /// How its records are sorted, where the header says so.
    pub sorted: Option<Sorted>,
}

/// How records are sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sorted {
    /// By position: an index is possible and expected.
    Position,
    /// Any other way.
    Otherwise,
}

/// A reference sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequence {
    /// Its name.
    pub name: Box<str>,
    /// Its length in bases.
    pub length: Option<u64>,
    /// MD5 of its bases (`M5`).
    pub md5: Option<[u8; 16]>,
}

/// Which of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mate {
    /// Read 1.
    First,
    /// Read 2.
    Second,
    /// Both, one after the other.
    Interleaved,
}

/// Whether the marker that closes a whole file of this kind is there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndMarker {
    /// The format has none.
    #[default]
    None,
    /// It is there.
    Present,
    /// It is not: the file was cut off, or is still being written.
    Missing,
    /// The end of the file was not at hand.
    NotSeen,
}

impl From<Option<bool>> for EndMarker {
    fn from(seen: Option<bool>) -> Self {
        match seen {
            Some(true) => Self::Present,
            Some(false) => Self::Missing,
            None => Self::NotSeen,
        }
    }
}
