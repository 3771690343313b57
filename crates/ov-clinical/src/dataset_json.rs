//! Dataset-JSON 1.1: the trial and its subjects, as one value or a row on each line.

use crate::collector::Collector;
use crate::facts::{Facts, Subject};
use crate::ident::Ident;
use crate::json::{self, Outcome, Sink};
use crate::trial_columns::TrialColumns;
use crate::warning::Warning;
use crate::window::Window;

/// Reads a dataset.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut events = Events::default();
    let mut outcome = json::walk(window.head(), &mut events);
    if outcome == Outcome::Broken {
        outcome = lines(window.head(), &mut events);
    }
    events.end_row();
    let Events { mut out, study, .. } = events;
    match outcome {
        Outcome::Whole => {}
        Outcome::Short if !window.is_whole() => out.warn(Warning::Partial),
        Outcome::Short => out.warn(Warning::Truncated),
        Outcome::Deep => out.warn(Warning::TooDeep),
        Outcome::Broken => out.malformed(0, "JSON"),
    }
    out.subject(Subject {
        trial: study,
        site: None,
        subject: None,
    });
    out.finish()
}

/// Metadata on the first line, then a row on each. The walk over everything has told the first
/// line already.
fn lines(bytes: &[u8], events: &mut Events) -> Outcome {
    let mut last = Outcome::Whole;
    for line in bytes.split(|byte| *byte == b'\n').skip(1) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        events.end_row();
        last = json::walk(line, events);
    }
    last
}

#[derive(Default)]
struct Events {
    out: Collector,
    path: Vec<Box<str>>,
    study: Option<Ident>,
    columns: TrialColumns,
    width: usize,
    /// Elements of the list of rows so far: each row counts itself and its cells.
    elements: usize,
}

impl Sink for Events {
    fn enter(&mut self, key: &str) {
        self.path.push(key.into());
    }

    fn leave(&mut self) {
        if self.path.pop().is_some_and(|key| &*key == "columns") {
            self.width += 1;
        }
    }

    fn element(&mut self, key: &str) {
        if key == "rows" {
            if self.elements.is_multiple_of(self.width + 1) {
                self.end_row();
            }
            self.elements += 1;
        } else if key.is_empty() && self.path.is_empty() {
            self.elements += 1;
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        let inside = self.path.last().map(|key| &**key);
        match (inside, key) {
            (Some(""), "studyOID") => self.study = Ident::new(value),
            (Some(""), "name") => self.out.table(value),
            (Some("columns"), "name") => self.columns.name(self.width, value),
            (Some(""), "rows") => {
                // The row itself is the first element.
                let cell = self.elements.wrapping_sub(1) % (self.width + 1);
                self.columns.cell(cell.wrapping_sub(1), value);
            }
            (None, "") => self.columns.cell(self.elements.wrapping_sub(1), value),
            _ => {}
        }
    }
}

impl Events {
    fn end_row(&mut self) {
        if self.path.is_empty() {
            self.elements = 0;
        }
        if let Some(subject) = self.columns.take(self.study.as_ref()) {
            self.out.subject(subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(bytes: &[u8]) -> Vec<(Option<String>, Option<String>)> {
        let (facts, warnings) = read(&Window::whole(bytes));
        assert!(warnings.is_empty(), "{warnings:?}");
        assert_eq!(facts.tables.len(), 1);
        let text = |ident: &Option<Ident>| ident.as_ref().map(|ident| ident.as_str().to_owned());
        facts
            .subjects
            .iter()
            .map(|s| (text(&s.trial), text(&s.subject)))
            .collect()
    }

    const HEAD: &str = r#"{"datasetJSONVersion":"1.1.0","studyOID":"T","name":"DM",
        "columns":[{"name":"STUDYID"},{"name":"AGE"},{"name":"USUBJID"}]"#;

    #[test]
    fn subjects_are_read_from_rows_also_with_nulls_in_them() {
        let whole = format!(r#"{HEAD},"rows":[["T",null,"T-1"],["T",3,"T-2"]]}}"#);
        let expected = [None, Some("T-1"), Some("T-2")];
        let found = subjects(whole.as_bytes());
        assert_eq!(
            found.iter().map(|(_, s)| s.as_deref()).collect::<Vec<_>>(),
            expected
        );
        let lines = format!(
            "{}}}\n[\"T\",null,\"T-1\"]\n[\"T\",4,\"T-2\"]\n",
            HEAD.replace('\n', "")
        );
        assert_eq!(subjects(lines.as_bytes()), found);
    }
}
