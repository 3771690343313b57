//! Folders to be looked through.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use ov_discover::{Depth, Keep, Options, Silence, Survey, survey};
use ov_source::Selection;
use tempfile::TempDir;

/// A moment, in seconds since 1970.
pub const NOW: i64 = 1_800_000_000;

/// A folder with files.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Where it is, without links.
    pub fn path(&self) -> PathBuf {
        self.0.path().canonicalize().unwrap()
    }

    pub fn write(&self, name: &[u8], content: &[u8]) {
        let path = self.0.path().join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn survey(&self) -> Survey {
        let options = Options {
            threads: 2,
            depth: Depth::Facts,
            keep: Keep::Counts,
            now: NOW,
        };
        survey(&[self.path()], Selection::everything(), &options, &Silence).unwrap()
    }
}

/// Content of a few kinds, by number.
pub fn content(kind: usize, salt: u64) -> Vec<u8> {
    match kind % 5 {
        0 => format!("a,b\n1,{salt}\n2,3\n").into_bytes(),
        1 => format!("@r{salt}\nACGT\n+\nIIII\n").into_bytes(),
        2 => format!("{{\"resourceType\":\"Patient\",\"id\":\"p{salt}\"}}").into_bytes(),
        3 => format!("##fileformat=VCFv4.2\n##x={salt}\n#CHROM\n").into_bytes(),
        _ => vec![0x93, 0x11, 0xfe, 0, 0x81, 7, 0xc3, 0x28, 0, 1],
    }
}
