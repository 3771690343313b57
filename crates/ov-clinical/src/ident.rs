//! An identifier of a person or of something of theirs, which `Debug` does not show.

use std::fmt;

/// The longest identifier that is kept, in bytes. FHIR ids have 64, DICOM UIDs 64, HL7 `CX.1` 250;
/// longer ones are reported and dropped, since a cut one might stand for somebody else.
pub const IDENT_MAX: usize = 1024;

/// An identifier as it stands in the file, without white space or NUL around it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ident(Box<str>);

impl Ident {
    /// `None` if nothing but white space remains, or it is longer than [`IDENT_MAX`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        let fits = !text.is_empty() && text.len() <= IDENT_MAX;
        fits.then(|| Self(text.into()))
    }

    /// UTF-8, else Latin-1, which maps every byte to one character and so keeps differences.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > IDENT_MAX {
            return None;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::new(text),
            Err(_) => Self::new(&bytes.iter().copied().map(char::from).collect::<String>()),
        }
    }

    /// The identifier in clear.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ident({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_do_not_show_in_debug() {
        let shown = format!("{:?}", Ident::new(" MRN-4711 ").unwrap());
        assert_eq!(shown, "Ident(8 bytes)");
    }

    #[test]
    fn padding_goes_and_nothing_is_cut() {
        assert_eq!(Ident::new("1.2.3\0").unwrap().as_str(), "1.2.3");
        assert!(Ident::new(" \0").is_none());
        assert!(Ident::new(&"9".repeat(IDENT_MAX + 1)).is_none());
        assert_eq!(Ident::from_bytes(b"M\xfcller").unwrap().as_str(), "Müller");
    }
}
