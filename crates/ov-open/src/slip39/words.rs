//! The 1024 words of SLIP-0039 (`wordlist.txt` of the standard, MIT licence), in `words.txt`.
//! They are sorted, and four letters tell each from every other.

use std::sync::LazyLock;

/// How many there are: a word is ten bits.
pub(super) const LIST: usize = 1024;

static WORDS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").lines().collect());

/// The word of a number below 1024.
pub(super) fn word(number: u16) -> &'static str {
    WORDS[usize::from(number) % LIST]
}

/// The number of a word in lower case.
pub(super) fn number(word: &str) -> Option<u16> {
    let at = WORDS.binary_search(&word).ok()?;
    u16::try_from(at).ok()
}

/// Whether a word in lower case is in the list.
pub(crate) fn is_word(word: &str) -> bool {
    number(word).is_some()
}

/// The words that begin so.
pub(super) fn beginning(letters: &str) -> impl Iterator<Item = &'static str> + '_ {
    let words = WORDS.iter().copied();
    words.filter(move |word| word.starts_with(letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_the_standards() {
        assert_eq!(WORDS.len(), LIST);
        assert!(WORDS.is_sorted());
        assert_eq!(
            (WORDS[0], WORDS[512], WORDS[1023]),
            ("academic", "leader", "zero")
        );
        let hash = <sha2::Sha256 as sha2::Digest>::digest(include_bytes!("words.txt"));
        assert_eq!(
            data_encoding::HEXLOWER.encode(&hash),
            "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3"
        );
        for (at, found) in WORDS.iter().enumerate() {
            assert_eq!(number(found).map(usize::from), Some(at));
            assert_eq!(beginning(&found[..4]).collect::<Vec<_>>(), [*found]);
        }
    }
}
