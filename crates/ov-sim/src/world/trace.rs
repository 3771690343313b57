//! What happened, in words that are the same whenever a seed runs.

use std::collections::BTreeMap;

use ov_format::name::ObjectName;

/// A trace. Objects are called by kind and by the order in which they first appeared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    names: BTreeMap<ObjectName, String>,
    counts: BTreeMap<&'static str, usize>,
    lines: Vec<String>,
}

impl Trace {
    /// What an object is called.
    pub fn called(&mut self, name: &ObjectName) -> String {
        if let Some(called) = self.names.get(name) {
            return called.clone();
        }
        let kind = match name {
            ObjectName::Pack(_) => "pack",
            ObjectName::Table(_) => "table",
            ObjectName::Record(_) => "record",
            ObjectName::Target(_) => "target",
            ObjectName::Probe(_) => "probe",
        };
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let called = format!("{kind}{count}");
        self.names.insert(*name, called.clone());
        called
    }

    /// Adds a line.
    pub fn say(&mut self, line: String) {
        self.lines.push(line);
    }

    /// The lines.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The first line in which two traces differ.
    pub fn first_difference(&self, other: &Self) -> Option<String> {
        let length = self.lines.len().max(other.lines.len());
        let line = |trace: &Self, at: usize| trace.lines.get(at).cloned().unwrap_or_default();
        let differs = |at: &usize| self.lines.get(*at) != other.lines.get(*at);
        let at = (0..length).find(differs)?;
        Some(format!(
            "line {at}: {:?} and {:?}",
            line(self, at),
            line(other, at)
        ))
    }
}

/// A length in powers of two.
pub fn class(length: usize) -> u32 {
    length.checked_ilog2().map_or(0, |log| log + 1)
}
