//! How a run stands to the other programs of its machine.

use rustix::process::setpriority_process;

/// The niceness of who comes last (setpriority(2)).
const LOWEST: i32 = 19;

/// Lets all other programs go first, from here on and in every thread begun later: an archive goes
/// on answering while it is backed up. Disks follow where their scheduler heeds niceness. Failure
/// is no reason not to run.
pub fn give_way() {
    let _ = setpriority_process(None, LOWEST);
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_run_that_gives_way_has_the_lowest_priority() {
        // Niceness belongs to the thread: the other tests keep theirs.
        let niceness = std::thread::spawn(|| {
            super::give_way();
            rustix::process::getpriority_process(None)
        });
        assert_eq!(niceness.join().unwrap(), Ok(super::LOWEST));
    }
}
