//! The tree of files as it will lie on a machine.

use super::{PROGRAMS, clear, failed};
use crate::command::{capture, command, show};
use crate::finding::{Chore, write};
use std::fs;
use std::path::{Path, PathBuf};

/// Documents that come along: path from the root, name below `usr/share/doc/oncovault`.
const DOCUMENTS: &[(&str, &str)] = &[
    ("README.md", "README.md"),
    ("SECURITY.md", "SECURITY.md"),
    ("LICENSE-APACHE", "LICENSE-APACHE"),
    ("LICENSE-MIT", "LICENSE-MIT"),
    ("packaging/debian/copyright", "copyright"),
    ("docs/FORMAT.md", "docs/FORMAT.md"),
    ("docs/THREATS.md", "docs/THREATS.md"),
    ("docs/GLOSSARY.md", "docs/GLOSSARY.md"),
    ("docs/config.md", "docs/config.md"),
    ("docs/targets.md", "docs/targets.md"),
    ("docs/put-only.md", "docs/put-only.md"),
    ("docs/kinds.md", "docs/kinds.md"),
    ("docs/oncovault.schema.json", "docs/oncovault.schema.json"),
];
/// Folders that come along with all that is in them: path from the root, name as above.
const FOLDERS: &[(&str, &str)] = &[
    ("docs/guide", "docs/guide"),
    ("docs/cli", "docs/cli"),
    ("packaging/example", "examples"),
];
/// The reader that shares no code with the programs.
const READER: &[&str] = &["recover/oncovault_recover.py", "recover/README.md"];

/// Where completions of a shell go: its name, the place below `usr/share`, the suffix that goes.
const SHELLS: &[(&str, &str, &str)] = &[
    ("bash", "bash-completion/completions", ".bash"),
    ("zsh", "zsh/vendor-completions", ""),
    ("fish", "fish/vendor_completions.d", ""),
    ("elvish", "oncovault/completions", ""),
    ("powershell", "oncovault/completions", ""),
];

/// Fill the folder `stage`, and give it back.
pub fn fill(root: &Path, stage: &Path, programs: &[PathBuf]) -> Result<PathBuf, Chore> {
    clear(stage)?;
    let share = stage.join("usr/share");
    for (program, name) in programs.iter().zip(PROGRAMS) {
        copy(program, &stage.join("usr/bin").join(name))?;
        manual(program, &share, &stage.with_file_name("manual"))?;
    }
    let doc = share.join("doc/oncovault");
    for (from, to) in DOCUMENTS {
        copy(&root.join(from), &doc.join(to))?;
    }
    for (from, to) in FOLDERS {
        for name in names(&root.join(from))? {
            copy(&root.join(from).join(&name), &doc.join(to).join(&name))?;
        }
    }
    copy(&root.join("CHANGELOG.md"), &doc.join("changelog"))?;
    compress(&doc.join("changelog"))?;
    for file in READER {
        copy(&root.join(file), &share.join("oncovault").join(file))?;
    }
    Ok(stage.to_path_buf())
}

/// The program writes its own pages and completions.
fn manual(program: &Path, share: &Path, scratch: &Path) -> Result<(), Chore> {
    clear(scratch)?;
    let arguments = ["--quiet", "manual", "."];
    show(&mut command(
        &program.to_string_lossy(),
        &arguments,
        scratch,
    ))?;
    for page in names(&scratch.join("man1"))? {
        let to = share.join("man/man1").join(&page);
        copy(&scratch.join("man1").join(&page), &to)?;
        compress(&to)?;
    }
    for (shell, place, suffix) in SHELLS {
        for file in names(&scratch.join(shell))? {
            let name = file.strip_suffix(suffix).unwrap_or(&file);
            copy(
                &scratch.join(shell).join(&file),
                &share.join(place).join(name),
            )?;
        }
    }
    fs::remove_dir_all(scratch).map_err(|cause| failed(scratch, cause))
}

/// What lies in a folder.
fn names(folder: &Path) -> Result<Vec<String>, Chore> {
    let failed = |cause| failed(folder, cause);
    let entries = fs::read_dir(folder).map_err(failed)?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<Result<_, _>>().map_err(failed)
}

fn copy(from: &Path, to: &Path) -> Result<(), Chore> {
    let parent = to.parent().unwrap_or(to);
    fs::create_dir_all(parent).map_err(|cause| failed(parent, cause))?;
    let copied = fs::copy(from, to);
    copied.map(|_| ()).map_err(|cause| failed(from, cause))
}

/// With gzip, without name and time.
fn compress(path: &Path) -> Result<(), Chore> {
    let folder = path.parent().unwrap_or(path);
    let packed = capture(&mut command(
        "gzip",
        &["-9n", "--stdout", &path.to_string_lossy()],
        folder,
    ))?;
    if !packed.status.success() {
        return Err(Chore::Failed(format!("gzip {}", path.display())));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".gz");
    write(Path::new(&name), &packed.stdout)?;
    fs::remove_file(path).map_err(|cause| failed(path, cause))
}
