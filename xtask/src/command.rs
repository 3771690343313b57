//! Running other programs: always without standard input, always with the command line in the error.

use crate::finding::Chore;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A command that runs in the project's root and waits for nobody.
pub fn command(program: &str, arguments: &[&str], root: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(root)
        .stdin(Stdio::null());
    command
}

/// The cargo that runs this chore.
pub fn cargo(arguments: &[&str], root: &Path) -> Command {
    let program = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    command(&program, arguments, root)
}

/// Run to the end with output shown; a failure is an error.
pub fn show(command: &mut Command) -> Result<(), Chore> {
    let status = command
        .status()
        .map_err(|cause| not_started(command, cause))?;
    if status.success() {
        Ok(())
    } else {
        Err(Chore::Ended {
            command: line(command),
            status,
        })
    }
}

/// Run to the end and keep the output, whatever the exit status.
pub fn capture(command: &mut Command) -> Result<Output, Chore> {
    command
        .output()
        .map_err(|cause| not_started(command, cause))
}

/// The standard output of a command that must succeed.
pub fn text(command: &mut Command) -> Result<String, Chore> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|cause| not_started(command, cause))?;
    if !output.status.success() {
        return Err(Chore::Ended {
            command: line(command),
            status: output.status,
        });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// True where a program of this name can be started.
pub fn is_installed(program: &str) -> bool {
    let Some(folders) = std::env::var_os("PATH") else {
        return false;
    };
    std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
}

/// The error for a program that did not start.
pub fn not_started(command: &Command, cause: std::io::Error) -> Chore {
    Chore::NotStarted {
        program: command.get_program().to_string_lossy().into_owned(),
        cause,
    }
}

/// The command as a person would type it, the program without its folder.
pub fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}
