//! `cargo xtask setup`: install what the tests need beyond Rust, a C compiler and Python.
//!
//! Python packages go to `target/test-tools/venv`. Debian packages are installed only by root; else
//! they are named as skipped, and the tests that need them say so.

use crate::command::{capture, command, is_installed, show};
use crate::finding::{Chore, read};
use std::path::{Path, PathBuf};

/// The variable that tells tests where the tools are.
pub const VARIABLE: &str = "ONCOVAULT_TEST_TOOLS";
/// Pinned Python packages.
const REQUIREMENTS: &str = "xtask/test-tools.txt";

/// A Debian package, and the program, or else the whole path of a file, by which its presence is seen.
const DEBIAN: &[(&str, &str)] = &[
    ("rsync", "rsync"),
    ("attr", "setfattr"),
    ("acl", "setfacl"),
    ("fuse3", "fusermount3"),
    ("postgresql", "pg_ctlcluster"),
    ("strace", "strace"),
    ("openssh-server", "sshd"),
    ("systemd", "systemd-analyze"),
    ("dosfstools", "mkfs.vfat"),
    ("fusefat", "fusefat"),
    ("exfatprogs", "mkfs.exfat"),
    ("exfat-fuse", "mount.exfat-fuse"),
    ("dcmtk", "dcmdump"),
    ("orthanc", "/usr/sbin/Orthanc"),
    (
        "orthanc-dicomweb",
        "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
    ),
];

/// Something that was left out, and why.
pub struct Skipped(pub String);

/// Where test tools are installed.
pub fn tools_folder(root: &Path) -> PathBuf {
    root.join("target/test-tools")
}

/// `cargo xtask setup`.
pub fn run(root: &Path) -> Result<(), Chore> {
    for Skipped(what) in install(root)? {
        println!("SKIPPED: {what}");
    }
    Ok(())
}

/// Install everything that can be; name what cannot.
pub fn install(root: &Path) -> Result<Vec<Skipped>, Chore> {
    let mut skipped = debian_packages(root);
    python_packages(root)?;
    skipped.extend(unusable_devices());
    Ok(skipped)
}

fn debian_packages(root: &Path) -> Vec<Skipped> {
    let mut missing = missing_packages();
    if missing.is_empty() {
        println!("Debian packages: all there");
        return Vec::new();
    }
    if is_root(root) && is_installed("apt-get") {
        if let Err(error) = apt_get(root, &missing) {
            println!("WARNING: {error}");
        }
        missing = missing_packages();
    }
    let why = if is_root(root) {
        "apt-get did not install it"
    } else {
        "not root"
    };
    missing
        .iter()
        .map(|package| Skipped(format!("package {package} ({why})")))
        .collect()
}

fn missing_packages() -> Vec<&'static str> {
    let missing = DEBIAN.iter().filter(|(_, program)| !is_installed(program));
    let mut packages: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if !Path::new("/etc/debian_version").exists() || has_venv() {
        return packages;
    }
    packages.push("python3-venv");
    packages
}

fn has_venv() -> bool {
    let modules = ["-c", "import ensurepip, venv"];
    capture(&mut command("python3", &modules, Path::new(".")))
        .is_ok_and(|output| output.status.success())
}

fn apt_get(root: &Path, packages: &[&str]) -> Result<(), Chore> {
    println!("Debian packages to install: {}", packages.join(" "));
    if let Err(error) = show(&mut command("apt-get", &["update", "-qq"], root)) {
        println!("WARNING: {error}");
    }
    let install = [
        "install",
        "-y",
        "-qq",
        "--no-install-recommends",
        "-o",
        "Dpkg::Use-Pty=0",
    ];
    let mut command = command("apt-get", &[&install[..], packages].concat(), root);
    show(command.env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root(root: &Path) -> bool {
    capture(&mut command("id", &["-u"], root)).is_ok_and(|output| output.stdout == b"0\n")
}

fn python_packages(root: &Path) -> Result<(), Chore> {
    let venv = tools_folder(root).join("venv");
    let wanted = read(&root.join(REQUIREMENTS))?;
    let stamp = venv.join("installed.txt");
    if std::fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("Python packages: all there");
        return Ok(());
    }
    let place = venv.to_string_lossy();
    show(&mut command(
        "python3",
        &["-m", "venv", "--clear", &*place],
        root,
    ))?;
    let python = venv.join("bin/python");
    let install = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
    ];
    let pinned = [
        "--only-binary",
        ":all:",
        "--no-deps",
        "--requirement",
        REQUIREMENTS,
    ];
    show(&mut command(
        &python.to_string_lossy(),
        &[&install[..], &pinned].concat(),
        root,
    ))?;
    std::fs::write(&stamp, wanted).map_err(|cause| Chore::File { path: stamp, cause })?;
    println!("Python packages: installed in target/test-tools/venv");
    Ok(())
}

fn unusable_devices() -> Option<Skipped> {
    let fuse = Path::new("/dev/fuse");
    (!fuse.exists()).then(|| Skipped("tests with FUSE (no /dev/fuse)".to_owned()))
}
