//! Project chores: `cargo xtask tidy`, `test`, `setup`, `data`, `bench` and more.
//!
//! What continuous integration runs is `test`, so a developer and the machine see the same thing.
//! Nothing here is linked into a program that people install.
#![allow(
    clippy::print_stdout,
    reason = "chores talk to the person who runs them"
)]

mod architecture;
mod arrows;
mod bench;
mod closure;
mod command;
mod exceptions;
mod features;
mod finding;
mod format_lock;
mod frozen;
mod golden;
mod invariants;
mod licence;
mod links;
mod owners;
mod package;
mod sample_data;
mod setup;
mod simulation;
mod source_shape;
mod test_run;
mod tidy;
mod tracked;
mod wording;
mod workspace;

use finding::Chore;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask test                 everything that continuous integration runs, in order
cargo xtask setup                install what the tests need (Python packages; Debian packages where root)
cargo xtask crash [KILLS]        kill the program at random moments, 100 times per verb, and look what is left
cargo xtask crash --syscalls [N] kill it before each call by which it changes a disk, or at N of them per verb
cargo xtask crash --power [N]    cut the power under it N times per verb, 100 unless told otherwise
cargo xtask golden               make the golden vault of a new version of the format, once
cargo xtask sim [--seeds N] [--from S] [--states N]   live through many seeds of the simulated world; --states
                                 searches the large worlds of the protocol, up to N states each
cargo xtask bench [OPTION]...    measure our program beside its peers (docs/performance/README.md)
cargo xtask bench --slow [OPTION]...  store and restore over a slow link to a real S3 server
cargo xtask bench --report FILE  draw up docs/performance from results
cargo xtask data [DIR]           fetch real sample files for the tests, default target/testdata
cargo xtask package [--from DIR] build what people install: a Debian package, an archive, a bill of materials
cargo xtask tidy [CHECK]...      formatting, lints, arrows, permissions, licences, links and wording
cargo xtask tidy --list          name the checks
cargo xtask tidy --lock-format   after review: lock docs/FORMAT.md to the sources of ov-format
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Chore::Usage) => {
            print!("{USAGE}");
            ExitCode::from(2)
        }
        Err(error) => {
            println!("\nxtask: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[String]) -> Result<(), Chore> {
    let root = project_root();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["test"] => test_run::run(&root),
        ["setup"] => setup::run(&root),
        ["golden"] => golden::run(&root),
        ["crash", "--syscalls"] => test_run::crash_at_calls(&root, "all"),
        ["crash", "--syscalls", points] => test_run::crash_at_calls(&root, points),
        ["crash", "--power"] => test_run::cut_power(&root, "100"),
        ["crash", "--power", cuts] => test_run::cut_power(&root, cuts),
        ["crash", kills] => test_run::crash(&root, kills),
        ["crash"] => test_run::crash(&root, "100"),
        ["sim", rest @ ..] => simulation::run(&root, rest),
        ["bench", rest @ ..] => bench::run(&root, rest),
        ["package"] => package::run(&root),
        ["package", "--from", folder] => package::run_from(&root, Path::new(folder)),
        ["data"] => sample_data::run(&root, &sample_data::default_folder(&root)),
        ["data", folder] => sample_data::run(&root, Path::new(folder)),
        ["tidy", "--list"] => {
            tidy::list();
            Ok(())
        }
        ["tidy", "--lock-format"] => format_lock::rewrite(&root),
        ["tidy", checks @ ..] => tidy::run(&root, checks),
        _ => Err(Chore::Usage),
    }
}

/// The folder that holds this package's folder, whatever the working directory.
fn project_root() -> PathBuf {
    // Cargo says at run time where the package lies: what was compiled in may stem from another checkout.
    let own = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let own = own.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    own.parent().map_or_else(|| own.clone(), Path::to_path_buf)
}
