//! One HTTP request to a server that speaks S3: how long it may take, and what its refusals mean.
//!
//! The library below sorts a few answers and hides the rest in texts. Every refusal is therefore
//! caught here, before it, and kept as a [`Refusal`] that can be found again in the error.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};

/// An upload slower than this is given up.
const SLOWEST_BYTES_PER_SECOND: u64 = 16 << 10;
/// Longer explanations of a refusal are not read.
const EXPLANATION_BYTES_MAX: u64 = 64 << 10;

/// How long a server may be silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience(pub Duration);

impl Patience {
    /// Waits for the next bit of an answer, but not for ever.
    pub(crate) async fn wait<T>(self, future: impl Future<Output = T>) -> Result<T, Silence> {
        tokio::time::timeout(self.0, future)
            .await
            .map_err(|_| Silence)
    }

    /// The server answers only when all of the request has arrived.
    fn with_upload(self, length: usize) -> Self {
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        Self(self.0 + Duration::from_secs(length / SLOWEST_BYTES_PER_SECOND))
    }
}

/// No answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within the time allowed")]
pub(crate) struct Silence;

/// An answer of 400 or above.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: u16,
    /// The code that S3 gives in the body, such as `NoSuchBucket`.
    pub code: Option<String>,
}

impl Refusal {
    /// Finds the refusal behind an error of the library.
    pub(crate) fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref() {
                return Some(refusal);
            }
            next = error.source();
        }
        None
    }

    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }

    fn from_body(status: u16, body: &[u8]) -> Self {
        let code = std::str::from_utf8(body)
            .ok()
            .and_then(|body| body.split_once("<Code>")?.1.split_once("</Code>"))
            .map(|(code, _)| code)
            .filter(|code| code.len() <= 64 && code.chars().all(|c| c.is_ascii_alphanumeric()));
        Self {
            status,
            code: code.map(str::to_owned),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server answered {}", self.status)?;
        match &self.code {
            Some(code) => write!(f, " ({code})"),
            None => Ok(()),
        }
    }
}

impl Error for Refusal {}

/// What the headers say about how long an object stays.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    pub until: Option<String>,
}

/// Makes clients that keep refusals.
#[derive(Debug)]
pub(crate) struct Connector {
    pub patience: Patience,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let inner = ReqwestConnector::default().connect(options)?;
        Ok(HttpClient::new(Wire {
            inner,
            patience: self.patience,
        }))
    }
}

#[derive(Debug)]
struct Wire {
    inner: HttpClient,
    patience: Patience,
}

impl HttpService for Wire {
    fn call<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async move {
            let patience = self.patience.with_upload(request.body().content_length());
            let answer = patience.wait(self.inner.execute(request)).await;
            let mut response =
                answer.map_err(|silence| HttpError::new(HttpErrorKind::Timeout, silence))??;
            if response.status().as_u16() >= 400 {
                return Err(refusal(response, self.patience).await);
            }
            let kept = Kept {
                until: header(&response, "x-amz-object-lock-retain-until-date"),
            };
            response.extensions_mut().insert(kept);
            Ok(response)
        })
    }
}

fn header(response: &HttpResponse, name: &str) -> Option<String> {
    let value = response.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

async fn refusal(response: HttpResponse, patience: Patience) -> HttpError {
    let status = response.status().as_u16();
    let length = header(&response, "content-length").and_then(|length| length.parse::<u64>().ok());
    let body = match length {
        Some(length) if length <= EXPLANATION_BYTES_MAX => {
            match patience.wait(response.into_body().bytes()).await {
                Ok(Ok(body)) => body.to_vec(),
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    };
    // `Unknown`: the library shall not try again by itself.
    HttpError::new(HttpErrorKind::Unknown, Refusal::from_body(status, &body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_of_a_refusal_is_read_and_nothing_else() {
        let body = b"<?xml?><Error><Code>NoSuchBucket</Code><Message>m</Message></Error>";
        let refusal = Refusal::from_body(404, body);
        assert_eq!(
            refusal.to_string(),
            "the server answered 404 (NoSuchBucket)"
        );
        for body in [
            &b""[..],
            b"<Code>",
            b"<Code>a\x1b[2J</Code>",
            b"\xff<Code>a</Code>",
        ] {
            assert_eq!(Refusal::from_body(500, body).code, None);
        }
    }
}
