//! Who looks on while it works.

/// Told how far a survey has come. Called from one thread at a time.
pub trait Watch: Sync {
    /// So many files with so many bytes were looked at; `path` is one of them.
    fn progress(&self, files: u64, bytes: u64, path: &[u8]);

    /// Whether to stop.
    fn stop(&self) -> bool;
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug)]
pub struct Silence;

impl Watch for Silence {
    fn progress(&self, _files: u64, _bytes: u64, _path: &[u8]) {}

    fn stop(&self) -> bool {
        false
    }
}
