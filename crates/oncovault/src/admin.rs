//! Failures of an admin's work.

use ov_admin::AdminError;
use ov_open::recovery::RecoveryError;

use crate::exit::Exit;
use crate::failure::Failure;

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Vault(error) => error.into(),
            AdminError::Store(error) => error.into(),
            error => {
                let failure = Self::of(exit_of(&error), &error);
                match error {
                    AdminError::AlreadyAVault { .. } => {
                        failure.help("nothing was changed; use it as it is, or name another place")
                    }
                    AdminError::NoCompartment(_) => {
                        failure.help("`oncovault key list` shows members and compartments")
                    }
                    AdminError::NoMember(_) => {
                        failure.help("`oncovault key list` shows who there is")
                    }
                    _ => failure,
                }
            }
        }
    }
}

/// The class of an admin's error.
pub fn exit_of(error: &AdminError) -> Exit {
    match error {
        AdminError::BadName { .. }
        | AdminError::NameTaken(_)
        | AdminError::NoRoles
        | AdminError::NeedsCompartment(_) => Exit::Usage,
        AdminError::NotTheKit | AdminError::UnknownCompartment(_) => Exit::WrongKey,
        AdminError::Missing { .. } => Exit::Damage,
        AdminError::LastAdmin(_) | AdminError::Yourself | AdminError::TheKit => Exit::Refused,
        _ => Exit::Failed,
    }
}

impl From<RecoveryError> for Failure {
    fn from(error: RecoveryError) -> Self {
        Self::of(Exit::WrongKey, &error).help("compare each word with the paper, then try again")
    }
}
