//! `oncovault.toml`: what is backed up, how often, where to, and what is kept.
//!
//! One file is one vault. Several vaults on one host have several files: each is whole by itself,
//! has its own timer, its own log and its own rights, and none can be confused by the other.
//!
//! Every value is read into a type that only sound values have; a key that is not known is an
//! error that names the file, the line and the nearest key that is.

mod dataset;
mod error;
mod name;
mod place;
mod policy;
mod read;
mod retention;
mod server_url;
mod size;
mod worded;

use std::path::PathBuf;

use ov_store::LockDays;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::notify::Notify;
use crate::status::Watch;

pub use self::dataset::{Dataset, Hook, Hooks, Origin};
pub use self::error::{ConfigError, DatasetProblem, Line};
pub use self::name::{Name, NameError};
pub use self::place::{CatalogServer, CopyPlace, Fetched, PathStyle, S3, Site, VaultPlace};
pub use self::policy::{Policy, Share, ShareError, Zone, ZoneError};
pub use self::retention::Retention;
pub use self::server_url::{ServerUrl, ServerUrlError};
pub use self::size::{Size, SizeError};
pub use self::worded::Worded;

/// All that holds, includes followed, defaults filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Config {
    /// Where the vault is, and who opens it.
    pub vault: VaultPlace,
    /// What holds for all.
    pub policy: Policy,
    /// Other places with the same snapshots.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copy: Vec<CopyPlace>,
    /// What is backed up.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dataset: Vec<Dataset>,
    /// Who is told, and how.
    pub notify: Notify,
    /// Agents that a keeper watches.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<Watch>,
}

/// What one file may say.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
#[schemars(title = "oncovault.toml")]
struct File {
    /// More files, relative to this one; of a folder, all its files *.toml in the order of their
    /// names. What they say is added; a table may stand in one file only.
    include: Vec<PathBuf>,
    /// Where the vault is, and who opens it.
    vault: Option<VaultPlace>,
    /// What holds for all.
    policy: Option<Policy>,
    /// Other places with the same snapshots.
    copy: Vec<CopyPlace>,
    /// What is backed up.
    dataset: Vec<Dataset>,
    /// Who is told, and how.
    notify: Option<Notify>,
    /// Agents that a keeper watches: an agent of which nothing arrives is told.
    watch: Vec<Watch>,
}

impl Config {
    /// The dataset of this name.
    pub fn dataset(&self, name: &str) -> Option<&Dataset> {
        self.dataset
            .iter()
            .find(|dataset| dataset.name.as_str() == name)
    }

    /// The copy of this name.
    pub fn copy(&self, name: &str) -> Option<&CopyPlace> {
        self.copy.iter().find(|copy| copy.name.as_str() == name)
    }

    /// Rules that keep of every dataset all that its own would keep, for whom cannot tell datasets
    /// apart. None if everything is kept of some dataset.
    pub fn retention_of_any(&self) -> Option<Retention> {
        let all = self.policy.retention.as_ref();
        let own = self
            .dataset
            .iter()
            .map(|dataset| dataset.retention.as_ref());
        let rules: Option<Vec<&Retention>> = own.map(|own| own.or(all)).chain([all]).collect();
        rules?
            .into_iter()
            .cloned()
            .reduce(|one, other| one.or(&other))
    }

    /// The shortest time for which what lies anywhere is locked; a keeper renews locks everywhere
    /// at once.
    pub fn lock(&self) -> Option<LockDays> {
        let copies = self.copy.iter().filter(|copy| copy.by == Fetched::Push);
        let copies = copies.filter_map(|copy| copy.lock(&self.vault));
        self.vault.lock().into_iter().chain(copies).min()
    }

    /// As it could be written, with all that holds.
    ///
    /// # Errors
    /// A path that is not UTF-8 cannot be written.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    /// The JSON schema of one file, for editors and other checkers.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(File).to_value()
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
