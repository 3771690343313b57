//! What returns.

use std::fmt;
use std::str::FromStr;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::config::{Name, NameError};

/// Something that is done again and again. Written `dataset:tps-plans`, `copy:basement`, `accept`,
/// `lock`, `forget`, `prune`, `check`, `check:basement`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Task {
    /// A dataset is backed up.
    Dataset(Name),
    /// New snapshots are looked at and accepted.
    Accept,
    /// A copy is brought up to date.
    Copy(Name),
    /// Locks are renewed, in the vault and its copies.
    Lock,
    /// Old snapshots are let go.
    Forget,
    /// Space is freed.
    Prune,
    /// The vault is checked.
    Check,
    /// A copy is checked.
    CheckCopy(Name),
}

/// A text that names no task.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TaskError {
    /// No task at all.
    #[error("{0:?} names no task")]
    Unknown(String),
    /// A task of something that has no name.
    #[error(transparent)]
    Name(#[from] NameError),
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dataset(name) => write!(f, "dataset:{name}"),
            Self::Copy(name) => write!(f, "copy:{name}"),
            Self::Accept => f.write_str("accept"),
            Self::Lock => f.write_str("lock"),
            Self::Forget => f.write_str("forget"),
            Self::Prune => f.write_str("prune"),
            Self::Check => f.write_str("check"),
            Self::CheckCopy(name) => write!(f, "check:{name}"),
        }
    }
}

impl FromStr for Task {
    type Err = TaskError;

    fn from_str(text: &str) -> Result<Self, TaskError> {
        match text.split_once(':') {
            Some(("dataset", name)) => Ok(Self::Dataset(name.parse()?)),
            Some(("copy", name)) => Ok(Self::Copy(name.parse()?)),
            Some(("check", name)) => Ok(Self::CheckCopy(name.parse()?)),
            None if text == "accept" => Ok(Self::Accept),
            None if text == "lock" => Ok(Self::Lock),
            None if text == "forget" => Ok(Self::Forget),
            None if text == "prune" => Ok(Self::Prune),
            None if text == "check" => Ok(Self::Check),
            _ => Err(TaskError::Unknown(text.into())),
        }
    }
}

impl Serialize for Task {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Task {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
