//! What a file is: by content first, by name only between kinds that the content allows.

use crate::facts::Facts;
use crate::inflate::{self, Stop};
use crate::kind::Kind;
use crate::warning::Warning;
use crate::window::{Need, Window};
use crate::{binary, container, text};

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Certainty {
    /// The content allows several kinds; the name chose between them.
    Name,
    /// The content has the shape of this kind.
    Shape,
    /// The content has the signature of this kind, or its structure was read.
    Signature,
}

/// Whether the file is compressed as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrapping {
    /// It is not.
    Plain,
    /// By gzip (RFC 1952).
    Gzip,
    /// By gzip in blocks that can be indexed (BGZF).
    Bgzf,
}

/// What a file is, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identification {
    /// The kind of the content, inside the wrapping.
    pub kind: Kind,
    /// Whether the file is compressed as a whole.
    pub wrapping: Wrapping,
    /// How sure this is.
    pub certainty: Certainty,
    /// What decided, for people.
    pub why: &'static str,
}

impl Identification {
    pub(crate) const fn new(kind: Kind, certainty: Certainty, why: &'static str) -> Self {
        Self {
            kind,
            wrapping: Wrapping::Plain,
            certainty,
            why,
        }
    }

    pub(crate) const fn signature(kind: Kind, why: &'static str) -> Self {
        Self::new(kind, Certainty::Signature, why)
    }

    pub(crate) const fn shape(kind: Kind, why: &'static str) -> Self {
        Self::new(kind, Certainty::Shape, why)
    }

    pub(crate) const fn name(kind: Kind, why: &'static str) -> Self {
        Self::new(kind, Certainty::Name, why)
    }

    const UNKNOWN: Self = Self::shape(Kind::Unknown, "no signature and no text");
}

/// So much of a compressed file is inflated.
const PEEK: usize = 64 << 10;

/// Identifies a file by its name (only the last component counts, and little) and its bytes.
/// [`Need::TO_IDENTIFY`] says how many bytes are enough.
#[must_use]
pub fn identify(name: &str, window: &Window) -> Identification {
    look(name, window, &mut Along::Unwanted)
}

/// What a file says, where it had to be read anyhow to identify it.
pub(crate) enum Along {
    /// Nobody wants to know.
    Unwanted,
    /// It was not read.
    Wanted,
    /// What the reader of its kind says.
    Read(Facts, Vec<Warning>),
}

/// Identifies a file, and may read it on the way.
pub(crate) fn look(name: &str, window: &Window, along: &mut Along) -> Identification {
    if window.length() == 0 {
        return Identification::signature(Kind::Empty, "the file is empty");
    }
    let head = usize::try_from(Need::TO_IDENTIFY.head).unwrap_or(usize::MAX);
    let window = window.narrowed(head);
    let name = Name::new(name);
    if window.head().starts_with(&[0x1f, 0x8b, 8]) {
        return compressed(&name, &window);
    }
    plain(&name, &window, along)
}

fn plain(name: &Name, window: &Window, along: &mut Along) -> Identification {
    binary::identify(name, window)
        .or_else(|| container::identify(name, window))
        .or_else(|| text::identify(name, window, along))
        .unwrap_or(Identification::UNKNOWN)
}

fn compressed(name: &Name, window: &Window) -> Identification {
    let bgzf = inflate::is_bgzf(window.head());
    let wrapping = if bgzf { Wrapping::Bgzf } else { Wrapping::Gzip };
    let inner = inflate::gunzip(window.head(), PEEK);
    if inner.bytes.is_empty() && inner.stop != Stop::End {
        let why = "gzip whose content cannot be read";
        return Identification {
            wrapping,
            ..Identification::shape(Kind::Gzip, why)
        };
    }
    if inner.bytes.is_empty() {
        return Identification {
            wrapping,
            ..Identification::signature(Kind::Empty, "gzip of nothing")
        };
    }
    let whole = window.is_whole() && inner.stop == Stop::End;
    let length = if whole { inner.bytes.len() } else { usize::MAX };
    let length = u64::try_from(length).unwrap_or(u64::MAX);
    let content = Window::parts(&inner.bytes, &[], length);
    let found = plain(&name.without_compression(), &content, &mut Along::Unwanted);
    match found.kind {
        Kind::Unknown => Identification {
            wrapping,
            ..Identification::signature(Kind::Gzip, "gzip of unknown content")
        },
        _ => Identification { wrapping, ..found },
    }
}

/// The last component of a name, in lower case.
pub(crate) struct Name(String);

impl Name {
    fn new(name: &str) -> Self {
        let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
        Self(last.chars().take(256).collect::<String>().to_lowercase())
    }

    pub(crate) fn ends(&self, endings: &[&str]) -> bool {
        endings.iter().any(|ending| {
            self.0
                .strip_suffix(ending)
                .is_some_and(|stem| stem.ends_with('.'))
        })
    }

    fn without_compression(&self) -> Self {
        let stem = [".gz", ".bgz", ".bgzf"]
            .iter()
            .find_map(|ending| self.0.strip_suffix(ending));
        Self(stem.unwrap_or(&self.0).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, bytes: &[u8]) -> (Kind, Wrapping) {
        let found = identify(name, &Window::whole(bytes));
        (found.kind, found.wrapping)
    }

    #[test]
    fn what_is_not_recognised_is_unknown_whatever_its_name() {
        let noise = [0x93, 0x11, 0xfe, 0x00, 0x81, 0x07, 0xc3, 0x28, 0x00, 0x01];
        for name in ["a.dcm", "a.bam", "a.vcf", "a.json", "a.pdf", "a"] {
            assert_eq!(kind(name, &noise).0, Kind::Unknown, "{name}");
        }
        assert_eq!(kind("a.bam", b"").0, Kind::Empty);
    }

    #[test]
    fn content_counts_before_the_name() {
        assert_eq!(kind("scan.dcm", b"%PDF-1.7\n").0, Kind::Pdf);
        assert_eq!(
            kind("x.txt", b"##fileformat=VCFv4.2\n#CHROM\n").0,
            Kind::Vcf
        );
    }

    #[test]
    fn compressed_files_are_what_is_in_them() {
        let file = inflate::gzip(b"##fileformat=VCFv4.2\n#CHROM\n");
        assert_eq!(kind("a", &file), (Kind::Vcf, Wrapping::Gzip));
        assert_eq!(
            kind("a.gz", &inflate::BGZF_END),
            (Kind::Empty, Wrapping::Bgzf)
        );
    }
}
