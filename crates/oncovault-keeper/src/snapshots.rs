//! `snapshots` for a keeper: ids and times, for it cannot read names.

use ov_terminal::table::{Side, Table};
use ov_terminal::{Copies, Desk, Exit, Failure, moment};
use ov_vault::State;
use ov_vault::finding::short;
use ov_vault::state::{Commit, Verdict};
use serde_json::{Value, json};

/// What it takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Lists snapshots, the oldest first.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let opened = desk.open(Copies::Welcome)?;
    let state = State::of(&opened.vault);
    let mut found: Vec<&Commit> = state.listed().collect();
    found.sort_by_key(|commit| (commit.time, commit.name));
    desk.screen.document(&json!({
        "snapshots": found.iter().map(|commit| document(commit, &state)).collect::<Vec<_>>(),
    }));
    let mut table = Table::new(&[
        ("ID", Side::Left),
        ("Time", Side::Left),
        ("Agent", Side::Left),
        ("State", Side::Left),
    ]);
    for commit in &found {
        table.row(vec![
            short(&commit.name),
            moment::local(commit.time),
            commit.name.log.member.to_string(),
            standing(commit, &state),
        ]);
    }
    table.print(&desk.screen);
    if found.is_empty() {
        desk.screen.note("No snapshots.");
    }
    Ok(Exit::Done)
}

fn standing(commit: &Commit, state: &State) -> String {
    let verdict = match &commit.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Open => "not accepted yet",
        Verdict::Rejected(_) => "rejected",
    };
    match state.held(&commit.name) {
        true => format!("{verdict}, held"),
        false => verdict.to_owned(),
    }
}

fn document(commit: &Commit, state: &State) -> Value {
    json!({
        "id": commit.name.hash.to_string(),
        "short_id": short(&commit.name),
        "time": moment::rfc3339(commit.time),
        "member": commit.name.log.member.to_string(),
        "accepted": commit.verdict == Verdict::Accepted,
        "arrival": commit.arrival.map(moment::rfc3339),
        "held": state.held(&commit.name),
    })
}
