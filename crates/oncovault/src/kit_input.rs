//! The recovery kit as somebody brings it: in files, typed, or from another program; whole, or in
//! as many shares as are needed.

use std::io::{BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use ov_open::paper::{Paper, PaperError};
use ov_open::recovery::RecoveryKit;
use ov_open::slip39::{SetError, Share};
use ov_terminal::screen::ask;
use ov_terminal::{Exit, Failure};
use zeroize::Zeroizing;

use crate::explain;

/// Where the kit comes from.
#[derive(clap::Args, Debug)]
pub struct KitInput {
    /// Read the kit, or one share or several, from a file or a page; may be given more than once
    /// [default: typed, or standard input]
    #[arg(long, value_name = "FILE")]
    kit_file: Vec<PathBuf>,
}

/// The kit, and what it was read from.
pub struct Brought {
    /// The kit.
    pub kit: RecoveryKit,
    /// What lay on the table.
    pub form: Form,
}

/// What the kit was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The whole kit.
    Whole,
    /// So many shares.
    Shares(usize),
}

impl KitInput {
    /// Reads the kit.
    pub fn read(&self) -> Result<Brought, Failure> {
        let mut pile = Pile::default();
        if self.kit_file.is_empty() && std::io::stdin().is_terminal() {
            return typed();
        }
        let texts = match self.kit_file.is_empty() {
            true => vec![piped()?],
            false => self
                .kit_file
                .iter()
                .map(|path| file(path))
                .collect::<Result<_, _>>()?,
        };
        for text in &texts {
            if let Some(kit) = pile.add(text).map_err(explain::paper)? {
                return Ok(Brought::whole(kit));
            }
        }
        pile.kit().map_err(explain::paper)
    }
}

impl Brought {
    fn whole(kit: RecoveryKit) -> Self {
        Self {
            kit,
            form: Form::Whole,
        }
    }
}

/// Shares until they are enough.
#[derive(Default)]
struct Pile {
    shares: Vec<Share>,
}

impl Pile {
    /// A whole kit needs no pile.
    fn add(&mut self, text: &str) -> Result<Option<RecoveryKit>, PaperError> {
        match Paper::parse(text)? {
            Paper::Whole(kit) => Ok(Some(kit)),
            Paper::Shares(shares) => {
                self.shares.extend(shares);
                Ok(None)
            }
        }
    }

    fn kit(&self) -> Result<Brought, PaperError> {
        Ok(Brought {
            kit: RecoveryKit::from_shares(&self.shares)?,
            form: Form::Shares(self.shares.len()),
        })
    }
}

/// At a terminal a mistake costs one share and not all.
fn typed() -> Result<Brought, Failure> {
    let mut pile = Pile::default();
    ask("The 24 words or the line of the recovery kit, or one share of it, then an empty line:");
    loop {
        let text = block()?;
        let before = pile.shares.len();
        let found = pile.add(&text).and_then(|whole| match whole {
            Some(kit) => Ok(Brought::whole(kit)),
            None => pile.kit(),
        });
        match found {
            Ok(brought) => return Ok(brought),
            Err(PaperError::Set(SetError::TooFew { needed, given })) => {
                ask(&format!(
                    "{given} of {needed} shares. The next one, then an empty line:"
                ));
            }
            Err(error) => {
                pile.shares.truncate(before);
                ask(&format!("{error}.\nOnce more, then an empty line:"));
            }
        }
    }
}

/// Lines until an empty one.
fn block() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    let mut lines = std::io::stdin().lock();
    loop {
        let before = text.len();
        lines.read_line(&mut text).map_err(unread)?;
        let line = text.get(before..).unwrap_or_default();
        match (
            line.is_empty(),
            line.trim().is_empty(),
            text.trim().is_empty(),
        ) {
            (true, _, true) => {
                let message = "no recovery kit was typed";
                return Err(Failure::new(Exit::WrongKey, message));
            }
            (_, true, false) => return Ok(text),
            _ => {}
        }
    }
}

fn piped() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::with_capacity(4096));
    std::io::stdin()
        .lock()
        .read_to_string(&mut text)
        .map_err(unread)?;
    Ok(text)
}

fn file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let text = std::fs::read_to_string(path);
    text.map(Zeroizing::new)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

fn unread(error: std::io::Error) -> Failure {
    Failure::failed(format!("cannot read the recovery kit: {error}"))
}
