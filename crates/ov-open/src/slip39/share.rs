//! One share: what its words say, and back.

use std::fmt;

use zeroize::Zeroizing;

use super::checksum::{CHECKSUM_WORDS, checksum, holds, single_error};
use super::words;
use crate::typed::{hint, near, words_of};

/// Words before the value: identifier and exponent, then the places in group and set.
const HEAD_WORDS: usize = 4;
const AROUND_WORDS: usize = HEAD_WORDS + CHECKSUM_WORDS;
const WORD_BITS: usize = 10;
/// The standard wants at least 128 bits; more than 512 nobody splits.
const VALUE_BYTES: std::ops::RangeInclusive<usize> = 16..=64;
/// 640 000 rounds of HMAC in all. The standard allows 15, which takes minutes.
const EXPONENT_MAX: u8 = 6;
const INPUT_BYTES_MAX: usize = 4096;

/// What is wrong with one share that was typed or scanned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShareError {
    /// No share has so many words.
    #[error("a share of a recovery kit has 33 words; there are {0}")]
    WordCount(usize),
    /// A word that is not in the list of shares.
    #[error(
        "word {position}, “{word}”, is not in the list of words of shares{}",
        hint(near)
    )]
    UnknownWord {
        /// Which, from 1.
        position: usize,
        /// The word as typed.
        word: String,
        /// Words of the list that begin with the same letters.
        near: Vec<&'static str>,
    },
    /// All words are in the list, but do not belong together.
    #[error("the words are all known, but not of one share: {}", blame(*.perhaps))]
    Checksum {
        /// The one word that is wrong, from 1, if only one is.
        perhaps: Option<usize>,
    },
    /// The checksum is right and the rest is not: whoever made it did so wrongly.
    #[error("this share breaks the rules of SLIP-0039")]
    Malformed,
    /// Its passphrase is stretched for longer than a kit's ever is.
    #[error("this share wants its passphrase stretched 2^{0} times: it is none of a recovery kit")]
    Exponent(u8),
}

fn blame(perhaps: Option<usize>) -> String {
    match perhaps {
        Some(position) => format!("look at word {position} again"),
        None => "two are swapped, or several are other words".to_owned(),
    }
}

/// What all shares of one splitting have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// 15 random bits.
    pub(super) identifier: u16,
    pub(super) kind: Kind,
    /// How often PBKDF2's iterations double.
    pub(super) exponent: u8,
    /// How many groups give the secret, and how many there are: 1 to 16.
    pub(super) groups_needed: u8,
    pub(super) groups: u8,
}

/// Whether the identifier has a part in the cipher. In an extendable set it has none, so that
/// other sets can be made of the same secret and passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Original,
    Extendable,
}

/// One share of a secret. Alone it tells nothing, unless one is all that is needed.
#[derive(Clone, PartialEq, Eq)]
pub struct Share {
    pub(super) header: Header,
    /// Which group, from 0.
    pub(super) group: u8,
    /// Which share of its group, from 0.
    pub(super) member: u8,
    /// How many shares of the group give the group's secret: 1 to 16.
    pub(super) needed: u8,
    pub(super) value: Zeroizing<Vec<u8>>,
}

impl Share {
    /// Reads the words of one share. Case, line ends, numbers and marks do not count.
    pub fn parse(typed: &str) -> Result<Self, ShareError> {
        if typed.len() > INPUT_BYTES_MAX {
            return Err(ShareError::WordCount(words_of(typed).count()));
        }
        let lower = Zeroizing::new(typed.to_lowercase());
        let numbers = numbers(&lower)?;
        let value_bytes = value_bytes(numbers.len())?;
        let (head, rest) = numbers.split_at(HEAD_WORDS);
        let mut share = Self::from_head(head);
        let label = share.header.kind.label();
        if !holds(label, &numbers) {
            let perhaps = single_error(label, &numbers).map(|at| at + 1);
            return Err(ShareError::Checksum { perhaps });
        }
        let value = &rest[..rest.len() - CHECKSUM_WORDS];
        share.value = unpack(value, value_bytes).ok_or(ShareError::Malformed)?;
        share.checked()
    }

    /// The words, in order: 33 for a secret of 32 bytes.
    pub fn words(&self) -> Vec<&'static str> {
        let mut numbers = Zeroizing::new(Vec::with_capacity(64));
        numbers.extend(self.head());
        pack(&self.value, &mut numbers);
        let sum = checksum(self.header.kind.label(), &numbers);
        numbers.extend(sum);
        numbers.iter().map(|&number| words::word(number)).collect()
    }

    /// The two words with which all shares of one splitting begin, and hardly any others. They
    /// are not secret.
    pub fn begins(&self) -> [&'static str; 2] {
        let [first, second, ..] = self.head();
        [words::word(first), words::word(second)]
    }

    /// Which share of its group it is, from 1.
    pub fn number(&self) -> u8 {
        self.member + 1
    }

    /// How many shares of its group are needed.
    pub fn needed(&self) -> u8 {
        self.needed
    }

    fn from_head(words: &[u16]) -> Self {
        let bits = words
            .iter()
            .fold(0_u64, |bits, &w| bits << 10 | u64::from(w));
        let nibble = |from: u32| low_byte(bits >> from) & 0xf;
        let [low, high, ..] = (bits >> 25).to_le_bytes();
        Self {
            header: Header {
                identifier: u16::from_le_bytes([low, high]) & 0x7fff,
                kind: match (bits >> 24) & 1 {
                    0 => Kind::Original,
                    _ => Kind::Extendable,
                },
                exponent: nibble(20),
                groups_needed: nibble(12) + 1,
                groups: nibble(8) + 1,
            },
            group: nibble(16),
            member: nibble(4),
            needed: nibble(0) + 1,
            value: Zeroizing::default(),
        }
    }

    fn head(&self) -> [u16; HEAD_WORDS] {
        let header = &self.header;
        let kind = u64::from(header.kind == Kind::Extendable);
        let mut bits = u64::from(header.identifier) << 1 | kind;
        for nibble in [
            header.exponent,
            self.group,
            header.groups_needed - 1,
            header.groups - 1,
            self.member,
            self.needed - 1,
        ] {
            bits = bits << 4 | u64::from(nibble);
        }
        [30, 20, 10, 0].map(|from| {
            let [low, high, ..] = (bits >> from).to_le_bytes();
            u16::from_le_bytes([low, high]) & 0x3ff
        })
    }

    fn checked(self) -> Result<Self, ShareError> {
        let header = &self.header;
        if header.groups_needed > header.groups {
            return Err(ShareError::Malformed);
        }
        match header.exponent > EXPONENT_MAX {
            true => Err(ShareError::Exponent(header.exponent)),
            false => Ok(self),
        }
    }
}

impl Kind {
    /// What the checksum begins with.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Original => b"shamir",
            Self::Extendable => b"shamir_extendable",
        }
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Share(hidden)")
    }
}

fn numbers(lower: &str) -> Result<Zeroizing<Vec<u16>>, ShareError> {
    let mut numbers = Zeroizing::new(Vec::with_capacity(64));
    for (at, word) in words_of(lower).enumerate() {
        let number = words::number(word).ok_or_else(|| ShareError::UnknownWord {
            position: at + 1,
            word: word.to_owned(),
            near: near(word, words::beginning),
        })?;
        numbers.push(number);
    }
    Ok(numbers)
}

/// How long the value of a share of so many words is: an even number of bytes, and less than a
/// word of padding before it.
fn value_bytes(words: usize) -> Result<usize, ShareError> {
    let bits = words.saturating_sub(AROUND_WORDS).saturating_mul(WORD_BITS);
    let (bytes, padding) = (bits / 16 * 2, bits % 16);
    match padding <= 8 && VALUE_BYTES.contains(&bytes) {
        true => Ok(bytes),
        false => Err(ShareError::WordCount(words)),
    }
}

/// Appends the value as numbers of ten bits, zeros before it.
fn pack(value: &[u8], numbers: &mut Vec<u16>) {
    let bits = value.len() * 8;
    let mut held = bits.next_multiple_of(WORD_BITS) - bits;
    let mut kept = 0_u32;
    for &byte in value {
        kept = kept << 8 | u32::from(byte);
        held += 8;
        if held >= WORD_BITS {
            held -= WORD_BITS;
            numbers.push(low_bits(kept >> held));
            kept &= (1 << held) - 1;
        }
    }
}

/// Undoes [`pack`]; none if the padding is not zero.
fn unpack(numbers: &[u16], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    let mut padding = numbers.len() * WORD_BITS - length * 8;
    let (mut kept, mut held) = (0_u32, 0_usize);
    for &number in numbers {
        kept = kept << WORD_BITS | u32::from(number);
        held += WORD_BITS;
        if padding > 0 {
            held -= padding;
            if kept >> held != 0 {
                return None;
            }
            padding = 0;
        }
        while held >= 8 {
            held -= 8;
            bytes.push(low_byte(u64::from(kept >> held)));
            kept &= (1 << held) - 1;
        }
    }
    Some(bytes)
}

fn low_bits(bits: u32) -> u16 {
    let [low, high, ..] = bits.to_le_bytes();
    u16::from_le_bytes([low, high]) & 0x3ff
}

fn low_byte(bits: u64) -> u8 {
    bits.to_le_bytes()[0]
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Any share that follows the rules.
    pub(in crate::slip39) fn any_share() -> impl Strategy<Value = Share> {
        let header = (
            0..0x8000_u16,
            any::<bool>(),
            0..=EXPONENT_MAX,
            1..=16_u8,
            0..16_u8,
        );
        let header = header.prop_map(|(identifier, extendable, exponent, needed, more)| Header {
            identifier,
            kind: match extendable {
                true => Kind::Extendable,
                false => Kind::Original,
            },
            exponent,
            groups_needed: needed,
            groups: (needed + more).min(16),
        });
        let value = (8..=32_usize).prop_flat_map(|half| vec(any::<u8>(), half * 2));
        (header, 0..16_u8, 0..16_u8, 1..=16_u8, value).prop_map(
            |(header, group, member, needed, value)| Share {
                header,
                group,
                member,
                needed,
                value: Zeroizing::new(value),
            },
        )
    }

    fn share() -> Share {
        Share {
            header: Header {
                identifier: 0x1234,
                kind: Kind::Extendable,
                exponent: 0,
                groups_needed: 1,
                groups: 1,
            },
            group: 0,
            member: 1,
            needed: 3,
            value: Zeroizing::new((0..32).collect()),
        }
    }

    proptest! {
        #[test]
        fn words_give_the_share_back(share in any_share()) {
            let words = share.words();
            prop_assert_eq!(&words[..2], &share.begins()[..]);
            let read = Share::parse(&words.join(" "));
            prop_assert_eq!(read.as_ref(), Ok(&share));
        }
    }

    #[test]
    fn how_it_is_typed_does_not_count() {
        let words = share().words();
        assert_eq!(words.len(), 33);
        let lines = words.iter().enumerate();
        let numbered: String = lines.map(|(n, w)| format!("{}. {w}\r\n", n + 1)).collect();
        let shouted = words.join(", ").to_uppercase();
        for typed in [numbered, shouted] {
            assert_eq!(Share::parse(&typed), Ok(share()));
        }
    }

    #[test]
    fn a_misspelt_word_is_named_with_what_it_might_be() {
        let mut words = share().words();
        words[8] = "acadmic";
        let error = Share::parse(&words.join(" ")).unwrap_err();
        let shown = error.to_string();
        assert!(
            shown.contains("word 9, “acadmic”") && shown.contains("academic"),
            "{shown}"
        );
        words[8] = "ßß";
        let error = Share::parse(&words.join(" ")).unwrap_err();
        assert!(matches!(error, ShareError::UnknownWord { position: 9, .. }));
    }

    #[test]
    fn another_word_of_the_list_is_located() {
        let mut words = share().words();
        words[20] = if words[20] == "zero" { "yoga" } else { "zero" };
        let error = Share::parse(&words.join(" ")).unwrap_err();
        assert_eq!(error, ShareError::Checksum { perhaps: Some(21) });
        assert!(error.to_string().ends_with("look at word 21 again"));
    }

    #[test]
    fn missing_and_surplus_words_are_counted() {
        let words = share().words();
        let short = words[..32].join(" ");
        assert_eq!(Share::parse(&short), Err(ShareError::WordCount(32)));
        assert_eq!(Share::parse(""), Err(ShareError::WordCount(0)));
        let long = words.join(" ") + " zero";
        assert!(Share::parse(&long).is_err());
        let endless = "zero ".repeat(INPUT_BYTES_MAX);
        assert_eq!(
            Share::parse(&endless),
            Err(ShareError::WordCount(INPUT_BYTES_MAX))
        );
    }

    #[test]
    fn nothing_secret_is_shown() {
        assert_eq!(format!("{:?}", share()), "Share(hidden)");
    }
}
