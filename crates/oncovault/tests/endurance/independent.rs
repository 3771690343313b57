//! The reader that shares no code with this program, written from the format's description alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::site::{Site, demand, noise, same, samples};

/// The Python of the test tools, with the few packages that the reader needs.
pub fn python() -> Option<PathBuf> {
    let tools = std::env::var_os("ONCOVAULT_TEST_TOOLS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools");
    let python = tools.unwrap_or(beside).join("venv/bin/python");
    if python.is_file() {
        return Some(python);
    }
    assert!(
        std::env::var_os("ONCOVAULT_TEST_STRICT").is_none(),
        "no {}",
        python.display()
    );
    eprintln!("skipped: no Python with the reader's packages (cargo xtask setup installs them)");
    None
}

pub fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

pub fn recover(python: &Path, vault: &str, kit: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(python);
    command.arg(repository("recover/oncovault_recover.py"));
    command
        .args(["--vault", vault, "--kit", kit])
        .args(arguments);
    demand(command.output().unwrap(), 0, arguments)
}

/// The kit's text for machines, from what `init` printed.
fn kit_in(printed: &str) -> String {
    let mark = "ONCOVAULT1-";
    let line = printed.lines().find(|line| line.contains(mark)).unwrap();
    line.split_whitespace()
        .find(|word| word.starts_with(mark))
        .unwrap()
        .to_owned()
}

#[test]
fn the_independent_reader_restores_a_vault_with_the_kit_alone() {
    let Some(python) = python() else { return };
    let site = Site::empty();
    let kit = kit_in(&site.ok(&["init", "--compartment", "clinical", "--unprotected-key"]));
    let data = site.path("data");
    for n in 0..50 {
        site.write(
            &format!("data/notes/{n}.txt"),
            format!("note {n}\n").repeat(n).as_bytes(),
        );
    }
    site.write("data/large", &noise(1, 30_000_000));
    std::fs::hard_link(data.join("large"), data.join("again")).unwrap();
    std::os::unix::fs::symlink("large", data.join("link")).unwrap();
    if let Some(samples) = samples() {
        for kind in ["radiotherapy", "hl7v2", "x12", "pathology"] {
            crate::site::copy(&samples.join(kind), &data.join(kind));
        }
    }
    site.backup(&data);
    site.write("data/notes/new.txt", b"a later note");
    site.backup(&data);
    let to = site.path("out");
    recover(
        &python,
        &site.vault,
        &kit,
        &["restore", "latest", "--to", to.to_str().unwrap()],
    );
    same(&data, &to.join(data.strip_prefix("/").unwrap()));
}
