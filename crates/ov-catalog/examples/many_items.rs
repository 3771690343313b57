//! Measures a copy of the catalogs of many items:
//! `cargo run -p ov-catalog --example many_items -- 10000000 FOLDER|postgresql://…`.
//!
//! The items are made up, as scattered as they can be: 100 of each patient in four studies, in an
//! order that has nothing to do with patients, 12 on a page and 33 pages below another, as pages
//! of accounts of CT slices are cut. Pages are written down by the same code as those of a vault;
//! reading them from one is left out.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people at a terminal"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use ov_catalog::{PageId, Postgres, Server, Sqlite, Tables, Term, Token, TokenKey};
use ov_format::id::{ChunkTag, VaultId};
use ov_seal::kdf::Key32;

const ITEMS_OF_PATIENT: u64 = 100;
const STUDIES_OF_PATIENT: u64 = 4;
const ITEMS_ON_PAGE: u64 = 12;
const PAGES_BELOW: usize = 33;
const PAGES_AT_ONCE: u64 = 65_536;
const QUESTIONS: u64 = 1000;

fn main() {
    let mut args = std::env::args().skip(1);
    let items: u64 = args.next().unwrap().parse().unwrap();
    let place = args.next().unwrap();
    let mut tables = open(&place);
    let made = Made {
        key: TokenKey::new(Key32::new([7; 32])),
        items,
        patients: items / ITEMS_OF_PATIENT,
    };
    let began = Instant::now();
    let pages = fill(&mut *tables, &made);
    let took = began.elapsed();
    println!(
        "{items} items on {pages} pages: filled in {:.0} s, {:.0} items a second",
        took.as_secs_f64(),
        float(items) / took.as_secs_f64()
    );
    let bytes = stored(&place);
    if bytes > 0 {
        println!(
            "{bytes} bytes, {:.1} for each item",
            float(bytes) / float(items)
        );
    }
    println!("{} MiB of memory at most", memory("VmHWM:"));
    drop(tables);
    let mut tables = open(&place);
    ask(&mut *tables, &made);
}

fn open(place: &str) -> Box<dyn Tables> {
    if place.starts_with("postgresql://") {
        let server = Server {
            url: place.to_owned(),
            passfile: None,
            ca_file: None,
        };
        return Box::new(Postgres::open(&server, VaultId([7; 32])).unwrap());
    }
    Box::new(Sqlite::open(&Path::new(place).join("catalog.sqlite")).unwrap())
}

struct Made {
    key: TokenKey,
    items: u64,
    patients: u64,
}

impl Made {
    /// What a page says: tokens of the patients and studies of its items.
    fn tokens(&self, page: u64) -> Vec<Token> {
        let first = page * ITEMS_ON_PAGE;
        let items = first..(first + ITEMS_ON_PAGE).min(self.items);
        let mut tokens: Vec<Token> = items.flat_map(|item| self.of_item(item)).collect();
        tokens.sort_unstable();
        tokens.dedup();
        tokens
    }

    fn of_item(&self, item: u64) -> [Token; 2] {
        let drawn = drawn(item);
        let patient = drawn % self.patients;
        let study = drawn / self.patients % STUDIES_OF_PATIENT;
        let study = format!("1.2.826.0.1.3680043.8.498.{patient}.{study}");
        [self.patient(patient), self.key.token(&Term::Study(&study))]
    }

    fn patient(&self, number: u64) -> Token {
        self.key.token(&Term::Patient(&format!("MRN{number:08}")))
    }
}

/// A number that has nothing to do with the one that it is drawn for.
fn drawn(number: u64) -> u64 {
    let hash = blake3::hash(&number.to_le_bytes());
    u64::from_le_bytes(*hash.as_bytes().first_chunk().unwrap())
}

fn fill(tables: &mut dyn Tables, made: &Made) -> u64 {
    assert!(tables.claim().unwrap());
    tables.begin().unwrap();
    let mut open: Vec<Vec<PageId>> = Vec::new();
    let mut pages = 0;
    for leaf in 0..made.items.div_ceil(ITEMS_ON_PAGE) {
        let id = tables.add_leaf(tag(pages), &made.tokens(leaf)).unwrap();
        pages += 1;
        rise(tables, &mut open, 0, id, &mut pages);
        if leaf % PAGES_AT_ONCE == PAGES_AT_ONCE - 1 {
            tables.commit().unwrap();
            tables.begin().unwrap();
        }
    }
    let mut level = 0;
    while let Some(below) = open.get_mut(level).map(std::mem::take) {
        level += 1;
        if below.is_empty() {
            continue;
        }
        let id = tables.add_index(tag(pages), &below).unwrap();
        pages += 1;
        if level < open.len() {
            open[level].push(id);
        } else {
            tables.add_root(b"snapshot", b"compartment", id).unwrap();
        }
    }
    tables.commit().unwrap();
    tables.release().unwrap();
    pages
}

/// Puts a page below the one that is open above it, and closes that once it is full.
fn rise(
    tables: &mut dyn Tables,
    open: &mut Vec<Vec<PageId>>,
    level: usize,
    id: PageId,
    pages: &mut u64,
) {
    if open.len() == level {
        open.push(Vec::new());
    }
    open[level].push(id);
    if open[level].len() < PAGES_BELOW {
        return;
    }
    let below = std::mem::take(&mut open[level]);
    let above = tables.add_index(tag(*pages), &below).unwrap();
    *pages += 1;
    rise(tables, open, level + 1, above, pages);
}

fn tag(page: u64) -> ChunkTag {
    let hash = blake3::hash(&(page ^ u64::MAX).to_le_bytes());
    ChunkTag(*hash.as_bytes().first_chunk().unwrap())
}

fn ask(tables: &mut dyn Tables, made: &Made) {
    let mut times = Vec::new();
    let mut pages = 0;
    for question in 0..QUESTIONS {
        let token = made.patient(drawn(question ^ 1) % made.patients);
        let began = Instant::now();
        tables.look().unwrap();
        tables.roots().unwrap();
        let found = tables.pages(&[token]).unwrap();
        tables.commit().unwrap();
        times.push(began.elapsed());
        pages += u64::try_from(found.len()).unwrap();
    }
    let first = times[0];
    times.sort_unstable();
    println!(
        "{QUESTIONS} patients, {:.0} pages each: first {}, median {}, 99 of 100 below {}, longest {}",
        float(pages) / float(QUESTIONS),
        shown(first),
        shown(times[times.len() / 2]),
        shown(times[times.len() * 99 / 100]),
        shown(*times.last().unwrap())
    );
}

fn shown(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

fn stored(place: &str) -> u64 {
    std::fs::metadata(Path::new(place).join("catalog.sqlite")).map_or(0, |file| file.len())
}

#[expect(clippy::cast_precision_loss, reason = "for people to read")]
fn float(number: u64) -> f64 {
    number as f64
}

/// In MiB.
fn memory(of: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(of)).unwrap();
    let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024
}
