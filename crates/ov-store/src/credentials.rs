//! The usual places where credentials and settings for S3 are kept.

use std::path::{Path, PathBuf};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

use crate::error::OptionsError;
use crate::options::Secret;

/// The variables of the environment; a seam, so that tests need not change their own.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads a variable of this process. Empty counts as not set, as everywhere with these variables.
pub(crate) fn process_environment(variable: &str) -> Option<String> {
    std::env::var(variable)
        .ok()
        .filter(|value| !value.is_empty())
}

/// What was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Keys(Keys),
    /// The builder was told of a service to ask.
    Service,
}

/// A key pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Keys {
    pub access_key_id: String,
    pub secret_access_key: Secret,
    pub session_token: Option<Secret>,
}

/// Looks for keys: variables first, then the profile.
pub(crate) fn find(environment: Environment<'_>) -> Result<Found, OptionsError> {
    if let Some(keys) = from_variables(environment)? {
        return Ok(Found::Keys(keys));
    }
    let asked = environment("AWS_PROFILE");
    let profile = asked.as_deref().unwrap_or("default");
    let file = aws_file(environment, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let keys = file.as_deref().and_then(|file| from_profile(file, profile));
    match (keys, asked, file) {
        (Some(keys), _, _) => Ok(Found::Keys(keys)),
        (None, Some(profile), file) => Err(OptionsError::Profile {
            profile,
            file: file.unwrap_or_default(),
        }),
        (None, None, _) => Ok(Found::Service),
    }
}

fn from_variables(environment: Environment<'_>) -> Result<Option<Keys>, OptionsError> {
    let id = environment("AWS_ACCESS_KEY_ID");
    let secret = environment("AWS_SECRET_ACCESS_KEY");
    match (id, secret) {
        (Some(access_key_id), Some(secret)) => Ok(Some(Keys {
            access_key_id,
            secret_access_key: Secret::new(secret),
            session_token: environment("AWS_SESSION_TOKEN").map(Secret::new),
        })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(OptionsError::HalfKey {
            missing: "AWS_SECRET_ACCESS_KEY",
        }),
        (None, Some(_)) => Err(OptionsError::HalfKey {
            missing: "AWS_ACCESS_KEY_ID",
        }),
    }
}

fn from_profile(file: &Path, profile: &str) -> Option<Keys> {
    let text = std::fs::read_to_string(file).ok()?;
    Some(Keys {
        access_key_id: ini_value(&text, profile, "aws_access_key_id")?,
        secret_access_key: Secret::new(ini_value(&text, profile, "aws_secret_access_key")?),
        session_token: ini_value(&text, profile, "aws_session_token").map(Secret::new),
    })
}

/// The region of the environment or of the profile.
pub(crate) fn region(environment: Environment<'_>) -> Option<String> {
    environment("AWS_REGION")
        .or_else(|| environment("AWS_DEFAULT_REGION"))
        .or_else(|| {
            let file = aws_file(environment, "AWS_CONFIG_FILE", "config")?;
            let text = std::fs::read_to_string(file).ok()?;
            let section = match environment("AWS_PROFILE") {
                Some(profile) if profile != "default" => format!("profile {profile}"),
                _ => "default".into(),
            };
            ini_value(&text, &section, "region")
        })
}

/// The endpoint of the environment.
pub(crate) fn endpoint(environment: Environment<'_>) -> Option<String> {
    environment("AWS_ENDPOINT_URL_S3").or_else(|| environment("AWS_ENDPOINT_URL"))
}

/// Tells the builder where a service hands out credentials, if a variable says so. If none does,
/// the builder asks the machine's metadata service.
pub(crate) fn name_services(
    mut builder: AmazonS3Builder,
    environment: Environment<'_>,
) -> AmazonS3Builder {
    for variable in [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_ENDPOINT_URL_STS",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_METADATA_ENDPOINT",
    ] {
        let key = variable.to_ascii_lowercase().parse::<AmazonS3ConfigKey>();
        if let (Some(value), Ok(key)) = (environment(variable), key) {
            builder = builder.with_config(key, value);
        }
    }
    builder
}

fn aws_file(environment: Environment<'_>, variable: &str, leaf: &str) -> Option<PathBuf> {
    environment(variable)
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(environment("HOME")?).join(".aws").join(leaf)))
}

/// The value of `key` in `[section]`. The files have no quotes, and comments only on own lines.
fn ini_value(text: &str, section: &str, key: &str) -> Option<String> {
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.split(']').next().unwrap_or_default();
            inside = header.split_whitespace().eq(section.split_whitespace());
        } else if inside
            && let Some((name, value)) = line.split_once('=')
            && name.trim().eq_ignore_ascii_case(key)
            && !value.trim().is_empty()
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# keys\n[default]\naws_access_key_id = AKDEFAULT\n\
        aws_secret_access_key=s3cr=et\n\n[keeper]\nAWS_ACCESS_KEY_ID=AKKEEPER\n\
        aws_secret_access_key = k\naws_session_token = t\n[half]\naws_access_key_id = x\n";

    fn keys(environment: &[(&str, &str)]) -> Result<Found, OptionsError> {
        find(&|wanted| {
            let found = environment.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn id(found: Result<Found, OptionsError>) -> String {
        match found.unwrap() {
            Found::Keys(keys) => keys.access_key_id,
            Found::Service => "service".into(),
        }
    }

    #[test]
    fn variables_win_over_profiles_and_profiles_over_services() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".aws")).unwrap();
        std::fs::write(home.path().join(".aws/credentials"), FILE).unwrap();
        let home = home.path().to_str().unwrap();
        assert_eq!(id(keys(&[])), "service");
        assert_eq!(id(keys(&[("HOME", home)])), "AKDEFAULT");
        assert_eq!(
            id(keys(&[("HOME", home), ("AWS_PROFILE", "keeper")])),
            "AKKEEPER"
        );
        let set = [
            ("HOME", home),
            ("AWS_PROFILE", "keeper"),
            ("AWS_ACCESS_KEY_ID", "AKENV"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
        ];
        assert_eq!(id(keys(&set)), "AKENV");
    }

    #[test]
    fn a_profile_that_is_missing_or_half_is_an_error_not_another_profile() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("credentials");
        std::fs::write(&file, FILE).unwrap();
        for profile in ["absent", "half"] {
            let found = keys(&[
                ("AWS_SHARED_CREDENTIALS_FILE", file.to_str().unwrap()),
                ("AWS_PROFILE", profile),
            ]);
            assert!(
                matches!(found, Err(OptionsError::Profile { .. })),
                "{profile}"
            );
        }
    }

    #[test]
    fn half_a_key_pair_is_an_error() {
        let found = keys(&[("AWS_ACCESS_KEY_ID", "x")]);
        assert!(matches!(found, Err(OptionsError::HalfKey { .. })));
    }

    #[test]
    fn values_may_hold_equal_signs_and_tokens_are_read() {
        assert_eq!(
            ini_value(FILE, "default", "aws_secret_access_key").as_deref(),
            Some("s3cr=et")
        );
        assert_eq!(
            ini_value(FILE, "keeper", "aws_session_token").as_deref(),
            Some("t")
        );
        assert_eq!(ini_value(FILE, "default", "aws_session_token"), None);
        let config = "[profile keeper]\nregion = eu-central-2\n";
        assert_eq!(
            ini_value(config, "profile keeper", "region").as_deref(),
            Some("eu-central-2")
        );
    }

    #[test]
    fn secrets_are_not_shown() {
        let found = keys(&[
            ("AWS_ACCESS_KEY_ID", "x"),
            ("AWS_SECRET_ACCESS_KEY", "hunter2"),
        ]);
        assert!(!format!("{found:?}").contains("hunter2"));
    }
}
