//! The recovery kit: one seed on paper, as 24 words of BIP-39 (English) and as a short text for
//! machines. It is a member named in the vault's first record; its keys follow from the seed.

use std::fmt;

use bip39::{Language, Mnemonic};
use data_encoding::BASE32_NOPAD;
use ov_seal::entropy::Entropy;
use ov_seal::kdf::{Key32, derive, purpose};
use ov_seal::member::MemberSecret;
use zeroize::{Zeroize, Zeroizing};

use crate::typed::{hint, near, words_of};

/// How many words there are.
pub const WORDS: usize = 24;

const MARK: &str = "ONCOVAULT1-";
const CHECKSUM_BYTES: usize = 3;
const INPUT_BYTES_MAX: usize = 4096;

/// What is wrong with words or a text that was typed or scanned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryError {
    /// Words are missing or too many.
    #[error("a recovery kit has {WORDS} words; there are {0}")]
    WordCount(usize),
    /// A word that is not in the list.
    #[error(
        "word {position} of the recovery kit, “{word}”, is not in the list of words{}",
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
    /// All words are in the list, but they do not belong together.
    #[error("the words are all known, but not of one kit: two are swapped, or one is another word")]
    Checksum,
    /// The text for machines is damaged.
    #[error("this text of a recovery kit is damaged or incomplete")]
    Damaged,
}

/// The seed of the recovery kit. It exists in memory while it is made, tried or used, and nowhere
/// else but on paper.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryKit(Key32);

impl RecoveryKit {
    /// A new kit.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(Key32::generate(entropy))
    }

    /// The words, in order.
    pub fn words(&self) -> Vec<&'static str> {
        let mnemonic = Mnemonic::from_entropy_in(Language::English, self.0.bytes());
        let mut mnemonic = mnemonic.expect("32 bytes are the 24 words of BIP-39");
        let words = mnemonic.words().collect();
        mnemonic.zeroize();
        words
    }

    /// The text for machines: `ONCOVAULT1-`, then seed and checksum in base 32, 56 letters and
    /// digits. All of it is in the small alphabet of QR codes.
    pub fn text(&self) -> Zeroizing<String> {
        let bytes = Zeroizing::new([&self.0.bytes()[..], &checksum(&self.0)].concat());
        let digits = Zeroizing::new(BASE32_NOPAD.encode(&bytes));
        Zeroizing::new([MARK, &digits].concat())
    }

    /// Reads either form. Case, line ends, numbers before words and other marks between them do
    /// not count.
    pub fn parse(typed: &str) -> Result<Self, RecoveryError> {
        if typed.len() > INPUT_BYTES_MAX {
            return Err(RecoveryError::Damaged);
        }
        let upper = Zeroizing::new(typed.trim().to_ascii_uppercase());
        match upper.strip_prefix(MARK) {
            Some(digits) => Self::from_digits(digits),
            None => Self::from_words(typed),
        }
    }

    /// The member that the kit is: it opens what was sealed to recovery, and signs as it.
    pub fn member(&self) -> MemberSecret {
        MemberSecret::from_seed(derive(purpose::RECOVERY_MEMBER, &[self.0.bytes()]))
    }

    /// Whether a word in lower case is in the list of BIP-39.
    pub(crate) fn is_word(word: &str) -> bool {
        Language::English.find_word(word).is_some()
    }

    /// Whether a text is the kit's line for machines, well or damaged.
    pub(crate) fn is_line(typed: &str) -> bool {
        let begin = typed.trim_start().get(..MARK.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(MARK))
    }

    pub(crate) fn seed(&self) -> &[u8] {
        self.0.bytes()
    }

    pub(crate) fn from_seed(seed: &[u8]) -> Option<Self> {
        Key32::from_slice(seed).map(Self)
    }

    fn from_digits(digits: &str) -> Result<Self, RecoveryError> {
        let digits: Zeroizing<Vec<u8>> = Zeroizing::new(
            digits
                .bytes()
                .filter(|byte| !byte.is_ascii_whitespace())
                .collect(),
        );
        let bytes = BASE32_NOPAD.decode(&digits).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| RecoveryError::Damaged)?;
        let (seed, stored) = bytes.split_at_checked(32).ok_or(RecoveryError::Damaged)?;
        let seed = Key32::from_slice(seed).ok_or(RecoveryError::Damaged)?;
        match checksum(&seed) == stored {
            true => Ok(Self(seed)),
            false => Err(RecoveryError::Damaged),
        }
    }

    fn from_words(typed: &str) -> Result<Self, RecoveryError> {
        let lower = Zeroizing::new(typed.to_lowercase());
        let words: Vec<&str> = words_of(&lower).collect();
        for (at, word) in words.iter().enumerate() {
            if !Self::is_word(word) {
                let near = near(word, |letters| {
                    Language::English.words_by_prefix_iter(letters)
                });
                let (position, word) = (at + 1, (*word).to_owned());
                return Err(RecoveryError::UnknownWord {
                    position,
                    word,
                    near,
                });
            }
        }
        if words.len() != WORDS {
            return Err(RecoveryError::WordCount(words.len()));
        }
        let joined = Zeroizing::new(words.join(" "));
        let mnemonic = Mnemonic::parse_in_normalized(Language::English, &joined);
        let mut mnemonic = mnemonic.map_err(|_| RecoveryError::Checksum)?;
        let seed = Zeroizing::new(mnemonic.to_entropy());
        mnemonic.zeroize();
        Key32::from_slice(&seed)
            .map(Self)
            .ok_or(RecoveryError::Checksum)
    }
}

impl fmt::Debug for RecoveryKit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryKit(hidden)")
    }
}

fn checksum(seed: &Key32) -> [u8; CHECKSUM_BYTES] {
    let hash = derive(purpose::RECOVERY_CHECKSUM, &[seed.bytes()]);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash.bytes()[..CHECKSUM_BYTES]);
    sum
}

#[cfg(test)]
mod tests {
    use ov_seal::entropy::SeededEntropy;
    use ov_seal::sign::Domain;

    use super::*;

    fn kit() -> RecoveryKit {
        RecoveryKit::generate(&SeededEntropy::new(1))
    }

    /// The vectors of BIP-39 for 32 equal bytes.
    #[test]
    fn words_are_those_of_bip_39() {
        let words = |byte| RecoveryKit(Key32::new([byte; 32])).words().join(" ");
        assert_eq!(words(0), format!("{}art", "abandon ".repeat(23)));
        assert_eq!(words(0xff), format!("{}vote", "zoo ".repeat(23)));
        let legal = "legal winner thank year wave sausage worth useful legal winner thank year \
                     wave sausage worth useful legal winner thank year wave sausage worth title";
        assert_eq!(words(0x7f), legal);
    }

    #[test]
    fn both_forms_give_the_kit_back() {
        let words = kit().words();
        assert_eq!(words.len(), WORDS);
        assert_eq!(RecoveryKit::parse(&words.join(" ")), Ok(kit()));
        assert_eq!(RecoveryKit::parse(&kit().text()), Ok(kit()));
        assert_eq!(kit().text().len(), MARK.len() + 56);
    }

    #[test]
    fn how_it_is_typed_does_not_count() {
        let words = kit().words();
        let numbered = words
            .iter()
            .enumerate()
            .map(|(n, w)| format!("{}. {w}\r\n", n + 1));
        assert_eq!(RecoveryKit::parse(&numbered.collect::<String>()), Ok(kit()));
        assert_eq!(
            RecoveryKit::parse(&words.join(", ").to_uppercase()),
            Ok(kit())
        );
        let text = kit().text();
        let broken = format!("  {}\n {}\n", &text[..30], text[30..].to_lowercase());
        assert_eq!(RecoveryKit::parse(&broken), Ok(kit()));
    }

    #[test]
    fn a_misspelt_word_is_named_with_what_it_might_be() {
        let mut words = kit().words();
        words[6] = "tumur";
        let error = RecoveryKit::parse(&words.join(" ")).unwrap_err();
        let near = vec!["tumble"];
        let word = "tumur".to_owned();
        assert_eq!(
            error,
            RecoveryError::UnknownWord {
                position: 7,
                word,
                near: near.clone()
            }
        );
        assert!(error.to_string().contains("word 7") && error.to_string().contains("tumble"));
        for odd in ["x", "ßß", "ärzte", "q"] {
            words[6] = odd;
            let error = RecoveryKit::parse(&words.join(" ")).unwrap_err();
            assert!(
                matches!(error, RecoveryError::UnknownWord { position: 7, .. }),
                "{odd}"
            );
        }
    }

    #[test]
    fn missing_and_surplus_words_are_counted() {
        let words = kit().words();
        assert_eq!(RecoveryKit::parse(""), Err(RecoveryError::WordCount(0)));
        assert_eq!(
            RecoveryKit::parse(&words[1..].join(" ")),
            Err(RecoveryError::WordCount(23))
        );
        let twelve = "zoo ".repeat(11) + "wrong";
        assert_eq!(
            RecoveryKit::parse(&twelve),
            Err(RecoveryError::WordCount(12))
        );
        let more = words.join(" ") + " zoo";
        assert_eq!(RecoveryKit::parse(&more), Err(RecoveryError::WordCount(25)));
    }

    #[test]
    fn swapped_words_are_found() {
        let mut words = kit().words();
        words.swap(2, 3);
        assert_eq!(
            RecoveryKit::parse(&words.join(" ")),
            Err(RecoveryError::Checksum)
        );
    }

    #[test]
    fn a_changed_character_in_the_text_is_found() {
        let text = kit().text();
        for at in MARK.len()..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let damaged = String::from_utf8(bytes).unwrap();
            assert_eq!(
                RecoveryKit::parse(&damaged),
                Err(RecoveryError::Damaged),
                "byte {at}"
            );
        }
        for length in MARK.len()..text.len() {
            assert_eq!(
                RecoveryKit::parse(&text[..length]),
                Err(RecoveryError::Damaged)
            );
        }
    }

    #[test]
    fn endless_input_is_refused() {
        let endless = "zoo ".repeat(INPUT_BYTES_MAX);
        assert_eq!(RecoveryKit::parse(&endless), Err(RecoveryError::Damaged));
    }

    #[test]
    fn the_kit_is_a_member_that_opens_and_signs_and_is_not_its_seed() {
        let (member, entropy) = (kit().member(), SeededEntropy::new(5));
        let again = RecoveryKit::parse(&kit().words().join(" "))
            .unwrap()
            .member();
        let sealed = member.public().seal_secret(b"for", b"secret", &entropy);
        assert_eq!(&again.open_secret(b"for", &sealed).unwrap()[..], b"secret");
        let signature = again.sign(Domain::Record, b"recover");
        let verify = member.public().verify;
        assert_eq!(
            verify.verify(Domain::Record, b"recover", &signature),
            Ok(())
        );
        assert_ne!(MemberSecret::from_seed(kit().0).public(), member.public());
    }

    #[test]
    fn the_seed_is_never_shown() {
        assert_eq!(format!("{:?}", kit()), "RecoveryKit(hidden)");
    }
}
