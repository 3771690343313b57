//! Reads from their parts. The parts are hostile: each is read or refused.

use std::array;

use super::template::Template;
use super::{BASES, Plus, line};
use crate::error::CodingError;
use crate::parts::Parts;

/// Replaces `plain` by the `stated` bytes that the parts stand for.
pub(crate) fn join(parts: &Parts, stated: usize, plain: &mut Vec<u8>) -> Result<(), CodingError> {
    plain.clear();
    plain.reserve_exact(stated);
    let joined = Joining::read(parts).and_then(|joining| joining.write(stated, plain));
    joined.ok_or(CodingError::DamagedReads)
}

/// The streams of a content that is read.
struct Joining<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    plus: Plus,
    lengths: Vec<u32>,
    is_odd: &'a [u8],
    odd_names: &'a [u8],
    template: Template,
    columns: Vec<Vec<u32>>,
    bases: Vec<u8>,
    quality: Vec<u8>,
}

impl<'a> Joining<'a> {
    fn read(parts: &'a Parts) -> Option<Self> {
        let mut parts = parts.iter().map(Rest);
        let (mut rest, mut bases, mut quality) = (parts.next()?, parts.next()?, parts.next()?);
        let [head, tail, records, odd_names, exceptions] = rest.numbers()?;
        let plus = match rest.byte()? {
            0 => Plus::Nothing,
            1 => Plus::Name,
            _ => return None,
        };
        let bits = rest.byte()?;
        let mut table: [u8; 256] = array::from_fn(|value| u8::try_from(value).unwrap_or(0));
        match bits {
            2 | 4 => table[..1 << bits].copy_from_slice(rest.take(1 << bits)?),
            8 => {}
            _ => return None,
        }
        let (head, tail) = (rest.take(head)?, rest.take(tail)?);
        let lengths = rest.planes(records)?;
        let is_odd = rest.take(records)?;
        let odd_names = rest.take(odd_names)?;
        let template = Template::of(line(odd_names).map_or(&[][..], |(first, _)| first));
        let even = is_odd.iter().filter(|odd| **odd == 0).count();
        let columns = (0..template.numbers()).map(|_| rest.column(even));
        let columns = columns.collect::<Option<_>>()?;
        let runs = [
            rest.planes(exceptions)?,
            rest.planes(exceptions)?,
            rest.planes(exceptions)?,
        ];
        let total = lengths.iter().try_fold(0usize, |sum, &length| {
            sum.checked_add(usize::try_from(length).ok()?)
        })?;
        let mut unpacked = bases.unpack::<4>(total, four(BASES))?;
        put_exceptions(&runs, &mut unpacked)?;
        let values = match bits {
            2 => quality.unpack::<4>(total, table)?,
            4 => quality.unpack::<2>(total, table)?,
            _ => quality.take(total)?.to_vec(),
        };
        let all_read = [rest, bases, quality].iter().all(|rest| rest.0.is_empty());
        all_read.then_some(Self {
            head,
            tail,
            plus,
            lengths,
            is_odd,
            odd_names,
            template,
            columns,
            bases: unpacked,
            quality: values,
        })
    }

    fn write(&self, stated: usize, plain: &mut Vec<u8>) -> Option<()> {
        plain.extend_from_slice(self.head);
        let (mut bases, mut quality) = (Rest(&self.bases), Rest(&self.quality));
        let mut odd_names = self.odd_names;
        let mut even = 0;
        for (&length, odd) in self.lengths.iter().zip(self.is_odd) {
            let length = usize::try_from(length).ok()?;
            plain.push(b'@');
            let start = plain.len();
            if *odd == 0 {
                self.template.write(even, &self.columns, plain)?;
                even += 1;
            } else {
                let (name, behind) = line(odd_names)?;
                plain.extend_from_slice(name);
                odd_names = behind;
            }
            let name = start..plain.len();
            plain.push(b'\n');
            plain.extend_from_slice(bases.take(length)?);
            plain.extend_from_slice(b"\n+");
            if self.plus == Plus::Name {
                plain.extend_from_within(name);
            }
            plain.push(b'\n');
            plain.extend_from_slice(quality.take(length)?);
            plain.push(b'\n');
            if plain.len() > stated {
                return None;
            }
        }
        plain.extend_from_slice(self.tail);
        (plain.len() == stated && odd_names.is_empty()).then_some(())
    }
}

fn put_exceptions(runs: &[Vec<u32>; 3], bases: &mut [u8]) -> Option<()> {
    let [gaps, lengths, bytes] = runs;
    let mut rest = bases;
    for ((&gap, &length), &byte) in gaps.iter().zip(lengths).zip(bytes) {
        let (_, behind) = rest.split_at_mut_checked(usize::try_from(gap).ok()?)?;
        let (run, behind) = behind.split_at_mut_checked(usize::try_from(length).ok()?)?;
        run.fill(u8::try_from(byte).ok()?);
        rest = behind;
    }
    Some(())
}

fn four(values: [u8; 4]) -> [u8; 256] {
    array::from_fn(|n| values[n % 4])
}

/// What is still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1).map(|byte| byte[0])
    }

    fn numbers<const N: usize>(&mut self) -> Option<[usize; N]> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            let bytes = self.take(4)?.first_chunk()?;
            *number = usize::try_from(u32::from_le_bytes(*bytes)).ok()?;
        }
        Some(numbers)
    }

    fn planes(&mut self, count: usize) -> Option<Vec<u32>> {
        let planes = self.take(count.checked_mul(4)?)?;
        let byte = |plane: usize, n: usize| planes[plane * count + n];
        let number = |n| u32::from_le_bytes(array::from_fn(|plane| byte(plane, n)));
        Some((0..count).map(number).collect())
    }

    fn column(&mut self, count: usize) -> Option<Vec<u32>> {
        let differ = self.byte()?;
        let mut numbers = self.planes(count)?;
        match differ {
            0 => {}
            1 => {
                let mut before = 0u32;
                for number in &mut numbers {
                    let difference = (*number >> 1) ^ (*number & 1).wrapping_neg();
                    before = before.wrapping_add(difference);
                    *number = before;
                }
            }
            _ => return None,
        }
        Some(numbers)
    }

    fn unpack<const PER: usize>(&mut self, count: usize, table: [u8; 256]) -> Option<Vec<u8>> {
        let packed = self.take(count.div_ceil(PER))?;
        Some(unpack::<PER>(packed, table, count))
    }
}

fn unpack<const PER: usize>(packed: &[u8], table: [u8; 256], count: usize) -> Vec<u8> {
    let bits = 8 / PER;
    let mask = 0xFF_u8 >> (8 - bits);
    let groups: [[u8; PER]; 256] =
        array::from_fn(|byte| array::from_fn(|n| table[byte >> (n * bits) & usize::from(mask)]));
    let mut out = vec![0; packed.len() * PER];
    for (out, &byte) in out.as_chunks_mut::<PER>().0.iter_mut().zip(packed) {
        *out = groups[usize::from(byte)];
    }
    out.truncate(count);
    out
}
