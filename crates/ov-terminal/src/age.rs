//! Lengths of time, as the command line says them.

use ov_policy::Span;

/// Reads a length of time like `30d` or `2y5m`, in seconds.
pub fn seconds(text: &str) -> Result<u64, String> {
    let span: Span = text
        .parse()
        .map_err(|error: ov_policy::SpanError| error.to_string())?;
    u64::try_from(span.seconds_min()).map_err(|_| "it must not be negative".to_owned())
}

/// Reads a length of time.
pub fn span(text: &str) -> Result<Span, String> {
    text.parse()
        .map_err(|error: ov_policy::SpanError| error.to_string())
}
