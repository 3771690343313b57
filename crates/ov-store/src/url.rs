//! Where a target is, as people write it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::dav_url::DavUrl;
use crate::drive::DriveName;
use crate::remote_url::{alias, remote, show_remote};
use crate::ssh::SshHost;

/// The kinds of targets that are understood, for messages.
const KINDS: &str = "a path, file:///path, s3://bucket/prefix, sftp://host/path, \
     ssh://host/path, davs://host/path or drive://label/path";
/// Their schemes, and those that people try.
const SCHEMES: &[(&str, &str)] = &[
    ("file", "file"),
    ("s3", "s3"),
    ("sftp", "sftp"),
    ("scp", "sftp"),
    ("ssh", "ssh"),
    ("drive", "drive"),
    ("usb", "drive"),
    ("davs", "davs"),
    ("webdav", "davs"),
    ("webdavs", "davs"),
];
/// Schemes with at most so many wrong letters are recognised.
const MISSPELT_LETTERS_MAX: usize = 2;

/// Where a target is. Never holds credentials: URLs with credentials are refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TargetUrl {
    place: Place,
}

/// The kinds of places.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// A folder of a file system.
    Folder(PathBuf),
    /// A bucket of a server that speaks S3.
    S3 {
        /// The bucket.
        bucket: String,
        /// What all keys start with, without slashes at the ends; may be empty.
        prefix: String,
    },
    /// A folder of another machine, by SFTP.
    Sftp {
        /// The machine.
        host: SshHost,
        /// The folder; a relative one begins in the account's own.
        path: String,
    },
    /// A folder of another machine, guarded there by this program.
    Ssh {
        /// The machine.
        host: SshHost,
        /// The folder; a relative one begins in the account's own.
        path: String,
    },
    /// A folder of a server that speaks WebDAV.
    WebDav(DavUrl),
    /// A folder of a removable drive, wherever it is mounted.
    Drive {
        /// Its label, or the id of the vault on it.
        name: DriveName,
        /// The folder below the drive's own; may be empty.
        path: PathBuf,
    },
}

/// Why a text names no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Nothing at all.
    #[error("the target is empty; give {KINDS}")]
    Empty,
    /// A scheme that is not known.
    #[error(
        "targets of the kind {scheme}: are not known{}; give {KINDS}",
        nearest.map(|nearest| format!("; did you mean {nearest}://?")).unwrap_or_default()
    )]
    Scheme {
        /// The scheme.
        scheme: String,
        /// The nearest that is known, if one is near.
        nearest: Option<&'static str>,
    },
    /// `s3:bucket` and the like.
    #[error("after {scheme}: two slashes are missing; give {KINDS}")]
    Slashes {
        /// The scheme.
        scheme: String,
    },
    /// A user name or password in the URL.
    #[error(
        "the target holds credentials; take them out of the URL, they come from the environment"
    )]
    Credentials,
    /// `s3://` without a bucket.
    #[error("the target names no bucket; give s3://bucket/prefix")]
    NoBucket,
    /// A bucket that no server would have.
    #[error("{bucket:?} is no name of a bucket")]
    Bucket {
        /// The bucket.
        bucket: String,
    },
    /// A prefix that could be read in two ways.
    #[error("{prefix:?} is no prefix for objects: use letters, digits and - _ . between slashes")]
    Prefix {
        /// The prefix.
        prefix: String,
    },
    /// `file:` with another machine, or with a relative path.
    #[error("file: needs an absolute path on this machine, like file:///srv/vault")]
    FilePath,
    /// `sftp://` without a sound host, or a path that a shell might misunderstand.
    #[error(
        "the target must look like {scheme}://user@host:port/path, or {scheme}://host/~/path for a \
         path that begins in the account's own folder; letters, digits, spaces and /_.,:+@%=~- are \
         fine in it"
    )]
    Remote {
        /// The scheme.
        scheme: &'static str,
    },
    /// `davs://` without a sound host or path.
    #[error("the target must look like davs://host:port/folder, or dav:// for plain HTTP")]
    Dav,
    /// `drive://` without a sound label, or a path that leads out of the drive.
    #[error("the target must look like drive://LABEL/folder or drive://VAULT-ID/folder")]
    Drive,
    /// A query or fragment.
    #[error("a target has no part after ? or #; options are given separately")]
    Query,
}

impl TargetUrl {
    /// A folder.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self {
            place: Place::Folder(path.into()),
        }
    }

    /// Reads what people write. What has no scheme is a path; write `./` before one that looks
    /// like it had.
    ///
    /// # Errors
    /// Says what is wrong and what would be right.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        let place = match split_scheme(text) {
            Some((scheme, after)) => {
                let slashes = UrlError::Slashes {
                    scheme: scheme.to_owned(),
                };
                let rest = after.strip_prefix("//");
                match scheme.to_ascii_lowercase().as_str() {
                    "file" => file(rest.ok_or(slashes)?)?,
                    "s3" => s3(rest.ok_or(slashes)?)?,
                    "sftp" => {
                        let (host, path) = match rest {
                            Some(rest) => remote("sftp", rest)?,
                            None => alias("sftp", after)?,
                        };
                        Place::Sftp { host, path }
                    }
                    "ssh" => {
                        let (host, path) = remote("ssh", rest.ok_or(slashes)?)?;
                        Place::Ssh { host, path }
                    }
                    "drive" => drive(rest.ok_or(slashes)?)?,
                    scheme @ ("dav" | "davs") => {
                        Place::WebDav(DavUrl::read(scheme, rest.ok_or(slashes)?)?)
                    }
                    lower if rest.is_some() => {
                        return Err(UrlError::Scheme {
                            scheme: scheme.to_owned(),
                            nearest: nearest(lower),
                        });
                    }
                    _ => Place::Folder(text.into()),
                }
            }
            None => Place::Folder(text.into()),
        };
        Ok(Self { place })
    }

    /// Reads an argument of the command line, which may be a path that is no text.
    ///
    /// # Errors
    /// As [`TargetUrl::parse`].
    pub fn from_os(text: &OsStr) -> Result<Self, UrlError> {
        match text.to_str() {
            Some(text) => Self::parse(text),
            None => Ok(Self::folder(text)),
        }
    }

    /// The place.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The folder, if it is one.
    pub fn as_folder(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(path) => Some(path),
            _ => None,
        }
    }
}

impl FromStr for TargetUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

impl fmt::Display for TargetUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Folder(path) => write!(f, "{}", path.display()),
            Place::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Place::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
            Place::Sftp { host, path } => f.write_str(&show_remote("sftp", host, path)),
            Place::Ssh { host, path } => f.write_str(&show_remote("ssh", host, path)),
            Place::WebDav(url) => write!(f, "{url}"),
            Place::Drive { name, path } => write!(f, "drive://{name}/{}", path.display()),
        }
    }
}

/// The scheme (RFC 3986 section 3.1) and what follows its colon. One letter is no scheme here.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let sound = scheme.len() > 1
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    sound.then_some((scheme, rest))
}

/// The known scheme that somebody may have meant.
fn nearest(scheme: &str) -> Option<&'static str> {
    let distance = |known: &str| letters_apart(scheme, known);
    let (known, means) = SCHEMES.iter().min_by_key(|(known, _)| distance(known))?;
    (distance(known) <= MISSPELT_LETTERS_MAX.min(known.len() - 1)).then_some(means)
}

/// How many letters must be put in, left out or changed to make one text of the other.
fn letters_apart(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (done, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], done + 1);
        for (column, there) in other.chars().enumerate() {
            let changed = diagonal + usize::from(letter != there);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

fn file(rest: &str) -> Result<Place, UrlError> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err(UrlError::FilePath);
    }
    if path.contains(['?', '#']) {
        return Err(UrlError::Query);
    }
    let path = percent_decoded(path).ok_or(UrlError::FilePath)?;
    Ok(Place::Folder(PathBuf::from(OsString::from_vec(path))))
}

/// Undoes RFC 3986 section 2.1; `None` for a stray percent sign or a zero byte.
pub(crate) fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                if !digits.iter().all(u8::is_ascii_hexdigit) {
                    return None;
                }
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            byte => byte,
        });
    }
    (!OsStr::from_bytes(&decoded).as_bytes().contains(&0)).then_some(decoded)
}

fn drive(rest: &str) -> Result<Place, UrlError> {
    let (name, path) = rest.split_once('/').unwrap_or((rest, ""));
    let name = DriveName::new(name).ok_or(UrlError::Drive)?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(UrlError::Drive);
    }
    let path = parts.join("/").into();
    Ok(Place::Drive { name, path })
}

fn s3(rest: &str) -> Result<Place, UrlError> {
    if rest.contains('@') {
        return Err(UrlError::Credentials);
    }
    if rest.contains(['?', '#']) {
        return Err(UrlError::Query);
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(UrlError::NoBucket);
    }
    if !is_bucket(bucket) {
        return Err(UrlError::Bucket {
            bucket: bucket.to_owned(),
        });
    }
    let prefix = prefix.trim_matches('/');
    if !prefix.is_empty() && !prefix.split('/').all(is_prefix_part) {
        return Err(UrlError::Prefix {
            prefix: prefix.to_owned(),
        });
    }
    Ok(Place::S3 {
        bucket: bucket.to_owned(),
        prefix: prefix.to_owned(),
    })
}

/// Old buckets may be longer, and have capitals and underscores.
fn is_bucket(bucket: &str) -> bool {
    (3..=255).contains(&bucket.len())
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && bucket.chars().all(is_plain)
        && !bucket.contains("..")
}

fn is_prefix_part(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && part.chars().all(is_plain)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(path: &str) -> Result<TargetUrl, UrlError> {
        Ok(TargetUrl::folder(path))
    }

    #[test]
    fn what_has_no_scheme_is_a_path() {
        for path in [
            "/srv/vault",
            "vault",
            "./s3://x",
            "backup:1",
            "C:/x",
            "a b%20c",
        ] {
            assert_eq!(TargetUrl::parse(path), folder(path), "{path}");
        }
    }

    #[test]
    fn file_urls_are_absolute_and_percent_decoded() {
        assert_eq!(TargetUrl::parse("file:///a%20b/c"), folder("/a b/c"));
        assert_eq!(TargetUrl::parse("FILE://localhost/x"), folder("/x"));
        for text in [
            "file://host/x",
            "file://",
            "file:///a%2",
            "file:///a%zz",
            "file:///%00",
        ] {
            assert_eq!(TargetUrl::parse(text), Err(UrlError::FilePath), "{text}");
        }
    }

    #[test]
    fn buckets_and_prefixes_are_read_and_written_in_one_way() {
        for (text, shown) in [
            ("s3://onco", "s3://onco"),
            ("s3://onco/", "s3://onco"),
            ("s3://onco/a/b/", "s3://onco/a/b"),
            ("S3://onco/a", "s3://onco/a"),
        ] {
            let url = TargetUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(TargetUrl::parse(shown), Ok(url));
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let scheme = |s: &str| UrlError::Scheme {
            scheme: s.into(),
            nearest: nearest(s),
        };
        for (text, error) in [
            ("", UrlError::Empty),
            ("ftp://host/x", scheme("ftp")),
            ("https://host/bucket", scheme("https")),
            (
                "s3:onco/x",
                UrlError::Slashes {
                    scheme: "s3".into(),
                },
            ),
            ("s3://", UrlError::NoBucket),
            ("s3:///x", UrlError::NoBucket),
            ("s3://key:secret@onco/x", UrlError::Credentials),
            ("s3://onco/x?region=y", UrlError::Query),
            ("s3://a", UrlError::Bucket { bucket: "a".into() }),
            (
                "s3://on co",
                UrlError::Bucket {
                    bucket: "on co".into(),
                },
            ),
            (
                "s3://onco/a//b",
                UrlError::Prefix {
                    prefix: "a//b".into(),
                },
            ),
            (
                "s3://onco/../b",
                UrlError::Prefix {
                    prefix: "../b".into(),
                },
            ),
        ] {
            assert_eq!(TargetUrl::parse(text), Err(error), "{text}");
        }
    }

    #[test]
    fn other_machines_are_read_and_written_in_one_way() {
        for (text, shown) in [
            ("sftp://nas/srv/vault", "sftp://nas/srv/vault"),
            (
                "sftp://u@nas:2222//srv//vault/",
                "sftp://u@nas:2222/srv/vault",
            ),
            ("sftp://nas/~/vault", "sftp://nas/~/vault"),
            ("sftp://nas/~", "sftp://nas/~"),
            ("sftp://[fe80::1]:22/v", "sftp://[fe80::1]:22/v"),
            ("sftp:nas:vault", "sftp://nas/~/vault"),
            ("sftp:u@nas:/srv/my vault", "sftp://u@nas/srv/my vault"),
            ("SFTP://nas", "sftp://nas/"),
        ] {
            let url = TargetUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(TargetUrl::parse(shown), Ok(url));
        }
        for text in [
            "sftp://",
            "sftp:nas",
            "sftp://-oProxyCommand=x/v",
            "sftp://nas/a;b",
            "sftp://nas/$(x)",
            "sftp://nas/a'b",
            "sftp://nas/../v",
            "sftp://nas:x/v",
            "sftp:nas:~u/v",
        ] {
            let scheme = "sftp";
            assert_eq!(
                TargetUrl::parse(text),
                Err(UrlError::Remote { scheme }),
                "{text}"
            );
        }
        assert_eq!(
            TargetUrl::parse("sftp://u:hunter2@nas/v"),
            Err(UrlError::Credentials)
        );
    }

    #[test]
    fn drives_have_a_name_and_a_path_that_stays_on_them() {
        for (text, shown) in [
            ("drive://BLUE", "drive://BLUE/"),
            ("drive://MY BLUE//a//b/", "drive://MY BLUE/a/b"),
        ] {
            let url = TargetUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(TargetUrl::parse(shown), Ok(url));
        }
        for text in ["drive://", "drive:///x", "drive://BLUE/../x"] {
            assert_eq!(TargetUrl::parse(text), Err(UrlError::Drive), "{text}");
        }
    }

    #[test]
    fn folders_of_webdav_are_read_and_written_in_one_way() {
        for (text, shown) in [
            ("davs://cloud.example.org", "davs://cloud.example.org/"),
            ("dav://127.0.0.1:80//a%20b/c/", "dav://127.0.0.1:80/a b/c"),
            ("davs://h/50%25%3F", "davs://h/50%25%3F"),
        ] {
            let url = TargetUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(TargetUrl::parse(shown), Ok(url));
        }
        for text in [
            "davs://",
            "davs:///x",
            "davs://h/../x",
            "davs://h/%zz",
            "dav://a b/c",
        ] {
            assert_eq!(TargetUrl::parse(text), Err(UrlError::Dav), "{text}");
        }
        let error = TargetUrl::parse("davs://ada:hunter2@h/x");
        assert_eq!(error, Err(UrlError::Credentials));
    }

    #[test]
    fn a_misspelt_scheme_is_answered_with_the_nearest() {
        for (text, means) in [
            ("sfpt", "sftp"),
            ("scp", "sftp"),
            ("shh", "ssh"),
            ("drvie", "drive"),
            ("usb", "drive"),
            ("dsav", "davs"),
            ("webdav", "davs"),
            ("webdavs", "davs"),
            ("fil", "file"),
            ("s4", "s3"),
        ] {
            let error = TargetUrl::parse(&format!("{text}://x/y")).unwrap_err();
            let said = error.to_string();
            assert!(
                said.contains(&format!("did you mean {means}://?")),
                "{said}"
            );
        }
        let error = TargetUrl::parse("gopher://x/y").unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn credentials_in_a_url_are_not_repeated_in_the_message() {
        let error = TargetUrl::parse("s3://AKIA:hunter2@onco").unwrap_err();
        assert!(
            !error.to_string().contains("hunter2") && !format!("{error:?}").contains("hunter2")
        );
    }

    proptest::proptest! {
        #[test]
        fn what_is_shown_is_read_as_the_same_target(text in "(s3|file|sftp|ssh|drive|davs|[a-z]{0,5})?(:|://)?[ -~]{0,40}") {
            if let Ok(url) = TargetUrl::parse(&text)
                && url.as_folder().is_none()
            {
                proptest::prop_assert_eq!(TargetUrl::parse(&url.to_string()), Ok(url));
            }
        }
    }
}
