//! What this installation has seen on each target, so that a target that was set back is noticed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use ov_format::id::TargetId;
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_vault::{Finding, Vault};

/// The newest record of each log that was seen on a target. A file of names in the local state of
/// a member; without it nothing is missed that the logs themselves do not show.
pub struct Seen {
    folder: PathBuf,
}

impl Seen {
    /// In the local state of a member.
    pub fn in_state(state: &Path) -> Self {
        Self {
            folder: state.join("seen"),
        }
    }

    /// What was seen on a target. A file that cannot be read was never there.
    pub fn on(&self, target: TargetId) -> BTreeSet<RecordName> {
        let text = fs::read_to_string(self.file(target)).unwrap_or_default();
        text.lines().filter_map(record).collect()
    }

    /// Remembers what a vault shows now. What was seen before and is gone stays remembered.
    pub fn remember(&self, vault: &Vault) {
        let target = vault.target();
        let before = self.on(target);
        let mut newest: BTreeMap<LogId, RecordName> = BTreeMap::new();
        for name in before.iter().copied().chain(vault.newest()) {
            let last = newest.entry(name.log).or_insert(name);
            *last = name.max(*last);
        }
        let now: BTreeSet<RecordName> = newest.into_values().collect();
        if now != before {
            // Not to remember costs a warning at worst; it stops nobody.
            let _ = self.write(target, &now);
        }
    }

    fn write(&self, target: TargetId, names: &BTreeSet<RecordName>) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let lines = names
            .iter()
            .map(|name| format!("{}\n", ObjectName::Record(*name)));
        let text: String = lines.collect();
        let next = self.folder.join(format!("{target}.{}", std::process::id()));
        fs::write(&next, text)?;
        fs::rename(next, self.file(target))
    }

    fn file(&self, target: TargetId) -> PathBuf {
        self.folder.join(target.to_string())
    }
}

fn record(line: &str) -> Option<RecordName> {
    match ObjectName::parse(line)? {
        ObjectName::Record(name) => Some(name),
        _ => None,
    }
}

/// Whether records that were there before are there no more: a target that was set back, or from
/// which somebody has taken them.
pub fn is_set_back(findings: &[Finding]) -> bool {
    let gone = |finding: &Finding| matches!(finding, Finding::Missing(ObjectName::Record(_)));
    findings.iter().any(gone)
}
