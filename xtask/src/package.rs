//! `cargo xtask package`: static programs with their manual as a Debian package and as an archive,
//! a bill of materials and checksums, in `target/package`.
//!
//! The same sources, toolchain and C compiler give the same bytes: times come from the commit, and
//! no path of this machine goes in. What is needed beside Rust: a C compiler, GNU tar, gzip, xz.

mod ar;
mod bill;
mod build;
mod debian;
mod stage;

use crate::command::{command, show, text};
use crate::finding::{Chore, write};
use build::Build;
use std::fs;
use std::path::{Path, PathBuf};

/// The programs that are packed, each in the crate of its name.
const PROGRAMS: [&str; 3] = ["oncovault", "oncovault-agent", "oncovault-keeper"];
const OUT: &str = "target/package";

/// Build the programs and pack them.
pub fn run(root: &Path) -> Result<(), Chore> {
    let release = Release::read(root)?;
    build::refuse_test_clock(root, &release.build)?;
    build::run(root, &release)?;
    pack(root, &build::folder(root, &release.build), &release)
}

/// Pack programs that were built before, such as those that a second builder compared.
pub fn run_from(root: &Path, folder: &Path) -> Result<(), Chore> {
    // Programs write their manual in a folder of its own.
    let folder = fs::canonicalize(folder).map_err(|cause| failed(folder, cause))?;
    pack(root, &folder, &Release::read(root)?)
}

fn pack(root: &Path, programs: &Path, release: &Release) -> Result<(), Chore> {
    let programs = build::checked_programs(programs)?;
    let out = root.join(OUT);
    clear(&out)?;
    let stage = stage::fill(root, &out.join("stage"), &programs)?;
    let made = [
        debian::write(root, &out, &stage, release)?,
        archive(&out, &stage, release)?,
        bill::write(root, &out, release)?,
    ];
    checksums(&out, &made)?;
    println!("in {OUT}, for {}:", release.build.target);
    for name in made {
        println!("  {name}");
    }
    println!("  SHA256SUMS");
    Ok(())
}

/// What is being released.
pub struct Release {
    /// The version of all our packages.
    pub version: String,
    /// Seconds since 1970 of the commit: the time of everything that is packed.
    pub epoch: u64,
    /// How it is built.
    pub build: Build,
}

impl Release {
    fn read(root: &Path) -> Result<Self, Chore> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            epoch: epoch(root)?,
            build: Build::choose(root)?,
        })
    }

    /// The first part of the names of files.
    pub fn name(&self) -> String {
        format!("oncovault-{}-{}", self.version, self.build.target)
    }
}

/// `SOURCE_DATE_EPOCH`, else the time of the commit.
fn epoch(root: &Path) -> Result<u64, Chore> {
    let printed = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(set) => set,
        Err(_) => text(&mut command("git", &["log", "-1", "--format=%ct"], root))?,
    };
    let seconds = printed.trim().parse();
    seconds.map_err(|_| Chore::Failed(format!("{printed:?} is no time in seconds since 1970")))
}

/// An archive for whoever has no Debian: the same tree, in a folder of the release's name.
fn archive(out: &Path, stage: &Path, release: &Release) -> Result<String, Chore> {
    let name = format!("{}.tar.gz", release.name());
    let folder = format!("--transform=s,^\\./usr,{},", release.name());
    let packed = out.join(&name);
    tar(
        stage,
        &packed,
        &["--use-compress-program=gzip -9n", &folder, "./usr"],
        release,
    )?;
    Ok(name)
}

/// Packs with nothing of this machine in it: names sorted, one time, one owner.
fn tar(folder: &Path, to: &Path, more: &[&str], release: &Release) -> Result<(), Chore> {
    let mut tar = command("tar", &["--create", "--file"], folder);
    tar.arg(to);
    tar.arg(format!("--mtime=@{}", release.epoch));
    tar.args([
        "--format=gnu",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=u=rwX,go=rX",
    ]);
    // What several threads make of it depends on their number.
    tar.env("XZ_OPT", "-6 -T1");
    show(tar.args(more))
}

fn checksums(out: &Path, names: &[String]) -> Result<(), Chore> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let sums = text(&mut command("sha256sum", &names, out))?;
    write(&out.join("SHA256SUMS"), sums.as_bytes())
}

/// An empty folder.
fn clear(folder: &Path) -> Result<(), Chore> {
    let failed = |cause| failed(folder, cause);
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)
}

fn failed(path: &Path, cause: std::io::Error) -> Chore {
    let path = PathBuf::from(path);
    Chore::File { path, cause }
}
