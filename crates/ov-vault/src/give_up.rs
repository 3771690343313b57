//! Giving up records that no copy has: said by name, so that prunes and backups go on without them.

use std::collections::BTreeSet;

use ov_format::id::MemberId;
use ov_format::name::RecordName;
use ov_format::statement::{Role, Statement};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::keeper::Keeper;
use crate::rescan::rescan;
use crate::vault::Vault;

/// The record that a finding says cannot be read, by its number, if `by` may give it up. What an admin said only
/// admins may: who is a member, and what is held, rests on it.
pub fn lost_record(vault: &Vault, by: MemberId, finding: &Finding) -> Option<RecordName> {
    let log = finding.unread()?;
    let head = vault.head();
    let is_admins = head.ever.get(&log.member)?.contains(&Role::Admin);
    if is_admins && !head.member(by).is_ok_and(|member| member.may(Role::Admin)) {
        return None;
    }
    finding.nameless()
}

/// Says that records are lost for good. What they may have placed is looked for in the packs
/// themselves first; a snapshot among them is forgotten. Those that can be read now stay. Returns
/// those that are given up.
pub fn give_up_records(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    records: &BTreeSet<RecordName>,
) -> Result<Vec<RecordName>, VaultError> {
    let by = keeper.writer.member;
    // Who is no keeper says nothing of places; an admin's records have none.
    if vault.head().member(by)?.may(Role::Keeper) {
        rescan(vault, keeper)?;
    }
    vault.refresh()?;
    let findings = vault.logs().findings.iter();
    let lost = findings.filter_map(|finding| lost_record(vault, by, finding));
    let lost: Vec<RecordName> = lost.filter(|name| records.contains(name)).collect();
    if !lost.is_empty() {
        let statement = Statement::Forget(lost.clone());
        vault.append(keeper.writer, keeper.clock, statement, Vec::new(), &[])?;
        vault.refresh()?;
    }
    Ok(lost)
}
