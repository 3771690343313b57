//! What people type: the words in it, and words that a wrong one may have been meant to be.

const NEAR_MAX: usize = 4;

/// The words of a text: whatever is not a letter stands between them.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphabetic())
        .filter(|word| !word.is_empty())
}

/// Words of a list that share the longest beginning with `word`; none if that is not even two
/// letters. `beginning` gives the words of the list that begin so.
pub(crate) fn near<'a, I>(word: &'a str, beginning: impl Fn(&'a str) -> I) -> Vec<&'static str>
where
    I: Iterator<Item = &'static str> + 'a,
{
    let ends = word
        .char_indices()
        .map(|(at, letter)| at + letter.len_utf8());
    let mut found = Vec::new();
    for end in ends.filter(|&end| end >= 2) {
        let words: Vec<_> = beginning(&word[..end]).take(NEAR_MAX).collect();
        if words.is_empty() {
            break;
        }
        found = words;
    }
    found
}

/// The end of a sentence about a wrong word.
pub(crate) fn hint(near: &[&str]) -> String {
    match near {
        [] => String::new(),
        words => format!("; perhaps {}", words.join(", ")),
    }
}
