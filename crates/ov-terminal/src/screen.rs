//! What is shown: results on standard output, all else on standard error.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::failure::Failure;

/// How results are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Results and errors.
    Quiet,
    /// Notes too.
    Normal,
    /// Details too.
    Verbose,
}

/// Whatever is emphasized.
pub const BOLD: Style = Style::new().bold();
/// What is of less interest.
pub const DIM: Style = Style::new().dimmed();
/// What is well.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What needs attention.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What is bad.
pub const BAD: Style = AnsiColor::Red.on_default().bold();

/// What is shown, and how.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// How results are written.
    pub form: Form,
    /// How much is said.
    pub loudness: Loudness,
}

impl Screen {
    /// A result for people; nothing where a document is asked for. Who closes the pipe has seen
    /// enough, so a failed write is no error.
    pub fn line(&self, text: impl Display) {
        if self.form == Form::Text {
            let _ = writeln!(anstream::stdout().lock(), "{text}");
        }
    }

    /// The result for programs; nothing where text is asked for.
    pub fn document(&self, document: &Value) {
        if self.form == Form::Json {
            let _ = writeln!(anstream::stdout().lock(), "{document:#}");
        }
    }

    /// Something that is good to know.
    pub fn note(&self, text: impl Display) {
        if self.loudness >= Loudness::Normal && self.form == Form::Text {
            let _ = writeln!(anstream::stderr().lock(), "{text}");
        }
    }

    /// A detail.
    pub fn detail(&self, text: impl Display) {
        if self.loudness >= Loudness::Verbose {
            let _ = writeln!(anstream::stderr().lock(), "{DIM}{text}{DIM:#}");
        }
    }

    /// Something that needs attention: said however quiet.
    pub fn warn(&self, text: impl Display) {
        let _ = writeln!(
            anstream::stderr().lock(),
            "{WARNING}warning:{WARNING:#} {text}"
        );
    }

    /// Why it failed.
    pub fn failure(&self, failure: &Failure) {
        let mut out = anstream::stderr().lock();
        if self.form == Form::Json {
            let _ = writeln!(out, "{}", failure.document());
            return;
        }
        let message = &failure.message;
        let _ = writeln!(out, "{BAD}error:{BAD:#} {message}");
        if let Some(help) = &failure.help {
            let _ = writeln!(out, " {BOLD}help:{BOLD:#} {help}");
        }
    }

    /// Whether a bar or a spinner may be drawn.
    pub fn is_lively(&self) -> bool {
        self.loudness >= Loudness::Normal
            && self.form == Form::Text
            && std::io::stderr().is_terminal()
    }
}

/// Says that times are made up, however quiet the program shall be: nobody may take a program that
/// was built for tests for a real one.
#[cfg(feature = "test-clock")]
pub fn tell_test_clock() {
    let _ = writeln!(
        anstream::stderr().lock(),
        "TEST CLOCK: this program was built for tests, its times are made up. Do not trust it with data."
    );
}

/// Asks for something that is typed next.
pub fn ask(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// Text from outside, with control characters escaped: a name must not move the cursor.
pub fn shown(bytes: &[u8]) -> String {
    let mut line = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(shown(b"a\x1b[31m\nb\xff"), "a\\u{1b}[31m\\nb\u{fffd}");
    }
}
