//! Where the configuration is, and what it says about options: they count unless the command line
//! or the environment says otherwise.

use std::fs::File;
use std::path::{Path, PathBuf};

use ov_program::config::{PathStyle, S3};
use ov_program::{Config, ConfigError};

use crate::failure::Failure;
use crate::folders;
use crate::options::{Options, Style};
use crate::passphrase;

const FILE: &str = "oncovault.toml";
const SYSTEM: &str = "/etc/oncovault";

/// The file that was named, or the usual one of the user or the machine if it is there and may be
/// read.
pub fn file(options: &Options) -> Option<PathBuf> {
    if let Some(file) = &options.config {
        return Some(file.clone());
    }
    let usual = [folders::config().ok(), Some(SYSTEM.into())];
    let mut files = usual.into_iter().flatten().map(|folder| folder.join(FILE));
    files.find(|file| File::open(file).is_ok())
}

/// Reads the configuration.
pub fn read(options: &Options) -> Result<(PathBuf, Config), Failure> {
    let Some(file) = file(options) else {
        let help = format!(
            "write one, {SYSTEM}/{FILE} for the machine or $XDG_CONFIG_HOME/oncovault/{FILE} for a \
             user, or name another with --config"
        );
        return Err(Failure::usage("there is no configuration").help(help));
    };
    let config = Config::read(&file)?;
    Ok((std::path::absolute(&file).unwrap_or(file), config))
}

/// Fills in what neither the command line nor the environment says, if there is a configuration. A
/// usual file counts only where no vault was named: it may be about another one.
pub fn fill_in(options: &mut Options) -> Result<(), Failure> {
    let named = options.config.is_some();
    if !named && (options.vault.is_some() || file(options).is_none()) {
        return Ok(());
    }
    let (_, config) = read(options)?;
    fill(options, &config)
}

/// Fills in what neither the command line nor the environment says.
pub fn fill(options: &mut Options, config: &Config) -> Result<(), Failure> {
    let vault = &config.vault;
    let url = vault.url.text().into();
    options.vault.get_or_insert(url);
    fill_path(&mut options.key, vault.key.as_deref());
    fill_path(&mut options.state_dir, vault.state_dir.as_deref());
    fill_path(&mut options.cache_dir, vault.cache_dir.as_deref());
    options.catalog.clone_from(&vault.catalog);
    if !passphrase::is_given(options)? {
        options.passphrase_file.clone_from(&vault.passphrase_file);
        let command = vault.passphrase_command.as_ref();
        options.passphrase_command = command.map(|words| passphrase::command_of(words));
    }
    if let Some(s3) = &vault.s3 {
        fill_s3(options, s3);
    }
    Ok(())
}

/// The options, reaching S3 as a copy says it.
pub fn for_copy(options: &Options, s3: Option<&S3>) -> Options {
    let mut options = options.clone();
    if let Some(s3) = s3 {
        options.s3.s3_endpoint.clone_from(&s3.endpoint);
        options.s3.s3_region.clone_from(&s3.region);
        options.s3.s3_path_style = style(s3.path_style);
        options.s3.ca_file.clone_from(&s3.ca_file);
        options.s3.allow_http = s3.allow_http;
        options.s3.s3_lock = s3.lock.as_ref().map(|lock| *lock.value());
    }
    options
}

fn fill_path(option: &mut Option<PathBuf>, said: Option<&Path>) {
    if option.is_none() {
        *option = said.map(Path::to_owned);
    }
}

fn fill_s3(options: &mut Options, said: &S3) {
    let s3 = &mut options.s3;
    s3.s3_endpoint = s3.s3_endpoint.take().or_else(|| said.endpoint.clone());
    s3.s3_region = s3.s3_region.take().or_else(|| said.region.clone());
    if s3.s3_path_style == Style::Auto {
        s3.s3_path_style = style(said.path_style);
    }
    fill_path(&mut s3.ca_file, said.ca_file.as_deref());
    s3.allow_http |= said.allow_http;
    let lock = said.lock.as_ref().map(|lock| *lock.value());
    s3.s3_lock = s3.s3_lock.or(lock);
}

fn style(said: PathStyle) -> Style {
    match said {
        PathStyle::Auto => Style::Auto,
        PathStyle::Path => Style::Path,
        PathStyle::Host => Style::Host,
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::of(crate::exit::Exit::Usage, &error)
            .help("docs/config.md has all keys; nothing was done")
    }
}
