//! Why an object was not stored, and what that means for the next try.

use std::io;

use crate::error::PacsError;
use crate::status::Status;

/// Why the other side has not taken an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It said no.
    #[error("the PACS refused it: {0}")]
    Status(Status),
    /// It said no by HTTP alone.
    #[error("the PACS refused it with status {0} of HTTP")]
    Http(u16),
    /// It takes no objects of this class in this transfer syntax.
    #[error(
        "the PACS takes no object of class {class} in the transfer syntax {syntax} in which it is stored"
    )]
    Syntax {
        /// The SOP class.
        class: String,
        /// The transfer syntax.
        syntax: String,
    },
    /// It answered and did not say that it has the object.
    #[error("the PACS did not say that it has it")]
    Silent,
    /// It answered what cannot be understood.
    #[error("the answer of the PACS cannot be understood")]
    Answer,
    /// The file has no header, which a file for STOW-RS must have.
    #[error("it has no file header, which STOW-RS asks for; dimse:// needs none")]
    NoHeader,
    /// The file does not begin like a DICOM object.
    #[error("it does not begin like a DICOM object")]
    NoObject,
    /// The file has another transfer syntax than the catalog says.
    #[error("it has another transfer syntax than the catalog says")]
    OtherSyntax,
    /// A unique identifier is none.
    #[error("its class, instance or transfer syntax is no unique identifier")]
    Identifier,
    /// The connection ended while it was on its way, each time.
    #[error("the connection ended while it was on its way: {0}")]
    Broken(String),
}

/// Why an object was not stored.
pub(crate) enum Trouble {
    /// It will not be, however often it is sent.
    Refused(Refusal),
    /// It may be, if it is sent again.
    Passing(Refusal),
    /// Nothing goes, for the moment.
    Away(PacsError),
    /// No object will be.
    Hopeless(PacsError),
    /// The file could not be read.
    Content(io::Error),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
