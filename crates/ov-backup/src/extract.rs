//! What files say about themselves, taken from the bytes that a backup reads anyway.
//!
//! The engine knows nothing of what an account holds: somebody outside is shown each file's bytes
//! once, in order, and says at the end what is to be kept beside the file. Whoever does that may
//! neither fail nor hold up a backup.

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

    /// The file is complete: its encoded account, or `None` if there is nothing to say.
    fn end(self: Box<Self>) -> Option<Vec<u8>>;
}
