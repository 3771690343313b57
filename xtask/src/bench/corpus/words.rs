//! Words, codes and times that no person ever wrote, for records that look like a clinic's.

use crate::bench::random::Random;
use std::fmt::Write;

const VOCABULARY: usize = 5000;
const CODES: usize = 700;
const STARTS: &[&str] = &[
    "b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "ch", "cl", "gr", "ph",
    "pl", "pr", "st", "th", "tr",
];
const VOWELS: &[&str] = &["a", "e", "i", "o", "u", "ae", "eo", "ia", "io", "ou"];
const ENDS: &[&str] = &["", "", "", "n", "s", "l", "r", "x", "mia", "tis", "sis"];
const UNITS: &[&str] = &[
    "mg/dL", "g/L", "10*9/L", "U/L", "mmol/L", "%", "ng/mL", "mm", "Gy",
];

/// A code of a laboratory with its name and unit.
pub struct Code {
    /// Like `4711-8`.
    pub code: String,
    /// What is measured.
    pub name: String,
    /// In which unit.
    pub unit: &'static str,
}

/// A vocabulary, the same in every corpus.
pub struct Words {
    words: Vec<String>,
    codes: Vec<Code>,
}

impl Words {
    /// The vocabulary.
    pub fn new() -> Self {
        let mut random = Random::of("words");
        let words = (0..VOCABULARY).map(|_| word(&mut random)).collect();
        let mut all = Self {
            words,
            codes: Vec::new(),
        };
        all.codes = (0..CODES).map(|_| all.new_code(&mut random)).collect();
        all
    }

    fn new_code(&self, random: &mut Random) -> Code {
        let code = format!("{}-{}", random.within(1000..=99_999), random.below(10));
        let count = random.within(2..=5);
        let mut name = self.phrase(random, count);
        capital(&mut name);
        let unit = random.pick(UNITS);
        Code { code, name, unit }
    }

    /// One word, common ones more often.
    pub fn word(&self, random: &mut Random) -> &str {
        &self.words[random.skewed(self.words.len())]
    }

    /// So many words with spaces between them.
    pub fn phrase(&self, random: &mut Random, count: u64) -> String {
        let mut text = String::new();
        for index in 0..count {
            if index > 0 {
                text.push(' ');
            }
            text.push_str(self.word(random));
        }
        text
    }

    /// Sentences until there are so many bytes.
    pub fn prose(&self, random: &mut Random, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 200);
        while text.len() < bytes {
            let count = random.within(5..=20);
            let mut sentence = self.phrase(random, count);
            capital(&mut sentence);
            text.push_str(&sentence);
            text.push_str(random.pick(&[". ", ". ", ".\n", ".\n\n"]));
        }
        text
    }

    /// A code, common ones more often.
    pub fn code(&self, random: &mut Random) -> &Code {
        &self.codes[random.skewed(self.codes.len())]
    }
}

fn word(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.within(1..=4) {
        text.push_str(random.pick(STARTS));
        text.push_str(random.pick(VOWELS));
    }
    text.push_str(random.pick(ENDS));
    text
}

fn capital(text: &mut str) {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
}

/// A random UUID.
pub fn uuid(random: &mut Random) -> String {
    let (a, b) = (random.bits(), random.bits());
    let (head, middle, last) = (a >> 32, a >> 16 & 0xffff, a & 0xfff);
    let (variant, node) = (b >> 48 & 0x3fff | 0x8000, b & 0xffff_ffff_ffff);
    format!("{head:08x}-{middle:04x}-4{last:03x}-{variant:04x}-{node:012x}")
}

/// Year, month and day, then hour, minute and second.
pub fn moment(random: &mut Random) -> ([u64; 3], [u64; 3]) {
    let day = [
        random.within(2014..=2026),
        random.within(1..=12),
        random.within(1..=28),
    ];
    (day, [random.below(24), random.below(60), random.below(60)])
}

/// A moment as FHIR writes it.
pub fn instant(random: &mut Random) -> String {
    let ([year, month, day], [hour, minute, second]) = moment(random);
    format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+01:00")
}

/// A moment as HL7 version 2 writes it.
pub fn timestamp(random: &mut Random) -> String {
    let (day, time) = moment(random);
    let mut text = String::new();
    for part in day.iter().chain(&time) {
        // Writing into a string does not fail.
        let _ = write!(text, "{part:02}");
    }
    text
}

/// A measured value with two decimals: many small ones, few large ones.
pub fn value(random: &mut Random) -> String {
    let scale = 10u64.pow(u32::try_from(random.within(1..=4)).unwrap_or(1));
    format!("{}.{:02}", random.below(scale), random.below(100))
}

/// The number of a patient.
pub fn patient(random: &mut Random) -> String {
    format!("P{:011}", random.below(100_000_000_000))
}
