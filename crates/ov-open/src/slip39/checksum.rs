//! RS1024: the three last words of a share, a Reed–Solomon code over GF(1024).

/// How many words they are.
pub(super) const CHECKSUM_WORDS: usize = 3;

/// The rows of the standard, one for each bit that is shifted out.
const GENERATOR: [u32; 10] = [
    0x00e0_e040,
    0x01c1_c080,
    0x0383_8100,
    0x0707_0200,
    0x0e0e_0009,
    0x1c0c_2412,
    0x3808_6c24,
    0x3090_fc48,
    0x21b1_f890,
    0x03f3_f120,
];

/// The checksum of `words`, each below 1024, for shares of the kind that `label` names.
pub(super) fn checksum(label: &[u8], words: &[u16]) -> [u16; CHECKSUM_WORDS] {
    let zeros = [0; CHECKSUM_WORDS];
    let rest = remainder(label, words.iter().chain(&zeros)) ^ 1;
    [rest >> 20, rest >> 10, rest].map(low_word)
}

/// Whether `words` end with their checksum.
pub(super) fn holds(label: &[u8], words: &[u16]) -> bool {
    remainder(label, words.iter()) == 1
}

/// Which one word (from 0), if it were another one, would make the checksum hold. There is no
/// other such place: three words find any three wrong ones, so they locate any single one. It is
/// for the eye that looks on the paper again; a share is never corrected.
pub(super) fn single_error(label: &[u8], words: &[u16]) -> Option<usize> {
    let wanted = remainder(label, words.iter()) ^ 1;
    let reaches = |error: u32, at: usize| {
        let shifts = words.len() - 1 - at;
        (0..shifts).fold(error, |state, _| step(state, 0)) == wanted
    };
    (0..words.len()).find(|&at| (1..1024).any(|error| reaches(error, at)))
}

fn remainder<'a>(label: &[u8], words: impl Iterator<Item = &'a u16>) -> u32 {
    let label = label.iter().map(|&byte| u32::from(byte));
    label
        .chain(words.map(|&word| u32::from(word)))
        .fold(1, step)
}

fn step(state: u32, word: u32) -> u32 {
    let (out, kept) = (state >> 20, state & 0xf_ffff);
    let rows = GENERATOR.iter().enumerate();
    rows.fold((kept << 10) ^ word, |sum, (bit, row)| {
        sum ^ (row & ((out >> bit) & 1).wrapping_neg())
    })
}

fn low_word(bits: u32) -> u16 {
    let [low, high, ..] = bits.to_le_bytes();
    u16::from_le_bytes([low, high]) & 0x3ff
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const LABEL: &[u8] = b"shamir_extendable";

    fn sealed(mut words: Vec<u16>) -> Vec<u16> {
        let sum = checksum(LABEL, &words);
        words.extend(sum);
        words
    }

    proptest! {
        #[test]
        fn one_wrong_word_is_found_and_located(
            words in vec(0..1024_u16, 30), at in 0..33_usize, error in 1..1024_u16,
        ) {
            let mut words = sealed(words);
            prop_assert!(holds(LABEL, &words));
            words[at] ^= error;
            prop_assert!(!holds(LABEL, &words));
            prop_assert_eq!(single_error(LABEL, &words), Some(at));
        }

        #[test]
        fn two_and_three_wrong_words_are_found_and_two_are_blamed_on_none(
            words in vec(0..1024_u16, 30), errors in vec(1..1024_u16, 3), first in 0..11_usize,
        ) {
            let mut words = sealed(words);
            words[first] ^= errors[0];
            words[first + 11] ^= errors[1];
            prop_assert!(!holds(LABEL, &words));
            prop_assert_eq!(single_error(LABEL, &words), None);
            words[first + 22] ^= errors[2];
            prop_assert!(!holds(LABEL, &words));
        }
    }

    #[test]
    fn the_two_kinds_of_shares_have_checksums_of_their_own() {
        let words = sealed(vec![5; 30]);
        assert!(!holds(b"shamir", &words));
    }
}
