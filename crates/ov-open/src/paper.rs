//! What may stand on paper: the whole kit, or shares of it.

use ov_seal::entropy::Entropy;
use zeroize::Zeroizing;

use crate::recovery::{RecoveryError, RecoveryKit};
use crate::slip39::{self, SetError, Share, ShareError, Split};
use crate::typed::words_of;

/// How many words a share of a kit has.
pub const SHARE_WORDS: usize = 33;

/// Sixteen pages of shares and more.
const INPUT_BYTES_MAX: usize = 1 << 20;

/// What is wrong with what was typed from paper.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaperError {
    /// It is a whole kit, with a mistake.
    #[error(transparent)]
    Kit(#[from] RecoveryError),
    /// One of several shares has a mistake.
    #[error("share {position} of those given: {error}")]
    Share {
        /// Which, from 1, in the order of the text.
        position: usize,
        /// What is wrong with it.
        error: ShareError,
    },
    /// Each share is well, but together they give nothing.
    #[error(transparent)]
    Set(#[from] SetError),
    /// The shares give a secret, and it is none of a vault.
    #[error(
        "these shares restore {0} bytes, and a recovery kit has 32: they are of something else, \
         perhaps of a wallet"
    )]
    NotAKit(usize),
    /// A page, and no line of it is a kit or a share.
    #[error("no line of this page is a recovery kit or a whole share of one")]
    NoLine,
    /// More text than any kit.
    #[error("this is far longer than a recovery kit")]
    TooLong,
}

/// What was read from paper.
#[derive(Debug, PartialEq, Eq)]
pub enum Paper {
    /// The kit: its words or its line.
    Whole(RecoveryKit),
    /// One share or several, in the order of the text.
    Shares(Vec<Share>),
}

impl Paper {
    /// Reads a kit (its words or its line) or any number of shares. Which of the two it is follows
    /// from the list of words that fits better. Shares follow each other without mark, or with an
    /// empty line between them. Of a page in HTML those lines count that are a kit or a share.
    pub fn parse(typed: &str) -> Result<Self, PaperError> {
        if typed.len() > INPUT_BYTES_MAX {
            return Err(PaperError::TooLong);
        }
        if typed.trim_start().starts_with('<') {
            return Self::from_page(typed);
        }
        match is_of_shares(typed) {
            true => shares(typed).map(Self::Shares),
            false => Ok(Self::Whole(RecoveryKit::parse(typed)?)),
        }
    }

    fn from_page(page: &str) -> Result<Self, PaperError> {
        let mut lines = page.lines().filter(|line| RecoveryKit::is_line(line));
        if let Some(line) = lines.next() {
            return Ok(Self::Whole(RecoveryKit::parse(line)?));
        }
        let shares: Vec<Share> = page.lines().flat_map(Share::parse).collect();
        match shares.is_empty() {
            true => Err(PaperError::NoLine),
            false => Ok(Self::Shares(shares)),
        }
    }
}

impl RecoveryKit {
    /// Shares of this kit, of which so many restore it: SLIP-0039 over the kit's 32 bytes, in one
    /// group, extendable, without a passphrase. The kit itself stays valid.
    pub fn split(&self, split: Split, entropy: &dyn Entropy) -> Vec<Share> {
        slip39::split(self.seed(), split, entropy)
    }

    /// The kit behind shares, in any order.
    pub fn from_shares(shares: &[Share]) -> Result<Self, PaperError> {
        let secret = slip39::combine(shares, b"")?;
        Self::from_seed(&secret).ok_or(PaperError::NotAKit(secret.len()))
    }
}

fn is_of_shares(typed: &str) -> bool {
    if RecoveryKit::is_line(typed) {
        return false;
    }
    let lower = Zeroizing::new(typed.to_lowercase());
    let of = |is_in: fn(&str) -> bool| words_of(&lower).filter(|word| is_in(word)).count();
    of(slip39::is_word) > of(RecoveryKit::is_word)
}

fn shares(typed: &str) -> Result<Vec<Share>, PaperError> {
    let texts = blocks(typed).into_iter().flat_map(|block| pieces(&block));
    let shares = texts.enumerate().map(|(at, text)| {
        let position = at + 1;
        Share::parse(&text).map_err(|error| PaperError::Share { position, error })
    });
    shares.collect()
}

/// Texts with an empty line between them.
fn blocks(typed: &str) -> Vec<Zeroizing<String>> {
    let mut blocks = vec![Zeroizing::new(String::with_capacity(typed.len()))];
    for line in typed.lines() {
        match (line.trim().is_empty(), blocks.last_mut()) {
            (false, Some(last)) => last.extend([line, "\n"]),
            _ => blocks.push(Zeroizing::new(String::with_capacity(typed.len()))),
        }
    }
    blocks.retain(|block| words_of(block).next().is_some());
    blocks
}

/// One text for each share in a block. A block of any other length is one share that is wrong.
fn pieces(block: &str) -> Vec<Zeroizing<String>> {
    let words: Vec<&str> = words_of(block).collect();
    match words.len() % SHARE_WORDS {
        0 => words
            .chunks(SHARE_WORDS)
            .map(|words| Zeroizing::new(words.join(" ")))
            .collect(),
        _ => vec![Zeroizing::new(block.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use ov_seal::entropy::SeededEntropy;
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;

    fn kit(seed: u64) -> RecoveryKit {
        RecoveryKit::generate(&SeededEntropy::new(seed))
    }

    fn shares(of: u64, split: &str, seed: u64) -> Vec<Share> {
        kit(of).split(split.parse().unwrap(), &SeededEntropy::new(seed))
    }

    fn words(share: &Share) -> String {
        share.words().join(" ")
    }

    #[test]
    fn three_of_five_shares_restore_the_kit_and_two_do_not() {
        let all = shares(1, "3-of-5", 2);
        for a in 0..5 {
            for b in (0..5).filter(|&b| b != a) {
                let two = [all[a].clone(), all[b].clone()];
                let found = RecoveryKit::from_shares(&two);
                let wanted = SetError::TooFew {
                    needed: 3,
                    given: 2,
                };
                assert_eq!(found, Err(PaperError::Set(wanted)));
                for c in (0..5).filter(|&c| c != a && c != b) {
                    let three = [&two[..], &all[c..=c]].concat();
                    assert_eq!(RecoveryKit::from_shares(&three), Ok(kit(1)));
                }
            }
        }
        assert_eq!(RecoveryKit::from_shares(&all), Ok(kit(1)));
        let none = RecoveryKit::from_shares(&[]);
        assert_eq!(none, Err(PaperError::Set(SetError::Empty)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn any_splitting_is_restored_from_any_shares_that_are_enough(
            (split, which) in (2..=16_u8).prop_flat_map(|made| (2..=made, Just(made)))
                .prop_flat_map(|(needed, made)| {
                    let all: Vec<usize> = (0..usize::from(made)).collect();
                    let which = subsequence(all, usize::from(needed)).prop_shuffle();
                    (Just(Split::new(needed, made).unwrap()), which)
                }),
            seed: u64,
        ) {
            let made = kit(seed).split(split, &SeededEntropy::new(!seed));
            prop_assert_eq!(made.len(), usize::from(split.made()));
            let text: Vec<String> = which.iter().map(|&at| words(&made[at])).collect();
            let Ok(Paper::Shares(read)) = Paper::parse(&text.join("\n")) else {
                panic!("not read");
            };
            prop_assert_eq!(RecoveryKit::from_shares(&read), Ok(kit(seed)));
        }
    }

    #[test]
    fn shares_say_which_they_are_and_are_33_words() {
        let all = shares(1, "3-of-5", 2);
        let numbers: Vec<u8> = all.iter().map(Share::number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        assert!(all.iter().all(|share| share.needed() == 3));
        assert!(all.iter().all(|share| share.words().len() == SHARE_WORDS));
        assert!(all.iter().all(|share| share.begins() == all[0].begins()));
    }

    #[test]
    fn a_share_of_another_kit_is_named() {
        let (ours, other) = (shares(1, "3-of-5", 2), shares(3, "3-of-5", 4));
        let mixed = [ours[0].clone(), other[1].clone(), ours[2].clone()];
        let Err(PaperError::Set(error)) = RecoveryKit::from_shares(&mixed) else {
            panic!("taken");
        };
        let (begins, others) = (other[1].begins(), ours[0].begins());
        assert_eq!(
            error,
            SetError::Mixed {
                position: 2,
                begins,
                others
            }
        );
        let said = error.to_string();
        assert!(
            said.starts_with("share 2 of those given is of another kit"),
            "{said}"
        );
        assert!(said.contains(&begins.join(" ")), "{said}");
    }

    #[test]
    fn shares_of_two_splittings_of_one_kit_do_not_mix() {
        let (first, second) = (shares(1, "2-of-3", 5), shares(1, "2-of-3", 6));
        let mixed = [first[0].clone(), second[1].clone()];
        let found = RecoveryKit::from_shares(&mixed);
        assert!(matches!(
            found,
            Err(PaperError::Set(SetError::Mixed { position: 2, .. }))
        ));
    }

    #[test]
    fn a_share_given_twice_is_named() {
        let all = shares(1, "3-of-5", 2);
        let twice = [all[4].clone(), all[1].clone(), all[4].clone()];
        let wanted = SetError::Twice {
            first: 1,
            second: 3,
            number: 5,
        };
        assert_eq!(
            RecoveryKit::from_shares(&twice),
            Err(PaperError::Set(wanted))
        );
    }

    #[test]
    fn a_wrong_word_is_named_with_its_share() {
        let all = shares(1, "2-of-3", 2);
        let mut second = all[1].words();
        second[9] = "tumur";
        for between in ["\n", "\n\n", " "] {
            let text = format!("{}{between}{}", words(&all[0]), second.join(" "));
            let error = Paper::parse(&text).unwrap_err().to_string();
            assert!(
                error.starts_with("share 2 of those given: word 10, “tumur”"),
                "{error}"
            );
        }
        let error = Paper::parse(&format!("{}\n\n{}", words(&all[0]), second[..32].join(" ")));
        let error = error.unwrap_err().to_string();
        assert!(
            error.contains("33 words; there are 32") || error.contains("word 10"),
            "{error}"
        );
    }

    #[test]
    fn a_missing_word_is_counted_in_its_share() {
        let all = shares(1, "2-of-3", 2);
        let short = all[1].words()[..32].join(" ");
        let error = Paper::parse(&format!("{}\n \n{short}", words(&all[0]))).unwrap_err();
        let wanted = ShareError::WordCount(32);
        assert_eq!(
            error,
            PaperError::Share {
                position: 2,
                error: wanted
            }
        );
    }

    #[test]
    fn a_whole_kit_is_still_a_kit_and_its_mistakes_are_its_own() {
        let whole = kit(1).words().join(" ");
        assert_eq!(Paper::parse(&whole), Ok(Paper::Whole(kit(1))));
        assert_eq!(Paper::parse(&kit(1).text()), Ok(Paper::Whole(kit(1))));
        let short = kit(1).words()[1..].join(" ");
        let wanted = PaperError::Kit(RecoveryError::WordCount(23));
        assert_eq!(Paper::parse(&short), Err(wanted));
        assert_eq!(
            Paper::parse(""),
            Err(PaperError::Kit(RecoveryError::WordCount(0)))
        );
        let endless = "zero ".repeat(INPUT_BYTES_MAX);
        assert_eq!(Paper::parse(&endless), Err(PaperError::TooLong));
    }

    #[test]
    fn the_lines_of_a_page_count() {
        let page = |line: &str| format!("<!doctype html>\n<h1>Recovery kit</h1>\n {line}\n<p>x\n");
        let share = shares(1, "2-of-3", 2).remove(1);
        let found = Paper::parse(&page(&words(&share)));
        assert_eq!(found, Ok(Paper::Shares(vec![share])));
        let found = Paper::parse(&page(&kit(1).text()));
        assert_eq!(found, Ok(Paper::Whole(kit(1))));
        assert_eq!(Paper::parse(&page("nothing")), Err(PaperError::NoLine));
    }

    #[test]
    fn shares_of_a_short_secret_are_no_kit() {
        let split = Split::new(2, 3).unwrap();
        let short = slip39::split(&[7; 16], split, &SeededEntropy::new(1));
        assert_eq!(
            RecoveryKit::from_shares(&short),
            Err(PaperError::NotAKit(16))
        );
    }
}
