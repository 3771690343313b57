//! Aligned columns.

use std::fmt::Write;

use crate::screen::{BOLD, Screen};

/// Where the text of a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows under a heading.
pub struct Table {
    columns: Vec<(&'static str, Side)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(columns: &[(&'static str, Side)]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Prints it; nothing if there are no rows.
    pub fn print(&self, screen: &Screen) {
        if self.rows.is_empty() {
            return;
        }
        let widths = self.widths();
        let names: Vec<String> = self
            .columns
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        screen.line(format_args!(
            "{BOLD}{}{BOLD:#}",
            self.aligned(&names, &widths)
        ));
        for row in &self.rows {
            screen.line(self.aligned(row, &widths));
        }
    }

    fn widths(&self) -> Vec<usize> {
        let width = |(at, (name, _)): (usize, &(&'static str, Side))| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let widest = cells.map(|cell| cell.chars().count()).max().unwrap_or(0);
            widest.max(name.chars().count())
        };
        self.columns.iter().enumerate().map(width).collect()
    }

    fn aligned(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (cell, ((_, side), width)) in cells.iter().zip(self.columns.iter().zip(widths)) {
            let _ = match side {
                Side::Left => write!(line, "{cell:<width$}  "),
                Side::Right => write!(line, "{cell:>width$}  "),
            };
        }
        line.truncate(line.trim_end().len());
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stand_left_and_numbers_right() {
        let mut table = Table::new(&[("ID", Side::Left), ("Files", Side::Right)]);
        table.row(vec!["ab".into(), "7".into()]);
        table.row(vec!["längst".into(), "123456".into()]);
        let widths = table.widths();
        assert_eq!(widths, [6, 6]);
        assert_eq!(table.aligned(&table.rows[0], &widths), "ab           7");
        assert_eq!(table.aligned(&table.rows[1], &widths), "längst  123456");
    }
}
