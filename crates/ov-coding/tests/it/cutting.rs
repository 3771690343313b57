//! What cutting promises: all bytes, in order, the same cuts however they arrive, found again
//! after an edit.

use std::collections::HashSet;
use std::ops::Range;

use ov_coding::{CutKey, Cutter, GEAR_CONTEXT, Input, Profile, WINDOW};
use proptest::prelude::*;

const MIB: usize = 1 << 20;

fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let mut xof = blake3::Hasher::new_keyed(&[seed; 32]).finalize_xof();
    xof.fill(&mut bytes);
    bytes
}

/// Few kinds of bytes and runs of zeros, as in real files.
fn mixed(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = noise(seed, length);
    for part in bytes.chunks_mut(50_000) {
        match part[0] % 4 {
            0 => part
                .iter_mut()
                .for_each(|b| *b = b"ACGT"[usize::from(*b & 3)]),
            1 => part.fill(0),
            _ => {}
        }
    }
    bytes
}

fn cutter(profile: Profile) -> Cutter {
    Cutter::new(&CutKey::new([42; 32]), profile)
}

fn lengths(cutter: &Cutter, data: &[u8]) -> Vec<usize> {
    cutter.chunks(data).map(<[u8]>::len).collect()
}

/// Cuts a stream that arrives in pieces, with a buffer that holds one chunk at a time.
fn lengths_of_stream<'a>(cutter: &Cutter, pieces: impl Iterator<Item = &'a [u8]>) -> Vec<usize> {
    let mut buffer = Vec::new();
    let mut lengths = Vec::new();
    for piece in pieces {
        buffer.extend_from_slice(piece);
        while let Some(length) = cutter.cut(&buffer, Input::More) {
            buffer.drain(..length);
            lengths.push(length);
        }
    }
    while let Some(length) = cutter.cut(&buffer, Input::End) {
        buffer.drain(..length);
        lengths.push(length);
    }
    lengths
}

/// The definition, said as plainly as possible: every place is judged by its own 64 bytes.
struct Definition {
    table: Vec<u64>,
    profile: Profile,
}

impl Definition {
    fn new(key: [u8; 32], profile: Profile) -> Self {
        let mut bytes = vec![0; 2048];
        let mut hasher = blake3::Hasher::new_keyed(&key);
        hasher.update(GEAR_CONTEXT).finalize_xof().fill(&mut bytes);
        let numbers = bytes.as_chunks().0.iter().copied();
        let table = numbers.map(u64::from_le_bytes).collect();
        Self { table, profile }
    }

    fn zeros_under_mask(&self, window: &[u8], bits: u32) -> bool {
        assert_eq!(window.len(), WINDOW);
        let hash = window.iter().fold(0u64, |hash, &byte| {
            hash.wrapping_mul(2)
                .wrapping_add(self.table[usize::from(byte)])
        });
        (0..bits).all(|n| hash >> (63 - 2 * n) & 1 == 0)
    }

    fn strict_bits(&self) -> u32 {
        self.profile.normal().ilog2() + 2
    }

    fn loose_bits(&self) -> u32 {
        self.profile.normal().ilog2() - 2
    }

    fn is_cut(&self, chunk: &[u8], length: usize) -> bool {
        let before_normal = length < self.profile.normal();
        let bits = if before_normal {
            self.strict_bits()
        } else {
            self.loose_bits()
        };
        self.zeros_under_mask(&chunk[length - WINDOW..length], bits)
    }

    fn lengths(&self, data: &[u8]) -> Vec<usize> {
        let mut rest = data;
        let mut lengths = Vec::new();
        while !rest.is_empty() {
            let end = rest.len().min(self.profile.max());
            let mut places = self.profile.min()..=end;
            let length = places
                .find(|&length| self.is_cut(rest, length))
                .unwrap_or(end);
            lengths.push(length);
            rest = &rest[length..];
        }
        lengths
    }
}

fn lengths_by_definition(key: [u8; 32], profile: Profile, data: &[u8]) -> Vec<usize> {
    Definition::new(key, profile).lengths(data)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn cuts_do_not_depend_on_how_the_stream_is_split(
        seed: u8,
        length in 0..2 * MIB,
        pieces in prop::collection::vec(prop_oneof![1..100usize, 1..300_000usize], 1..20),
    ) {
        let data = mixed(seed, length);
        let cutter = cutter(Profile::TEXT);
        let mut rest = &data[..];
        // Tiny pieces at the start of the stream, then ever larger ones so that the test ends.
        let split = pieces.iter().cycle().enumerate().map_while(|(n, &size)| {
            let (piece, behind) = rest.split_at((size + n * 1000).min(rest.len()));
            rest = behind;
            (!piece.is_empty()).then_some(piece)
        });
        prop_assert_eq!(lengths_of_stream(&cutter, split), lengths(&cutter, &data));
    }

    #[test]
    fn chunks_are_the_content_and_keep_the_limits(
        seed: u8,
        length in 0..3 * MIB,
        profile in prop::sample::select(Profile::ALL.to_vec()),
    ) {
        let data = mixed(seed, length);
        let cutter = cutter(profile);
        let chunks: Vec<&[u8]> = cutter.chunks(&data).collect();
        prop_assert_eq!(chunks.concat(), &data[..]);
        prop_assert!(chunks.iter().all(|chunk| chunk.len() <= profile.max()));
        let all_but_last = chunks.split_last().map_or(&[][..], |(_, rest)| rest);
        prop_assert!(all_but_last.iter().all(|chunk| chunk.len() >= profile.min()));
    }
}

#[test]
fn cuts_follow_the_written_definition() {
    for seed in 0..4 {
        let data = mixed(seed, MIB);
        let found = lengths(&cutter(Profile::TEXT), &data);
        assert_eq!(found, lengths_by_definition([42; 32], Profile::TEXT, &data));
    }
    let data = noise(9, MIB);
    let found = lengths(&cutter(Profile::DEFAULT), &data);
    assert_eq!(
        found,
        lengths_by_definition([42; 32], Profile::DEFAULT, &data)
    );
}

#[test]
fn cuts_are_right_one_byte_around_the_ends_of_the_ranges() {
    let profile = Profile::TEXT;
    let data = noise(5, profile.max() + 1);
    for edge in [profile.min(), profile.normal(), profile.max()] {
        for length in edge - 1..=edge + 1 {
            let data = &data[..length];
            let found = lengths(&cutter(profile), data);
            assert_eq!(found, lengths_by_definition([42; 32], profile, data));
        }
    }
}

/// Zeros give no cut with this key, so a window among them is cut behind it or nowhere.
fn first_cut_with_window_ending_at(end: usize, window: &[u8]) -> usize {
    let mut data = vec![0; Profile::TEXT.max()];
    data[end - WINDOW..end].copy_from_slice(window);
    lengths(&cutter(Profile::TEXT), &data)[0]
}

#[test]
fn the_masks_change_exactly_at_the_smallest_and_the_normal_length() {
    let profile = Profile::TEXT;
    let rule = Definition::new([42; 32], profile);
    let data = noise(6, 2 * MIB);
    let strict = |window: &&[u8]| rule.zeros_under_mask(window, rule.strict_bits());
    let loose =
        |window: &&[u8]| !strict(window) && rule.zeros_under_mask(window, rule.loose_bits());

    let for_strict = data.windows(WINDOW).find(strict).unwrap();
    for (end, cut) in [
        (profile.min() - 1, profile.max()),
        (profile.min(), profile.min()),
        (profile.normal() - 1, profile.normal() - 1),
    ] {
        assert_eq!(first_cut_with_window_ending_at(end, for_strict), cut);
    }
    let for_loose = data.windows(WINDOW).find(loose).unwrap();
    for (end, cut) in [
        (profile.min(), profile.max()),
        (profile.normal() - 1, profile.max()),
        (profile.normal(), profile.normal()),
        (profile.max() - 1, profile.max() - 1),
    ] {
        assert_eq!(first_cut_with_window_ending_at(end, for_loose), cut);
    }
}

#[test]
fn zeros_are_cut_at_the_largest_length() {
    let found = lengths(&cutter(Profile::TEXT), &vec![0; MIB + 1]);
    assert_eq!(found, [vec![Profile::TEXT.max(); 4], vec![1]].concat());
}

#[test]
fn most_chunks_are_found_again_after_bytes_are_put_in_front() {
    let data = noise(1, 8 * MIB);
    let shifted = [&b"a few new bytes"[..], &data].concat();
    assert!(share_found_again(&data, &shifted) > 0.97);
}

#[test]
fn chunks_away_from_an_edit_are_found_again() {
    let data = noise(2, 8 * MIB);
    let mut edited = data.clone();
    replace(&mut edited, 1_000_000..1_000_010, b"");
    replace(&mut edited, 5 * MIB..5 * MIB, b"one row more");
    assert!(share_found_again(&data, &edited) > 0.93);
}

fn replace(data: &mut Vec<u8>, range: Range<usize>, by: &[u8]) {
    data.splice(range, by.iter().copied());
}

/// Share of the new content's bytes that lie in chunks of the old one.
fn share_found_again(old: &[u8], new: &[u8]) -> f64 {
    let cutter = cutter(Profile::TEXT);
    let known: HashSet<&[u8]> = cutter.chunks(old).collect();
    let found = cutter.chunks(new).filter(|chunk| known.contains(chunk));
    let bytes: usize = found.map(<[u8]>::len).sum();
    bytes as f64 / new.len() as f64
}

#[test]
fn another_key_cuts_elsewhere() {
    let data = noise(3, 4 * MIB);
    let ends = |key: u8| -> HashSet<usize> {
        let cutter = Cutter::new(&CutKey::new([key; 32]), Profile::TEXT);
        let ends = lengths(&cutter, &data).into_iter().scan(0, |end, length| {
            *end += length;
            Some(*end)
        });
        ends.filter(|&end| end < data.len()).collect()
    };
    assert!(ends(1).len() > 30);
    assert_eq!(ends(1).intersection(&ends(2)).count(), 0);
}

#[test]
fn chunks_of_noise_are_about_as_long_as_the_profile_says() {
    for profile in Profile::ALL {
        let data = noise(4, 100 * profile.normal() / 4);
        let average = data.len() / lengths(&cutter(profile), &data).len();
        let usual = profile.normal() * 8 / 10..profile.normal() * 16 / 10;
        assert!(usual.contains(&average), "{profile:?}: {average}");
    }
}
