//! A tree of files on disk: writing it, listing it, and the digest that proves what is in it.

use crate::bench::place::{failed, make_folder};
use crate::finding::Chore;
use std::fs::{File, FileTimes};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Times of files begin here: 2025-06-15, long before any run.
const EPOCH: Duration = Duration::from_secs(1_750_000_000);

/// Writes files below one folder.
pub struct Tree {
    root: PathBuf,
    files: u64,
    bytes: u64,
}

impl Tree {
    /// Files go below this folder.
    pub fn below(root: &Path) -> Self {
        let root = root.to_path_buf();
        Self {
            root,
            files: 0,
            bytes: 0,
        }
    }

    /// Write a file whose time of change is a second later than that of the one before.
    pub fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), Chore> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            make_folder(folder)?;
        }
        write_at(&path, bytes, self.files).map_err(|cause| failed(&path, cause))?;
        self.files += 1;
        self.bytes += u64::try_from(bytes.len()).unwrap_or_default();
        Ok(())
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Write a file with a time of change so many seconds after the epoch of the corpora.
pub fn write_at(path: &Path, bytes: &[u8], second: u64) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    let time = SystemTime::UNIX_EPOCH + EPOCH + Duration::from_secs(second);
    file.set_times(FileTimes::new().set_modified(time).set_accessed(time))
}

/// The paths of all files below a folder, relative to it, in the order of their bytes. Links and
/// special files are left out.
pub fn files(root: &Path) -> Result<Vec<PathBuf>, Chore> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let entries = std::fs::read_dir(&path).map_err(|cause| failed(&path, cause))?;
        for entry in entries {
            let entry = entry.map_err(|cause| failed(&path, cause))?;
            let kind = entry.file_type().map_err(|cause| failed(&path, cause))?;
            let name = folder.join(entry.file_name());
            if kind.is_dir() {
                folders.push(name);
            } else if kind.is_file() {
                found.push(name);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Number and size of files, and what tells one tree from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest {
    /// Files.
    pub files: u64,
    /// The sum of their sizes.
    pub bytes: u64,
    /// BLAKE3 over the paths, lengths and contents of all files, in hexadecimal digits.
    pub hash: String,
}

/// Read a whole tree. Its pages are then in memory, which is where every run starts from.
pub fn digest(root: &Path) -> Result<Digest, Chore> {
    let mut hasher = blake3::Hasher::new();
    let (mut count, mut bytes) = (0, 0);
    let mut content = Vec::new();
    for path in files(root)? {
        content.clear();
        let full = root.join(&path);
        File::open(&full)
            .and_then(|mut file| file.read_to_end(&mut content))
            .map_err(|cause| failed(&full, cause))?;
        let length = u64::try_from(content.len()).unwrap_or_default();
        hasher.update(path.as_os_str().as_encoded_bytes());
        hasher.update(&[0]);
        hasher.update(&length.to_le_bytes());
        hasher.update(blake3::hash(&content).as_bytes());
        count += 1;
        bytes += length;
    }
    let hash = hasher.finalize().to_hex().to_string();
    Ok(Digest {
        files: count,
        bytes,
        hash,
    })
}

/// True where both folders hold the same files with the same bytes.
pub fn is_equal(a: &Path, b: &Path) -> Result<bool, Chore> {
    let names = files(a)?;
    if names != files(b)? {
        return Ok(false);
    }
    for name in names {
        if !same_bytes(&a.join(&name), &b.join(&name))? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn same_bytes(a: &Path, b: &Path) -> Result<bool, Chore> {
    let read = |path: &Path| std::fs::read(path).map_err(|cause| failed(path, cause));
    Ok(read(a)? == read(b)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_byte_a_new_name_and_a_missing_file_each_change_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        let (a, b) = (folder.path().join("a"), folder.path().join("b"));
        for root in [&a, &b] {
            let mut tree = Tree::below(root);
            tree.put("x/one", b"1").unwrap();
            tree.put("two", b"22").unwrap();
        }
        let first = digest(&a).unwrap();
        assert_eq!((first.files, first.bytes), (2, 3));
        assert_eq!(first, digest(&b).unwrap());
        assert!(is_equal(&a, &b).unwrap());
        std::fs::write(b.join("two"), b"23").unwrap();
        assert_ne!(first.hash, digest(&b).unwrap().hash);
        assert!(!is_equal(&a, &b).unwrap());
        std::fs::write(b.join("two"), b"22").unwrap();
        std::fs::rename(b.join("two"), b.join("three")).unwrap();
        assert_ne!(first.hash, digest(&b).unwrap().hash);
        assert!(!is_equal(&a, &b).unwrap());
        std::fs::remove_file(b.join("three")).unwrap();
        assert!(!is_equal(&a, &b).unwrap());
    }

    #[test]
    fn files_get_old_times_a_second_apart() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::below(folder.path());
        tree.put("one", b"").unwrap();
        tree.put("two", b"").unwrap();
        let time = |name: &str| {
            let metadata = std::fs::metadata(folder.path().join(name)).unwrap();
            let since = metadata.modified().unwrap();
            since.duration_since(SystemTime::UNIX_EPOCH).unwrap()
        };
        assert_eq!(time("one"), EPOCH);
        assert_eq!(time("two"), EPOCH + Duration::from_secs(1));
    }
}
