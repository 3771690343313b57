//! What is special about a folder.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::{Folder, Listing, Put, Store, StoreError};

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn target() -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::create(&folder.path().join("new/vault")).unwrap();
    (folder, store)
}

fn listed(store: &Folder) -> Vec<ObjectName> {
    let mut names = Vec::new();
    let mut push = |listed: ov_store::Listed| {
        names.push(listed.name);
        Ok(())
    };
    store.list(Listing::Packs, &mut push).unwrap();
    names
}

fn leaves(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect()
}

#[test]
fn folders_and_files_are_for_the_owner_alone_and_files_cannot_be_written() {
    let (_guard, store) = target();
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let file = store.root().join(name.to_string());
    assert_eq!(mode(&file), 0o400);
    for folder in file.ancestors().skip(1).take(4) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
}

#[test]
fn temporaries_and_foreign_files_are_not_listed_and_swept_only_when_old() {
    let (_guard, store) = target();
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    let folder = store
        .root()
        .join(name.to_string())
        .parent()
        .unwrap()
        .to_owned();
    let hash = name.hash().to_string();
    fs::write(folder.join(format!(".{hash}.77-0.tmp")), b"to").unwrap();
    fs::write(folder.join("notes.txt"), b"mine").unwrap();
    fs::write(store.root().join("pack/README"), b"mine").unwrap();
    fs::create_dir(folder.join("0".repeat(64))).unwrap();
    assert_eq!(listed(&store), [name]);
    assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), 0);
    std::thread::sleep(Duration::from_millis(20));
    assert_eq!(store.sweep(Duration::ZERO).unwrap(), 1);
    assert!(folder.join("notes.txt").exists());
    assert_eq!(store.get(&name).unwrap(), b"x");
}

#[test]
fn a_torn_temporary_does_not_keep_the_object_from_being_stored() {
    let (_guard, store) = target();
    let name = pack(b"whole");
    let path = store.root().join(name.to_string());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let process = std::process::id();
    for number in 0..200 {
        let leaf = format!(".{}.{process}-{number}.tmp", name.hash());
        fs::write(path.with_file_name(leaf), b"wh").unwrap();
    }
    assert_eq!(store.put_new(&name, b"whole").unwrap().put(), Put::Created);
    assert_eq!(store.get(&name).unwrap(), b"whole");
}

#[test]
fn many_writers_through_separate_targets_leave_one_whole_object() {
    let (_guard, store) = target();
    let bytes = vec![7; 300_000];
    let name = pack(&bytes);
    let created = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8)
            .map(|_| {
                let store = Folder::open(store.root()).unwrap();
                let bytes = &bytes;
                scope.spawn(move || store.put_new(&name, bytes).unwrap().put())
            })
            .collect();
        let puts = writers.into_iter().map(|writer| writer.join().unwrap());
        puts.filter(|put| *put == Put::Created).count()
    });
    assert_eq!(created, 1);
    assert_eq!(store.get(&name).unwrap(), bytes);
    let folder = store.root().join(name.to_string());
    assert_eq!(
        leaves(folder.parent().unwrap()).len(),
        1,
        "no temporary is left"
    );
}

#[test]
fn damage_under_the_name_is_reported_and_not_repaired_silently() {
    let (_guard, store) = target();
    let name = pack(b"sealed");
    store.put_new(&name, b"sealed").unwrap();
    let path = store.root().join(name.to_string());
    for wrong in [&b"seale"[..], b"", b"sealeD"] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, wrong).unwrap();
        let put = store.put_new(&name, b"sealed");
        assert!(matches!(put, Err(StoreError::Damaged { .. })), "{wrong:?}");
        assert_eq!(fs::read(&path).unwrap(), wrong);
    }
}

#[test]
fn links_and_pipes_under_an_object_name_are_damage_and_are_not_followed() {
    let (guard, store) = target();
    let name = pack(b"secret");
    let path = store.root().join(name.to_string());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let elsewhere = guard.path().join("elsewhere");
    fs::write(&elsewhere, b"secret").unwrap();
    symlink(&elsewhere, &path).unwrap();
    assert!(matches!(store.get(&name), Err(StoreError::Damaged { .. })));
    assert!(matches!(
        store.length(&name),
        Err(StoreError::Damaged { .. })
    ));
    assert!(listed(&store).is_empty());
    fs::remove_file(&path).unwrap();
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    assert!(matches!(store.get(&name), Err(StoreError::Damaged { .. })));
    assert!(store.put_new(&name, b"secret").is_err());
}

#[test]
fn a_folder_that_went_away_is_no_empty_vault() {
    let (_guard, store) = target();
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    fs::rename(store.root(), store.root().with_file_name("unplugged")).unwrap();
    let gone = |result: Result<(), StoreError>| matches!(result, Err(StoreError::NotAStore { .. }));
    assert!(gone(Folder::open(store.root()).map(drop)));
    assert!(gone(store.get(&name).map(drop)));
    assert!(gone(store.length(&name).map(drop)));
    assert!(gone(store.delete(&name)));
    assert!(gone(store.list(Listing::Packs, &mut |_| Ok(()))));
    assert!(gone(store.put_new(&name, b"x").map(drop)));
    assert!(gone(store.put_new(&pack(b"y"), b"y").map(drop)));
    assert!(!store.root().exists(), "nothing was made in its place");
}

#[test]
fn a_file_is_no_target() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    for path in [file.clone(), file.join("below")] {
        let opened = Folder::open(&path);
        assert!(
            matches!(opened, Err(StoreError::NotAStore { .. })),
            "{}",
            path.display()
        );
    }
    assert!(Folder::create(&file).is_err());
}

#[test]
fn empty_folders_that_were_tidied_away_are_made_again() {
    let (_guard, store) = target();
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    store.delete(&name).unwrap();
    fs::remove_dir_all(store.root().join("pack")).unwrap();
    assert_eq!(store.put_new(&name, b"x").unwrap().put(), Put::Created);
}

/// Root may write everywhere, so the test runs itself again as nobody.
#[test]
fn a_folder_that_may_only_be_read_denies_storing_and_deleting() {
    const ROLE: &str = "OV_STORE_TEST_READ_ONLY";
    if let Some(root) = std::env::var_os(ROLE) {
        return deny(Path::new(&root));
    }
    let folder = tempfile::Builder::new().tempdir().unwrap();
    let store = Folder::create(&folder.path().join("vault")).unwrap();
    store.put_new(&pack(b"old"), b"old").unwrap();
    if !rustix::process::getuid().is_root() {
        lock(store.root());
        deny(store.root());
        unlock(store.root());
        return;
    }
    unlock(folder.path());
    let program = folder.path().join("test");
    // By another process: a thread that starts one now would keep the copy open for writing.
    let copied = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let status = {
        use std::os::unix::process::CommandExt;
        Command::new(&program)
            .args([
                "--exact",
                "folder::a_folder_that_may_only_be_read_denies_storing_and_deleting",
            ])
            .env(ROLE, store.root())
            .current_dir("/")
            .uid(65534)
            .gid(65534)
            .status()
    };
    assert!(status.unwrap().success());
}

fn lock(root: &Path) {
    set_modes(root, 0o500, 0o400);
}

fn unlock(root: &Path) {
    set_modes(root, 0o755, 0o444);
}

fn set_modes(path: &Path, folder: u32, file: u32) {
    let is_folder = path.is_dir();
    if is_folder {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
        leaves(path)
            .iter()
            .for_each(|leaf| set_modes(leaf, folder, file));
    }
    let mode = if is_folder { folder } else { file };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn deny(root: &Path) {
    let store = Folder::open(root).unwrap();
    let denied = |result: Result<(), StoreError>| match result {
        Err(StoreError::Denied { .. }) => {}
        other => panic!("{other:?}"),
    };
    assert_eq!(store.get(&pack(b"old")).unwrap(), b"old");
    assert_eq!(
        store.put_new(&pack(b"old"), b"old").unwrap().put(),
        Put::AlreadyThere
    );
    denied(store.put_new(&pack(b"new"), b"new").map(drop));
    denied(store.delete(&pack(b"old")));
    assert_eq!(store.get(&pack(b"old")).unwrap(), b"old");
}

#[test]
fn a_full_disk_is_called_full_and_leaves_no_half_object() {
    let mount = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(mount.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a full disk needs the right to mount");
        return;
    }
    let unmount = Unmount(mount.path().to_owned());
    let store = Folder::open(mount.path()).unwrap();
    let small = vec![1; 10_000];
    store.put_new(&pack(&small), &small).unwrap();
    let large = vec![2; 1 << 20];
    let put = store.put_new(&pack(&large), &large);
    assert!(matches!(put, Err(StoreError::Full { .. })), "{put:?}");
    assert_eq!(store.length(&pack(&large)).unwrap(), None);
    let folder = store.root().join(pack(&large).to_string());
    assert!(
        leaves(folder.parent().unwrap())
            .iter()
            .all(|leaf| !leaf.ends_with(".tmp"))
    );
    assert_eq!(store.get(&pack(&small)).unwrap(), small);
    store.put_new(&pack(b"fits"), b"fits").unwrap();
    drop(unmount);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}
