//! A name that may leave the machine.

use std::fmt;

const CHARS_MAX: usize = 64;

/// The name of a dataset, a copy, an agent or a profile, as it is told to others.
///
/// People choose names. One that may be more than a name (a path, a sentence, a mail address) is
/// replaced by a token that is always the same for the same name, so that no channel tells it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// The name itself if it is made of letters, digits, `-` and `_` with single dots between, and
    /// short; else a token.
    pub fn of(name: &str) -> Self {
        match is_plain(name) {
            true => Self(name.to_owned()),
            false => Self::token(name),
        }
    }

    /// Always a token: for bundles that are shown to strangers.
    pub fn token(name: &str) -> Self {
        let hash = blake3::derive_key("OncoVault 2026 label of a name", name.as_bytes());
        let digits: String = hash
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(format!("name-{digits}"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Digits alone, or many of them, could be a number of somebody.
fn is_plain(name: &str) -> bool {
    let known = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let parts = name.split('.');
    let has_letter = name.chars().any(char::is_alphabetic);
    let long_number = name
        .split(|c: char| !c.is_ascii_digit())
        .any(|digits| digits.len() > 4);
    has_letter
        && !long_number
        && name.chars().count() <= CHARS_MAX
        && parts
            .into_iter()
            .all(|part| !part.is_empty() && part.chars().all(known))
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_datasets_stay_as_they_are() {
        for name in ["tps-plans", "pacs_2026", "LINAC-1", "ward.north", "Pläne"] {
            assert_eq!(Label::of(name).as_str(), name);
        }
    }

    #[test]
    fn what_may_be_more_than_a_name_becomes_a_token() {
        for name in [
            "/srv/plans/Mueller",
            "Anna Muster",
            "anna@example.org",
            "19570213",
            "mrn-0012345678",
            "..",
            "a..b",
            "",
            "x\ny",
            "C:\\plans",
            "s3://key:secret@bucket",
        ] {
            let label = Label::of(name);
            assert!(label.as_str().starts_with("name-"), "{label}");
            assert_eq!(label, Label::of(name));
        }
        assert_ne!(Label::of("/a"), Label::of("/b"));
    }

    proptest! {
        #[test]
        fn no_label_holds_a_path_a_space_or_a_line_end(name in any::<String>()) {
            let label = Label::of(&name);
            let text = label.as_str();
            prop_assert!(!text.is_empty() && text.chars().count() <= CHARS_MAX);
            let unsafe_chars = ["/", "\\", "@", ":", "\"", "<", ">", "{"];
            prop_assert!(!unsafe_chars.iter().any(|c| text.contains(c)));
            prop_assert!(!text.chars().any(|c| c.is_whitespace() || c.is_control()));
        }
    }
}
