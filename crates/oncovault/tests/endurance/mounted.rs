//! The program as a file system: what it shows, what it takes, and how it ends.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::site::{Site, noise, same, samples};

/// A mount that runs in a process of its own.
struct Mount {
    process: Child,
    folder: PathBuf,
}

impl Mount {
    /// Waits until the program says that it is there.
    fn new(site: &Site, arguments: &[&str]) -> Self {
        Self::by(site.command(), site, arguments)
    }

    /// By a command that runs the program, up to its verb.
    fn by(mut program: Command, site: &Site, arguments: &[&str]) -> Self {
        let folder = site.path("mount");
        std::fs::create_dir_all(&folder).unwrap();
        let mut process = program
            .arg("mount")
            .arg(&folder)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        out.read_line(&mut said).unwrap();
        let mount = Self { process, folder };
        assert!(said.starts_with("Mounted "), "{said}");
        mount
    }

    /// What was backed up from a folder, in the newest snapshot.
    fn latest(&self, original: &Path) -> PathBuf {
        let below = original.strip_prefix("/").unwrap();
        let datasets = std::fs::read_dir(&self.folder).unwrap();
        let dataset = datasets.map(Result::unwrap).next().unwrap().path();
        dataset.join("latest").join(below)
    }

    /// The most memory that it had, in KiB.
    fn memory_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(status).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        words[1].parse().unwrap()
    }

    /// Asks it to end. Gives its exit code and what it said on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let id = self.process.id().to_string();
        let asked = Command::new("kill").args(["-INT", &id]).status().unwrap();
        assert!(asked.success());
        let mut said = String::new();
        let mut errors = self.process.stderr.take().unwrap();
        errors.read_to_string(&mut said).unwrap();
        (self.process.wait().unwrap().code(), said)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // A test that failed leaves it mounted.
        let mut unmount = Command::new("fusermount3");
        let _ = unmount.args(["-u", "-q", "-z"]).arg(&self.folder).status();
    }
}

fn may_mount() -> bool {
    let may = Path::new("/dev/fuse").exists();
    if !may {
        eprintln!("skipped: no FUSE here (no /dev/fuse)");
    }
    may
}

#[test]
fn the_real_files_are_seen_through_a_mount_as_they_were() {
    let Some(samples) = samples().filter(|_| may_mount()) else {
        return;
    };
    let site = Site::new();
    let part = samples.join("radiotherapy");
    site.backup(&part);
    let mount = Mount::new(&site, &[]);
    same(&part, &mount.latest(&part));
    let (code, said) = mount.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(std::fs::read_dir(site.path("mount")).unwrap().count(), 0);
}

#[test]
fn random_reads_take_the_memory_that_was_allowed_and_no_more() {
    if !may_mount() {
        return;
    }
    let site = Site::new();
    let bytes = noise(1, 192 << 20);
    site.write("data/large", &bytes);
    site.backup(&site.path("data"));
    let mount = Mount::new(&site, &["--cache-memory", "16"]);
    let before = mount.memory_kib();
    let file = std::fs::File::open(mount.latest(&site.path("data")).join("large")).unwrap();
    let mut found = vec![0; 4096];
    for n in 1..=3000u64 {
        let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let offset = random % ((192 << 20) - 4096);
        file.read_exact_at(&mut found, offset).unwrap();
        let from = usize::try_from(offset).unwrap();
        assert!(found == bytes[from..from + 4096]);
    }
    let after = mount.memory_kib();
    eprintln!("{before} KiB before, {after} KiB after");
    // The cache, frames in the hands of the workers, and what the allocator holds back for each.
    assert!(after - before < 128 << 10, "{before} KiB, then {after} KiB");
    drop(file);
    assert_eq!(mount.end().0, Some(0));
}

#[test]
fn a_vault_in_a_bucket_is_mounted_as_any_other() {
    use ov_store::testing::{Identity, Seaweed};
    let Some(server) = Seaweed::shared().filter(|_| may_mount()) else {
        return;
    };
    server.bucket("mounted");
    let site = Site::at("s3://mounted/v", server.environment(Identity::Admin));
    site.write("data/large", &noise(3, 40 << 20));
    site.write("data/deep/small", b"small");
    site.backup(&site.path("data"));
    let mount = Mount::new(&site, &[]);
    same(&site.path("data"), &mount.latest(&site.path("data")));
    let (code, said) = mount.end();
    assert_eq!(code, Some(0), "{said}");
}

/// A user of this machine who is nobody in particular.
const SOMEBODY: &str = "65534";

/// Runs as somebody else what only root may let somebody else run.
fn as_somebody(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", SOMEBODY, "--regid", SOMEBODY, "--clear-groups"]);
    command.arg(program);
    command
}

fn may_be_somebody() -> bool {
    let may = rustix::process::getuid().is_root() && may_mount();
    if !may {
        eprintln!("skipped: only root can be somebody else");
    }
    may
}

/// It is, where udev makes the device.
fn fuse_is_for_all() -> bool {
    use std::os::unix::fs::PermissionsExt;
    let device = std::fs::metadata("/dev/fuse").unwrap();
    let all = device.permissions().mode() & 0o006 == 0o006;
    if !all {
        eprintln!("skipped: /dev/fuse is for root alone here");
    }
    all
}

/// Lets others come as far as the folders of a site.
fn open_to_all(site: &Site) {
    set_mode(&site.path(""), 0o755);
}

fn set_mode(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn others_see_a_mount_only_if_they_are_let() {
    if !may_be_somebody() {
        return;
    }
    let site = Site::new();
    open_to_all(&site);
    site.write("data/open", b"for all");
    site.write("data/closed", b"for the owner");
    set_mode(&site.path("data/closed"), 0o600);
    site.backup(&site.path("data"));
    let seen = |mount: &Mount, name: &str| {
        let file = mount.latest(&site.path("data")).join(name);
        let read = as_somebody("cat").arg(file).output().unwrap();
        read.status.success().then_some(read.stdout)
    };
    let mount = Mount::new(&site, &[]);
    assert_eq!(seen(&mount, "open"), None);
    assert_eq!(mount.end().0, Some(0));
    let mount = Mount::new(&site, &["--allow-other"]);
    assert_eq!(seen(&mount, "open").unwrap(), b"for all");
    assert_eq!(seen(&mount, "closed"), None, "modes count for others");
    assert_eq!(mount.end().0, Some(0));
}

#[test]
fn whoever_is_not_root_mounts_and_unmounts_too() {
    if !may_be_somebody() || !fuse_is_for_all() {
        return;
    }
    let site = Site::new();
    open_to_all(&site);
    site.write("data/file", b"content");
    site.backup(&site.path("data"));
    std::fs::create_dir_all(site.path("mount")).unwrap();
    let mut give = Command::new("chown");
    give.args(["-R", SOMEBODY]).arg(site.path(""));
    assert!(give.status().unwrap().success());
    let usual = site.command();
    let mut program = as_somebody(usual.get_program().to_str().unwrap());
    program.env_clear();
    for (name, value) in usual.get_envs() {
        program.env(name, value.unwrap());
    }
    program.env("HOME", site.path("")).args(usual.get_args());
    let mount = Mount::by(program, &site, &[]);
    // Not even root sees what another user has mounted.
    assert!(std::fs::read_dir(&mount.folder).is_err());
    let mut look = as_somebody("find");
    look.arg(&mount.folder)
        .args(["-name", "file", "-exec", "cat", "{}", ";"]);
    let read = look.output().unwrap();
    assert_eq!(read.stdout, b"content");
    let (code, said) = mount.end();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(std::fs::read_dir(site.path("mount")).unwrap().count(), 0);
}

#[test]
fn damage_is_told_where_the_program_runs_and_by_its_exit_code() {
    if !may_mount() {
        return;
    }
    let site = Site::new();
    site.write("data/hit", &noise(2, 20 << 20));
    site.write("data/whole", b"whole");
    site.backup(&site.path("data"));
    let mut packs = Vec::new();
    find(&Path::new(&site.vault).join("pack"), &mut packs);
    packs.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    let pack = packs.last().unwrap();
    let mut bytes = std::fs::read(pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::remove_file(pack).unwrap();
    std::fs::write(pack, bytes).unwrap();
    let mount = Mount::new(&site, &[]);
    let data = mount.latest(&site.path("data"));
    assert_eq!(
        std::fs::read(data.join("hit")).unwrap_err().raw_os_error(),
        Some(5)
    );
    assert_eq!(std::fs::read(data.join("whole")).unwrap(), b"whole");
    let (code, said) = mount.end();
    assert_eq!(code, Some(20), "{said}");
    assert!(said.contains("data/hit: "), "{said}");
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => find(&path, found),
            false => found.push(path),
        }
    }
}
