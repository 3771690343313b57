//! What a reader's verb works with: snapshots, their trees, and the frames behind them.

use std::collections::BTreeMap;

use clap::Args;
use ov_format::name::RecordName;
use ov_restore::{
    Filters, FrameReader, Limits, Part, ReaderKeys, SelectError, SnapshotInfo, SnapshotPath,
    Snapshots, Tree,
};
use ov_terminal::{Copies, Desk, Exit, Failure, Opened};

use crate::explain;
use ov_vault::append::Writer;
use ov_vault::graph::Graph;
use ov_vault::{State, Vault};

/// Which snapshots are meant.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Which snapshots")]
pub struct Which {
    /// Of this dataset alone (may be given more than once)
    #[arg(long, value_name = "NAME")]
    pub dataset: Vec<String>,

    /// Of this host alone (may be given more than once)
    #[arg(long, value_name = "HOST")]
    pub host: Vec<String>,

    /// Only those that were asked to back up this path (may be given more than once)
    #[arg(long, value_name = "PATH")]
    pub path: Vec<std::ffi::OsString>,

    /// Only those with this tag (given more than once: with all of them)
    #[arg(long, value_name = "TAG")]
    pub tag: Vec<String>,
}

impl Which {
    /// As the library takes them.
    pub fn filters(&self) -> Filters {
        use std::os::unix::ffi::OsStrExt;
        Filters {
            datasets: self.dataset.clone(),
            hosts: self.host.clone(),
            paths: self
                .path
                .iter()
                .map(|path| path.as_bytes().to_vec())
                .collect(),
            tags: self.tag.clone(),
        }
    }
}

/// A vault as a reader sees it.
pub struct Reading {
    /// The vault.
    pub opened: Opened,
    /// What follows from its records.
    pub state: State,
    /// What the key opens.
    pub keys: ReaderKeys,
    /// The snapshots that it opens.
    pub snapshots: Snapshots,
}

impl Reading {
    /// Opens the vault and reads its list of snapshots.
    pub fn open(desk: &Desk) -> Result<Self, Failure> {
        Self::of(desk.open(Copies::Welcome)?, desk)
    }

    /// Reads the list of snapshots.
    pub fn of(opened: Opened, desk: &Desk) -> Result<Self, Failure> {
        let Opened { vault, writer, .. } = &opened;
        let keys = ReaderKeys::unlock(vault, writer.member, &writer.secret)?;
        let state = State::of(vault);
        let snapshots = Snapshots::load(vault, &state, &keys)?;
        for (name, error) in &snapshots.unreadable {
            let id = ov_vault::finding::short(name);
            desk.screen
                .warn(format_args!("snapshot {id} cannot be read: {error}"));
        }
        Ok(Self {
            opened,
            state,
            keys,
            snapshots,
        })
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.opened.vault
    }

    /// Refuses a key that opens no compartment, where content is needed.
    pub fn require_reader(&self, what: &'static str) -> Result<(), Failure> {
        match self.keys.compartments.is_empty() {
            true => Err(ov_vault::VaultError::Forbidden {
                what,
                role: "reader",
            }
            .into()),
            false => Ok(()),
        }
    }

    /// Where all frames lie.
    pub fn graph(&self) -> Result<Graph, Failure> {
        Ok(ov_restore::load_graph(
            self.vault(),
            &self.state,
            &self.keys,
        )?)
    }

    /// Reads frames.
    pub fn reader<'a>(&'a self, graph: &'a Graph) -> FrameReader<'a> {
        self.reader_within(graph, Limits::default())
    }

    /// Reads frames, and keeps as much of them in memory as it is told.
    pub fn reader_within<'a>(&'a self, graph: &'a Graph, limits: Limits) -> FrameReader<'a> {
        FrameReader::new(self.vault(), &self.state, graph, &self.keys, limits)
    }

    /// The snapshot that a text means.
    pub fn select(&self, spec: &str, which: &Which) -> Result<&SnapshotInfo, Failure> {
        let selected = self.snapshots.select(spec, &which.filters());
        selected.map_err(|error| {
            let exit = match error {
                SelectError::NotASpec { .. } => Exit::Usage,
                _ => Exit::Failed,
            };
            let help = match (&error, self.snapshots.closed) {
                (SelectError::Ambiguous { .. }, _) => "give more digits of its id".to_owned(),
                (_, 0) => "`oncovault snapshots` lists what there is".to_owned(),
                (_, closed) => format!(
                    "`oncovault snapshots` lists what there is; this key does not open {closed} more"
                ),
            };
            Failure::of(exit, &error).help(help)
        })
    }
}

/// To which dataset each snapshot belongs, as far as the key opens them.
pub fn names(vault: &Vault, writer: &Writer) -> Result<BTreeMap<RecordName, String>, Failure> {
    let keys = ReaderKeys::unlock(vault, writer.member, &writer.secret)?;
    let snapshots = Snapshots::load(vault, &State::of(vault), &keys)?;
    let named = |info: SnapshotInfo| (info.commit, info.snapshot.dataset);
    Ok(snapshots.listed.into_iter().map(named).collect())
}

/// The part of a snapshot at a path.
pub fn part(tree: &Tree<'_>, info: &SnapshotInfo, path: &[u8]) -> Result<Part, Failure> {
    let found = Part::at(tree, path).map_err(explain::tree)?;
    found.ok_or_else(|| {
        let path = ov_terminal::screen::shown(path);
        Failure::failed(format!("/{path} is not in snapshot {}", info.short_id())).help(format!(
            "`oncovault ls {}` lists what is in it",
            info.short_id()
        ))
    })
}

/// Reads `SNAP[:PATH]`.
pub fn snapshot_path(text: &std::ffi::OsStr) -> Result<SnapshotPath, Failure> {
    use std::os::unix::ffi::OsStrExt;
    SnapshotPath::parse(text.as_bytes()).map_err(|error| Failure::of(Exit::Usage, &error))
}
