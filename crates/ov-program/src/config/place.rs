//! Where a vault and its copies are.

use std::path::PathBuf;

use ov_policy::{Period, Schedule};
use ov_store::{LockDays, Place, TargetUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, ServerUrl, Worded};

/// Where the vault is, and who opens it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultPlace {
    /// A path, s3://bucket/prefix, sftp://host/path, ssh://host/path, davs://host/path or
    /// drive://NAME/path.
    pub url: Worded<TargetUrl>,
    /// The key file; without it, the usual one of who runs the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// A file that holds the key file's passphrase.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_file: Option<PathBuf>,
    /// A program and its arguments that print the passphrase; no shell is involved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passphrase_command: Option<Vec<String>>,
    /// Where local state is kept; without it, the usual folder of who runs the program.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state_dir: Option<PathBuf>,
    /// Where copies of small objects are kept; without it, the usual folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_dir: Option<PathBuf>,
    /// Where the copy of the catalogs is kept, for several machines; without it, in the folder of
    /// small objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<CatalogServer>,
    /// What it lies on. Places with the same word fail together.
    #[serde(default = "disk")]
    pub medium: String,
    /// Whether fire and water reach it together with the original.
    #[serde(default)]
    pub site: Site,
    /// How to reach S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

/// A database server that keeps the copy of the catalogs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CatalogServer {
    /// `postgresql://USER@HOST:PORT/DATABASE`, without a password.
    pub url: Worded<ServerUrl>,
    /// A file with passwords in PostgreSQL's own form; without it, the file that `PGPASSFILE`
    /// names, or `~/.pgpass`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passfile: Option<PathBuf>,
    /// Certificates of authorities, PEM, in place of the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Another place with the same snapshots.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CopyPlace {
    /// Its name.
    pub name: Worded<Name>,
    /// A path, s3://bucket/prefix, sftp://host/path, ssh://host/path, davs://host/path or
    /// drive://NAME/path.
    pub url: Worded<TargetUrl>,
    /// What it lies on. Places with the same word fail together.
    #[serde(default = "disk")]
    pub medium: String,
    /// Whether fire and water reach it together with the original.
    #[serde(default)]
    pub site: Site,
    /// It is unplugged but for the time of copying. That it is not there is no failure until it is
    /// too old.
    #[serde(default)]
    pub offline: bool,
    /// Whether this machine brings snapshots there, or a keeper there fetches them.
    #[serde(default)]
    pub by: Fetched,
    /// When it is brought up to date; without it, after every run that stored something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Worded<Schedule>>,
    /// How old its newest snapshot may become.
    #[serde(default = "week")]
    pub max_age: Worded<Period>,
    /// How to reach S3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3: Option<S3>,
}

/// Whether a place shares the fate of the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Site {
    /// Fire and water reach it together with the original.
    #[default]
    Here,
    /// It is elsewhere.
    Away,
}

/// Who brings snapshots to a copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Fetched {
    /// This machine brings them.
    #[default]
    Push,
    /// A keeper there fetches them, with credentials that this machine does not have.
    Pull,
}

/// How to reach S3. Credentials are never here: they come from the environment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct S3 {
    /// The server, like https://s3.example.org.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Where the bucket stands in a request.
    pub path_style: PathStyle,
    /// More certificates to trust, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Let plain HTTP leave this machine.
    pub allow_http: bool,
    /// In a bucket with object lock: for how long what is stored is locked, and what kept snapshots
    /// need is locked anew by a keeper, like 90d.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<Worded<LockDays>>,
}

impl VaultPlace {
    /// For how long what lies there is locked.
    pub fn lock(&self) -> Option<LockDays> {
        lock(&self.url, self.s3.as_ref())
    }
}

impl CopyPlace {
    /// For how long what lies there is locked; how S3 is reached is as for the vault where nothing
    /// else is said.
    pub fn lock(&self, vault: &VaultPlace) -> Option<LockDays> {
        lock(&self.url, self.s3.as_ref().or(vault.s3.as_ref()))
    }
}

fn lock(url: &TargetUrl, s3: Option<&S3>) -> Option<LockDays> {
    let lock = s3?.lock.as_ref()?;
    matches!(url.place(), Place::S3 { .. }).then_some(*lock.value())
}

/// Where the bucket stands in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PathStyle {
    /// In the path if an endpoint is given, else in the host name.
    #[default]
    Auto,
    /// `https://host/bucket/key`
    Path,
    /// `https://bucket.host/key`
    Host,
}

fn disk() -> String {
    "disk".to_owned()
}

fn week() -> Worded<Period> {
    Period::from_days(7).into()
}
