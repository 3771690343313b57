//! Where files of the program lie on this machine (XDG base directories).

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::options::Options;

const PROGRAM: &str = "oncovault";

/// The folder of the local state.
pub fn state(options: &Options) -> Result<PathBuf, Failure> {
    match &options.state_dir {
        Some(dir) => Ok(dir.clone()),
        None => base("XDG_STATE_HOME", ".local/state"),
    }
}

/// The folder for copies of objects.
pub fn cache(options: &Options) -> Result<PathBuf, Failure> {
    match &options.cache_dir {
        Some(dir) => Ok(dir.clone()),
        None => base("XDG_CACHE_HOME", ".cache"),
    }
}

/// The folder of key files and the configuration.
pub fn config() -> Result<PathBuf, Failure> {
    base("XDG_CONFIG_HOME", ".config")
}

/// The key file, where none was named.
pub fn default_key() -> Result<PathBuf, Failure> {
    Ok(config()?.join("default.key"))
}

/// The folder for things of the program that are no state and no configuration.
pub fn data() -> Result<PathBuf, Failure> {
    base("XDG_DATA_HOME", ".local/share")
}

/// Relative paths in these variables are to be passed over, says the XDG specification.
fn base(variable: &str, below_home: &str) -> Result<PathBuf, Failure> {
    let absolute = |path: &PathBuf| path.is_absolute();
    let set = std::env::var_os(variable)
        .map(PathBuf::from)
        .filter(absolute);
    let home = || std::env::var_os("HOME").map(PathBuf::from).filter(absolute);
    let base = set.or_else(|| Some(home()?.join(below_home)));
    base.map(|base| base.join(PROGRAM)).ok_or_else(|| {
        Failure::usage(format!("neither {variable} nor HOME names a folder"))
            .help("set HOME, or give the files and folders with --key, --state-dir and --cache-dir")
    })
}

/// Makes a folder for the owner's eyes only, with those above it.
pub fn make_private(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
