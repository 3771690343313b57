//! What is special about SFTP, on a real server.

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::testing::Sshd;
use ov_store::{
    Finding, Folder, Grade, Listing, OpenOptions, Put, Sftp, SshError, SshHost, Store, StoreError,
    TargetUrl, create, open, probe,
};

use crate::shaky::Shaky;

fn pack(bytes: &[u8]) -> ObjectName {
    ObjectName::Pack(ObjectHash(*blake3::hash(bytes).as_bytes()))
}

fn nas() -> SshHost {
    SshHost::new(None, "nas", None).unwrap()
}

fn target(folder: &Path, options: &OpenOptions) -> Sftp {
    Sftp::open(&nas(), folder.to_str().unwrap(), options).unwrap()
}

fn junk(length: usize, seed: u8) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

/// Why a target could not be opened, as `ssh` knows it.
fn reason(result: Result<Sftp, StoreError>) -> (StoreError, String) {
    let error = result.map(drop).unwrap_err();
    let source = error.source().unwrap();
    assert!(source.is::<SshError>(), "{error:?}");
    let said = source.to_string();
    (error, said)
}

#[test]
fn a_target_by_sftp_is_the_same_as_the_folder_that_it_is() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("vault");
    let url = TargetUrl::parse(&format!("sftp:nas:{}", path.display())).unwrap();
    let missing = open(&url, &server.options()).map(drop);
    assert!(
        matches!(missing, Err(StoreError::NotAStore { .. })),
        "{missing:?}"
    );
    let far = create(&url, &server.options()).unwrap();
    let near = Folder::open(&path).unwrap();
    let large = junk((5 << 20) + 1, 1);
    far.put_new(&pack(&large), &large).unwrap();
    near.put_new(&pack(b"near"), b"near").unwrap();
    assert_eq!(near.get(&pack(&large)).unwrap(), large);
    assert_eq!(far.get(&pack(&large)).unwrap(), large);
    assert_eq!(
        far.get_range(&pack(&large), 1 << 20, 100_000).unwrap(),
        large[1 << 20..(1 << 20) + 100_000]
    );
    assert_eq!(
        far.put_new(&pack(b"near"), b"near").unwrap().put(),
        Put::AlreadyThere
    );
    let mode = fs::metadata(path.join(pack(&large).to_string())).unwrap();
    assert_eq!(mode.permissions().mode() & 0o777, 0o400);
    assert_eq!(far.describe(), url.to_string());
}

#[test]
fn a_folder_that_went_away_on_the_server_is_no_empty_vault() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("vault");
    fs::create_dir(&path).unwrap();
    let store = target(&path, &server.options());
    store.put_new(&pack(b"x"), b"x").unwrap();
    fs::rename(&path, root.path().join("unplugged")).unwrap();
    let gone = |result: Result<(), StoreError>| matches!(result, Err(StoreError::NotAStore { .. }));
    assert!(gone(store.get(&pack(b"x")).map(drop)));
    assert!(gone(store.length(&pack(b"x")).map(drop)));
    assert!(gone(store.delete(&pack(b"x"))));
    assert!(gone(store.list(Listing::Packs, &mut |_| Ok(()))));
    assert!(gone(store.put_new(&pack(b"y"), b"y").map(drop)));
    assert!(!path.exists(), "nothing was made in its place");
}

#[test]
fn links_and_wrong_lengths_under_an_object_name_are_damage() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let store = target(root.path(), &server.options());
    let name = pack(b"sealed");
    store.put_new(&name, b"sealed").unwrap();
    let path = root.path().join(name.to_string());
    for wrong in [&b"seale"[..], b"", b"sealeD"] {
        fs::remove_file(&path).unwrap();
        fs::write(&path, wrong).unwrap();
        let put = store.put_new(&name, b"sealed");
        assert!(matches!(put, Err(StoreError::Damaged { .. })), "{wrong:?}");
        assert_eq!(fs::read(&path).unwrap(), wrong);
    }
    fs::rename(&path, root.path().join("elsewhere")).unwrap();
    symlink(root.path().join("elsewhere"), &path).unwrap();
    assert!(matches!(store.get(&name), Err(StoreError::Damaged { .. })));
}

#[test]
fn what_is_interrupted_is_taken_up_again_over_a_new_connection() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let way = Shaky::to(server.port());
    let mut options = server.options_through(way.port);
    options.retries.attempts = 8;
    let store = target(root.path(), &options);
    // Enough for the handshake and one or two objects.
    way.cut_after(600_000);
    let objects: Vec<Vec<u8>> = (0..12).map(|seed| junk(200_000, seed)).collect();
    for bytes in &objects {
        store.put_new(&pack(bytes), bytes).unwrap();
    }
    for bytes in &objects {
        assert_eq!(&store.get(&pack(bytes)).unwrap(), bytes);
    }
    let mut listed = 0;
    let mut count = |_| {
        listed += 1;
        Ok(())
    };
    store.list(Listing::Packs, &mut count).unwrap();
    assert_eq!(listed, objects.len());
    assert!(way.connections() > 5, "{}", way.connections());
}

#[test]
fn a_way_that_stays_broken_is_given_up_after_a_bounded_number_of_tries() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let way = Shaky::to(server.port());
    let store = target(root.path(), &server.options_through(way.port));
    way.cut_after(0);
    let error = store.get(&pack(b"x")).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(way.connections() <= 5, "{}", way.connections());
}

#[test]
fn a_silent_network_ends_the_wait() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let way = Shaky::to(server.port());
    let mut options = server.options_through(way.port);
    options.retries.patience = Duration::from_secs(3);
    options.retries.attempts = 2;
    let store = target(root.path(), &options);
    way.swallow();
    let begun = Instant::now();
    let large = junk(20 << 20, 3);
    let error = store.put_new(&pack(&large), &large).unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    assert!(begun.elapsed() < Duration::from_secs(40));
}

#[test]
fn each_way_in_which_ssh_fails_is_told_with_what_to_do() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let config = |name: &str, change: &dyn Fn(String) -> String| {
        server.options();
        let old = server.folder().join(format!("config-{}", server.port()));
        let text = change(fs::read_to_string(old).unwrap());
        let file = folder.path().join(name);
        fs::write(&file, text).unwrap();
        server.options_with(&file)
    };
    let fails = |options: &OpenOptions| reason(Sftp::open(&nas(), "/", options));
    let unknown = config("unknown", &|text| {
        text.replace("known_hosts", "no_known_hosts")
    });
    let (error, said) = fails(&unknown);
    assert!(
        !error.is_retryable() && said.contains("`ssh nas` once"),
        "{said}"
    );

    let other = folder.path().join("other");
    let key = fs::read_to_string(server.folder().join("user.pub")).unwrap();
    fs::write(&other, format!("nas {key}")).unwrap();
    let known = server.folder().join("known_hosts");
    let changed = config("changed", &|text| {
        text.replace(known.to_str().unwrap(), other.to_str().unwrap())
    });
    let (error, said) = fails(&changed);
    assert!(
        !error.is_retryable() && said.contains("another host key"),
        "{said}"
    );

    let stranger = config("stranger", &|text| text.replace("/user\n", "/host\n"));
    let (error, said) = fails(&stranger);
    assert!(
        matches!(error, StoreError::Denied { .. }) && said.contains("authorized_keys"),
        "{error:?}"
    );

    let nobody = config("nobody", &|text| {
        text.replace(&format!("Port {}", server.port()), "Port 1")
    });
    let (error, said) = fails(&nobody);
    assert!(error.is_retryable() && said.contains("refused"), "{said}");

    let mut none = server.options();
    none.ssh = vec!["/no/such/ssh".into()];
    let (error, said) = fails(&none);
    assert!(!error.is_retryable() && said.contains("OpenSSH"), "{said}");
}

#[test]
fn a_server_without_sftp_is_told_apart() {
    let Some(server) = Sshd::start_with("ForceCommand echo Welcome to the machine") else {
        return;
    };
    let (error, said) = {
        let error = Sftp::open(&nas(), "/", &server.options())
            .map(drop)
            .unwrap_err();
        let said = error.source().unwrap().to_string();
        (error, said)
    };
    assert!(!error.is_retryable() && said.contains("greeting"), "{said}");
}

#[test]
fn the_probe_tells_what_the_server_allows() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let found = probe(&target(root.path(), &server.options()), [1; 16]).unwrap();
    assert_eq!(found.grade, Grade::Plain);
    assert!(found.lists_at_once());
    assert_eq!(
        (found.create_only_put, found.overwrite, found.delete),
        (Finding::Yes, Finding::Yes, Finding::Yes)
    );
    let denied = "ForceCommand internal-sftp -P remove,rename,posix-rename,rmdir,setstat,fsetstat";
    let Some(server) = Sshd::start_with(denied) else {
        return;
    };
    // Such a server forbids deleting, and lets any file be opened for writing all the same.
    let found = probe(&target(root.path(), &server.options()), [2; 16]).unwrap();
    assert_eq!(found.delete, Finding::No, "{found}");
    assert_eq!(found.grade, Grade::Plain, "{found}");
    assert_eq!(found.overwrite, Finding::Yes, "{found}");
}

#[test]
fn a_full_disk_on_the_server_is_called_full() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let mount = tempfile::tempdir().unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=256k", "tmpfs"])
        .arg(mount.path())
        .stderr(std::process::Stdio::null())
        .status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a full disk needs the right to mount");
        return;
    }
    let store = target(mount.path(), &server.options());
    let large = vec![2; 1 << 20];
    let put = store.put_new(&pack(&large), &large).map(drop);
    let small = store.put_new(&pack(b"fits"), b"fits").map(drop);
    drop(store);
    let _ = std::process::Command::new("umount")
        .arg(mount.path())
        .status();
    assert!(matches!(put, Err(StoreError::Full { .. })), "{put:?}");
    small.unwrap();
}

#[test]
fn what_dead_writers_left_is_swept_when_it_is_old() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let store = target(root.path(), &server.options());
    let name = pack(b"x");
    store.put_new(&name, b"x").unwrap();
    let path = root.path().join(name.to_string());
    let left = path.with_file_name(format!(".{}.0123.tmp", name.hash()));
    fs::write(&left, b"to").unwrap();
    assert_eq!(store.sweep(Duration::from_secs(3600)).unwrap(), 0);
    assert!(left.exists());
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(store.sweep(Duration::ZERO).unwrap(), 1);
    assert!(!left.exists());
    assert_eq!(store.get(&name).unwrap(), b"x");
}
