//! Who there is.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::audience::Audience;
use ov_format::id::{CompartmentId, GroupId, MemberId};
use ov_format::name::{ObjectName, RecordName};
use ov_format::statement::{Role, Statement};
use ov_vault::section::{OpenSegment, open_section};
use ov_vault::{Vault, VaultError};

use crate::appoint::is_kit;
use crate::error::AdminError;
use crate::names::Names;

/// What a member is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A member.
    Member,
    /// The recovery kit.
    RecoveryKit,
    /// Was a member.
    Revoked,
}

/// One member, for people.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// Its id.
    pub id: MemberId,
    /// Its name, if the caller may know it.
    pub name: Option<String>,
    /// What it may do.
    pub roles: BTreeSet<Role>,
    /// Compartments that it may write to or read.
    pub compartments: BTreeSet<CompartmentId>,
    /// Its dedup group.
    pub group: GroupId,
    /// Whether it still is one.
    pub standing: Standing,
}

/// All members, revoked ones too. `open` opens what it can of the structure audience; names that
/// it does not open are left out.
pub fn list(vault: &Vault, open: OpenSegment<'_>) -> Result<Vec<MemberInfo>, AdminError> {
    let mut names = names(vault, open)?;
    let head = vault.head();
    let info = |(id, member): (&MemberId, &ov_vault::head::Member)| MemberInfo {
        id: *id,
        name: names.remove(id),
        roles: member.roles.clone(),
        compartments: member.compartments.clone(),
        group: member.group,
        standing: match (head.revoked.contains_key(id), is_kit(head, member)) {
            (true, _) => Standing::Revoked,
            (false, true) => Standing::RecoveryKit,
            (false, false) => Standing::Member,
        },
    };
    Ok(head.members.iter().map(info).collect())
}

fn names(vault: &Vault, open: OpenSegment<'_>) -> Result<BTreeMap<MemberId, String>, AdminError> {
    let mut names = BTreeMap::new();
    for said in vault.logs().all() {
        if matches!(said.statement, Statement::Head(_)) {
            let said = names_in(vault, &said.name, open)?;
            names.extend(said.0.into_iter().map(|named| (named.member, named.name)));
        }
    }
    Ok(names)
}

fn names_in(vault: &Vault, name: &RecordName, open: OpenSegment<'_>) -> Result<Names, AdminError> {
    let record = vault.record(name)?.record;
    let mut names = Names::default();
    for section in &record.sections {
        if section.audience != Audience::Structure {
            continue;
        }
        let object = ObjectName::Record(*name);
        match open_section::<Names>(section, object, vault.id(), name.log.member, open) {
            Ok(said) => names.0.extend(said.0),
            // No key for it, or no names in it: the member stays, without a name.
            Err(VaultError::Sealed { .. } | VaultError::Object { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(names)
}

#[cfg(test)]
#[path = "members_tests.rs"]
mod tests;
