//! What a restore could not put back of an item that is otherwise there.

use std::fmt;

use crate::shown::ShownPath;

/// How many notices are kept word for word; the others are counted.
const KEPT_MAX: usize = 1000;

/// Something small that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// The owner or group could not be set (that takes root).
    OwnerNotSet {
        /// The path.
        path: ShownPath,
    },
    /// Setuid, setgid or capabilities were left off, since the owner is another one now.
    PrivilegeDropped {
        /// The path.
        path: ShownPath,
    },
    /// An extended attribute could not be set.
    AttributeNotSet {
        /// The path.
        path: ShownPath,
        /// The attribute's name.
        name: String,
        /// The system's reason.
        reason: String,
    },
    /// A socket: only the program that listens on it can make it again.
    SocketSkipped {
        /// The path.
        path: ShownPath,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OwnerNotSet { path } => write!(f, "{path}: the owner could not be set"),
            Self::PrivilegeDropped { path } => write!(
                f,
                "{path}: setuid, setgid or capabilities left off, the owner being another one"
            ),
            Self::AttributeNotSet { path, name, reason } => {
                write!(f, "{path}: the attribute {name} could not be set: {reason}")
            }
            Self::SocketSkipped { path } => write!(f, "{path}: a socket, not made again"),
        }
    }
}

/// The notices of a restore, bounded.
#[derive(Debug, Default)]
pub struct Notices {
    /// The first ones.
    pub kept: Vec<Notice>,
    /// How many there were in all.
    pub count: u64,
}

impl Notices {
    pub(crate) fn add(&mut self, notice: Notice) {
        self.count = self.count.saturating_add(1);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(notice);
        }
    }
}
