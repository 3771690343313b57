//! Metrics over HTTP, for a Prometheus that comes and asks. One request at a time; nothing but
//! metrics is ever answered.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Longer requests are not read.
const REQUEST_BYTES_MAX: u64 = 8 << 10;

/// Slower ones neither.
const PATIENCE: Duration = Duration::from_secs(5);

/// Waits for one request and answers it; without metrics it says that there are none now. A client
/// that goes away or makes no sense is no error.
///
/// # Errors
/// If the listener is broken.
pub fn answer(listener: &TcpListener, metrics: impl FnOnce() -> Option<String>) -> io::Result<()> {
    let (stream, _) = listener.accept()?;
    let _ = talk(&stream, metrics);
    Ok(())
}

fn talk(mut stream: &TcpStream, metrics: impl FnOnce() -> Option<String>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.take(REQUEST_BYTES_MAX)).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    // The rest is read so that closing does not cut off the answer.
    for line in lines.take_while(|_| !first.is_empty()) {
        if line?.is_empty() {
            break;
        }
    }
    let (status, body) = match first.split(' ').collect::<Vec<_>>()[..] {
        ["GET", "/metrics", _] => match metrics() {
            Some(text) => ("200 OK", text),
            None => ("503 Service Unavailable", String::new()),
        },
        ["GET", _, _] => ("404 Not Found", "Metrics are at /metrics.\n".to_owned()),
        [_, _, _] => ("405 Method Not Allowed", String::new()),
        _ => ("400 Bad Request", String::new()),
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
