//! Decoders of what strangers may have written or scanned, as fuzz targets: nothing panics, and
//! what is read is written back.

use ov_open::paper::Paper;
use ov_open::recovery::RecoveryKit;

/// Words by number, so that the fuzzer reaches beyond the list of words.
fn words(input: &[u8]) -> String {
    let list = include_str!("../src/slip39/words.txt").lines();
    let list: Vec<&str> = list.collect();
    let pairs = input.chunks_exact(2);
    let words = pairs.map(|pair| list[usize::from(u16::from_le_bytes([pair[0], pair[1]])) % 1024]);
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn no_text_breaks_the_reader_of_paper() {
    bolero::check!().for_each(|input: &[u8]| {
        for text in [String::from_utf8_lossy(input).into_owned(), words(input)] {
            match Paper::parse(&text) {
                Ok(Paper::Whole(kit)) => {
                    assert_eq!(RecoveryKit::parse(&kit.words().join(" ")), Ok(kit));
                }
                Ok(Paper::Shares(shares)) => {
                    let _ = RecoveryKit::from_shares(&shares);
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    });
}
