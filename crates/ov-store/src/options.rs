//! How to reach a target, beside its URL.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

use crate::error::StoreError;
use crate::lock::LockDays;
use crate::paced::Limits;

/// How to reach a target. The defaults fit a folder, and S3 set up by the usual variables.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// The server, like `https://s3.example.org`; without it `AWS_ENDPOINT_URL_S3`, then
    /// `AWS_ENDPOINT_URL`, then Amazon's.
    pub endpoint: Option<String>,
    /// The region; without it `AWS_REGION`, `AWS_DEFAULT_REGION`, the profile's, `us-east-1`.
    pub region: Option<String>,
    /// Where the bucket stands in a request.
    pub path_style: PathStyle,
    /// More certificates to trust, in PEM.
    pub ca_file: Option<PathBuf>,
    /// Whether plain HTTP may leave this machine.
    pub plain_http: PlainHttp,
    /// Where the keys come from.
    pub credentials: Credentials,
    /// How often to try again.
    pub retries: Retries,
    /// For how long every object is locked when it is stored, in a bucket with object lock.
    pub lock: Option<LockDays>,
    /// The program that leads to other machines, and options for it; empty for `ssh`.
    pub ssh: Vec<OsString>,
    /// The file that remembers drives; without it they are found, but not remembered.
    pub drives: Option<PathBuf>,
    /// How many bytes a second may go over the link.
    pub limits: Limits,
}

/// Where the bucket stands in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathStyle {
    /// In the path if an endpoint is given, else in the host name.
    #[default]
    Auto,
    /// `https://host/bucket/key`.
    Path,
    /// `https://bucket.host/key`.
    VirtualHost,
}

/// Whether plain HTTP may leave this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// Only to this machine itself.
    #[default]
    LoopbackOnly,
    /// To anywhere. Objects are sealed, but everybody on the way may see names and lengths, and
    /// damage them.
    Anywhere,
}

/// Where the keys come from.
#[derive(Clone, Debug, Default)]
pub enum Credentials {
    /// `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, the profile of `AWS_PROFILE` in
    /// `~/.aws/credentials`, a web identity, a container's or a machine's metadata service.
    #[default]
    Usual,
    /// These.
    Given {
        /// Who we are.
        access_key_id: String,
        /// The proof.
        secret_access_key: Secret,
        /// For passing credentials.
        session_token: Option<Secret>,
    },
}

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// How often to try again what failed for a passing reason. The pauses double and vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retries {
    /// How often a call is tried at most, at least once.
    pub attempts: u32,
    /// The first pause.
    pub first_pause: Duration,
    /// The longest pause.
    pub longest_pause: Duration,
    /// How long a server may be silent. An upload has more time, by its length.
    pub patience: Duration,
}

impl Default for Retries {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(10),
            patience: Duration::from_secs(60),
        }
    }
}

impl Retries {
    /// Tries again what failed for a passing reason.
    pub(crate) fn retrying<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut failures = 0;
        loop {
            match attempt() {
                Err(e) if e.is_retryable() => {
                    failures += 1;
                    if failures >= self.attempts {
                        return Err(e);
                    }
                    let mut chance = [0];
                    // Without chance the pauses are only less varied.
                    let _ = getrandom(&mut chance, GetRandomFlags::empty());
                    std::thread::sleep(self.pause(failures, chance[0]));
                }
                other => return other,
            }
        }
    }

    /// The pause after this many failures, the first being 1. `chance` varies it between a half
    /// and the whole, so that many clients do not come back together.
    fn pause(&self, failures: u32, chance: u8) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = self
            .first_pause
            .saturating_mul(1 << doublings)
            .min(self.longest_pause);
        pause / 2 + pause.mul_f64(f64::from(chance) / 255.0 / 2.0)
    }
}
