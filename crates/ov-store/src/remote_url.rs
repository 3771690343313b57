//! The part of a target's URL that names a folder of another machine.

use crate::ssh::SshHost;
use crate::url::UrlError;

/// What follows `sftp://` and the like. `/~/` begins a path in the account's own folder.
pub(crate) fn remote(scheme: &'static str, rest: &str) -> Result<(SshHost, String), UrlError> {
    let wrong = || UrlError::Remote { scheme };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, server) = match authority.rsplit_once('@') {
        Some((user, _)) if user.contains(':') => return Err(UrlError::Credentials),
        Some((user, server)) => (Some(user), server),
        None => (None, authority),
    };
    let (host, port) = match server.strip_prefix('[') {
        Some(bracketed) => bracketed.split_once(']').ok_or_else(wrong)?,
        None => server.split_at(server.find(':').unwrap_or(server.len())),
    };
    let port = match port.strip_prefix(':') {
        Some(digits) => Some(digits.parse().map_err(|_| wrong())?),
        None if port.is_empty() => None,
        None => return Err(wrong()),
    };
    let host = SshHost::new(user, host, port).ok_or_else(wrong)?;
    let path = match path.strip_prefix("~/").or((path == "~").then_some("")) {
        Some(relative) => relative.trim_start_matches('/').to_owned(),
        None => format!("/{path}"),
    };
    Ok((host, remote_path(scheme, &path)?))
}

/// What follows `sftp:`, as `scp` has it: `user@host:path`.
pub(crate) fn alias(scheme: &'static str, rest: &str) -> Result<(SshHost, String), UrlError> {
    let wrong = || UrlError::Remote { scheme };
    let (server, path) = rest.split_once(':').ok_or_else(wrong)?;
    let (user, host) = match server.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, server),
    };
    let host = SshHost::new(user, host, None).ok_or_else(wrong)?;
    Ok((host, remote_path(scheme, path)?))
}

/// One spelling for each path; nothing that a shell on the other side could take for its own.
fn remote_path(scheme: &'static str, path: &str) -> Result<String, UrlError> {
    let sound = path
        .chars()
        .all(|c| c.is_alphanumeric() || "/_.,:+@%=~- ".contains(c));
    if !sound || path.split('/').any(|part| part == "..") {
        return Err(UrlError::Remote { scheme });
    }
    let parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
    let joined = parts.collect::<Vec<_>>().join("/");
    if joined.starts_with("~") && !path.starts_with('/') {
        return Err(UrlError::Remote { scheme });
    }
    Ok(match (path.starts_with('/'), joined.as_str()) {
        (true, joined) => format!("/{joined}"),
        (false, "") => ".".to_owned(),
        (false, joined) => joined.to_owned(),
    })
}

/// A folder of another machine as its URL.
pub(crate) fn show_remote(scheme: &str, host: &SshHost, path: &str) -> String {
    match path {
        "." => format!("{scheme}://{host}/~"),
        path if path.starts_with('/') => format!("{scheme}://{host}{path}"),
        path => format!("{scheme}://{host}/~/{path}"),
    }
}
