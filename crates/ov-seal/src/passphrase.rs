//! A passphrase: wiped when dropped, never shown.

use std::fmt;

use zeroize::Zeroizing;

/// An empty text protects nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an empty passphrase protects nothing")]
pub struct EmptyPassphrase;

/// A passphrase as typed, byte for byte; never empty.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes over what was typed.
    pub fn new(text: String) -> Result<Self, EmptyPassphrase> {
        Self::from_bytes(text.into_bytes())
    }

    /// Takes over what a file or a command gave: one line end after it does not count.
    pub fn from_output(mut bytes: Vec<u8>) -> Result<Self, EmptyPassphrase> {
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
            if bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
        }
        Self::from_bytes(bytes)
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, EmptyPassphrase> {
        let bytes = Zeroizing::new(bytes);
        if bytes.is_empty() {
            return Err(EmptyPassphrase);
        }
        Ok(Self(bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_after_a_passphrase_does_not_count() {
        for text in ["secret", "secret\n", "secret\r\n"] {
            let read = Passphrase::from_output(text.into()).unwrap();
            assert_eq!(read.bytes(), b"secret");
        }
        assert_eq!(
            Passphrase::from_output(b" a \n\n".into()).unwrap().bytes(),
            b" a \n"
        );
        assert_eq!(
            Passphrase::from_output(b"a\r".into()).unwrap().bytes(),
            b"a\r"
        );
    }

    #[test]
    fn an_empty_passphrase_is_refused() {
        assert_eq!(Passphrase::new(String::new()).err(), Some(EmptyPassphrase));
        assert_eq!(
            Passphrase::from_output(b"\n".into()).err(),
            Some(EmptyPassphrase)
        );
    }

    #[test]
    fn it_is_never_shown() {
        let shown = format!("{:?}", Passphrase::new("secret".into()).unwrap());
        assert_eq!(shown, "Passphrase(hidden)");
    }
}
