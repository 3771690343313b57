//! Real sample files for the tests: DICOM, radiotherapy plans, FHIR, genomics and more.
//!
//! They are not part of the project. Tests look for them in `$ONCOVAULT_TEST_DATA`, else in
//! `target/testdata`; a script that stands beside the checkout may fill that folder.

use crate::command::{command, show};
use crate::finding::Chore;
use std::path::{Path, PathBuf};

/// Where the script stands, seen from the checkout.
const SCRIPT: &str = "../shared/data/get";
/// The variable that names a folder of sample files.
pub const VARIABLE: &str = "ONCOVAULT_TEST_DATA";

/// What the tests will find.
pub enum SampleFiles {
    /// A folder with files in it.
    In(PathBuf),
    /// Nothing, and why.
    Missing(String),
}

/// Where sample files go when no other folder is named.
pub fn default_folder(root: &Path) -> PathBuf {
    root.join("target/testdata")
}

/// `cargo xtask data`: fetch, and say where the files are.
pub fn run(root: &Path, folder: &Path) -> Result<(), Chore> {
    if !has_script(root) {
        let missing = format!(
            "there is no {SCRIPT}; put sample files into a folder of your own and name it in {VARIABLE}"
        );
        return Err(Chore::Failed(missing));
    }
    fetch(root, folder)?;
    println!("sample files are in {}", folder.display());
    Ok(())
}

/// What the test run may use: the folder that the caller named, or the default one, filled if possible.
pub fn find(root: &Path) -> SampleFiles {
    if let Some(named) = std::env::var_os(VARIABLE).map(PathBuf::from) {
        return judge(named, &format!("{VARIABLE} names a folder without files"));
    }
    let folder = default_folder(root);
    if !has_script(root) {
        return judge(
            folder,
            &format!("{VARIABLE} is not set and there is no {SCRIPT}"),
        );
    }
    match fetch(root, &folder) {
        Ok(()) => judge(folder, &format!("{SCRIPT} fetched nothing")),
        Err(error) => {
            println!("WARNING: {error}; the tests use the files that are there");
            judge(folder, &format!("{SCRIPT} failed"))
        }
    }
}

fn judge(folder: PathBuf, why: &str) -> SampleFiles {
    let has_entries = std::fs::read_dir(&folder).is_ok_and(|mut entries| entries.next().is_some());
    if has_entries {
        SampleFiles::In(folder)
    } else {
        SampleFiles::Missing(why.to_owned())
    }
}

fn has_script(root: &Path) -> bool {
    root.join(SCRIPT).is_file()
}

fn fetch(root: &Path, folder: &Path) -> Result<(), Chore> {
    let archives = root.join("target/testdata-archives");
    let (folder, archives) = (folder.to_string_lossy(), archives.to_string_lossy());
    let arguments = [SCRIPT, &*folder, "--keep-archives", &*archives];
    show(&mut command("python3", &arguments, root))
}
