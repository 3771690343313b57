//! `manual`: pages for `man` and completions for shells, as the command line has them. Packages
//! call it when they are built; nobody else needs to.

use std::io;
use std::path::{Path, PathBuf};

use clap::Command;
use clap_complete::Shell;

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;

/// What `manual` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Where to write: `man1` and one folder for each shell
    folder: PathBuf,
}

/// Writes them, over older ones.
pub fn run(args: &Args, command: &Command, desk: &Desk) -> Result<Exit, Failure> {
    let folder = &args.folder;
    write(folder, command)
        .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    desk.screen.note(format_args!(
        "The manual of {} is in {}.",
        command.get_name(),
        folder.display()
    ));
    Ok(Exit::Done)
}

fn write(folder: &Path, command: &Command) -> io::Result<()> {
    let pages = folder.join("man1");
    std::fs::create_dir_all(&pages)?;
    clap_mangen::generate_to(command.clone(), &pages)?;
    for shell in [
        Shell::Bash,
        Shell::Zsh,
        Shell::Fish,
        Shell::Elvish,
        Shell::PowerShell,
    ] {
        let place = folder.join(shell.to_string());
        std::fs::create_dir_all(&place)?;
        clap_complete::generate_to(shell, &mut command.clone(), command.get_name(), place)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let verb = Command::new("backup").about("Store files");
        let hidden = Command::new("manual").hide(true);
        Command::new("vaulter")
            .about("Backs up")
            .subcommands([verb, hidden])
    }

    #[test]
    fn every_verb_that_is_shown_has_a_page_and_every_shell_a_file() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &command()).unwrap();
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("man1/vaulter.1").contains("Backs up"));
        assert!(read("man1/vaulter-backup.1").contains("Store files"));
        assert!(!folder.path().join("man1/vaulter-manual.1").exists());
        for file in [
            "bash/vaulter.bash",
            "zsh/_vaulter",
            "fish/vaulter.fish",
            "elvish/vaulter.elv",
            "powershell/_vaulter.ps1",
        ] {
            let text = read(file);
            // Some shells complete hidden verbs too.
            assert!(text.contains("backup"), "{file}");
        }
    }
}
