//! What bytes mean: kinds of files by content, and what files say about whose they are, what they
//! are part of and what they refer to.
//!
//! Backup reads bytes; these parsers only classify and index. Nothing is ever written back through
//! them, a file that they cannot read is backed up all the same, and none of them can fail: a
//! reader gives [`Facts`] and [`Warning`]s for any bytes, in bounded time, memory and depth.
//!
//! - [`identify`]: what a file is, by content first. [`Kind::Unknown`] is an answer.
//! - [`read`]: the facts of a file of a known kind; one module for each format, each with a
//!   `read(&Window) -> (Facts, Vec<Warning>)`.
//! - [`dicom::Stream`]: the same for DICOM in pieces of any size, with three digests.
//! - [`find_gaps`]: over the facts of many files, the sets that are incomplete, and what would close
//!   them.
//!
//! Pure: no disk, no network, no clock, no threads. Identifiers are [`Ident`]s, which `Debug` does
//! not show, and warnings hold none.

mod account;
mod account_wire;
pub mod bam;
mod binary;
pub mod cda;
mod closure;
mod collector;
mod columns;
mod companions;
mod container;
pub mod cram;
pub mod crypt4gh;
pub mod dataset_json;
pub mod dicom;
mod dicom_class;
mod dicom_object;
mod dicom_prologue;
mod dicom_tag;
mod dicom_walk;
mod digest;
mod duplicates;
mod facts;
pub mod fasta;
pub mod fastq;
pub mod fhir;
mod finding;
pub mod hl7;
mod ident;
mod identify;
mod inflate;
mod json;
mod kind;
mod markup;
pub mod odm;
mod read;
mod sam_header;
mod sequence_text;
mod series;
mod silence;
mod text;
mod trial_columns;
pub mod vcf;
mod warning;
mod window;
mod xml;
pub mod xport;

pub use account::{ACCOUNT_MAX, Account, Opaque, Said};
pub use facts::{
    Dicom, Digests, Document, Domain, EndMarker, Facts, Geometry, Mate, Message, Patient,
    Reference, Resource, Role, Sequence, Sequencing, Sorted, Subject,
};
pub use finding::{Finding, Gap, Grade, Member, Missing, find_gaps};
pub use ident::{IDENT_MAX, Ident};
pub use identify::{Certainty, Identification, Wrapping, identify};
pub use kind::{Category, Kind};
pub use read::read;
pub use silence::Silence;
pub use warning::Warning;
pub use window::{Need, Window};
