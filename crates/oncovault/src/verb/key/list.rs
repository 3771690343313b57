//! `key list`: who there is.

use std::collections::BTreeMap;

use ov_admin::members::{self, MemberInfo, Standing};
use ov_format::id::CompartmentId;
use ov_format::statement::Role;
use ov_restore::ReaderKeys;
use ov_terminal::screen::shown;
use ov_terminal::table::{Side, Table};
use ov_terminal::{Copies, Desk, Exit, Failure};

use crate::explain;
use serde_json::json;

/// What `key list` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Lists members. Names are shown as far as the key opens them.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let opened = desk.open(Copies::Welcome)?;
    let (member, secret) = (opened.writer.member, &opened.writer.secret);
    let keys = ReaderKeys::unlock(&opened.vault, member, secret)?;
    let open = |context: &_, head: &[u8]| keys.open(context, head);
    let members = members::list(&opened.vault, &open).map_err(explain::admin)?;
    let names = names(&opened.vault, &keys);
    desk.screen.document(&json!({
        "members": members.iter().map(|info| json!({
            "id": info.id.to_string(),
            "name": info.name,
            "roles": roles(info),
            "compartments": compartments(info, &names),
            "group": info.group.to_string(),
            "standing": standing(info.standing),
            "this_key": info.id == member,
        })).collect::<Vec<_>>(),
        "compartments": names.iter().map(|(id, name)| json!({
            "id": id.to_string(),
            "name": name,
        })).collect::<Vec<_>>(),
    }));
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("Name", Side::Left),
        ("Roles", Side::Left),
        ("Compartments", Side::Left),
        ("", Side::Left),
    ]);
    for info in &members {
        let note = match (info.id == member, info.standing) {
            (true, _) => "this key",
            (false, Standing::Member) => "",
            (false, other) => standing(other),
        };
        table.row(vec![
            info.id.to_string(),
            info.name
                .as_deref()
                .map_or_else(|| "?".to_owned(), |name| shown(name.as_bytes())),
            roles(info).join(", "),
            compartments(info, &names).join(", "),
            note.to_owned(),
        ]);
    }
    table.print(&desk.screen);
    Ok(Exit::Done)
}

/// All compartments, by name where the key knows it.
fn names(vault: &ov_vault::Vault, keys: &ReaderKeys) -> BTreeMap<CompartmentId, String> {
    let name = |id: CompartmentId| {
        let agent = || keys.secrets.agent_keys(id).map(|keys| keys.name.as_str());
        let name = keys.compartment_name(id).or_else(agent);
        name.map_or_else(|| id.to_string(), |name| shown(name.as_bytes()))
    };
    vault
        .head()
        .compartments
        .keys()
        .map(|id| (*id, name(*id)))
        .collect()
}

fn roles(info: &MemberInfo) -> Vec<&'static str> {
    info.roles.iter().copied().map(Role::name).collect()
}

fn compartments(info: &MemberInfo, names: &BTreeMap<CompartmentId, String>) -> Vec<String> {
    let name = |id| names.get(id).cloned().unwrap_or_else(|| id.to_string());
    info.compartments.iter().map(name).collect()
}

fn standing(standing: Standing) -> &'static str {
    match standing {
        Standing::Member => "member",
        Standing::RecoveryKit => "recovery kit",
        Standing::Revoked => "revoked",
    }
}
