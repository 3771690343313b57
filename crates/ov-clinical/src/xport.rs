//! SAS transport files, version 5 and 8: members, and the subjects in their rows (SAS TS-140).

use crate::collector::Collector;
use crate::facts::Facts;
use crate::trial_columns::TrialColumns;
use crate::warning::Warning;
use crate::window::Window;

const RECORD: usize = 80;
const HEADER: &[u8] = b"HEADER RECORD*******";
/// A file has at most so many members, a member at most so many variables.
const MEMBERS_MAX: usize = 1000;
const VARIABLES_MAX: usize = 32_767;

/// Reads a transport file.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let bytes = window.head();
    let mut at = 0;
    for _ in 0..MEMBERS_MAX {
        let Some(start) = next_header(bytes, at, b"MEMB") else {
            break;
        };
        match member(bytes, start, &mut out) {
            Some(end) => at = end,
            None => {
                let cut = if window.is_whole() {
                    Warning::Truncated
                } else {
                    Warning::Partial
                };
                out.warn(cut);
                break;
            }
        }
    }
    if !window.is_whole() {
        out.warn(Warning::Partial);
    }
    out.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    Five,
    Eight,
}

/// The offset of the next record that is a header of this name.
fn next_header(bytes: &[u8], from: usize, name: &[u8]) -> Option<usize> {
    let records = bytes.get(from..)?.chunks(RECORD);
    let found = records.enumerate().find(|(_, record)| {
        record
            .strip_prefix(HEADER)
            .is_some_and(|rest| rest.starts_with(name))
    });
    found.map(|(index, _)| from + index * RECORD)
}

/// One member. Returns where its rows end.
fn member(bytes: &[u8], start: usize, out: &mut Collector) -> Option<usize> {
    let version = match bytes.get(start + 20..start + 26)? {
        b"MEMBV8" => Version::Eight,
        _ => Version::Five,
    };
    let size = digits(bytes.get(start + 74..start + 78)?).filter(|size| *size >= 120)?;
    // Two headers, then the name of the dataset behind the word SAS.
    let name = bytes.get(start + 2 * RECORD + 8..)?;
    out.table(&String::from_utf8_lossy(
        name.get(..if version == Version::Eight { 32 } else { 8 })?,
    ));
    let names = next_header(bytes, start + RECORD, b"NAM")?;
    let count = digits(bytes.get(names + 48..names + 58)?)?;
    if count > VARIABLES_MAX {
        out.malformed(names, "the number of variables");
        return None;
    }
    let variables = bytes
        .get(names + RECORD..)?
        .get(..count.checked_mul(size)?)?;
    let (row, columns) = layout(variables, size, version);
    let rows = next_header(bytes, names + RECORD, b"OBS")? + RECORD;
    let end = next_header(bytes, rows, b"MEMB").unwrap_or(bytes.len());
    read_rows(bytes.get(rows..end)?, row, columns, out);
    Some(end)
}

/// Where a variable lies in a row.
struct Place {
    column: usize,
    start: usize,
    length: usize,
}

/// The length of a row, and the columns that say whose it is.
fn layout(variables: &[u8], size: usize, version: Version) -> (usize, (TrialColumns, Vec<Place>)) {
    let mut columns = TrialColumns::default();
    let mut places = Vec::new();
    let mut row = 0_usize;
    for (column, variable) in variables.chunks_exact(size).enumerate() {
        let number = |at: usize| variable.get(at..at + 2).and_then(|n| n.first_chunk::<2>());
        let length = number(4).map_or(0, |n| usize::from(u16::from_be_bytes(*n)));
        let name = match version {
            Version::Eight => variable.get(88..120),
            Version::Five => variable.get(8..16),
        };
        let name = String::from_utf8_lossy(name.unwrap_or_default());
        columns.name(column, name.trim_matches([' ', '\0']));
        places.push(Place {
            column,
            start: row,
            length,
        });
        row = row.saturating_add(length);
    }
    let wanted: Vec<usize> = columns.wanted().collect();
    places.retain(|place| wanted.contains(&place.column));
    (row, (columns, places))
}

fn read_rows(
    bytes: &[u8],
    row: usize,
    (mut columns, places): (TrialColumns, Vec<Place>),
    out: &mut Collector,
) {
    if row == 0 || places.is_empty() {
        return;
    }
    for row in bytes.chunks_exact(row) {
        for place in &places {
            let value = row
                .get(place.start..place.start + place.length)
                .unwrap_or_default();
            columns.cell(place.column, &String::from_utf8_lossy(value));
        }
        // The last record is padded with blanks, which look like rows.
        if let Some(subject) = columns.take(None) {
            out.subject(subject);
        }
    }
}

fn digits(bytes: &[u8]) -> Option<usize> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Vec<u8> {
        format!("{text:<80}").into_bytes()
    }

    fn header(name: &str, digits: &str) -> Vec<u8> {
        record(&format!(
            "HEADER RECORD*******{name:<8}HEADER RECORD!!!!!!!{digits:<32}"
        ))
    }

    fn variable(name: &str, length: u16) -> Vec<u8> {
        let mut bytes = vec![0; 140];
        bytes[1] = 2;
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[8..16].copy_from_slice(format!("{name:<8}").as_bytes());
        bytes
    }

    #[test]
    fn subjects_are_read_from_the_rows() {
        let mut file = header("LIBRARY", "000000000000000000000000000000");
        file.extend(record("SAS     SAS     SASLIB"));
        file.extend(record(""));
        file.extend(header("MEMBER", "000000000000000001600000000140"));
        file.extend(header("DSCRPTR", "000000000000000000000000000000"));
        file.extend(record("SAS     DM      SASDATA"));
        file.extend(record(""));
        file.extend(header("NAMESTR", "000000000200000000000000000000"));
        let mut names = variable("STUDYID", 4);
        names.extend(variable("USUBJID", 6));
        names.resize(320, b' ');
        file.extend(names);
        file.extend(header("OBS", "000000000000000000000000000000"));
        file.extend(record("ONC1ONC-01ONC1ONC-02"));
        let (facts, warnings) = read(&Window::whole(&file));
        let ids: Vec<_> = facts
            .subjects
            .iter()
            .flat_map(|s| &s.subject)
            .map(|s| s.as_str())
            .collect();
        assert_eq!(ids, ["ONC-01", "ONC-02"]);
        assert_eq!(&*facts.tables[0], "DM");
        assert!(warnings.is_empty(), "{warnings:?}");
    }
}
