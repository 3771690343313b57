//! What a reader noticed: damage and limits, never an identifier.

use std::borrow::Cow;
use std::fmt;

/// Something about a file that its owner may want to know. It never stops a backup.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Warning {
    /// The file ends inside a structure.
    Truncated,
    /// The marker that closes a whole file of this kind is not there.
    EndMarkerMissing,
    /// Something is not as the format says, at this offset (of the inflated bytes where the file
    /// is compressed).
    Malformed {
        /// Bytes from the beginning.
        at: u64,
        /// What was found wrong.
        what: Cow<'static, str>,
    },
    /// Nested deeper than the bound; what lies deeper was not read.
    TooDeep,
    /// More of these than the bound; the rest was not kept.
    TooMany {
        /// What there are too many of.
        what: Cow<'static, str>,
    },
    /// A value is longer than the bound and was not kept.
    TooLong {
        /// Which value.
        what: Cow<'static, str>,
    },
    /// It inflates beyond the bound; the rest was not read.
    Bomb,
    /// Only the beginning was at hand: there may be more facts in the rest.
    Partial,
    /// The DICOM preamble begins like a program.
    Executable,
    /// A transfer syntax that is not known: only the file's meta group was read.
    UnknownSyntax,
    /// The meta group and the data set name different instances; the data set counts.
    IdentityDiffers,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => write!(f, "the file ends inside a structure"),
            Self::EndMarkerMissing => write!(f, "the end marker is missing"),
            Self::Malformed { at, what } => write!(f, "{what}, at byte {at}"),
            Self::TooDeep => write!(f, "nested too deep to be read whole"),
            Self::TooMany { what } => write!(f, "too many {what}; the rest was not kept"),
            Self::TooLong { what } => write!(f, "too long and not kept: {what}"),
            Self::Bomb => write!(f, "inflates beyond the bound; the rest was not read"),
            Self::Partial => write!(f, "only the beginning was read"),
            Self::Executable => write!(f, "begins like a program, though it is DICOM"),
            Self::UnknownSyntax => write!(f, "unknown transfer syntax; content not read"),
            Self::IdentityDiffers => write!(f, "meta group and data set name different instances"),
        }
    }
}
