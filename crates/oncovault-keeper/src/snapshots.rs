//! `snapshots` for a keeper: ids and times, for it cannot read names.

use ov_terminal::table::{Side, Table};
use ov_terminal::{Copies, Desk, Exit, Failure, moment};
use ov_vault::State;
use ov_vault::finding::short;
use ov_vault::state::{Commit, Verdict};
use serde_json::{Value, json};

/// What it takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Checkpoints of runs that went on, and forgotten snapshots, too
    #[arg(long)]
    all: bool,
}

/// What a snapshot is to lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is listed.
    Listed,
    /// A checkpoint: part of a run that went on.
    Partial,
    /// A tombstone names it.
    Forgotten,
}

impl Standing {
    /// What a commit is.
    pub fn of(commit: &Commit) -> Self {
        match (commit.forgotten, commit.partial) {
            (true, _) => Self::Forgotten,
            (false, true) => Self::Partial,
            (false, false) => Self::Listed,
        }
    }

    /// In a word, for documents and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Listed => "listed",
            Self::Partial => "partial",
            Self::Forgotten => "forgotten",
        }
    }
}

/// Lists snapshots, the oldest first.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let opened = desk.open(Copies::Welcome)?;
    let state = State::of(&opened.vault);
    let mut found: Vec<&Commit> = match args.all {
        true => state.commits.values().collect(),
        false => state.listed().collect(),
    };
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
            words(commit, &state),
        ]);
    }
    table.print(&desk.screen);
    if found.is_empty() {
        desk.screen.note("No snapshots.");
    }
    Ok(Exit::Done)
}

fn words(commit: &Commit, state: &State) -> String {
    let verdict = match &commit.verdict {
        Verdict::Accepted => "accepted",
        Verdict::Open => "not accepted yet",
        Verdict::Rejected(_) => "rejected",
    };
    let mut said = vec![verdict];
    match Standing::of(commit) {
        Standing::Listed => {}
        unlisted => said.insert(0, unlisted.name()),
    }
    if state.held(&commit.name) {
        said.push("held");
    }
    said.join(", ")
}

fn document(commit: &Commit, state: &State) -> Value {
    json!({
        "id": commit.name.hash.to_string(),
        "short_id": short(&commit.name),
        "time": moment::rfc3339(commit.time),
        "member": commit.name.log.member.to_string(),
        "state": Standing::of(commit).name(),
        "accepted": commit.verdict == Verdict::Accepted,
        "arrival": commit.arrival.map(moment::rfc3339),
        "held": state.held(&commit.name),
    })
}
