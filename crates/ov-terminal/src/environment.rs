//! The environment variables that the program knows. One that it does not know is an error: a
//! misspelt variable must not be passed over in silence.

use std::ffi::OsString;

use crate::failure::Failure;

/// All variables.
pub const KNOWN: [&str; 24] = [
    "ONCOVAULT_VAULT",
    "ONCOVAULT_KEY",
    "ONCOVAULT_CONFIG",
    "ONCOVAULT_PASSPHRASE",
    "ONCOVAULT_PASSPHRASE_FILE",
    "ONCOVAULT_PASSPHRASE_COMMAND",
    "ONCOVAULT_JSON",
    "ONCOVAULT_QUIET",
    "ONCOVAULT_STATE_DIR",
    "ONCOVAULT_CACHE_DIR",
    "ONCOVAULT_NO_CACHE",
    "ONCOVAULT_S3_ENDPOINT",
    "ONCOVAULT_S3_REGION",
    "ONCOVAULT_S3_PATH_STYLE",
    "ONCOVAULT_S3_LOCK",
    "ONCOVAULT_CA_FILE",
    "ONCOVAULT_ALLOW_HTTP",
    "ONCOVAULT_SSH",
    "ONCOVAULT_WEBDAV_USER",
    "ONCOVAULT_WEBDAV_PASSWORD",
    "ONCOVAULT_DICOMWEB_TOKEN",
    "ONCOVAULT_DICOMWEB_USER",
    "ONCOVAULT_DICOMWEB_PASSWORD",
    "ONCOVAULT_PROGRESS_FPS",
];

const PREFIX: &str = "ONCOVAULT_";
/// Belongs to tests.
const TEST_PREFIX: &str = "ONCOVAULT_TEST_";

/// Refuses variables of ours that are not known.
pub fn check(names: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    for name in names {
        let name = name.to_string_lossy();
        let ours = name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX);
        if ours && !KNOWN.contains(&&*name) {
            return Err(
                Failure::usage(format!("the environment variable {name} is not known")).help(
                    format!("perhaps {}? Unset it or correct it", nearest(&name)),
                ),
            );
        }
    }
    Ok(())
}

fn nearest(name: &str) -> &'static str {
    let distance = |known: &&&str| edits(name.as_bytes(), known.as_bytes());
    KNOWN.iter().min_by_key(distance).copied().unwrap_or("")
}

/// How many letters must be changed, added or taken away (Levenshtein).
fn edits(from: &[u8], to: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, a) in (1..).zip(from) {
        let mut diagonal = line - 1;
        let mut left = line;
        for (b, above) in to.iter().zip(row.iter_mut().skip(1)) {
            let cost = (diagonal + usize::from(a != b))
                .min(*above + 1)
                .min(left + 1);
            diagonal = std::mem::replace(above, cost);
            left = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = line;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(name: &str) -> Result<(), Failure> {
        check(std::iter::once(OsString::from(name)))
    }

    #[test]
    fn a_misspelt_variable_is_refused_and_the_right_one_is_named() {
        let failure = checked("ONCOVAULT_PASSPRASE_FILE").unwrap_err();
        assert_eq!(failure.exit.code(), 2);
        assert!(failure.message.contains("ONCOVAULT_PASSPRASE_FILE"));
        let help = failure.help.unwrap();
        assert!(help.contains("ONCOVAULT_PASSPHRASE_FILE"), "{help}");
    }

    #[test]
    fn known_variables_those_of_tests_and_those_of_others_pass() {
        for name in [
            "ONCOVAULT_VAULT",
            "ONCOVAULT_TEST_CLOCK",
            "PATH",
            "MY_ONCOVAULT_X",
        ] {
            assert!(checked(name).is_ok(), "{name}");
        }
    }

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits(b"kitten", b"sitting"), 3);
        assert_eq!(edits(b"", b"abc"), 3);
        assert_eq!(edits(b"same", b"same"), 0);
    }
}
