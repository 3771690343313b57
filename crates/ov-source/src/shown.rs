//! A path as messages show it.

use std::fmt;

use ov_format::entry::EntryKey;

/// A path that a message to a person names. `{}` shows it with control characters escaped;
/// `{:?}` shows its length only, so that no path of a patient reaches a log by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownPath(Vec<u8>);

impl ShownPath {
    /// A path as given.
    pub fn new(path: impl Into<Vec<u8>>) -> Self {
        Self(path.into())
    }

    /// The absolute path that the key of a source's entry stands for.
    pub fn absolute(key: &EntryKey) -> Self {
        Self([b"/", &key.path()[..]].concat())
    }

    /// The path of an entry below a restore's target folder.
    pub fn relative(key: &EntryKey) -> Self {
        Self(key.path())
    }

    /// The bytes of the path.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in String::from_utf8_lossy(&self.0).chars() {
            if c.is_control() {
                write!(f, "{}", c.escape_default())?;
            } else {
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for ShownPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShownPath({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_shows_the_path_on_one_line_and_debug_shows_none_of_it() {
        let path = ShownPath::new(*b"/data/Meier\nPetra\xff");
        assert_eq!(path.to_string(), "/data/Meier\\nPetra\u{fffd}");
        assert_eq!(format!("{path:?}"), "ShownPath(18 bytes)");
    }
}
