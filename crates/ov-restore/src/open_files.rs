//! How many files this process may hold open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files open for writing at one time, whatever the system allows: more saves nothing.
const FILES_MAX: u64 = 8192;

/// Lets this process open as many files as the system lets it ask for. With more files open at
/// once, a restore of many small ones over a slow link waits less often. For programs, before
/// [`RestoreOptions`](crate::RestoreOptions) are made; what is refused changes nothing.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
}

/// A quarter of what is allowed: each file takes up to two descriptors, and others need some.
pub(crate) fn share_of_open_files() -> usize {
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((allowed / 4).clamp(1, FILES_MAX)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_leaves_room_for_two_descriptors_of_each_file() {
        let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let share = u64::try_from(share_of_open_files()).unwrap();
        assert!(share <= FILES_MAX && 2 * share <= allowed);
    }
}
