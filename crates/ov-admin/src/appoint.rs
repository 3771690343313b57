//! Appointing members, giving them more compartments, revoking them.

use ov_format::id::MemberId;
use ov_format::statement::Change;
use ov_vault::head::Member;

/// The change that appoints a member as it is described.
pub(crate) fn appointing(id: MemberId, member: &Member) -> Change {
    Change::Appoint {
        member: id,
        roles: member.roles.iter().copied().collect(),
        keys: member.keys.clone(),
        group: member.group,
        compartments: member.compartments.iter().copied().collect(),
    }
}
