//! Drives that are mounted, and pulled out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::{
    Folder, Grade, Listing, OpenOptions, Put, Store, StoreError, TargetUrl, create, drive, open,
    probe,
};

use crate::rough::told_no_lies_while;
use crate::suite::uphold;
use ov_store::contract::Reach;

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn run(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(said)
}

/// A drive in a file, with a file system on it.
struct Drive {
    folder: tempfile::TempDir,
    loop_device: Option<String>,
}

impl Drive {
    /// `None`, with a word why, where drives cannot be made.
    fn new(make: &[&str], mount: &[&str], label: &str) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let image = folder.path().join("image");
        fs::File::create(&image).unwrap().set_len(48 << 20).unwrap();
        let mut drive = Self {
            folder,
            loop_device: None,
        };
        let image = image.to_str().unwrap().to_owned();
        let made = run(make[0], &[&make[1..], &[&image]].concat());
        let device = match mount[0] {
            // Reads the image itself.
            "fusefat" => Some(image),
            _ => made
                .as_ref()
                .and_then(|_| run("losetup", &["-f", "--show", &image])),
        };
        if mount[0] != "fusefat" {
            drive.loop_device.clone_from(&device);
        }
        let point = drive.folder.path().join("media").join(label);
        fs::create_dir_all(&point).unwrap();
        let point = point.to_str().unwrap().to_owned();
        let mounted = device
            .filter(|_| made.is_some())
            .and_then(|device| run(mount[0], &[&mount[1..], &[&device, &point]].concat()));
        if mounted.is_none() {
            eprintln!("skipped: a drive needs root, {} and {}", make[0], mount[0]);
            assert!(
                std::env::var_os("CI").is_none() || !rustix::process::getuid().is_root(),
                "{} or {} is missing",
                make[0],
                mount[0]
            );
            return None;
        }
        Some(drive)
    }

    fn ext4(label: &str) -> Option<Self> {
        let make = ["mkfs.ext4", "-q", "-L", label];
        Self::new(&make, &["mount", "-o", "errors=remount-ro"], label)
    }

    fn fat(label: &str) -> Option<Self> {
        Self::new(
            &["mkfs.vfat", "-n", label],
            &["fusefat", "-o", "rw+"],
            label,
        )
    }

    fn exfat(label: &str) -> Option<Self> {
        Self::new(&["mkfs.exfat", "-L", label], &["mount.exfat-fuse"], label)
    }

    fn point(&self) -> PathBuf {
        let mut media = fs::read_dir(self.folder.path().join("media")).unwrap();
        media.next().unwrap().unwrap().path()
    }

    /// As when it is pulled out and the system notices.
    fn pull_out(&self) {
        run("umount", &["-l", self.point().to_str().unwrap()]).unwrap();
    }

    /// As when the plug slips out while it is written to: what is read and written fails.
    fn cut_off(&self) {
        let image = fs::File::options()
            .write(true)
            .open(self.folder.path().join("image"));
        image.unwrap().set_len(0).unwrap();
        if let Some(device) = &self.loop_device {
            let _ = run("losetup", &["-c", device]);
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.point().to_str().unwrap()]);
        if let Some(device) = &self.loop_device {
            let _ = run("losetup", &["-d", device]);
        }
    }
}

fn url(label: &str) -> TargetUrl {
    TargetUrl::parse(&format!("drive://{label}/backups/vault")).unwrap()
}

fn options(memory: &Path) -> OpenOptions {
    OpenOptions {
        drives: Some(memory.to_owned()),
        ..OpenOptions::default()
    }
}

fn a_drive_is_a_target(drive: &Drive, label: &str) {
    let state = tempfile::tempdir().unwrap();
    let options = options(&state.path().join("drives"));
    assert!(open(&url(label), &options).is_err(), "nothing there yet");
    let store = create(&url(label), &options).unwrap();
    uphold(&*store, Reach::Everything);
    let found = probe(&*store, [7; 16]).unwrap();
    assert_eq!(found.grade, Grade::Plain);
    let bytes = vec![7; 3_000_000];
    store.put_new(&pack(&bytes), &bytes).unwrap();
    drop(store);
    let store = open(&url(label), &options).unwrap();
    assert_eq!(store.get(&pack(&bytes)).unwrap(), bytes);
    assert_eq!(
        store.put_new(&pack(&bytes), &bytes).unwrap().put(),
        Put::AlreadyThere
    );
    // More than fits is refused, and nothing half is left.
    let large = vec![1; 64 << 20];
    let put = store.put_new(&pack(&large), &large);
    // The driver of FAT here says "not permitted" when the drive is full.
    let full = matches!(put, Err(StoreError::Full { .. }));
    assert!(full || put.is_err() && label == "OVFAT", "{put:?}");
    assert_eq!(store.length(&pack(&large)).unwrap(), None);
    assert_eq!(store.sweep(std::time::Duration::ZERO).unwrap(), 0);
    drop(store);
    drive.pull_out();
    let away = open(&url(label), &options).map(drop).unwrap_err();
    let said = format!("{away}: {}", std::error::Error::source(&away).unwrap());
    assert!(matches!(away, StoreError::NotAStore { .. }), "{away:?}");
    assert!(
        said.contains(&format!("{label} was last seen on ")),
        "{said}"
    );
}

#[test]
fn an_ext4_drive_is_a_target_and_is_named_when_it_is_away() {
    if let Some(drive) = Drive::ext4("OVEXT") {
        a_drive_is_a_target(&drive, "OVEXT");
    }
}

#[test]
fn a_fat_drive_is_a_target_and_is_named_when_it_is_away() {
    if let Some(drive) = Drive::fat("OVFAT") {
        a_drive_is_a_target(&drive, "OVFAT");
    }
}

#[test]
fn an_exfat_drive_is_a_target_and_is_named_when_it_is_away() {
    if let Some(drive) = Drive::exfat("OVEXFAT") {
        a_drive_is_a_target(&drive, "OVEXFAT");
    }
}

#[test]
fn a_drive_that_was_pulled_out_is_no_empty_vault_and_nothing_is_stored_beneath_it() {
    let Some(drive) = Drive::ext4("OVPULL") else {
        return;
    };
    // The vault is the drive's own folder, which is there beneath the mount too.
    let store = Folder::open(&drive.point()).unwrap();
    store.put_new(&pack(b"x"), b"x").unwrap();
    drive.pull_out();
    assert!(drive.point().is_dir());
    let gone = |result: Result<(), StoreError>| match result {
        Err(StoreError::NotAStore { .. }) => {}
        other => panic!("{other:?}"),
    };
    gone(store.list(Listing::Packs, &mut |_| Ok(())));
    gone(store.get(&pack(b"x")).map(drop));
    gone(store.length(&pack(b"x")).map(drop));
    gone(store.put_new(&pack(b"y"), b"y").map(drop));
    gone(store.delete(&pack(b"x")));
    assert_eq!(fs::read_dir(drive.point()).unwrap().count(), 0);
}

#[test]
fn a_drive_that_is_cut_off_while_it_is_written_never_says_done() {
    let Some(drive) = Drive::ext4("OVCUT") else {
        return;
    };
    let store = Folder::create(&drive.point().join("vault")).unwrap();
    store.put_new(&pack(b"before"), b"before").unwrap();
    drive.cut_off();
    let mut refused = 0;
    for seed in 0..8u8 {
        let bytes = vec![seed; 1 << 20];
        match store.put_new(&pack(&bytes), &bytes) {
            Err(_) => refused += 1,
            Ok(_) => panic!("said done on a drive that is gone"),
        }
    }
    assert_eq!(refused, 8);
}

#[test]
fn a_drive_that_is_pulled_out_half_way_tells_no_lies() {
    let drives = [
        Drive::ext4("OVHALF"),
        Drive::fat("OVHALFFAT"),
        Drive::exfat("OVHALFEX"),
    ];
    for drive in drives.into_iter().flatten() {
        told_no_lies_while(&drive.point().join("vault"), || drive.pull_out());
    }
    let drives = [Drive::ext4("OVSLIP"), Drive::exfat("OVSLIPEX")];
    for drive in drives.into_iter().flatten() {
        told_no_lies_while(&drive.point().join("vault"), || drive.cut_off());
    }
}

#[test]
fn a_vault_is_found_by_its_id_on_whichever_drive_it_is() {
    use ov_format::id::VaultId;
    let Some(drive) = Drive::ext4("OVBYID") else {
        return;
    };
    let state = tempfile::tempdir().unwrap();
    let memory = state.path().join("drives");
    let id = VaultId([0xab; 32]).to_string();
    let wanted = TargetUrl::parse(&format!("drive://{id}")).unwrap();
    // A record that only claims to be the first is not believed.
    let log = drive.point().join("log/x").join(format!("{:014x}", 0));
    fs::create_dir_all(&log).unwrap();
    fs::write(log.join(format!("{:016x}-{id}", 0)), b"junk").unwrap();
    let away = open(&wanted, &options(&memory)).map(drop);
    assert!(
        matches!(away, Err(StoreError::NotAStore { .. })),
        "{away:?}"
    );
    assert!(drive::known(&memory).is_empty());
}
