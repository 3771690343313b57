//! One database dump in several versions: rows are changed, inserted and deleted here and there,
//! and new ones come at the end of every table.

use super::tree::Tree;
use super::words::{self, Words};
use crate::bench::random::Random;
use crate::finding::Chore;
use std::ops::Range;

/// How many versions there are; their folders are `v1`, `v2` and so on.
pub const VERSIONS: u64 = 5;
const TABLES: [&str; 3] = ["patient", "result", "note"];
/// One place in so many bytes changes from version to version.
const BYTES_PER_EDIT: u64 = 1_500_000;

/// Write so many versions of so many bytes each.
pub fn write(
    tree: &mut Tree,
    folder: &str,
    seed: &str,
    bytes: u64,
    versions: u64,
) -> Result<(), Chore> {
    let words = Words::new();
    let share = bytes / 3;
    let mut tables: Vec<Table> = TABLES
        .iter()
        .map(|name| Table::new(name, &format!("{seed}/{name}"), &words, share))
        .collect();
    for version in 1..=versions {
        let mut dump = format!("-- dump, version {version}\nSET client_encoding = 'UTF8';\n");
        for table in &mut tables {
            if version > 1 {
                table.age(&format!("{seed}/{}/{version}", table.name), &words, share);
            }
            table.print(&mut dump);
        }
        tree.put(&format!("{folder}v{version}/dump.sql"), dump.as_bytes())?;
    }
    Ok(())
}

struct Table {
    name: &'static str,
    rows: Vec<String>,
    next_key: u64,
}

impl Table {
    fn new(name: &'static str, seed: &str, words: &Words, bytes: u64) -> Self {
        let mut random = Random::of(seed);
        let (rows, next_key) = (Vec::new(), 1);
        let mut table = Self {
            name,
            rows,
            next_key,
        };
        let mut written = 0;
        while written < bytes {
            let row = table.new_row(&mut random, words);
            written += u64::try_from(row.len()).unwrap_or_default();
            table.rows.push(row);
        }
        table
    }

    fn new_row(&mut self, random: &mut Random, words: &Words) -> String {
        self.next_key += random.within(1..=3);
        row(self.name, self.next_key, random, words)
    }

    /// A night passes.
    fn age(&mut self, seed: &str, words: &Words, bytes: u64) {
        let mut random = Random::of(seed);
        for _ in 0..(bytes / BYTES_PER_EDIT).max(1) {
            let place = self.some_rows(&mut random);
            match random.below(10) {
                0..5 => self.change(place, &mut random, words),
                5..8 => self.insert(place, &mut random, words),
                _ => drop(self.rows.drain(place)),
            }
        }
        for _ in 0..self.rows.len() / 100 {
            let row = self.new_row(&mut random, words);
            self.rows.push(row);
        }
    }

    fn some_rows(&self, random: &mut Random) -> Range<usize> {
        let length = u64::try_from(self.rows.len()).unwrap_or_default();
        let from = usize::try_from(random.below(length)).unwrap_or_default();
        let count = usize::try_from(random.within(1..=20)).unwrap_or(1);
        from..(from + count).min(self.rows.len())
    }

    fn change(&mut self, place: Range<usize>, random: &mut Random, words: &Words) {
        for old in &mut self.rows[place] {
            let key = old.split('\t').next().and_then(|key| key.parse().ok());
            *old = row(self.name, key.unwrap_or_default(), random, words);
        }
    }

    fn insert(&mut self, place: Range<usize>, random: &mut Random, words: &Words) {
        let new: Vec<String> = place.clone().map(|_| self.new_row(random, words)).collect();
        self.rows.splice(place.start..place.start, new);
    }

    fn print(&self, dump: &mut String) {
        dump.push_str("COPY public.");
        dump.push_str(self.name);
        dump.push_str(" FROM stdin;\n");
        dump.extend(self.rows.iter().map(String::as_str));
        dump.push_str("\\.\n\n");
    }
}

fn row(table: &str, key: u64, random: &mut Random, words: &Words) -> String {
    match table {
        "patient" => {
            let (family, given) = (words.word(random), words.word(random));
            let ([_, month, day], _) = words::moment(random);
            let (year, sex) = (random.within(30..=99), random.pick(&["F", "M"]));
            let uuid = words::uuid(random);
            format!("{key}\t{family}\t{given}\t19{year}-{month:02}-{day:02}\t{sex}\t{uuid}\tt\n")
        }
        "result" => {
            let (patient, code) = (random.below(1 << 24), words.code(random));
            let (value, time) = (words::value(random), words::instant(random));
            let (name, unit, code) = (&code.name, code.unit, &code.code);
            format!("{key}\t{patient}\t{code}\t{name}\t{value}\t{unit}\t{time}\n")
        }
        _ => {
            let (patient, time) = (random.below(1 << 24), words::instant(random));
            let count = random.within(5..=40);
            let text = words.phrase(random, count);
            format!(
                "{key}\t{patient}\tC{:02}\t{time}\t{text}\n",
                random.below(98)
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_share_most_of_their_rows_and_none_is_equal_to_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::below(folder.path());
        write(&mut tree, "", "shared", 300_000, 3).unwrap();
        let read = |version| {
            let path = folder.path().join(format!("v{version}/dump.sql"));
            std::fs::read_to_string(path).unwrap()
        };
        let (first, second) = (read(1), read(2));
        let rows: std::collections::BTreeSet<&str> = first.lines().collect();
        let (shared, all) = second.lines().fold((0, 0), |(shared, all), row| {
            (shared + u32::from(rows.contains(row)), all + 1)
        });
        assert!(shared * 100 > all * 95 && shared < all, "{shared} of {all}");
        assert_ne!(second, read(3));
    }
}
