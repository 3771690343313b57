//! What every program of ours shares at the terminal: options, environment, passphrase, screen,
//! progress, signals, failures and exit codes, and the few verbs that any key file may use.
//!
//! What it must never do: reach anything that opens, codes or reads content; so the programs that
//! are built on it can do no more than what they add.
//!
//! The path through it: [`program::run`] takes a program's [`Verbs`](program::Verbs), reads
//! [`options`], sets up the [`Desk`] and lets the verb act; the verb opens the vault with
//! [`Desk::open`], shows what it did on the [`Screen`](screen::Screen), and ends with an [`Exit`] or
//! a [`Failure`].

pub mod age;
pub mod amount;
pub mod configuration;
pub mod desk;
pub mod environment;
pub mod exit;
pub mod failure;
pub mod folders;
pub mod key_file;
pub mod machine;
pub mod meter;
pub mod moment;
pub mod options;
pub mod passphrase;
pub mod priority;
pub mod program;
pub mod remembered;
pub mod screen;
pub mod seen;
pub mod signals;
pub mod standing;
pub mod table;
pub mod verb;

pub use desk::{Copies, Desk, Opened};
pub use exit::Exit;
pub use failure::Failure;
