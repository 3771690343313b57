//! The vectors of the standard, all of them.

use std::path::PathBuf;

use serde_json::Value;

use super::{SetError, Share, ShareError, combine};

fn vectors() -> Vec<Value> {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../../golden/vectors/slip39.json",
    ]
    .iter()
    .collect();
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    file["vectors"].as_array().unwrap().clone()
}

/// What went wrong, by its kind.
#[derive(Debug, PartialEq)]
enum Refused {
    Share(ShareError),
    Set(SetError),
}

fn read(vector: &Value) -> Result<String, Refused> {
    let shares = vector["shares"].as_array().unwrap().iter();
    let shares = shares
        .map(|words| Share::parse(words.as_str().unwrap()).map_err(Refused::Share))
        .collect::<Result<Vec<_>, _>>()?;
    let secret = combine(&shares, b"TREZOR").map_err(Refused::Set)?;
    Ok(data_encoding::HEXLOWER.encode(&secret))
}

#[test]
fn good_vectors_give_their_secrets() {
    let good: Vec<Value> = vectors()
        .into_iter()
        .filter(|one| one["secret"] != "")
        .collect();
    assert_eq!(good.len(), 15);
    for vector in good {
        let wanted = vector["secret"].as_str().unwrap().to_owned();
        assert_eq!(read(&vector), Ok(wanted), "{}", vector["name"]);
    }
}

#[test]
fn bad_vectors_are_refused_for_the_reason_that_they_show() {
    let bad: Vec<Value> = vectors()
        .into_iter()
        .filter(|one| one["secret"] == "")
        .collect();
    assert_eq!(bad.len(), 30);
    for vector in bad {
        let name = vector["name"].as_str().unwrap();
        let refused = read(&vector).expect_err(name);
        assert!(is_named(name, &refused), "{name}: {refused:?}");
    }
}

/// Whether the error says what the name of the vector says.
fn is_named(name: &str, refused: &Refused) -> bool {
    let says = |words: &str| name.contains(words);
    match refused {
        Refused::Share(ShareError::Checksum { .. }) => says("invalid checksum"),
        Refused::Share(ShareError::Malformed) => {
            says("invalid padding") || says("greater group threshold")
        }
        Refused::Share(ShareError::WordCount(_)) => {
            says("insufficient length") || says("invalid master secret length")
        }
        Refused::Share(_) => false,
        Refused::Set(SetError::Mixed { .. }) => says("identifiers") || says("exponents"),
        Refused::Set(SetError::Unlike { .. }) => says("mismatching"),
        Refused::Set(SetError::Contradicting { .. }) => says("duplicate member indices"),
        Refused::Set(SetError::TooFew { .. }) => says("Basic sharing"),
        Refused::Set(SetError::TooFewGroups { .. }) => says("nsufficient number"),
        Refused::Set(SetError::Digest) => says("invalid digest"),
        Refused::Set(SetError::Twice { .. } | SetError::Empty) => false,
    }
}
