//! An agent's machine: its files, and what it remembers between runs.

use std::fs;
use std::io;
use std::path::Path;

use tempfile::TempDir;

use super::cast::Part;
use super::files::Files;

/// An agent's machine.
pub(super) struct Machine {
    pub part: Part,
    pub files: Files,
    /// Its local state, where it has one.
    pub state: Option<TempDir>,
    saved: Option<(Files, Option<TempDir>)>,
}

impl Machine {
    pub fn new(part: Part, state: Option<TempDir>) -> Self {
        Self {
            part,
            files: Files::default(),
            state,
            saved: None,
        }
    }

    /// Forgets what it knew.
    pub fn lose_state(&mut self) {
        self.state = TempDir::new().ok();
    }

    /// Goes back to the image that was taken of it; takes one if there is none. Its files and
    /// its local state come back as they were, as when a virtual machine is set back.
    pub fn roll_back(&mut self) -> RolledBack {
        match self.saved.take() {
            Some((files, state)) => {
                self.files = files;
                if self.state.is_some() {
                    self.state = state.or_else(|| TempDir::new().ok());
                }
                RolledBack::Yes
            }
            None => {
                let state = self
                    .state
                    .as_ref()
                    .and_then(|state| copy(state.path()).ok());
                self.saved = Some((self.files.clone(), state));
                RolledBack::ImageTaken
            }
        }
    }
}

/// What came of going back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RolledBack {
    Yes,
    ImageTaken,
}

fn copy(from: &Path) -> io::Result<TempDir> {
    let to = TempDir::new()?;
    copy_into(from, to.path())?;
    Ok(to)
}

fn copy_into(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy_into(&entry.path(), &to)?,
            false => fs::copy(entry.path(), to).map(|_| ())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_set_back_knows_what_it_knew_then() {
        let mut machine = Machine::new(Part::Agent(0), TempDir::new().ok());
        let file = |machine: &Machine| machine.state.as_ref().unwrap().path().join("index/a");
        fs::create_dir(file(&machine).parent().unwrap()).unwrap();
        fs::write(file(&machine), b"then").unwrap();
        assert_eq!(machine.roll_back(), RolledBack::ImageTaken);
        fs::write(file(&machine), b"now").unwrap();
        assert_eq!(machine.roll_back(), RolledBack::Yes);
        assert_eq!(fs::read(file(&machine)).unwrap(), b"then");
    }
}
