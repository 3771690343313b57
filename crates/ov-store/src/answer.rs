//! What a server that speaks S3 meant.

use std::error::Error;

use object_store::client::HttpError;
use ov_format::name::ObjectName;

use crate::error::{Action, Cause, StoreError};
use crate::wire::{Refusal, Silence};

/// A failure, sorted.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The object, or the bucket, is not there.
    Absent(object_store::Error),
    /// The bucket is not there.
    NoBucket(object_store::Error),
    /// Something lies under the name.
    Exists,
    /// The object ends before the range begins.
    OutOfRange,
    /// The server does not know this kind of request.
    Unsupported(object_store::Error),
    /// Forbidden.
    Denied(object_store::Error),
    /// No space.
    Full(object_store::Error),
    /// No answer, or "later".
    Passing(object_store::Error),
    /// Anything else.
    Other(object_store::Error),
}

#[derive(Debug, thiserror::Error)]
#[error("the answer changed or broke off meanwhile")]
struct Vanished;

impl Answer {
    /// Sorts what the library reports.
    pub(crate) fn sort(error: object_store::Error) -> Self {
        match Refusal::behind(&error) {
            Some(refusal) => {
                let sort = sort_refusal(refusal);
                sort(error)
            }
            None if came_from_network(&error) => Self::Passing(error),
            None => match error {
                object_store::Error::NotFound { .. } => Self::Absent(error),
                object_store::Error::AlreadyExists { .. } => Self::Exists,
                error => Self::Other(error),
            },
        }
    }

    /// As an error about one object.
    pub(crate) fn into_error(self, target: &str, action: Action, name: &ObjectName) -> StoreError {
        match (self, action) {
            // Only a missing bucket can be missing when something is stored.
            (Self::Absent(e), Action::Put) => Self::NoBucket(e).into_failure(target, action),
            (Self::Absent(_), _) => StoreError::NotFound { name: *name },
            (Self::Exists, _) => StoreError::Damaged { name: *name },
            (answer, _) => answer.into_failure(target, action),
        }
    }

    /// As an error about the whole target.
    pub(crate) fn into_failure(self, target: &str, action: Action) -> StoreError {
        let target = target.to_owned();
        match self {
            Self::Absent(e) | Self::NoBucket(e) => StoreError::NotAStore {
                target,
                source: e.into(),
            },
            Self::Denied(e) => StoreError::Denied {
                target,
                action,
                source: e.into(),
            },
            Self::Full(e) => StoreError::Full {
                target,
                source: e.into(),
            },
            Self::Passing(e) => StoreError::Unreachable {
                target,
                source: e.into(),
            },
            Self::Unsupported(e) | Self::Other(e) => StoreError::Io {
                target,
                action,
                source: e.into(),
            },
            Self::Exists | Self::OutOfRange => unreachable(target, Vanished.into()),
        }
    }

    /// What was there a moment ago is not there now, or changed.
    pub(crate) fn vanished(target: &str) -> StoreError {
        unreachable(target.to_owned(), Vanished.into())
    }

    /// The server stopped talking.
    pub(crate) fn silent(target: &str, silence: Silence) -> StoreError {
        unreachable(target.to_owned(), silence.into())
    }
}

fn unreachable(target: String, source: Cause) -> StoreError {
    StoreError::Unreachable { target, source }
}

/// By status (RFC 9110 section 15) and by the code of S3 where one status means several things.
fn sort_refusal(refusal: &Refusal) -> fn(object_store::Error) -> Answer {
    const PASSING_CODES: [&str; 4] = ["RequestTimeout", "BadDigest", "IncompleteBody", "SlowDown"];
    const KEY_CODES: [&str; 3] = ["ExpiredToken", "InvalidToken", "InvalidAccessKeyId"];
    if refusal.has_code("NoSuchBucket") {
        return Answer::NoBucket;
    }
    if refusal.has_code("QuotaExceeded") {
        return Answer::Full;
    }
    if PASSING_CODES.iter().any(|code| refusal.has_code(code)) {
        return Answer::Passing;
    }
    if KEY_CODES.iter().any(|code| refusal.has_code(code)) {
        return Answer::Denied;
    }
    match refusal.status {
        401 | 403 => Answer::Denied,
        404 => Answer::Absent,
        // 409: somebody else is storing under the same name right now.
        408 | 409 | 425 | 429 | 500 | 502 | 503 | 504 => Answer::Passing,
        412 => |_| Answer::Exists,
        416 => |_| Answer::OutOfRange,
        405 | 501 => Answer::Unsupported,
        507 => Answer::Full,
        _ => Answer::Other,
    }
}

fn came_from_network(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<HttpError>() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::client::HttpErrorKind;
    use ov_format::id::ObjectHash;

    fn said(status: u16, code: Option<&str>) -> StoreError {
        let refusal = Refusal {
            status,
            code: code.map(str::to_owned),
        };
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(HttpError::new(HttpErrorKind::Unknown, refusal)),
        };
        let name = ObjectName::Probe(ObjectHash([0; 32]));
        Answer::sort(error).into_error("t", Action::Get, &name)
    }

    #[test]
    fn refusals_become_the_error_that_tells_what_to_do() {
        assert!(matches!(
            said(404, Some("NoSuchKey")),
            StoreError::NotFound { .. }
        ));
        assert!(matches!(
            said(404, Some("NoSuchBucket")),
            StoreError::NotAStore { .. }
        ));
        assert!(matches!(said(403, None), StoreError::Denied { .. }));
        assert!(matches!(
            said(400, Some("ExpiredToken")),
            StoreError::Denied { .. }
        ));
        assert!(matches!(said(507, None), StoreError::Full { .. }));
        assert!(matches!(
            said(403, Some("QuotaExceeded")),
            StoreError::Full { .. }
        ));
        assert!(matches!(said(400, None), StoreError::Io { .. }));
    }

    #[test]
    fn only_what_passes_is_worth_another_try() {
        for status in [408, 409, 429, 500, 502, 503, 504] {
            assert!(said(status, None).is_retryable(), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 412, 501, 507] {
            assert!(!said(status, None).is_retryable(), "{status}");
        }
        assert!(said(400, Some("RequestTimeout")).is_retryable());
    }

    #[test]
    fn the_cause_names_the_answer_of_the_server() {
        let error = said(403, Some("SignatureDoesNotMatch"));
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        assert!(source.contains("SignatureDoesNotMatch"), "{source}");
    }
}
