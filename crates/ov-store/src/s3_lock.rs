//! Object lock: S3's calls for retention, which the library below does not have.

use std::time::{Duration, SystemTime};

use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use object_store::client::HttpRequest;
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{HeaderMap, HeaderValue};
use ov_format::name::ObjectName;
use reqwest::Method;

use crate::answer::Answer;
use crate::error::{Action, OptionsError, StoreError};
use crate::lock::{LOCK_DAYS_MAX, Lock, LockDays};
use crate::s3::S3;
use crate::store::{Overwrite, Retention, Store};
use crate::wire::Refusal;

/// How long a signed request may be on its way.
const SIGNED_FOR: Duration = Duration::from_secs(15 * 60);
/// What a server answers where buckets or objects know no locks.
const UNLOCKABLE: [&str; 5] = [
    "InvalidRequest",
    "InvalidBucketState",
    "ObjectLockConfigurationNotFoundError",
    "NoSuchObjectLockConfiguration",
    "NotImplemented",
];

/// A request about an object that is not about its bytes.
struct Ask<'a> {
    method: Method,
    query: &'a [(&'a str, &'a str)],
    headers: HeaderMap,
    body: String,
}

impl S3 {
    /// See [`Store::lock_until`].
    pub(crate) fn lock_for(
        &self,
        name: &ObjectName,
        until: SystemTime,
    ) -> Result<Lock, StoreError> {
        let bound =
            SystemTime::now() + Duration::from_secs(u64::from(LOCK_DAYS_MAX) * 24 * 60 * 60);
        if until > bound {
            let days = LOCK_DAYS_MAX.saturating_add(1);
            return Err(OptionsError::LockDays { days }.into());
        }
        match self.locked_until(name)? {
            Some(there) if there >= until => return Ok(Lock::Until(there)),
            _ => {}
        }
        match self
            .retries
            .retrying(|| self.set_retention(name, until, HeaderMap::new()))
        {
            Ok(()) => Ok(Lock::Until(until)),
            Err(e) if is_unlockable(&e) => Ok(Lock::Unsupported),
            Err(e) => Err(e),
        }
    }

    /// Locks what was just stored.
    pub(crate) fn lock_new(&self, name: &ObjectName, days: LockDays) -> Result<(), StoreError> {
        let target = || self.describe();
        match self.lock_for(name, days.from(SystemTime::now())) {
            Ok(Lock::Until(_)) => Ok(()),
            Ok(Lock::Unsupported) => Err(OptionsError::NoLock { target: target() }.into()),
            Err(StoreError::Denied { source, .. }) => Err(OptionsError::MayNotLock {
                target: target(),
                source,
            }
            .into()),
            Err(e) => Err(e),
        }
    }

    /// Until when the server says that it keeps the object; `None` also where we may not look.
    fn locked_until(&self, name: &ObjectName) -> Result<Option<SystemTime>, StoreError> {
        match self.retries.retrying(|| self.retention(name)) {
            Ok(Retention::LockedUntil(date)) => {
                let date: Option<Timestamp> = date.parse().ok();
                Ok(date.map(SystemTime::from))
            }
            Ok(_) | Err(StoreError::Denied { .. }) => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// As somebody would who has our keys and means harm: shortens the lock, then deletes the very
    /// version, claiming every privilege.
    pub(crate) fn break_lock(&self, name: &ObjectName) -> Result<Overwrite, StoreError> {
        let bypass = || {
            let mut headers = HeaderMap::new();
            let name = "x-amz-bypass-governance-retention";
            headers.insert(name, HeaderValue::from_static("true"));
            headers
        };
        let before = self.locked_until(name)?;
        let version = self.version(name)?;
        let soon = SystemTime::now() + Duration::from_secs(60);
        // What the server says matters less than what it did.
        let _ = self.set_retention(name, soon, bypass());
        if self.locked_until(name)? < before {
            return Ok(Overwrite::Done);
        }
        let Some(version) = version else {
            return Ok(Overwrite::Refused);
        };
        let delete = Ask {
            method: Method::DELETE,
            query: &[("versionId", &version)],
            headers: bypass(),
            body: String::new(),
        };
        match self.ask(name, &delete) {
            Ok(()) => Ok(Overwrite::Done),
            Err(e) if e.is_retryable() => Err(e),
            Err(_) => Ok(Overwrite::Refused),
        }
    }

    fn set_retention(
        &self,
        name: &ObjectName,
        until: SystemTime,
        headers: HeaderMap,
    ) -> Result<(), StoreError> {
        let body = format!(
            "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>COMPLIANCE</Mode>\
             <RetainUntilDate>{}</RetainUntilDate></Retention>",
            written(until)
        );
        let ask = Ask {
            method: Method::PUT,
            query: &[("retention", "")],
            headers,
            body,
        };
        self.ask(name, &ask)
    }

    fn ask(&self, name: &ObjectName, ask: &Ask<'_>) -> Result<(), StoreError> {
        let mut options = SignedUrlOptions::default().with_query(ask.query.iter().copied());
        options.signed_headers.clone_from(&ask.headers);
        if !ask.body.is_empty() {
            // Such requests need a checksum of any kind that S3 knows.
            let sum = crc32fast::hash(ask.body.as_bytes()).to_be_bytes();
            let sum = data_encoding::BASE64.encode(&sum);
            if let Ok(sum) = HeaderValue::from_str(&sum) {
                options.signed_headers.insert("x-amz-checksum-crc32", sum);
            }
        }
        let key = self.key(name);
        let answered = self.runtime.block_on(async {
            let signed = self
                .client
                .signed_url_opts(ask.method.clone(), &key, SIGNED_FOR, &options)
                .await?;
            let mut request = HttpRequest::new(ask.body.clone().into());
            *request.method_mut() = ask.method.clone();
            *request.uri_mut() = signed.as_str().parse().map_err(generic)?;
            *request.headers_mut() = options.signed_headers.clone();
            self.http.execute(request).await.map_err(generic)
        });
        match answered {
            Ok(_) => Ok(()),
            Err(e) => Err(Answer::sort(e).into_error(&self.describe(), Action::Put, name)),
        }
    }
}

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: Box::new(error),
    }
}

/// RFC 3339 in whole seconds, rounded up: a lock is never shorter than asked for.
fn written(until: SystemTime) -> String {
    let up = TimestampRound::new()
        .smallest(Unit::Second)
        .mode(RoundMode::Ceil);
    Timestamp::try_from(until)
        .and_then(|until| until.round(up))
        .map(|until| until.to_string())
        .unwrap_or_default()
}

fn is_unlockable(error: &StoreError) -> bool {
    Refusal::behind(error).is_some_and(|refusal| {
        UNLOCKABLE.iter().any(|code| refusal.has_code(code)) || matches!(refusal.status, 405 | 501)
    })
}
