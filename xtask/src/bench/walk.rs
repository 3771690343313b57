//! The floor of a run over unchanged files: looking at every file once, with all processors.

use super::place::failed;
use crate::finding::Chore;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawDir, StatxFlags, openat, statx};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

const BUFFER_BYTES: usize = 32 << 10;

/// Look at everything below a folder and say how many entries there are.
pub fn run(root: &Path) -> Result<(), Chore> {
    println!("{} entries", count(root)?);
    Ok(())
}

/// Entries below a folder, each with its size and times looked up.
fn count(root: &Path) -> Result<u64, Chore> {
    let workers = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let (found, folders) = channel();
    let folders = Arc::new(Mutex::new(folders));
    let (done, results) = channel();
    let _ = found.send(Some(root.to_path_buf()));
    let mut open = 1u64;
    let mut entries = 0;
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (folders, done) = (Arc::clone(&folders), done.clone());
            scope.spawn(move || work(&folders, &done));
        }
        let mut outcome = Ok(());
        while open > 0 {
            let Ok(result) = results.recv() else { break };
            open -= 1;
            match result {
                Ok(looked) => {
                    entries += looked.entries;
                    for folder in looked.folders {
                        open += u64::from(found.send(Some(folder)).is_ok());
                    }
                }
                Err(error) => outcome = Err(error),
            }
        }
        (0..workers).for_each(|_| drop(found.send(None)));
        outcome
    })?;
    Ok(entries)
}

struct Looked {
    entries: u64,
    folders: Vec<PathBuf>,
}

fn work(folders: &Mutex<Receiver<Option<PathBuf>>>, done: &Sender<Result<Looked, Chore>>) {
    loop {
        let next = folders.lock().map(|folders| folders.recv());
        let Ok(Ok(Some(folder))) = next else { return };
        let looked = look(&folder).map_err(|errno| failed(&folder, errno.into()));
        if done.send(looked).is_err() {
            return;
        }
    }
}

fn look(folder: &Path) -> rustix::io::Result<Looked> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let handle = openat(CWD, folder, flags, Mode::empty())?;
    let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
    let mut names: Vec<OsString> = Vec::new();
    let mut entries = RawDir::new(&handle, &mut buffer);
    while let Some(entry) = entries.next() {
        let name = entry?.file_name().to_bytes().to_vec();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(&name).to_owned());
        }
    }
    let mut folders = Vec::new();
    for name in &names {
        let about = statx(
            &handle,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
            StatxFlags::BASIC_STATS,
        )?;
        if u32::from(about.stx_mode) & 0o170_000 == 0o040_000 {
            folders.push(folder.join(name));
        }
    }
    let entries = u64::try_from(names.len()).unwrap_or_default();
    Ok(Looked { entries, folders })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_looked_at_once() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..30 {
            let inner = folder.path().join(format!("{}/{number}", number % 4));
            std::fs::create_dir_all(&inner).unwrap();
            std::fs::write(inner.join("file"), b"").unwrap();
        }
        assert_eq!(count(folder.path()).unwrap(), 4 + 30 + 30);
        assert!(count(&folder.path().join("none")).is_err());
    }
}
