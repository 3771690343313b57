//! Holds: snapshots that stay whatever a rule or a person says.

use std::collections::BTreeSet;

use ov_format::name::RecordName;
use ov_format::statement::{Role, Statement};

use crate::append::Writer;
use crate::clock::Clock;
use crate::error::VaultError;
use crate::finding::short;
use crate::keeper::require_role;
use crate::state::{Hold, State};
use crate::vault::Vault;

/// Holds snapshots until somebody releases them.
pub fn add(
    vault: &mut Vault,
    writer: &Writer,
    clock: &dyn Clock,
    commits: &BTreeSet<RecordName>,
    reason: &str,
) -> Result<RecordName, VaultError> {
    vault.refresh()?;
    let roles = [Role::Keeper, Role::Reader, Role::Admin];
    require_role(vault, writer, &roles, "hold snapshots")?;
    let state = State::of(vault);
    for name in commits {
        let there = state.commits.get(name).filter(|commit| !commit.forgotten);
        there.ok_or_else(|| VaultError::NoSnapshot(short(name)))?;
    }
    let statement = Statement::Hold {
        commits: commits.iter().copied().collect(),
        reason: reason.to_owned(),
    };
    vault.append(writer, clock, statement, Vec::new(), &[])
}

/// The holds in force, in the order of their names.
pub fn list(vault: &Vault) -> Vec<Hold> {
    State::of(vault).holds
}

/// Ends a hold. Only admins may: a hold binds everybody else.
pub fn release(
    vault: &mut Vault,
    writer: &Writer,
    clock: &dyn Clock,
    hold: &RecordName,
) -> Result<RecordName, VaultError> {
    vault.refresh()?;
    require_role(vault, writer, &[Role::Admin], "release a hold")?;
    let found = list(vault).into_iter().any(|one| one.name == *hold);
    match found {
        true => vault.append(writer, clock, Statement::Release(*hold), Vec::new(), &[]),
        false => Err(VaultError::NoSnapshot(short(hold))),
    }
}
