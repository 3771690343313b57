//! A page of documentation, as a test reads it.
//!
//! - `<!-- after: first-backup.md -->`: that page is run first, in the same home.
//! - In a block marked `console`, `$ ` begins a command and `> ` goes on with it.
//! - Lines below are what it prints, error output too: all of it, or nothing is said of it. `…`
//!   stands for anything in a line, and alone for any number of lines.
//! - Behind a command may stand `# exit 12` (else it must end with 0), `# type the kit` (it reads
//!   the recovery kit that was printed last) and `# type a new passphrase` (as at a terminal,
//!   where the program asks for one).

use std::path::PathBuf;

/// The folder in which the paths of pages begin.
pub fn documents() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// One page.
#[derive(Debug)]
pub struct Page {
    pub file: String,
    /// The page that comes before it, if one must.
    pub after: Option<String>,
    pub steps: Vec<Step>,
}

/// One command and what is said of it.
#[derive(Debug)]
pub struct Step {
    /// From 1.
    pub line: usize,
    pub command: String,
    pub exit: i32,
    pub typed: Vec<Typed>,
    pub output: Vec<String>,
}

/// What a person types in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    Kit,
    NewPassphrase,
}

impl Page {
    pub fn read(file: &str) -> Self {
        let text = std::fs::read_to_string(documents().join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        Self::parse(file, &text)
    }

    pub fn parse(file: &str, text: &str) -> Self {
        let mut page = Self {
            file: file.to_owned(),
            after: None,
            steps: Vec::new(),
        };
        let mut block = None;
        for (line, content) in (1..).zip(text.lines()) {
            match (content.trim_end(), block) {
                ("```", Some(_)) => block = None,
                (content, Some("console")) => page.take(line, content),
                (_, Some(_)) => {}
                (content, None) => match content.strip_prefix("```") {
                    Some(kind) => block = Some(kind),
                    None => page.after = page.after.take().or_else(|| after(file, content)),
                },
            }
        }
        assert!(block.is_none(), "{file}: a block does not end");
        page
    }

    fn take(&mut self, line: usize, content: &str) {
        if let Some(command) = content.strip_prefix("$ ") {
            self.steps.push(Step::new(line, command));
            return;
        }
        let at = format!("{}:{line}", self.file);
        let step = self.steps.last_mut();
        let step = step.unwrap_or_else(|| panic!("{at}: output without a command"));
        match content.strip_prefix("> ") {
            Some(more) if step.output.is_empty() => {
                step.command.push('\n');
                step.command.push_str(more);
            }
            _ => step.output.push(content.to_owned()),
        }
    }
}

impl Step {
    fn new(line: usize, text: &str) -> Self {
        let (command, notes) = text.split_once(" # ").unwrap_or((text, ""));
        let mut step = Self {
            line,
            command: command.trim_end().to_owned(),
            exit: 0,
            typed: Vec::new(),
            output: Vec::new(),
        };
        for note in notes.split(['#', ',']).map(str::trim) {
            match note.strip_prefix("exit ") {
                Some(code) => step.exit = code.parse().unwrap(),
                None if note == "type the kit" => step.typed.push(Typed::Kit),
                None if note == "type a new passphrase" => step.typed.push(Typed::NewPassphrase),
                None => {}
            }
        }
        step
    }
}

/// The page that a comment names.
fn after(file: &str, content: &str) -> Option<String> {
    let name = content.strip_prefix("<!-- after: ")?.strip_suffix(" -->")?;
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    Some(format!("{folder}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_what_they_print_and_how_they_end_are_read() {
        let text = "<!-- after: b.md -->\n```console\n$ one \\\n> two\nout\n\n$ three # exit 12, \
                    type the kit\n```\n```text\n$ four\n```\n";
        let page = Page::parse("g/a.md", text);
        assert_eq!(page.after.as_deref(), Some("g/b.md"));
        let [one, three] = &page.steps[..] else {
            panic!("{page:?}");
        };
        assert_eq!(one.command, "one \\\ntwo");
        assert_eq!(one.output, ["out", ""]);
        assert_eq!((&*three.command, three.exit, three.line), ("three", 12, 7));
        assert_eq!(three.typed, [Typed::Kit]);
    }

    #[test]
    fn other_comments_say_nothing_to_the_test() {
        let step = Step::new(1, "oncovault help   # everything else");
        assert_eq!((&*step.command, step.exit), ("oncovault help", 0));
    }
}
