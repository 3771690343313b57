//! Key files on this machine's disk.

use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ov_seal::keyfile::KeyFile;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders;

/// Reads a key file.
pub fn read(path: &Path) -> Result<KeyFile, Failure> {
    let text = match fs::read_to_string(path) {
        Ok(text) => zeroize::Zeroizing::new(text),
        Err(error) => {
            let message = format!("cannot read the key file {}: {error}", path.display());
            let help = "give another with --key FILE or ONCOVAULT_KEY";
            return Err(Failure::new(Exit::WrongKey, message).help(help));
        }
    };
    KeyFile::parse(&text).map_err(|error| Failure::from(error).on(path.display()))
}

/// Takes the place of a new key file: never over another one, for the owner's eyes only.
pub fn reserve(path: &Path) -> Result<fs::File, Failure> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        folders::make_private(folder)
            .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => {
            Failure::usage(format!("{} is there already and stays", path.display()))
                .help("name another file for the new key: --key FILE")
        }
        _ => Failure::failed(format!(
            "cannot make the key file {}: {error}",
            path.display()
        )),
    })
}

/// Writes a key file and brings it to the disk.
pub fn write(mut file: &fs::File, path: &Path, key: &KeyFile) -> Result<(), Failure> {
    let written = file
        .write_all(key.text().as_bytes())
        .and_then(|()| file.sync_all());
    written.map_err(|error| {
        Failure::failed(format!(
            "cannot write the key file {}: {error}",
            path.display()
        ))
    })
}
