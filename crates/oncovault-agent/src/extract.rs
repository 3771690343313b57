//! What files say about themselves, read by this program in a process of its own while it backs up.

use std::process::ExitCode;

use ov_backup::{Extraction, Extractor, Told};
use ov_extract::{Ending, Extractors, File, Program, Settings};
use ov_terminal::screen::Screen;

/// The word that makes this program a worker. It is no verb: a worker reads no configuration and
/// no environment before it has locked itself in.
const WORD: &str = "extract-worker";

/// If this program was started as a worker: its whole life.
#[must_use]
pub fn worker() -> Option<ExitCode> {
    let mut arguments = std::env::args_os().skip(1);
    let asked = arguments.next().is_some_and(|word| word == WORD) && arguments.next().is_none();
    asked.then(ov_extract::work)
}

/// Shows the files of a backup to workers.
pub struct Workers(Extractors);

impl Workers {
    /// For one run. What a person should know of the workers is shown there. `None`, with a note,
    /// where the system does not say which program this is.
    #[must_use]
    pub fn of(screen: Screen) -> Option<Self> {
        let tell = move |text: &str| screen.note(text);
        match Program::this(WORD) {
            Ok(program) => Some(Self(Extractors::new(program, Settings::default(), tell))),
            Err(error) => {
                tell(&format!("what files say is not read: {error}"));
                None
            }
        }
    }
}

impl Extractor for Workers {
    fn begin(&self, name: &[u8], size: Option<u64>) -> Option<Box<dyn Extraction>> {
        let file = self.0.begin(name, size)?;
        Some(Box::new(Shown(file)))
    }
}

struct Shown(File);

impl Extraction for Shown {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.bytes(bytes);
    }

    fn hole(&mut self, length: u64) {
        self.0.hole(length);
    }

    fn end(self: Box<Self>) -> Told {
        match self.0.end() {
            Ending::Known(account) => Told::Now(account),
            Ending::Later(later) => Told::Later(Box::new(|| later.account())),
        }
    }
}
