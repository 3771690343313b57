//! Other machines through the system's own `ssh`, so that its configuration, agents, jump hosts and
//! hardware keys all count.
//!
//! Nobody is asked anything: a backup runs at night. No part of a target's URL reaches a shell on
//! this machine, and none is taken for an option.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Action, Cause, StoreError};
use crate::line::{Broken, Line};
use crate::options::Retries;
use crate::packet::Malformed;

/// A machine as `ssh` knows it: a name of DNS, an address, or an alias of its configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SshHost {
    user: Option<String>,
    host: String,
    port: Option<u16>,
}

impl SshHost {
    /// `None` if a part would be taken for something else by `ssh` or by a shell.
    pub fn new(user: Option<&str>, host: &str, port: Option<u16>) -> Option<Self> {
        let sound = |text: &str| {
            !text.is_empty()
                && !text.starts_with('-')
                && text
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '%'))
        };
        let taken = sound(host) && user.is_none_or(|user| sound(user) && !user.contains(':'));
        taken.then(|| Self {
            user: user.map(str::to_owned),
            host: host.to_owned(),
            port,
        })
    }

    /// Starts `ssh` there. `program` replaces `ssh` and may bring options.
    pub(crate) fn command(&self, program: &[OsString], what: Remote<'_>) -> Command {
        let mut command = match program.split_first() {
            Some((program, options)) => {
                let mut command = Command::new(program);
                command.args(options);
                command
            }
            None => Command::new("ssh"),
        };
        command.args(["-x", "-T", "-oBatchMode=yes", "-oClearAllForwardings=yes"]);
        if let Some(user) = &self.user {
            command.args(["-l", user]);
        }
        if let Some(port) = self.port {
            command.arg("-p").arg(port.to_string());
        }
        match what {
            Remote::Subsystem(name) => command.args(["-s", "--", &self.host, name]),
            Remote::Program(line) => command.args(["--", &self.host, line]),
        };
        // An interrupt at the terminal is ours: what is on its way is finished first.
        command.process_group(0);
        command
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.host.contains(':') {
            true => write!(f, "[{}]", self.host)?,
            false => f.write_str(&self.host)?,
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// What to start on the other machine.
pub(crate) enum Remote<'a> {
    Subsystem(&'a str),
    /// A line for the other machine's shell.
    Program(&'a str),
}

/// What went wrong on the way to the other machine.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// `ssh` is not installed, or the option that names it is wrong.
    #[error("the program {program} could not be started; install OpenSSH's client")]
    NoProgram {
        /// What was to be started.
        program: String,
        /// Why not.
        source: io::Error,
    },
    /// The other machine has never been seen.
    #[error(
        "this machine does not know the host key of the server yet: run `ssh {host}` once, compare \
         the fingerprint that it shows with the server's, and say yes"
    )]
    HostKeyUnknown {
        /// The machine.
        host: String,
    },
    /// The other machine shows another key than before.
    #[error(
        "the server shows another host key than before: somebody may be in between. Ask who runs \
         {host} before you change known_hosts"
    )]
    HostKeyChanged {
        /// The machine.
        host: String,
    },
    /// No key opens the account.
    #[error(
        "the server takes none of our keys for this account: put the public key into its \
         authorized_keys, or start the ssh agent ({said})"
    )]
    NoKey {
        /// What `ssh` said.
        said: String,
    },
    /// There is no SFTP, or no OncoVault on the other side.
    #[error("the server did not start {what} ({said})")]
    NoService {
        /// What should have been started.
        what: String,
        /// What `ssh` said.
        said: String,
    },
    /// Nothing moved for too long.
    #[error("the server is silent")]
    Silent,
    /// The connection ended.
    #[error("the connection ended ({said})")]
    Ended {
        /// What `ssh` said.
        said: String,
    },
}

/// Sorts the end of a line. `opening`: nothing was ever answered on it.
pub(crate) fn sort(
    target: &str,
    host: &SshHost,
    what: &str,
    line: &Line,
    why: &Broken,
) -> StoreError {
    let target = target.to_owned();
    let io = |source: Cause| StoreError::Io {
        target: target.clone(),
        action: Action::Open,
        source,
    };
    let passing = |source: SshError| StoreError::Unreachable {
        target: target.clone(),
        source: source.into(),
    };
    if matches!(why, Broken::Silent) {
        return passing(SshError::Silent);
    }
    let said = line.said();
    let has = |text: &str| said.contains(text);
    let host = host.to_string();
    if has("REMOTE HOST IDENTIFICATION HAS CHANGED") || has("Host key for") && has("has changed") {
        return io(SshError::HostKeyChanged { host }.into());
    }
    if has("Host key verification failed") {
        return io(SshError::HostKeyUnknown { host }.into());
    }
    if has("Permission denied (") || has("Too many authentication failures") {
        return StoreError::Denied {
            target,
            action: Action::Open,
            source: SshError::NoKey { said }.into(),
        };
    }
    if has("subsystem request failed") || has("not found") || has("No such file") {
        let what = what.to_owned();
        return io(SshError::NoService { what, said }.into());
    }
    match why {
        Broken::Malformed => io(Malformed.into()),
        Broken::Ended | Broken::Silent => passing(SshError::Ended { said }),
    }
}

/// The error for an `ssh` that did not start.
pub(crate) fn not_started(target: &str, program: &[OsString], source: io::Error) -> StoreError {
    let program = program
        .first()
        .map_or("ssh".into(), |p| p.to_string_lossy());
    StoreError::Io {
        target: target.to_owned(),
        action: Action::Open,
        source: SshError::NoProgram {
            program: program.into_owned(),
            source,
        }
        .into(),
    }
}

/// A connection that is made again when it is lost.
pub(crate) struct Redialled<C> {
    current: Mutex<Option<Arc<C>>>,
    dial: Box<dyn Fn() -> Result<C, StoreError> + Send + Sync>,
    retries: Retries,
}

/// What can be lost.
pub(crate) trait Connection {
    fn is_lost(&self) -> bool;
}

impl<C: Connection> Redialled<C> {
    pub(crate) fn new(
        retries: Retries,
        dial: impl Fn() -> Result<C, StoreError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            current: Mutex::default(),
            dial: Box::new(dial),
            retries,
        }
    }

    /// Does something over the connection, again over a new one if that failed for a passing
    /// reason.
    pub(crate) fn with<T>(
        &self,
        mut attempt: impl FnMut(&C) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.retries.retrying(|| attempt(&*self.connection()?))
    }

    /// Many threads that lost the same connection make one new one.
    fn connection(&self) -> Result<Arc<C>, StoreError> {
        let mut current = self.lock();
        if let Some(connection) = current.as_ref().filter(|c| !c.is_lost()) {
            return Ok(Arc::clone(connection));
        }
        *current = None;
        let fresh = Arc::new((self.dial)()?);
        *current = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<C>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_an_option_or_a_command_is_no_host() {
        for host in ["-oProxyCommand=x", "", "a b", "a;b", "a/b", "$(x)", "a@b"] {
            assert_eq!(SshHost::new(None, host, None), None, "{host}");
        }
        for user in ["-l", "", "a b", "a:b"] {
            assert_eq!(SshHost::new(Some(user), "nas", None), None, "{user}");
        }
        assert!(SshHost::new(Some("backup"), "fe80::1%eth0", Some(22)).is_some());
    }

    #[test]
    fn the_host_stands_after_the_options() {
        let host = SshHost::new(Some("u"), "nas", Some(2222)).unwrap();
        let command = host.command(
            &["ssh".into(), "-F".into(), "c".into()],
            Remote::Subsystem("sftp"),
        );
        let arguments: Vec<_> = command.get_args().map(|a| a.to_string_lossy()).collect();
        let line = arguments.join(" ");
        assert!(line.starts_with("-F c -x -T "), "{line}");
        assert!(line.ends_with(" -l u -p 2222 -s -- nas sftp"), "{line}");
    }
}
