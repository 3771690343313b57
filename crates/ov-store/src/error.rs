//! What can go wrong at a target, and whether it is worth trying again.

use std::error::Error;
use std::io;

use ov_format::name::ObjectName;
use rustix::io::Errno;

/// What the operating system or a library said.
pub type Cause = Box<dyn Error + Send + Sync + 'static>;

/// A target could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The object is not there.
    #[error("{name} is not on the target")]
    NotFound {
        /// The object asked for.
        name: ObjectName,
    },
    /// The object ends before the wanted bytes do.
    #[error("{name} is too short: {wanted} bytes wanted from byte {offset}")]
    Short {
        /// The object asked for.
        name: ObjectName,
        /// First byte wanted.
        offset: u64,
        /// How many bytes were wanted.
        wanted: usize,
    },
    /// The object is longer than any object may be.
    #[error("{name} is too long to be an object of a vault: {length} bytes")]
    TooLong {
        /// The object asked for.
        name: ObjectName,
        /// Its length, or the length wanted of it.
        length: u64,
    },
    /// Other bytes lie under this name than the name says.
    #[error("{name} is on the target, but damaged")]
    Damaged {
        /// The object asked for.
        name: ObjectName,
    },
    /// The target forbids it to these credentials.
    #[error("{target} refuses to let us {action}")]
    Denied {
        /// The target.
        target: String,
        /// What was tried.
        action: Action,
        /// What it said.
        source: Cause,
    },
    /// No space, or the quota is used up.
    #[error("{target} is full")]
    Full {
        /// The target.
        target: String,
        /// What it said.
        source: Cause,
    },
    /// No answer, or an answer that says "later".
    #[error("{target} cannot be reached, or does not answer as it should")]
    Unreachable {
        /// The target.
        target: String,
        /// What happened.
        source: Cause,
    },
    /// The folder or bucket does not exist, or is something else.
    #[error("{target} is not there, or is no place for objects; is the drive mounted?")]
    NotAStore {
        /// The target.
        target: String,
        /// What it said.
        source: Cause,
    },
    /// No credentials for the target were found.
    #[error(
        "no credentials for {target}: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
         AWS_PROFILE"
    )]
    NoCredentials {
        /// The target.
        target: String,
        /// Where it was looked.
        source: Cause,
    },
    /// The options for the target make no sense.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The one who listed has seen enough. Only visitors of [`crate::Store::list`] make it.
    #[error("the listing was ended early")]
    Stopped,
    /// Syncing failed before, so that what was written since may be lost.
    #[error("{target} failed to sync earlier; what it stores now may be lost, start again")]
    Unsynced {
        /// The target.
        target: String,
    },
    /// Everything else that the operating system or the server reports.
    #[error("{target}: could not {action}")]
    Io {
        /// The target.
        target: String,
        /// What was tried.
        action: Action,
        /// What it said.
        source: Cause,
    },
}

/// What was tried when it went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Storing an object.
    Put,
    /// Reading one.
    Get,
    /// Looking whether one is there.
    Look,
    /// Listing.
    List,
    /// Deleting.
    Delete,
    /// Making the place itself.
    Create,
    /// Opening the target.
    Open,
}

impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Put => "store an object",
            Self::Get => "read an object",
            Self::Look => "look for an object",
            Self::List => "list objects",
            Self::Delete => "delete an object",
            Self::Create => "make the folder",
            Self::Open => "open it",
        })
    }
}

/// Options or settings of the environment that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// Plain HTTP to another machine.
    #[error(
        "the endpoint {endpoint} would send everything in plain HTTP; use https, or allow plain \
         HTTP explicitly"
    )]
    PlainHttp {
        /// The endpoint as given.
        endpoint: String,
    },
    /// No URL, or not one of a server.
    #[error("the endpoint {endpoint} must look like https://host or https://host:port")]
    Endpoint {
        /// The endpoint as given, without what looks like a password.
        endpoint: String,
    },
    /// The file of certificates cannot be read or holds none.
    #[error("no certificate could be read from {file}")]
    Certificates {
        /// The file.
        file: std::path::PathBuf,
        /// Why.
        source: Cause,
    },
    /// `AWS_PROFILE` names a profile that is not in the credentials file.
    #[error("there is no profile [{profile}] with both keys in {file}")]
    Profile {
        /// The profile asked for.
        profile: String,
        /// The credentials file.
        file: std::path::PathBuf,
    },
    /// One half of a key pair without the other.
    #[error("{missing} is not set, although its other half is")]
    HalfKey {
        /// The variable that is missing.
        missing: &'static str,
    },
    /// A lock of no length, or longer than anybody may lock.
    #[error(
        "a lock may last from 1 to {} days, not {days}",
        crate::lock::LOCK_DAYS_MAX
    )]
    LockDays {
        /// What was asked for.
        days: u16,
    },
    /// This program was built without what the target needs.
    #[error("this program was built without {scheme}://; use one that was built with it")]
    NotBuilt {
        /// The scheme.
        scheme: &'static str,
    },
    /// The target keeps no locks.
    #[error(
        "{target} keeps no locks: make a bucket with object lock switched on, which is possible \
         only when it is made, or leave the option out"
    )]
    NoLock {
        /// The target.
        target: String,
    },
    /// The target keeps locks, but not on our word.
    #[error(
        "these credentials may not lock objects on {target}: leave the option out and let the \
         bucket's own rule lock what is stored, or allow them s3:PutObjectRetention"
    )]
    MayNotLock {
        /// The target.
        target: String,
        /// What it said.
        source: Cause,
    },
    /// The library that speaks S3 refuses the settings.
    #[error("the settings for S3 cannot be used")]
    Refused {
        /// Why.
        source: Cause,
    },
}

impl StoreError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Sorts an error of the operating system on a target in a file system.
    pub(crate) fn from_os(target: &str, action: Action, error: impl Into<io::Error>) -> Self {
        let source: io::Error = error.into();
        let target = target.to_owned();
        let errno = source.raw_os_error().map(Errno::from_raw_os_error);
        let source = source.into();
        match errno {
            Some(Errno::ACCESS | Errno::PERM | Errno::ROFS) => Self::Denied {
                target,
                action,
                source,
            },
            Some(Errno::NOSPC | Errno::DQUOT | Errno::FBIG) => Self::Full { target, source },
            Some(
                Errno::STALE
                | Errno::TIMEDOUT
                | Errno::HOSTDOWN
                | Errno::HOSTUNREACH
                | Errno::NOTCONN
                | Errno::NETUNREACH,
            ) => Self::Unreachable { target, source },
            _ => Self::Io {
                target,
                action,
                source,
            },
        }
    }
}
