//! Kinds of text in columns: alignments, variants, regions, annotations, indexes, tables.

use crate::identify::{Identification, Name};
use crate::kind::Kind;
use crate::text::Text;

/// So many lines are looked at.
const LINES: usize = 32;

/// Identifies what has columns.
pub(crate) fn identify(name: &Name, text: &Text) -> Option<Identification> {
    let rows = Rows::new(text);
    sam(&rows)
        .or_else(|| variants(name, &rows))
        .or_else(|| annotations(&rows))
        .or_else(|| indexes(name, &rows))
        .or_else(|| regions(name, text, &rows))
        .or_else(|| tables(name, text))
}

/// The first lines with content, split at tabs; comments apart.
struct Rows<'a> {
    rows: Vec<Vec<&'a str>>,
}

impl<'a> Rows<'a> {
    fn new(text: &Text<'a>) -> Self {
        let content = text
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let content = content.filter(|line| !is_track(line));
        Self {
            rows: content
                .take(LINES)
                .map(|line| line.split('\t').collect())
                .collect(),
        }
    }

    /// Whether there is a row, and all fit.
    fn all(&self, fits: impl Fn(&[&str]) -> bool) -> bool {
        !self.rows.is_empty() && self.rows.iter().all(|row| fits(row))
    }
}

fn is_track(line: &str) -> bool {
    line.starts_with("track ") || line.starts_with("browser ")
}

fn is_number(field: Option<&&str>) -> bool {
    field.is_some_and(|field| field.trim().parse::<u64>().is_ok())
}

/// Header lines `@XX` with a tab, else alignments: eleven columns, of which flag, position and
/// quality are numbers and CIGAR has its letters (SAM §1.4).
fn sam(rows: &Rows) -> Option<Identification> {
    let header = rows
        .rows
        .first()
        .and_then(|row| row.first())
        .is_some_and(|first| matches!(*first, "@HD" | "@SQ" | "@RG" | "@PG" | "@CO"));
    if header && rows.rows.first().is_some_and(|row| row.len() > 1) {
        return Some(Identification::signature(Kind::Sam, "header lines of SAM"));
    }
    let fits = rows.all(|row| {
        row.len() >= 11
            && [1, 3, 4, 7].iter().all(|at| is_number(row.get(*at)))
            && row.get(5).is_some_and(|cigar| {
                *cigar == "*" || cigar.bytes().all(|b| b"0123456789MIDNSHP=X".contains(&b))
            })
    });
    fits.then(|| Identification::shape(Kind::Sam, "eleven columns of alignments"))
}

/// Variants without their header.
fn variants(name: &Name, rows: &Rows) -> Option<Identification> {
    let fits = rows.all(|row| {
        row.len() >= 8
            && is_number(row.get(1))
            && row
                .get(3)
                .is_some_and(|bases| bases.bytes().all(|b| b.is_ascii_alphabetic()))
            && row
                .get(5)
                .is_some_and(|quality| *quality == "." || quality.parse::<f64>().is_ok())
    });
    (fits && name.ends(&["vcf"]))
        .then(|| Identification::name(Kind::Vcf, "columns of variants without a header"))
}

/// Nine columns, of which start and end are numbers and one is a strand.
fn annotations(rows: &Rows) -> Option<Identification> {
    let fits = rows.all(|row| {
        (8..=9).contains(&row.len())
            && is_number(row.get(3))
            && is_number(row.get(4))
            && row
                .get(6)
                .is_some_and(|strand| matches!(*strand, "+" | "-" | "." | "?"))
    });
    let gtf = |row: &Vec<&str>| row.get(8).is_some_and(|text| text.contains("gene_id \""));
    match (fits, rows.rows.iter().all(gtf)) {
        (true, true) => Some(Identification::shape(
            Kind::Gtf,
            "nine columns with gene_id",
        )),
        (true, false) => Some(Identification::shape(Kind::Gff, "columns of annotations")),
        _ => None,
    }
}

/// Indexes are columns of numbers: only their names tell them from other tables.
fn indexes(name: &Name, rows: &Rows) -> Option<Identification> {
    let numbers = |row: &[&str], from: usize| row.iter().skip(from).all(|f| is_number(Some(f)));
    if name.ends(&["fai"]) && rows.all(|row| (5..=6).contains(&row.len()) && numbers(row, 1)) {
        return Some(Identification::name(
            Kind::Fai,
            "name and numbers, and named .fai",
        ));
    }
    let signed = |field: &&str| field.parse::<i64>().is_ok();
    if name.ends(&["crai"]) && rows.all(|row| row.len() == 6 && row.iter().all(signed)) {
        return Some(Identification::name(
            Kind::Crai,
            "six numbers, and named .crai",
        ));
    }
    None
}

/// Three columns and more: a name, a start, an end that is not before it.
fn regions(name: &Name, text: &Text, rows: &Rows) -> Option<Identification> {
    let region = |row: &[&str]| {
        let number = |at: usize| {
            row.get(at)
                .and_then(|field| field.trim().parse::<u64>().ok())
        };
        matches!((number(1), number(2)), (Some(start), Some(end)) if start <= end)
    };
    let fits = rows.all(|row| (3..=15).contains(&row.len()) && region(row));
    if !fits {
        return None;
    }
    if text.lines().next().is_some_and(is_track) {
        return Some(Identification::shape(Kind::Bed, "a track line and regions"));
    }
    if name.ends(&["bed", "bedpe", "bedgraph"]) {
        return Some(Identification::name(Kind::Bed, "regions, and named .bed"));
    }
    let chromosomes = rows.all(|row| row.first().is_some_and(|first| first.starts_with("chr")));
    chromosomes.then(|| Identification::shape(Kind::Bed, "regions of chromosomes"))
}

fn tables(name: &Name, text: &Text) -> Option<Identification> {
    if uniform(text, '\t') {
        return Some(Identification::shape(
            Kind::Tsv,
            "the same number of tabs on each line",
        ));
    }
    if uniform(text, ',') || uniform(text, ';') {
        return Some(Identification::shape(
            Kind::Csv,
            "the same number of commas on each line",
        ));
    }
    let one_line = text.lines().take(2).count() == 1 && text.text.contains([',', ';']);
    if name.ends(&["csv"]) && (one_line || has_row(text)) {
        return Some(Identification::name(Kind::Csv, "a table, and named .csv"));
    }
    None
}

/// Every line has the same number of separators outside quotes, at least one; two lines at least.
fn uniform(text: &Text, separator: char) -> bool {
    let mut counts = text.lines().take(LINES).map(|line| count(line, separator));
    let Some(first) = counts.next().filter(|count| *count > 0) else {
        return false;
    };
    let mut more = 0;
    for other in counts {
        if other != first {
            return false;
        }
        more += 1;
    }
    more > 0
}

/// A header of words with separators: what is quoted may run over lines below it.
fn has_row(text: &Text) -> bool {
    text.lines()
        .next()
        .is_some_and(|line| count(line, ',') > 0 || count(line, ';') > 0)
}

fn count(line: &str, separator: char) -> usize {
    let mut quoted = false;
    let outside = line.chars().filter(|c| {
        quoted ^= *c == '"';
        !quoted && *c == separator
    });
    outside.count()
}
