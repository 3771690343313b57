//! Building the programs: static, without paths of this machine, and without the clock of tests.

use super::{PROGRAMS, Release, failed};
use crate::command::{cargo, command, show, text};
use crate::finding::Chore;
use std::fs;
use std::path::{Path, PathBuf};

/// Away from the builds of every day, which have other flags.
const TARGET_FOLDER: &str = "target/release-build";
/// A feature of `ov-vault` with which the programs believe a variable instead of the clock.
const TEST_CLOCK: &str = "test-clock";
/// Stands in a program only if it was built with it.
const TEST_CLOCK_VARIABLE: &[u8] = b"ONCOVAULT_TEST_CLOCK_OFFSET";
/// The program header that names a dynamic loader (ELF-64, `PT_INTERP`).
const INTERPRETER: u32 = 3;

/// How the programs are built.
#[derive(Debug, PartialEq, Eq)]
pub struct Build {
    /// Rust's name of the target.
    pub target: String,
}

impl Build {
    /// The machine's own kind with musl; with glibc, linked statically as well, where Rust's library
    /// for musl is not installed.
    pub fn choose(root: &Path) -> Result<Self, Chore> {
        let described = text(&mut command("rustc", &["-vV"], root))?;
        let host = described
            .lines()
            .find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Chore::Failed("rustc does not tell its host".to_owned()))?;
        let musl = host.replace("-gnu", "-musl");
        let ask = ["--print", "target-libdir", "--target", &musl];
        let library = text(&mut command("rustc", &ask, root))?;
        if Path::new(library.trim()).is_dir() {
            return Ok(Self { target: musl });
        }
        println!("{musl} is not installed (rustup target add {musl}): glibc is linked instead");
        Ok(Self {
            target: host.to_owned(),
        })
    }

    /// Debian's name of the architecture.
    pub fn debian_architecture(&self) -> Result<&'static str, Chore> {
        match self.target.split('-').next() {
            Some("x86_64") => Ok("amd64"),
            Some("aarch64") => Ok("arm64"),
            _ => Err(Chore::Failed(format!("{} is not supported", self.target))),
        }
    }
}

/// Fails if the programs would have the clock of tests.
pub fn refuse_test_clock(root: &Path, build: &Build) -> Result<(), Chore> {
    let mut arguments = vec!["tree", "--target", &build.target, "--edges", "normal"];
    arguments.extend(["--prefix", "none", "--format", "{p}|{f}"]);
    let packages = PROGRAMS.iter().flat_map(|program| ["--package", program]);
    arguments.extend(packages);
    let tree = text(&mut cargo(&arguments, root))?;
    match has_test_clock(&tree) {
        true => Err(with_test_clock()),
        false => Ok(()),
    }
}

fn has_test_clock(tree: &str) -> bool {
    let features = tree.lines().filter_map(|line| line.split_once('|'));
    let mut features = features.flat_map(|(_, features)| features.split([',', ' ']));
    features.any(|feature| feature == TEST_CLOCK)
}

fn with_test_clock() -> Chore {
    Chore::Failed(format!(
        "the feature {TEST_CLOCK} is on: such programs are for tests, and are not packed"
    ))
}

/// Build.
pub fn run(root: &Path, release: &Release) -> Result<(), Chore> {
    let target = &release.build.target;
    let mut arguments = vec!["build", "--release", "--locked", "--target", target];
    arguments.extend(["--target-dir", TARGET_FOLDER]);
    arguments.extend(PROGRAMS.iter().flat_map(|program| ["--package", program]));
    let (root_from, home) = (root.display(), cargo_home());
    let home = home.display();
    let mut cargo = cargo(&arguments, root);
    cargo
        .env("SOURCE_DATE_EPOCH", release.epoch.to_string())
        .env("CARGO_INCREMENTAL", "0")
        .env(
            "RUSTFLAGS",
            format!(
                "-Ctarget-feature=+crt-static -Cstrip=debuginfo \
                 --remap-path-prefix={root_from}=/oncovault --remap-path-prefix={home}=/cargo"
            ),
        )
        .env(
            "CFLAGS",
            format!("-g0 -ffile-prefix-map={root_from}=/oncovault -ffile-prefix-map={home}=/cargo"),
        );
    if target.ends_with("-musl") {
        cargo.env(format!("CC_{}", target.replace('-', "_")), "musl-gcc");
    }
    show(&mut cargo)
}

fn cargo_home() -> PathBuf {
    let set = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = || std::env::home_dir().unwrap_or_default().join(".cargo");
    set.unwrap_or_else(home)
}

/// Where [`run`] leaves the programs.
pub fn folder(root: &Path, build: &Build) -> PathBuf {
    let folder = root.join(TARGET_FOLDER).join(&build.target);
    folder.join("release")
}

/// The programs, looked at: none needs a loader, none has the clock of tests.
pub fn checked_programs(folder: &Path) -> Result<Vec<PathBuf>, Chore> {
    let check = |program: &&str| {
        let path = folder.join(program);
        let bytes = fs::read(&path).map_err(|cause| failed(&path, cause))?;
        if holds(&bytes, TEST_CLOCK_VARIABLE) {
            return Err(with_test_clock());
        }
        match is_static(&bytes) {
            Some(true) => Ok(path),
            Some(false) => Err(Chore::Failed(format!("{program} needs a dynamic loader"))),
            None => Err(Chore::Failed(format!("{program} is no ELF-64 program"))),
        }
    };
    PROGRAMS.iter().map(check).collect()
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// Whether an ELF-64 program of this byte order names no loader.
fn is_static(bytes: &[u8]) -> Option<bool> {
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let number = |at: usize, length: usize| {
        let mut wide = [0; 8];
        wide[..length].copy_from_slice(bytes.get(at..at.checked_add(length)?)?);
        usize::try_from(u64::from_le_bytes(wide)).ok()
    };
    // Offset, size and number of the program headers.
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    let kinds = (0..count).map(|index| number(start.checked_add(index * size)?, 4));
    let kinds: Option<Vec<usize>> = kinds.collect();
    let interpreter = usize::try_from(INTERPRETER).ok()?;
    Some(!kinds?.contains(&interpreter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_of_tests_is_found_in_the_tree_of_features() {
        let tree = "oncovault v0.1.0 (/x)|\nov-vault v0.1.0 (/x/y)|default,test-clock\n";
        assert!(has_test_clock(tree));
        assert!(!has_test_clock(
            "ov-vault v0.1.0 (/test-clock)|default\nx v1|a,b\n"
        ));
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        // Tests are linked dynamically, unless the toolchain is one of musl.
        let own = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(is_static(&own), Some(cfg!(target_feature = "crt-static")));
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64 + 56, 0);
        elf[32] = 64;
        elf[54] = 56;
        elf[56] = 1;
        elf[64] = 1;
        assert_eq!(is_static(&elf), Some(true));
        elf[64] = 3;
        assert_eq!(is_static(&elf), Some(false));
        assert_eq!(is_static(&elf[..66]), None);
        assert_eq!(is_static(b"#!/bin/sh\n"), None);
    }

    #[test]
    fn architectures_have_debians_names() {
        let named = |target: &str| {
            Build {
                target: target.to_owned(),
            }
            .debian_architecture()
            .ok()
        };
        assert_eq!(named("x86_64-unknown-linux-musl"), Some("amd64"));
        assert_eq!(named("aarch64-unknown-linux-musl"), Some("arm64"));
        assert_eq!(named("riscv64gc-unknown-linux-gnu"), None);
    }
}
