//! Calls of a target as values.

use ov_format::name::ObjectName;

use crate::error::Action;
use crate::store::Listing;

/// One call of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// [`crate::Store::put_new`] with this many bytes.
    PutNew {
        /// The object.
        name: ObjectName,
        /// How many bytes.
        length: usize,
    },
    /// [`crate::Store::get`].
    Get {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::get_range`].
    GetRange {
        /// The object.
        name: ObjectName,
        /// First byte.
        offset: u64,
        /// How many bytes.
        length: usize,
    },
    /// [`crate::Store::length`].
    Length {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::list`].
    List {
        /// What.
        what: Listing,
    },
    /// [`crate::Store::delete`].
    Delete {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::try_overwrite`].
    Overwrite {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::retention`].
    Retention {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::lock_until`].
    Lock {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::try_unlock`].
    Unlock {
        /// The object.
        name: ObjectName,
    },
    /// [`crate::Store::sweep`].
    Sweep,
}

impl Operation {
    /// The object, if it is about one.
    pub fn name(&self) -> Option<ObjectName> {
        match self {
            Self::PutNew { name, .. }
            | Self::Get { name }
            | Self::GetRange { name, .. }
            | Self::Length { name }
            | Self::Delete { name }
            | Self::Overwrite { name }
            | Self::Retention { name }
            | Self::Lock { name }
            | Self::Unlock { name } => Some(*name),
            Self::List { .. } | Self::Sweep => None,
        }
    }

    /// Whether it may change what is stored.
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Self::PutNew { .. }
                | Self::Delete { .. }
                | Self::Overwrite { .. }
                | Self::Lock { .. }
                | Self::Unlock { .. }
                | Self::Sweep
        )
    }

    /// What it tries, for error messages.
    pub fn action(&self) -> Action {
        match self {
            Self::PutNew { .. } | Self::Overwrite { .. } | Self::Lock { .. } => Action::Put,
            Self::Get { .. } | Self::GetRange { .. } => Action::Get,
            Self::Length { .. } | Self::Retention { .. } => Action::Look,
            Self::List { .. } => Action::List,
            Self::Delete { .. } | Self::Unlock { .. } | Self::Sweep => Action::Delete,
        }
    }
}
