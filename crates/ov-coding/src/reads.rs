//! Coder *reads*: records of FASTQ (Cock et al., 2010), taken apart into what is alike.
//!
//! Names become columns of numbers under a template, bases two bits each, qualities few bits each
//! where they have few values; zstd codes what is left. A chunk may begin and end within a record:
//! those bytes stay as they are.

mod join;
mod template;

pub(crate) use self::join::join;
use self::template::{COLUMNS_MAX, Template};
use crate::parts::Parts;

/// Split bytes may be this many more than plain ones.
const SPLIT_MORE: usize = 64;

/// Which two bits stand for which base: those that tell the letters apart in ASCII.
const BASES: [u8; 4] = *b"ACTG";

/// Lines behind the start of a chunk within which its first record must begin.
const LINES_TRIED: usize = 8;

/// A record at the start of some bytes.
struct Record<'a> {
    name: &'a [u8],
    bases: &'a [u8],
    quality: &'a [u8],
    plus: Plus,
    behind: &'a [u8],
}

/// What stands behind the plus sign.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    Nothing,
    Name,
}

impl<'a> Record<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (name, rest) = line(bytes.strip_prefix(b"@")?)?;
        let (bases, rest) = line(rest)?;
        let rest = rest.strip_prefix(b"+")?;
        let (plus, rest) = match rest.strip_prefix(b"\n") {
            Some(rest) => (Plus::Nothing, rest),
            None => (Plus::Name, rest.strip_prefix(name)?.strip_prefix(b"\n")?),
        };
        let (quality, rest) = rest.split_at_checked(bases.len())?;
        Some(Self {
            name,
            bases,
            quality,
            plus,
            behind: rest.strip_prefix(b"\n")?,
        })
    }
}

/// Whether a file that begins so is of such records.
pub(crate) fn begin(head: &[u8]) -> bool {
    Record::read(head).is_some()
}

/// How many bytes lie before the first record that begins within a few lines.
pub(crate) fn first_record(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for _ in 0..LINES_TRIED {
        let here = bytes.get(at..)?;
        if Record::read(here).is_some() {
            return Some(at);
        }
        at += line(here)?.0.len() + 1;
    }
    None
}

/// Up to the end of the line, and behind it.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

/// Splits `plain` into what the records are like, their bases and their qualities. `None` where
/// that is of no use.
pub(crate) fn split(plain: &[u8], streams: &mut Streams, parts: &mut Parts) -> Option<()> {
    let (head, mut rest) = plain.split_at(first_record(plain)?);
    let first = Record::read(rest)?;
    let template = Template::of(first.name);
    streams.clear(&template);
    while let Some(record) = Record::read(rest).filter(|record| record.plus == first.plus) {
        streams.push(&template, &record)?;
        rest = record.behind;
    }
    parts.clear();
    streams.write(head, first.plus, rest, parts)?;
    (parts.read_bytes().len() <= most_split(plain.len())).then_some(())
}

/// Most bytes that so many plain ones may be split into.
pub(crate) const fn most_split(plain: usize) -> usize {
    plain + SPLIT_MORE
}

/// Records, taken apart. Used again for frame after frame.
#[derive(Default)]
pub(crate) struct Streams {
    lengths: Vec<u32>,
    /// Names that do not fit the template, with their line ends; and for each name whether it is
    /// among them.
    odd_names: Vec<u8>,
    is_odd: Vec<u8>,
    columns: Vec<Vec<u32>>,
    bases: Vec<u8>,
    quality: Vec<u8>,
}

impl Streams {
    fn clear(&mut self, template: &Template) {
        self.lengths.clear();
        self.odd_names.clear();
        self.is_odd.clear();
        self.columns.resize_with(template.numbers(), Vec::new);
        self.columns.iter_mut().for_each(Vec::clear);
        self.bases.clear();
        self.quality.clear();
    }

    fn push(&mut self, template: &Template, record: &Record<'_>) -> Option<()> {
        self.lengths.push(u32::try_from(record.bases.len()).ok()?);
        let mut numbers = [0; COLUMNS_MAX];
        // The first name is where the template comes from.
        let fits = !self.is_odd.is_empty() && template.fit(record.name, &mut numbers);
        self.is_odd.push(u8::from(!fits));
        if fits {
            for (column, number) in self.columns.iter_mut().zip(numbers) {
                column.push(number);
            }
        } else {
            self.odd_names.extend_from_slice(record.name);
            self.odd_names.push(b'\n');
        }
        self.bases.extend_from_slice(record.bases);
        self.quality.extend_from_slice(record.quality);
        Some(())
    }

    fn write(&self, head: &[u8], plus: Plus, tail: &[u8], out: &mut Parts) -> Option<()> {
        let exceptions = exceptions(&self.bases);
        let values = Values::of(&self.quality);
        for length in [
            head.len(),
            tail.len(),
            self.lengths.len(),
            self.odd_names.len(),
            exceptions.len(),
        ] {
            out.put(&u32::try_from(length).ok()?.to_le_bytes());
        }
        out.put(&[u8::from(plus == Plus::Name), values.bits()]);
        out.put(&values.table);
        out.put(head);
        out.put(tail);
        write_planes(&self.lengths, out);
        out.put(&self.is_odd);
        out.put(&self.odd_names);
        for column in &self.columns {
            write_column(column, out);
        }
        for field in 0..3 {
            let field: Vec<u32> = exceptions.iter().map(|run| run[field]).collect();
            write_planes(&field, out);
        }
        out.end();
        pack::<4>(&self.bases, out, |base| base >> 1 & 3);
        out.end();
        values.pack(&self.quality, out);
        out.end();
        Some(())
    }
}

/// Bytes of which something is asked at once, so that the compiler makes vectors of it.
const BLOCK: usize = 256;

/// Runs of bytes that are none of the four bases: bases since the last run, length, byte.
fn exceptions(bases: &[u8]) -> Vec<[u32; 3]> {
    let odd = |base: u8| none_of(BASES, base);
    let mut runs: Vec<[u32; 3]> = Vec::new();
    let (mut last_end, mut last) = (0, 0);
    for (n, block) in bases.chunks(BLOCK).enumerate() {
        if !block.iter().fold(false, |any, &base| any | odd(base)) {
            continue;
        }
        for (k, &base) in block.iter().enumerate().filter(|(_, base)| odd(**base)) {
            let at = n * BLOCK + k;
            match runs.last_mut() {
                Some([_, length, _]) if at == last_end && base == last => *length += 1,
                _ => runs.push([bound(at - last_end), 1, u32::from(base)]),
            }
            (last_end, last) = (at + 1, base);
        }
    }
    runs
}

/// Without branches.
#[inline(always)]
const fn none_of([a, b, c, d]: [u8; 4], byte: u8) -> bool {
    (byte != a) & (byte != b) & (byte != c) & (byte != d)
}

fn bound(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The values that occur, if they are few.
struct Values {
    table: Vec<u8>,
    occurring: usize,
}

/// More values than this stay bytes.
const VALUES_MAX: usize = 16;

impl Values {
    fn of(bytes: &[u8]) -> Self {
        let mut seen = [false; 256];
        let mut occurring = Vec::new();
        for block in bytes.chunks(BLOCK) {
            // Four at most are known to begin with: most blocks have no others.
            let first = occurring.first().copied().unwrap_or_default();
            let known = std::array::from_fn(|n| occurring.get(n).copied().unwrap_or(first));
            let nothing_new = !occurring.is_empty()
                && !block
                    .iter()
                    .fold(false, |any, &byte| any | none_of(known, byte));
            if nothing_new {
                continue;
            }
            for &byte in block {
                if !std::mem::replace(&mut seen[usize::from(byte)], true) {
                    occurring.push(byte);
                }
            }
            if occurring.len() > VALUES_MAX {
                break;
            }
        }
        occurring.sort_unstable();
        let count = occurring.len();
        let mut table = occurring;
        match count {
            0..=4 => table.resize(4, 0),
            5..=VALUES_MAX => table.resize(VALUES_MAX, 0),
            _ => table.clear(),
        }
        Self {
            table,
            occurring: count,
        }
    }

    fn bits(&self) -> u8 {
        match self.table.len() {
            4 => 2,
            VALUES_MAX => 4,
            _ => 8,
        }
    }

    /// Packs bytes all of which occur.
    fn pack(&self, bytes: &[u8], out: &mut Parts) {
        let occurring = self.table.get(..self.occurring).unwrap_or_default();
        match self.bits() {
            2 => {
                // What does not occur is equal to nothing that does.
                let foreign = (0..=u8::MAX).find(|byte| !occurring.contains(byte));
                let foreign = foreign.unwrap_or_default();
                let value = |n: usize| occurring.get(n).copied().unwrap_or(foreign);
                let [one, two, three] = [value(1), value(2), value(3)];
                pack::<4>(bytes, out, |byte| {
                    u8::from(byte == one)
                        | (u8::from(byte == two) * 2)
                        | (u8::from(byte == three) * 3)
                });
            }
            4 => {
                let mut numbers = [0; 256];
                for (number, value) in (0..).zip(occurring) {
                    numbers[usize::from(*value)] = number;
                }
                pack::<2>(bytes, out, |byte| numbers[usize::from(byte)]);
            }
            _ => out.put(bytes),
        }
    }
}

/// `PER` numbers, 2 or 4, in a byte, the first lowest; the last byte is filled with zeros.
fn pack<const PER: usize>(bytes: &[u8], out: &mut Parts, number: impl Fn(u8) -> u8) {
    let out = out.room(bytes.len().div_ceil(PER));
    for (bytes, out) in bytes.chunks(BLOCK).zip(out.chunks_mut(BLOCK / PER)) {
        let mut numbers = [0; BLOCK];
        for (number_of, &byte) in numbers.iter_mut().zip(bytes) {
            *number_of = number(byte);
        }
        let (groups, _) = numbers.as_chunks::<PER>();
        for (out, group) in out.iter_mut().zip(groups) {
            *out = joined(group);
        }
    }
}

/// Numbers of a byte, the first lowest.
#[inline(always)]
fn joined(numbers: &[u8]) -> u8 {
    match *numbers {
        [a, b] => a | b << 4,
        // One multiplication moves all four into the highest byte.
        [a, b, c, d] => {
            (u32::from_le_bytes([a, b, c, d]).wrapping_mul(0x0104_1040) >> 24).to_le_bytes()[0]
        }
        _ => 0,
    }
}

fn write_planes(numbers: &[u32], out: &mut Parts) {
    for (plane, out) in out
        .room(4 * numbers.len())
        .chunks_exact_mut(numbers.len().max(1))
        .enumerate()
    {
        for (out, number) in out.iter_mut().zip(numbers) {
            *out = number.to_le_bytes()[plane];
        }
    }
}

/// The numbers, or how they differ from those before, whichever takes fewer bits.
fn write_column(numbers: &[u32], out: &mut Parts) {
    let before = [0].into_iter().chain(numbers.iter().copied());
    let fold = |(number, before): (&u32, u32)| {
        let difference = number.wrapping_sub(before).cast_signed();
        ((difference << 1) ^ (difference >> 31)).cast_unsigned()
    };
    let differences: Vec<u32> = numbers.iter().zip(before).map(fold).collect();
    let bits = |numbers: &[u32]| -> u64 {
        let each = numbers
            .iter()
            .map(|number| u64::from(32 - number.leading_zeros()));
        each.sum()
    };
    let differ = bits(&differences) < bits(numbers);
    out.put(&[u8::from(differ)]);
    write_planes(if differ { &differences } else { numbers }, out);
}

/// How many parts there are.
pub(crate) const PARTS: usize = 3;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::CodingError;

    fn there_and_back(plain: &[u8]) -> Option<Vec<u8>> {
        let (mut parts, mut back) = (Parts::default(), vec![1, 2, 3]);
        split(plain, &mut Streams::default(), &mut parts)?;
        join(&parts, plain.len(), &mut back).unwrap();
        Some(back)
    }

    fn records(names: &[&str], bases: &str, quality: &str) -> Vec<u8> {
        let record = |name: &&str| format!("@{name}\n{bases}\n+\n{quality}\n");
        names.iter().map(record).collect::<String>().into_bytes()
    }

    prop_compose! {
        fn record()(
            name in "(M0[0-9]:)?[0-9]{1,11}:[A-Z]{0,3}[0-9]{1,3}( [12]:N:0)?",
            bases in "[ACGT]{0,30}[NnacgtR-]{0,3}[ACGT]{0,20}",
            values in prop::sample::select(vec!["FF", "#,:F", "!5FI9,#", "!-~"]),
            seed in any::<u64>(),
        ) -> String {
            let values: Vec<char> = match values {
                "!-~" => ('!'..='~').collect(),
                few => few.chars().collect(),
            };
            let value = |n: usize| values[(seed >> (n % 60)) as usize % values.len()];
            let quality: String = (0..bases.len()).map(value).collect();
            format!("@{name}\n{bases}\n+\n{quality}\n")
        }
    }

    proptest! {
        #[test]
        fn any_records_with_any_bytes_around_them_come_back(
            records in prop::collection::vec(record(), 1..40),
            cut in any::<(prop::sample::Index, prop::sample::Index)>(),
            junk in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let whole = records.concat().into_bytes();
            let (start, end) = (cut.0.index(whole.len()), cut.1.index(whole.len()));
            let cut_out = &whole[start.min(end)..start.max(end)];
            let mixed = [&whole[..], &junk, &whole].concat();
            for plain in [&whole[..], cut_out, &mixed] {
                if let Some(back) = there_and_back(plain) {
                    prop_assert_eq!(back, plain);
                }
            }
        }

        #[test]
        fn any_bytes_come_back_or_are_left_alone(
            plain in prop::collection::vec(prop::sample::select(b"@+\nAC1".to_vec()), 0..200),
        ) {
            if let Some(back) = there_and_back(&plain) {
                prop_assert_eq!(back, plain);
            }
        }
    }

    /// The whole of the specification by hand.
    #[test]
    fn content_is_what_the_specification_says() {
        let names = ["r1:7 x", "r2:9 x", "odd", "r3:5 x"];
        let plain = [
            b"AC\n".to_vec(),
            records(&names, "ACGNT", "F:F#F"),
            b"@r".to_vec(),
        ]
        .concat();
        let mut parts = Parts::default();
        split(&plain, &mut Streams::default(), &mut parts).unwrap();
        let mut expected = Vec::new();
        for number in [3u32, 2, 4, 11, 4] {
            expected.extend(number.to_le_bytes());
        }
        expected.extend(b"\0\x02#:F\0AC\n@r");
        expected.extend([5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend(b"\x01\0\x01\0r1:7 x\nodd\n");
        // 2 and 3 themselves take four bits, their differences 2 and 1, folded 4 and 2, five; 9
        // and 5 take seven, 18 and 7 take eight.
        expected.extend([0, 2, 3, 0, 0, 0, 0, 0, 0]);
        expected.extend([0, 9, 5, 0, 0, 0, 0, 0, 0]);
        expected.extend([3, 4, 4, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([b'N', b'N', b'N', b'N', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        // A 0, C 1, T 2, G 3, and N has the bits of G, four to a byte, lowest first.
        let bases = [0u8, 1, 3, 3, 2].repeat(4);
        let quality = [2u8, 1, 2, 0, 2].repeat(4);
        let packed = [bases, quality].map(|numbers| {
            let four = |n: &[u8]| n[0] | n[1] << 2 | n[2] << 4 | n[3] << 6;
            numbers.chunks(4).map(four).collect::<Vec<u8>>()
        });
        let [bases, quality] = packed;
        assert_eq!(parts.iter().collect::<Vec<_>>(), [expected, bases, quality]);
        assert_eq!(there_and_back(&plain), Some(plain));
    }

    #[test]
    fn names_with_zeros_before_them_and_long_numbers_come_back() {
        let names = [
            "a.007.4294967295",
            "a.007.12",
            "a.7.12",
            "a.007.999999999",
            "a.007.0",
        ];
        let plain = records(&names, "A", "!");
        assert_eq!(there_and_back(&plain), Some(plain));
    }

    #[test]
    fn a_repeated_name_behind_the_plus_comes_back() {
        let plain = b"@r 1\nACGT\n+r 1\nIIII\n@r 2\nACGG\n+r 2\nIIIF\n@r 3\nAC\n+\nII\n".to_vec();
        assert_eq!(there_and_back(&plain), Some(plain));
    }

    #[test]
    fn what_has_no_records_is_left_alone() {
        for plain in [
            &b""[..],
            b"@",
            b"@a\nAC\n+\nI\n",
            b"\n\n\n\n\n\n\n\n\n@a\nA\n+\nI\n",
            b"x",
        ] {
            assert_eq!(there_and_back(plain), None);
        }
    }

    #[test]
    fn damage_is_refused_or_gives_as_many_bytes() {
        let plain = records(&["r1:7 x", "r2:9 x", "odd", "r3:5 x"], "ACGNT", "F:F#F");
        let mut parts = Parts::default();
        split(&plain, &mut Streams::default(), &mut parts).unwrap();
        let good: Vec<Vec<u8>> = parts.iter().map(<[u8]>::to_vec).collect();
        let mut join_of = |changed: &[Vec<u8>]| {
            parts.clear();
            for part in changed {
                parts.put(part);
                parts.end();
            }
            let mut back = Vec::new();
            join(&parts, plain.len(), &mut back).map(|()| back.len())
        };
        for (part, at) in (0..3).flat_map(|part| (0..good[part].len()).map(move |at| (part, at))) {
            let mut changed = good.clone();
            for flip in [1, 0x80, 0xFF] {
                changed[part][at] = good[part][at] ^ flip;
                match join_of(&changed) {
                    Ok(length) => assert_eq!(length, plain.len()),
                    Err(error) => assert_eq!(error, CodingError::DamagedReads),
                }
            }
            changed[part].truncate(at);
            assert_eq!(join_of(&changed), Err(CodingError::DamagedReads));
        }
        assert_eq!(join_of(&good[..2]), Err(CodingError::DamagedReads));
    }
}
