//! `stats` for a keeper: objects, as the records of the target say, for it cannot see files.

use ov_terminal::{Copies, Desk, Exit, Failure, amount};
use ov_vault::{State, Vault};
use serde_json::{Value, json};

/// What `stats` takes.
#[derive(clap::Args, Debug)]
pub struct Args {}

/// Counts objects.
pub fn run(_: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let opened = desk.open(Copies::Welcome)?;
    let stats = RawStats::of(&opened.vault, &State::of(&opened.vault));
    stats.print(desk);
    desk.screen.document(&stats.document());
    Ok(Exit::Done)
}

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RawStats {
    packs: (u64, u64),
    tables: (u64, u64),
    records: (u64, u64),
    snapshots: u64,
}

impl RawStats {
    /// Counts what was published and not deleted.
    pub fn of(vault: &Vault, state: &State) -> Self {
        let there = |(hash, _): &(&ov_format::id::ObjectHash, &u64)| !state.deleted.contains(hash);
        let packs = state
            .published_packs
            .iter()
            .filter(there)
            .map(|(_, length)| *length);
        let tables = state
            .published_tables
            .iter()
            .filter(there)
            .map(|(_, length)| *length);
        Self {
            packs: sum(packs),
            tables: sum(tables),
            records: sum(vault.logs().all().map(|said| said.length)),
            snapshots: sum(state.listed().map(|_| 0)).0,
        }
    }

    /// All together.
    pub fn bytes(&self) -> u64 {
        self.packs
            .1
            .saturating_add(self.tables.1)
            .saturating_add(self.records.1)
    }

    /// For programs.
    pub fn document(&self) -> Value {
        json!({
            "mode": "raw",
            "snapshots": self.snapshots,
            "packs": self.packs.0,
            "packs_bytes": self.packs.1,
            "tables": self.tables.0,
            "tables_bytes": self.tables.1,
            "records": self.records.0,
            "records_bytes": self.records.1,
            "bytes": self.bytes(),
        })
    }

    /// For people.
    pub fn print(&self, desk: &Desk) {
        for (name, (count, bytes)) in [
            ("packs", self.packs),
            ("tables", self.tables),
            ("records", self.records),
        ] {
            desk.screen.line(format_args!(
                "{name:<9} {count:>10}  {:>12}",
                amount::bytes(bytes)
            ));
        }
        let (bytes, snapshots) = (amount::bytes(self.bytes()), self.snapshots);
        desk.screen
            .line(format_args!("{bytes} stored for {snapshots} snapshots"));
    }
}

fn sum(lengths: impl Iterator<Item = u64>) -> (u64, u64) {
    lengths.fold((0, 0), |(count, bytes), length| {
        (count + 1, bytes.saturating_add(length))
    })
}
