//! Removable drives, found wherever they are mounted: by the label of the drive, or by the id of
//! the vault on it.
//!
//! A small file remembers each drive with its label, and when and where it was last seen, so that
//! whoever looks for one that is away is told what to fetch. The file is a shortcut: without it
//! nothing is known of drives that are away.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use ov_format::id::VaultId;
use ov_format::record::SignedRecord;

use crate::error::{Action, StoreError};
use crate::mount::{Mount, mounts};

/// So many digits at least make a name an id of a vault. No label of FAT is as long.
const ID_DIGITS_MIN: usize = 12;
/// A first record is far shorter.
const RECORD_BYTES_MAX: u64 = 16 << 20;
/// More drives are not remembered; the oldest are dropped.
const REMEMBERED_MAX: usize = 200;

/// A drive, by what people call it or by the id of the vault on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DriveName(String);

impl DriveName {
    /// `None` for what no drive is called.
    pub fn new(name: &str) -> Option<Self> {
        let sound = !name.is_empty()
            && name.len() <= 255
            && !name.chars().any(|c| c.is_control() || c == '/');
        sound.then(|| Self(name.to_owned()))
    }

    /// The beginning of an id, if it is one.
    fn id(&self) -> Option<&str> {
        let digits = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let is_id = (ID_DIGITS_MIN..=64).contains(&self.0.len()) && self.0.chars().all(digits);
        is_id.then_some(self.0.as_str())
    }

    fn means(&self, drive: &SeenDrive) -> bool {
        match self.id() {
            Some(id) => drive.vault.as_deref().is_some_and(|v| v.starts_with(id)),
            None => drive.label == self.0,
        }
    }
}

impl fmt::Display for DriveName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A drive as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenDrive {
    /// What people call it.
    pub label: String,
    /// The id of the vault on it, in hex; `None` before there was one.
    pub vault: Option<String>,
    /// The folder of the vault below the drive's own.
    pub path: PathBuf,
    /// When it was seen.
    pub at: SystemTime,
    /// Where it was mounted.
    pub mount: PathBuf,
}

/// Why a drive is not found.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// No such drive is mounted, or the vault is not on it.
    #[error("no drive of this name is mounted{}", last.as_ref().map(last_seen).unwrap_or_default())]
    Away {
        /// As it was last seen, if ever.
        last: Option<SeenDrive>,
    },
    /// Several are.
    #[error(
        "several drives match: {}; name one by its label, or take the others out",
        shown(places)
    )]
    Several {
        /// Where.
        places: Vec<PathBuf>,
    },
}

fn shown(places: &[PathBuf]) -> String {
    let shown: Vec<_> = places.iter().map(|p| p.display().to_string()).collect();
    shown.join(" and ")
}

fn last_seen(drive: &SeenDrive) -> String {
    let at = Timestamp::try_from(drive.at)
        .map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string())
        .unwrap_or_default();
    let label = &drive.label;
    let mount = drive.mount.display();
    format!("; {label} was last seen on {at} at {mount}")
}

/// Finds the folder of a vault on a drive, and remembers the drive in `memory`.
///
/// # Errors
/// [`StoreError::NotAStore`] with a [`DriveError`] if the drive is not mounted, or the folder is
/// not on it.
pub fn find(name: &DriveName, path: &Path, memory: Option<&Path>) -> Result<PathBuf, StoreError> {
    find_among(&mounted(name)?, name, path, memory, Folder::MustBeThere)
}

/// As [`find`], for a folder that is to be made.
///
/// # Errors
/// As [`find`], if the drive is not mounted.
pub fn find_new(
    name: &DriveName,
    path: &Path,
    memory: Option<&Path>,
) -> Result<PathBuf, StoreError> {
    find_among(&mounted(name)?, name, path, memory, Folder::MayBeNew)
}

fn mounted(name: &DriveName) -> Result<Vec<Mount>, StoreError> {
    mounts().map_err(|e| StoreError::from_os(&shown_name(name), Action::Open, e))
}

fn shown_name(name: &DriveName) -> String {
    format!("drive {name}")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Folder {
    MustBeThere,
    MayBeNew,
}

fn find_among(
    mounts: &[Mount],
    name: &DriveName,
    path: &Path,
    memory: Option<&Path>,
    folder: Folder,
) -> Result<PathBuf, StoreError> {
    let matching = |mount: &&Mount| match name.id() {
        Some(id) => vault_on(&mount.point.join(path)).is_some_and(|v| v.starts_with(id)),
        None => {
            mount.is_called(&name.0)
                && (folder == Folder::MayBeNew || mount.point.join(path).is_dir())
        }
    };
    let mut found: Vec<&Mount> = mounts.iter().filter(matching).collect();
    // The same drive may be mounted in several places.
    let mut devices = Vec::new();
    found.retain(|mount| {
        let new = !devices.contains(&mount.device);
        devices.push(mount.device.clone());
        new
    });
    let failed = |source: DriveError| StoreError::NotAStore {
        target: shown_name(name),
        source: source.into(),
    };
    match found[..] {
        [mount] => {
            let found = mount.point.join(path);
            if let Some(memory) = memory {
                // Without it the drive is found all the same.
                let _ = remember(memory, seen(mount, path, vault_on(&found)));
            }
            Ok(found)
        }
        [] => Err(failed(DriveError::Away {
            last: memory.and_then(|memory| last_of(memory, name)),
        })),
        _ => Err(failed(DriveError::Several {
            places: found.iter().map(|mount| mount.point.clone()).collect(),
        })),
    }
}

fn seen(mount: &Mount, path: &Path, vault: Option<String>) -> SeenDrive {
    SeenDrive {
        label: mount.label().unwrap_or_default(),
        vault,
        path: path.to_owned(),
        at: SystemTime::now(),
        mount: mount.point.clone(),
    }
}

fn last_of(memory: &Path, name: &DriveName) -> Option<SeenDrive> {
    let known = known(memory).into_iter();
    known
        .filter(|drive| name.means(drive))
        .max_by_key(|drive| drive.at)
}

/// The id of the vault in a folder: the hash of its first record, which is in the log of whoever
/// made it and has the number 0.
fn vault_on(folder: &Path) -> Option<String> {
    for log in std::fs::read_dir(folder.join("log")).ok()?.flatten() {
        let first = log.path().join(format!("{:014x}", 0));
        let Ok(records) = std::fs::read_dir(first) else {
            continue;
        };
        let start = format!("{:016x}-", 0);
        for record in records.flatten() {
            let leaf = record.file_name();
            let Some(hash) = leaf.to_str().and_then(|leaf| leaf.strip_prefix(&start)) else {
                continue;
            };
            if VaultId::parse(hash).is_some() && is_first(&record.path()) {
                return Some(hash.to_owned());
            }
        }
    }
    None
}

/// Members' first records have the number 0 too; only the vault's own names no vault.
fn is_first(record: &Path) -> bool {
    let short = std::fs::metadata(record).is_ok_and(|m| m.is_file() && m.len() <= RECORD_BYTES_MAX);
    short
        && std::fs::read(record)
            .ok()
            .and_then(|bytes| SignedRecord::decode(&bytes).ok())
            .is_some_and(|signed| signed.record.vault == VaultId([0; 32]))
}

/// The drives that a file remembers. What is not understood is skipped; a missing file remembers
/// none.
pub fn known(memory: &Path) -> Vec<SeenDrive> {
    let text = std::fs::read_to_string(memory).unwrap_or_default();
    text.lines().filter_map(read_line).collect()
}

/// A line: seconds since 1970, label, vault, path and mount, with tabs between them.
fn read_line(line: &str) -> Option<SeenDrive> {
    let mut fields = line.split('\t');
    let seconds = fields.next()?.parse().ok()?;
    let mut field = || fields.next().map(plain);
    Some(SeenDrive {
        at: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))?,
        label: field()?,
        vault: field().filter(|vault| !vault.is_empty()),
        path: field()?.into(),
        mount: field()?.into(),
    })
}

fn write_line(drive: &SeenDrive) -> Option<String> {
    let since = drive.at.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let vault = drive.vault.as_deref().unwrap_or_default();
    Some(format!(
        "{}\t{}\t{vault}\t{}\t{}\n",
        since.as_secs(),
        escaped(&drive.label),
        escaped(drive.path.to_str()?),
        escaped(drive.mount.to_str()?),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\t', "%09")
        .replace('\n', "%0A")
}

fn plain(text: &str) -> String {
    text.replace("%0A", "\n")
        .replace("%09", "\t")
        .replace("%25", "%")
}

/// One line for each drive and folder, the newest first.
fn remember(memory: &Path, drive: SeenDrive) -> std::io::Result<()> {
    let mut drives = known(memory);
    drives.retain(|other| {
        (&other.label, &other.path) != (&drive.label, &drive.path)
            || drive.vault.is_some() && other.vault.is_some() && other.vault != drive.vault
    });
    drives.insert(0, drive);
    drives.truncate(REMEMBERED_MAX);
    let text: String = drives.iter().filter_map(write_line).collect();
    if let Some(folder) = memory.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let temporary = memory.with_extension(format!("{}.tmp", std::process::id()));
    std::fs::write(&temporary, text)?;
    std::fs::rename(&temporary, memory)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(point: &Path, device: &str) -> Mount {
        Mount {
            device: device.into(),
            point: point.to_owned(),
            source: "/dev/none".into(),
        }
    }

    fn name(text: &str) -> DriveName {
        DriveName::new(text).unwrap()
    }

    #[test]
    fn a_drive_is_found_by_its_label_and_remembered_when_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("state/drives");
        let point = folder.path().join("BLUE");
        std::fs::create_dir_all(point.join("vault")).unwrap();
        let mounts = [mount(&point, "8:1"), mount(folder.path(), "8:2")];
        let find = |mounts: &[Mount], text: &str| {
            let (name, path) = (name(text), Path::new("vault"));
            find_among(mounts, &name, path, Some(&memory), Folder::MustBeThere)
        };
        assert_eq!(find(&mounts, "BLUE").unwrap(), point.join("vault"));
        assert_eq!(known(&memory)[0].label, "BLUE");
        let away = find(&mounts[1..], "BLUE").unwrap_err();
        let StoreError::NotAStore { target, source } = away else {
            panic!("{away:?}");
        };
        assert_eq!(target, "drive BLUE");
        let said = source.to_string();
        assert!(said.contains("BLUE was last seen on 2"), "{said}");
        assert!(said.contains(point.to_str().unwrap()), "{said}");
        let never = find(&mounts, "GREEN").unwrap_err();
        assert!(!format!("{never:?}").contains("last seen"));
    }

    #[test]
    fn two_drives_of_one_name_are_not_guessed_between() {
        let folder = tempfile::tempdir().unwrap();
        let points = [folder.path().join("a/BLUE"), folder.path().join("b/BLUE")];
        points
            .iter()
            .for_each(|point| std::fs::create_dir_all(point).unwrap());
        let find = |devices: [&str; 2]| {
            let mounts = [mount(&points[0], devices[0]), mount(&points[1], devices[1])];
            find_among(
                &mounts,
                &name("BLUE"),
                Path::new(""),
                None,
                Folder::MayBeNew,
            )
        };
        assert!(find(["8:1", "8:1"]).is_ok(), "one drive in two places");
        let several = find(["8:1", "8:2"]).unwrap_err();
        assert!(format!("{several:?}").contains("Several"), "{several:?}");
    }

    #[test]
    fn what_is_remembered_is_read_back_whatever_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let memory = folder.path().join("drives");
        let drive = SeenDrive {
            label: "a\tb%09\nc".into(),
            vault: Some("00ff".into()),
            path: "x y".into(),
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(77),
            mount: "/media/%".into(),
        };
        remember(&memory, drive.clone()).unwrap();
        remember(&memory, drive.clone()).unwrap();
        assert_eq!(known(&memory), [drive]);
        std::fs::write(&memory, "junk\n\t\t\n9\tx").unwrap();
        assert_eq!(known(&memory), []);
    }

    #[test]
    fn long_hex_is_an_id_and_all_else_a_label() {
        assert!(name("0123456789ab").id().is_some());
        for label in ["BLUE", "deadbeef", "0123456789AB", "0123456789ag"] {
            assert!(name(label).id().is_none(), "{label}");
        }
        assert_eq!(DriveName::new(""), None);
        assert_eq!(DriveName::new("a/b"), None);
    }
}
