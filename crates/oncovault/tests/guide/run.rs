//! Runs a page in one shell, so that variables and folders hold from one command to the next.

use std::fmt::Write;
use std::fs::{self, File};
use std::process::Stdio;

use crate::home::{Home, PASSPHRASE};
use crate::page::{Page, Step, Typed};
use crate::wildcard::fits;

/// In front of what the shell says between commands. No program prints it.
const MARK: char = '\u{1e}';

/// What became of a command.
struct Outcome {
    exit: i32,
    printed: Vec<String>,
}

/// Runs a page of the project, and those before it.
pub fn check(file: &str, home: &Home) {
    check_page(&Page::read(file), home);
}

/// Runs a page.
///
/// # Panics
/// If anything is not as the page shows it.
pub fn check_page(page: &Page, home: &Home) {
    let before = page.after.as_deref().map(Page::read);
    let all: Vec<(&str, &Step)> = before
        .iter()
        .chain([page])
        .flat_map(|page| page.steps.iter().map(|step| (&*page.file, step)))
        .collect();
    let outcomes = outcomes(&all, home);
    for (at, (file, step)) in all.iter().enumerate() {
        let at_line = format!("{file}:{}: {}", step.line, step.command);
        let outcome = outcomes
            .get(at)
            .unwrap_or_else(|| panic!("{at_line}: did not run"));
        let printed = outcome.printed.join("\n");
        assert_eq!(outcome.exit, step.exit, "exit code of {at_line}\n{printed}");
        let shown = trimmed(&step.output);
        assert!(
            shown.is_empty() || fits(shown, trimmed(&outcome.printed)),
            "{at_line}\nshown:\n{}\nprinted:\n{printed}",
            shown.join("\n")
        );
    }
}

fn outcomes(steps: &[(&str, &Step)], home: &Home) -> Vec<Outcome> {
    let path = home.path().join(".printed");
    let output = File::create(&path).unwrap();
    let script = script(steps.iter().map(|(_, step)| *step));
    // A command that fails although it should not ends the shell: how it ended is that step's.
    let status = home
        .shell()
        .args(["-c", &script])
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .status()
        .unwrap();
    let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    let mut outcomes: Vec<Outcome> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix(MARK), outcomes.last_mut()) {
            (Some("start"), _) => outcomes.push(Outcome {
                exit: status.code().unwrap_or(-1),
                printed: Vec::new(),
            }),
            (Some(code), Some(last)) => last.exit = code.parse().unwrap(),
            (None, Some(last)) => last.printed.push(line.to_owned()),
            (_, None) => panic!("printed before any command: {line}"),
        }
    }
    outcomes
}

fn script<'a>(steps: impl Iterator<Item = &'a Step>) -> String {
    let mut script = format!("printf %s '{PASSPHRASE}' >\"$HOME/.new-passphrase\"\n");
    for step in steps {
        let mut command = step.command.clone();
        if step.typed.contains(&Typed::NewPassphrase) {
            command.push_str(" --new-passphrase-file \"$HOME/.new-passphrase\"");
        }
        if step.typed.contains(&Typed::Kit) {
            script.push_str(
                "grep -o 'ONCOVAULT1-[A-Z2-7]*' \"$HOME/.printed\" | tail -n 1 >\"$HOME/.kit\"\n",
            );
            command.push_str(" <\"$HOME/.kit\"");
        }
        writeln!(script, "echo '{MARK}start'").unwrap();
        match step.exit {
            0 => write!(script, "{command}\necho '{MARK}0'\n").unwrap(),
            _ => write!(
                script,
                "code=0\n{{\n{command}\n}} || code=$?\necho \"{MARK}$code\"\n"
            )
            .unwrap(),
        }
    }
    script
}

/// Without empty lines at both ends.
fn trimmed(lines: &[String]) -> &[String] {
    let full = |line: &String| !line.trim().is_empty();
    let first = lines.iter().position(full).unwrap_or(lines.len());
    let end = lines.iter().rposition(full).map_or(first, |last| last + 1);
    &lines[first..end]
}
