//! Programs that run around a backup.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use thiserror::Error;

use crate::config::Hook;

/// How often one looks whether a program has ended.
const LOOK: Duration = Duration::from_millis(20);
/// How long a program that is told to end may take to do so.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// A hook has no business with the vault's passphrase.
const SECRETS: [&str; 1] = ["ONCOVAULT_PASSPHRASE"];

/// At which point of a run a hook stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the backup.
    Before,
    /// After one that succeeded.
    After,
    /// After one that failed.
    Failed,
    /// In the end.
    Finally,
}

impl Point {
    /// Its key in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Failed => "failed",
            Self::Finally => "finally",
        }
    }
}

/// Why a hook failed.
#[derive(Debug, Error)]
pub enum HookError {
    /// It names no program.
    #[error("it names no program")]
    Nothing,
    /// It cannot be started.
    #[error("cannot start {program}: {source}")]
    Unstarted {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It ended badly.
    #[error("{program} failed ({status})")]
    Ended {
        /// The program.
        program: String,
        /// How.
        status: ExitStatus,
    },
    /// It took too long and was ended.
    #[error("{program} took longer than {timeout} and was ended")]
    TooLong {
        /// The program.
        program: String,
        /// What it was given.
        timeout: String,
    },
    /// It cannot be waited for.
    #[error("cannot wait for {program}: {source}")]
    Lost {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// Runs a hook to its end, or to the end of its time; what it started goes with it. What it prints
/// goes to standard error. `told` are variables for it.
///
/// # Errors
/// Whatever ended otherwise than with success.
pub fn run(hook: &Hook, told: &[(&str, String)]) -> Result<(), HookError> {
    let arguments = hook.arguments().ok_or(HookError::Nothing)?;
    let (name, rest) = arguments.split_first().ok_or(HookError::Nothing)?;
    let program = (*name).to_owned();
    let mut command = Command::new(name);
    command.args(rest).stdin(Stdio::null()).process_group(0);
    command.envs(told.iter().map(|(name, value)| (name, value)));
    for secret in SECRETS {
        command.env_remove(secret);
    }
    if let Ok(errors) = io::stderr().as_fd().try_clone_to_owned() {
        command.stdout(Stdio::from(errors));
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(source) => return Err(HookError::Unstarted { program, source }),
    };
    match wait(&mut child, hook.timeout.to_std()) {
        Ok(Some(status)) if status.success() => Ok(()),
        Ok(Some(status)) => Err(HookError::Ended { program, status }),
        Ok(None) => {
            end(&mut child);
            let timeout = hook.timeout.to_string();
            Err(HookError::TooLong { program, timeout })
        }
        Err(source) => Err(HookError::Lost { program, source }),
    }
}

/// `None` if it has not ended in time.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= time {
            return Ok(None);
        }
        sleep(LOOK);
    }
}

/// Ends a program and what it started: first it is asked, then it is made to.
fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let signal = |signal| group.map(|group| kill_process_group(group, signal));
    signal(Signal::TERM);
    let ended = wait(child, LAST_WORDS);
    // Its children may be there still.
    signal(Signal::KILL);
    if !matches!(ended, Ok(Some(_))) {
        let _ = child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(text: &str) -> Hook {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn arguments_are_given_as_they_are_and_no_shell_is_involved() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a b;c $HOME");
        let hook = hook(&format!("run = [\"touch\", {:?}]", file.to_str().unwrap()));
        run(&hook, &[]).unwrap();
        assert!(file.exists());
    }

    #[test]
    fn a_shell_runs_a_line_where_it_is_asked_for_and_is_told_what_happened() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("told");
        let line = format!("echo \"$OV_TASK\" > {}", file.display());
        let hook = hook(&format!("run = [{line:?}]\nshell = true"));
        run(&hook, &[("OV_TASK", "dataset:plans".to_owned())]).unwrap();
        assert_eq!(std::fs::read_to_string(file).unwrap(), "dataset:plans\n");
    }

    #[test]
    fn what_fails_says_how() {
        let error = run(&hook("run = [\"false\"]"), &[]).unwrap_err();
        assert!(error.to_string().contains("false failed"), "{error}");
        let error = run(&hook("run = [\"/nowhere/at/all\"]"), &[]).unwrap_err();
        assert!(error.to_string().contains("cannot start"), "{error}");
    }

    #[test]
    fn what_takes_too_long_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("late");
        let line = format!("(sleep 3; touch {}) & wait", file.display());
        let hook = hook(&format!("run = [{line:?}]\nshell = true\ntimeout = \"1s\""));
        let error = run(&hook, &[]).unwrap_err();
        assert!(error.to_string().contains("longer than 1s"), "{error}");
        sleep(Duration::from_millis(2_500));
        assert!(!file.exists());
    }
}
