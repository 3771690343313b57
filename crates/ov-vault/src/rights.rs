//! Who may say what: one function.

use ov_format::record::Record;
use ov_format::statement::{Role, Statement};

use crate::head::Head;

/// Whether the member of a record may say what it says; else the name of the statement.
///
/// | statement | roles |
/// |---|---|
/// | commit | agent; carrying its own accept: agent and keeper |
/// | accept, reject, condemn, places, delete | keeper |
/// | forget | keeper, admin |
/// | hold | keeper, reader, admin |
/// | release | admin |
/// | tag, link | reader |
/// | head | admin |
pub(crate) fn allowed(head: &Head, record: &Record) -> Result<(), &'static str> {
    let statement = &record.statement;
    let Some(ever) = head.ever.get(&record.log.member) else {
        return Err(statement.name());
    };
    let may = |roles: &[Role]| roles.iter().any(|role| ever.contains(role));
    let fine = match statement {
        Statement::Commit { accepted: None, .. } => may(&[Role::Agent]),
        Statement::Commit {
            accepted: Some(_), ..
        } => may(&[Role::Agent]) && may(&[Role::Keeper]),
        Statement::Accept { .. }
        | Statement::Reject { .. }
        | Statement::Condemn(_)
        | Statement::Places { .. }
        | Statement::Delete(_) => may(&[Role::Keeper]),
        Statement::Forget(_) => may(&[Role::Keeper, Role::Admin]),
        Statement::Hold { .. } => may(&[Role::Keeper, Role::Reader, Role::Admin]),
        Statement::Release(_) | Statement::Head(_) => may(&[Role::Admin]),
        Statement::Tag(_) | Statement::Link => may(&[Role::Reader]),
    };
    if fine { Ok(()) } else { Err(statement.name()) }
}
