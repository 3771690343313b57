//! Where a passphrase comes from: a file, a command, a variable, or the person.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ov_seal::passphrase::Passphrase;

use crate::failure::Failure;
use crate::options::Options;

const VARIABLE: &str = "ONCOVAULT_PASSPHRASE";
const FILE_VARIABLE: &str = "ONCOVAULT_PASSPHRASE_FILE";
const COMMAND_VARIABLE: &str = "ONCOVAULT_PASSPHRASE_COMMAND";

/// Where it comes from.
#[derive(Clone, Debug)]
enum Origin {
    File(PathBuf),
    Command(String),
    Variable(String),
}

/// The passphrase that the command line or the environment gives; none if they say nothing.
pub fn given(options: &Options) -> Result<Option<Passphrase>, Failure> {
    match origin(options)? {
        None => Ok(None),
        Some(Origin::File(path)) => from_file(&path).map(Some),
        Some(Origin::Command(command)) => from_command(&command).map(Some),
        Some(Origin::Variable(text)) => Ok(Some(
            Passphrase::new(text).map_err(|e| Failure::usage(e).on(VARIABLE))?,
        )),
    }
}

/// Whether the command line or the environment gives one.
pub fn is_given(options: &Options) -> Result<bool, Failure> {
    Ok(origin(options)?.is_some())
}

/// A command as one text, which is split into the same words again.
pub fn command_of(words: &[String]) -> String {
    let quoted = |word: &String| format!("'{}'", word.replace('\'', r"'\''"));
    words.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

/// Asks at the terminal; none if there is no terminal.
pub fn asked(prompt: &str) -> Result<Option<Passphrase>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let typed = rpassword::prompt_password(prompt)
        .map_err(|error| Failure::failed(format!("cannot read from the terminal: {error}")))?;
    Passphrase::new(typed).map(Some).map_err(Failure::usage)
}

/// Asks twice at the terminal for a new one; none if there is no terminal.
pub fn asked_anew(what: &str) -> Result<Option<Passphrase>, Failure> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    let read = |prompt: &str| {
        rpassword::prompt_password(prompt)
            .map(zeroize::Zeroizing::new)
            .map_err(|error| Failure::failed(format!("cannot read from the terminal: {error}")))
    };
    let first = read(&format!("New passphrase for {what}: "))?;
    if first != read("The same again: ")? {
        return Err(Failure::usage("the two passphrases differ").help("try again"));
    }
    Passphrase::new(first.to_string())
        .map(Some)
        .map_err(Failure::usage)
}

/// From a file, less one line end.
pub fn from_file(path: &Path) -> Result<Passphrase, Failure> {
    let unread = |error| {
        Failure::usage(format!(
            "cannot read the passphrase file {}: {error}",
            path.display()
        ))
    };
    let bytes = std::fs::read(path).map_err(unread)?;
    Passphrase::from_output(bytes).map_err(|e| Failure::usage(e).on(path.display()))
}

fn from_command(command: &str) -> Result<Passphrase, Failure> {
    let refused = |why: String| Failure::usage(format!("the passphrase command {why}"));
    let words = words(command).ok_or_else(|| refused("has an open quote".to_owned()))?;
    let (program, rest) = words
        .split_first()
        .ok_or_else(|| refused("is empty".to_owned()))?;
    let output = Command::new(program)
        .args(rest)
        .stdin(Stdio::inherit())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| refused(format!("{program} cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(refused(format!("{program} failed ({})", output.status)));
    }
    Passphrase::from_output(output.stdout).map_err(|e| Failure::usage(e).on(program))
}

fn origin(options: &Options) -> Result<Option<Origin>, Failure> {
    let variable = |name| match std::env::var(name) {
        Ok(text) => Ok(Some(text)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failure::usage(format!(
            "the variable {name} is not UTF-8 text"
        ))),
    };
    let mut found = Vec::new();
    if let Some(path) = &options.passphrase_file {
        found.push(("--passphrase-file", Origin::File(path.clone())));
    }
    if let Some(command) = &options.passphrase_command {
        found.push(("--passphrase-command", Origin::Command(command.clone())));
    }
    if let Some(text) = variable(VARIABLE)? {
        found.push((VARIABLE, Origin::Variable(text)));
    }
    if let Some(path) = std::env::var_os(FILE_VARIABLE) {
        found.push((FILE_VARIABLE, Origin::File(path.into())));
    }
    if let Some(command) = variable(COMMAND_VARIABLE)? {
        found.push((COMMAND_VARIABLE, Origin::Command(command)));
    }
    match found.len() {
        0 | 1 => Ok(found.pop().map(|(_, origin)| origin)),
        _ => {
            let names: Vec<_> = found.iter().map(|(name, _)| *name).collect();
            let names = names.join(" and ");
            Err(Failure::usage(format!("{names} both give a passphrase"))
                .help("give it in one way only"))
        }
    }
}

/// The words of a command line, with single and double quotes and backslashes as in a shell, and
/// nothing else of a shell. `None` if a quote is left open.
pub(crate) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some('\''), _) => word.get_or_insert_default().push(c),
            (_, '\\') => word.get_or_insert_default().push(letters.next()?),
            (Some(_), _) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::{command_of, words};

    #[test]
    fn a_command_of_words_is_split_into_the_same_words() {
        let command = ["pass", "show", "a b", "it's", r"\", "", "$x"].map(str::to_owned);
        assert_eq!(words(&command_of(&command)).unwrap(), command);
    }

    #[test]
    fn a_command_is_split_as_a_shell_would_and_nothing_more() {
        let split = |text| words(text).unwrap();
        assert_eq!(split("pass show  a"), ["pass", "show", "a"]);
        assert_eq!(
            split(r#"cat "my file" 'it''s' \$x"#),
            ["cat", "my file", "its", "$x"]
        );
        assert_eq!(split(r#"x "" '$(rm)'"#), ["x", "", "$(rm)"]);
        assert_eq!(words("cat 'x"), None);
    }
}
