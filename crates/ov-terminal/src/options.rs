//! Options that every verb takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, ValueEnum};
use ov_program::config::{CatalogServer, Size};
use ov_store::paced::Limits;
use ov_store::{LockDays, OpenOptions, PathStyle, PlainHttp};

use crate::folders;
use crate::passphrase;

/// Options that every verb takes.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Where the vault is: a path, s3://bucket/prefix, sftp://host/path, ssh://host/path,
    /// davs://host/path or drive://NAME/path
    #[arg(
        short = 'r',
        long,
        global = true,
        env = "ONCOVAULT_VAULT",
        value_name = "URL"
    )]
    pub vault: Option<OsString>,

    /// The key file [default: $XDG_CONFIG_HOME/oncovault/default.key]
    #[arg(long, global = true, env = "ONCOVAULT_KEY", value_name = "FILE")]
    pub key: Option<PathBuf>,

    /// The configuration [default: $XDG_CONFIG_HOME/oncovault/oncovault.toml, or
    /// /etc/oncovault/oncovault.toml]
    #[arg(long, global = true, env = "ONCOVAULT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Read the key file's passphrase from a file
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,

    /// Read the key file's passphrase from a command's output (no shell is involved)
    #[arg(long, global = true, value_name = "COMMAND")]
    pub passphrase_command: Option<String>,

    /// Print one JSON document (see docs/cli/json.md)
    #[arg(long, global = true, env = "ONCOVAULT_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,

    /// Print results and errors alone
    #[arg(short, long, global = true, env = "ONCOVAULT_QUIET", conflicts_with = "verbose",
          value_parser = BoolishValueParser::new())]
    pub quiet: bool,

    /// Print more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Where local state is kept [default: $XDG_STATE_HOME/oncovault]
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_STATE_DIR",
        value_name = "DIR",
        help_heading = "Local folders"
    )]
    pub state_dir: Option<PathBuf>,

    /// Where copies of small objects are kept [default: $XDG_CACHE_HOME/oncovault]
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_CACHE_DIR",
        value_name = "DIR",
        help_heading = "Local folders"
    )]
    pub cache_dir: Option<PathBuf>,

    /// Keep no copies of small objects of remote targets
    #[arg(long, global = true, env = "ONCOVAULT_NO_CACHE", help_heading = "Local folders",
          value_parser = BoolishValueParser::new())]
    pub no_cache: bool,

    /// Which server keeps the copy of the catalogs, as the configuration says.
    #[arg(skip)]
    pub catalog: Option<CatalogServer>,

    /// How to reach S3.
    #[command(flatten)]
    pub s3: S3Options,

    /// The program that leads to other machines, with its options (no shell is involved)
    /// [default: ssh]
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_SSH",
        value_name = "COMMAND",
        value_parser = words,
        help_heading = "SFTP and ssh"
    )]
    pub ssh: Option<Words>,

    /// Most bytes a second to the target, averaged over a minute: a size, like 500K or 2M
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_LIMIT_UPLOAD",
        value_name = "SIZE",
        help_heading = "Target"
    )]
    pub limit_upload: Option<Size>,

    /// Most bytes a second from the target
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_LIMIT_DOWNLOAD",
        value_name = "SIZE",
        help_heading = "Target"
    )]
    pub limit_download: Option<Size>,

    /// How progress is shown: a line at a terminal, or JSON lines on standard error (see
    /// docs/cli/json.md)
    #[arg(long, global = true, value_name = "FORM", default_value = "auto")]
    pub progress: ProgressForm,

    /// How often progress is shown, per second.
    #[arg(long, global = true, env = "ONCOVAULT_PROGRESS_FPS", default_value_t = 10, hide = true,
          value_parser = clap::value_parser!(u8).range(1..=60))]
    pub progress_fps: u8,
}

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ProgressForm {
    /// A line that moves at a terminal, nothing elsewhere.
    Auto,
    /// JSON lines on standard error.
    Json,
}

/// How to reach S3.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "S3")]
pub struct S3Options {
    /// The server, like https://s3.example.org
    #[arg(long, global = true, env = "ONCOVAULT_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,

    /// The region
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_S3_REGION",
        value_name = "REGION"
    )]
    pub s3_region: Option<String>,

    /// Where the bucket stands in a request
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_S3_PATH_STYLE",
        value_name = "STYLE",
        default_value = "auto"
    )]
    pub s3_path_style: Style,

    /// Lock what is stored and what kept snapshots need for so long, in a bucket with object lock
    #[arg(
        long,
        global = true,
        env = "ONCOVAULT_S3_LOCK",
        value_name = "DAYS",
        value_parser = clap::value_parser!(LockDays)
    )]
    pub s3_lock: Option<LockDays>,

    /// More certificates to trust, in PEM
    #[arg(long, global = true, env = "ONCOVAULT_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Let plain HTTP leave this machine
    #[arg(long, global = true, env = "ONCOVAULT_ALLOW_HTTP",
          value_parser = BoolishValueParser::new())]
    pub allow_http: bool,
}

/// Where the bucket stands in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// In the path if an endpoint is given, else in the host name.
    Auto,
    /// https://host/bucket/key
    Path,
    /// https://bucket.host/key
    Host,
}

/// The words of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(Vec<String>);

fn words(text: &str) -> Result<Words, &'static str> {
    let words = passphrase::words(text).map(Words);
    words.ok_or("a quotation does not end")
}

impl Options {
    /// How targets are reached, as the library takes it.
    pub fn open_options(&self) -> OpenOptions {
        let ssh = self.ssh.iter().flat_map(|Words(words)| words);
        OpenOptions {
            ssh: ssh.map(Into::into).collect(),
            // Without a folder for local state, drives are found and not remembered.
            drives: folders::state(self).ok().map(|state| state.join("drives")),
            limits: Limits {
                upload: self.limit_upload.map(|size| size.bytes),
                download: self.limit_download.map(|size| size.bytes),
            },
            ..self.s3.open_options()
        }
    }
}

impl S3Options {
    fn open_options(&self) -> OpenOptions {
        OpenOptions {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            path_style: match self.s3_path_style {
                Style::Auto => PathStyle::Auto,
                Style::Path => PathStyle::Path,
                Style::Host => PathStyle::VirtualHost,
            },
            ca_file: self.ca_file.clone(),
            plain_http: match self.allow_http {
                true => PlainHttp::Anywhere,
                false => PlainHttp::LoopbackOnly,
            },
            lock: self.s3_lock,
            ..OpenOptions::default()
        }
    }
}
