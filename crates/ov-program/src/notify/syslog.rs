//! Telling the system's log: one line for each event, in the form that `syslog(3)` writes and that
//! journald and every syslog daemon read.

use std::os::unix::net::UnixDatagram;
use std::path::Path;

use jiff::tz::TimeZone;

use crate::notify::error::NotifyError;
use crate::notify::message::{Message, Severity};

/// Where the system listens.
pub(crate) const SOCKET: &str = "/dev/log";

/// Of daemons (RFC 5424, section 6.2.1).
const FACILITY: u8 = 3;

/// Writes a line.
pub(crate) fn send(socket: &Path, message: &Message) -> Result<(), NotifyError> {
    let failed = |source| NotifyError::Syslog {
        path: socket.to_owned(),
        source,
    };
    let log = UnixDatagram::unbound().map_err(failed)?;
    log.send_to(line(message).as_bytes(), socket)
        .map_err(failed)?;
    Ok(())
}

fn line(message: &Message) -> String {
    let severity = match message.event.severity() {
        Severity::Notice => 6,
        Severity::Warning => 4,
        Severity::Critical => 3,
    };
    let priority = FACILITY * 8 + severity;
    let at = message.at.to_zoned(TimeZone::system()).strftime("%b %e %T");
    let process = std::process::id();
    let facts: String = message
        .facts
        .iter()
        .map(|fact| format!(", {fact}"))
        .collect();
    format!(
        "<{priority}>{at} oncovault[{process}]: {}{facts}",
        message.title()
    )
}
