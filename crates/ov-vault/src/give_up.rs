//! Giving up records that no copy has: said by name, so that prunes and backups go on without them.

use std::collections::BTreeSet;

use ov_format::id::{MemberId, ObjectHash};
use ov_format::name::RecordName;
use ov_format::statement::{Role, Statement};

use crate::error::VaultError;
use crate::finding::Finding;
use crate::keeper::Keeper;
use crate::rescan::{RescanReport, rescan};
use crate::vault::Vault;

/// The record that a finding says cannot be read, if `by` may give it up. What an admin said only
/// admins may: who is a member, and what is held, rests on it.
pub fn lost_record(vault: &Vault, by: MemberId, finding: &Finding) -> Option<RecordName> {
    let log = finding.unread()?;
    let head = vault.head();
    let is_admins = head.ever.get(&log.member)?.contains(&Role::Admin);
    if is_admins && !head.member(by).is_ok_and(|member| member.may(Role::Admin)) {
        return None;
    }
    match finding {
        // Whatever was there had a name that nobody has to know.
        Finding::Gap(_, number) => Some(RecordName {
            log,
            number: *number,
            hash: ObjectHash([0; 32]),
        }),
        _ => finding.record(),
    }
}

/// Says that records are lost for good. What they may have placed is looked for in the packs
/// themselves first; a snapshot among them is forgotten. Those that can be read now stay.
pub fn give_up_records(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    records: &BTreeSet<RecordName>,
) -> Result<RescanReport, VaultError> {
    let by = keeper.writer.member;
    let report = match vault.head().member(by)?.may(Role::Keeper) {
        true => rescan(vault, keeper)?,
        false => RescanReport::default(),
    };
    vault.refresh()?;
    let findings = vault.logs().findings.iter();
    let lost = findings.filter_map(|finding| lost_record(vault, by, finding));
    let lost: Vec<RecordName> = lost.filter(|name| records.contains(name)).collect();
    if !lost.is_empty() {
        let statement = Statement::Forget(lost);
        vault.append(keeper.writer, keeper.clock, statement, Vec::new(), &[])?;
        vault.refresh()?;
    }
    Ok(report)
}
