//! Where a folder of a WebDAV server is.

use std::fmt;

use crate::url::{UrlError, percent_decoded};

/// A folder of a server that speaks WebDAV.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DavUrl {
    wire: Wire,
    authority: String,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wire {
    Plain,
    Tls,
}

impl DavUrl {
    /// Reads what follows `davs://`, or `dav://` for plain HTTP.
    pub(crate) fn read(scheme: &str, rest: &str) -> Result<Self, UrlError> {
        let wire = match scheme {
            "dav" => Wire::Plain,
            _ => Wire::Tls,
        };
        if rest.contains('@') {
            return Err(UrlError::Credentials);
        }
        if rest.contains(['?', '#']) {
            return Err(UrlError::Query);
        }
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let sound = !authority.is_empty()
            && authority
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
        let path = percent_decoded(path).and_then(|path| String::from_utf8(path).ok());
        let path = path.filter(|path| sound && !path.chars().any(char::is_control));
        let parts = path.ok_or(UrlError::Dav)?;
        let parts: Vec<&str> = parts.split('/').filter(|part| !part.is_empty()).collect();
        if parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(UrlError::Dav);
        }
        Ok(Self {
            wire,
            authority: authority.to_owned(),
            path: parts.join("/"),
        })
    }

    /// The server, as `https://host:port`.
    pub fn server(&self) -> String {
        let scheme = match self.wire {
            Wire::Plain => "http",
            Wire::Tls => "https",
        };
        format!("{scheme}://{}", self.authority)
    }

    /// The folder, without slashes at the ends, decoded; may be empty.
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl fmt::Display for DavUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.wire {
            Wire::Plain => "dav",
            Wire::Tls => "davs",
        };
        let path = self.path.replace('%', "%25");
        let path = path.replace('?', "%3F").replace('#', "%23");
        let path = path.replace('@', "%40");
        write!(f, "{scheme}://{}/{path}", self.authority)
    }
}
