//! What files say about themselves, taken from the bytes that a backup reads anyway.
//!
//! The engine knows nothing of what an account holds: somebody outside is shown each file's bytes
//! once, in order, and says at the end what is to be kept beside the file. Whoever does that may
//! neither fail nor hold up a backup.

use std::fmt;

/// Is shown files while they are read.
pub trait Extractor: Send + Sync {
    /// A file is read from its beginning: its last name, and its length in bytes where that is
    /// known. `None` if nobody wants to see it.
    fn begin(&self, name: &[u8], size: Option<u64>) -> Option<Box<dyn Extraction>>;
}

/// Is shown one file. Dropped before its end, it is forgotten.
pub trait Extraction: Send {
    /// The next bytes of the file.
    fn bytes(&mut self, bytes: &[u8]);

    /// A hole of this many bytes.
    fn hole(&mut self, length: u64);

    /// The file is complete.
    fn end(self: Box<Self>) -> Told;
}

/// What is said of a file.
pub enum Told {
    /// Its encoded account, or `None` if there is nothing to say.
    Now(Option<Vec<u8>>),
    /// The same, from somebody who need not be asked at once: whoever is shown many small files
    /// together spends less on each of them. He never waits for the backup in his turn.
    Later(Box<dyn FnOnce() -> Option<Vec<u8>> + Send>),
}

impl Told {
    /// The encoded account, or `None` if there is nothing to say; waited for if need be.
    #[must_use]
    pub fn account(self) -> Option<Vec<u8>> {
        match self {
            Self::Now(account) => account,
            Self::Later(ask) => ask(),
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An account holds identifiers.
        f.write_str(match self {
            Self::Now(None) => "Told nothing",
            Self::Now(Some(_)) => "Told",
            Self::Later(_) => "Told later",
        })
    }
}
