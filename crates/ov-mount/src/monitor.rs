//! What a person may want to know while something is mounted, and when it shall end.

use crate::trouble::Trouble;

/// Sees what happens. Called from several threads.
pub trait Monitor: Send + Sync {
    /// It is mounted, and can be used from now on.
    fn mounted(&self) {}

    /// Something could not be read. The same trouble is told once.
    fn trouble(&self, _trouble: &Trouble) {}

    /// It is unmounted, but programs still have files in it open: it is served to them until they
    /// close the last one.
    fn lingering(&self) {}

    /// Whether it shall be unmounted. Asked several times a second.
    fn wants_end(&self) -> bool {
        false
    }
}
