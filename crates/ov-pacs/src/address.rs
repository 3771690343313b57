//! Which PACS, and how it is spoken to.

use std::fmt;
use std::net::IpAddr;

/// The name that we give ourselves where none is said.
const OWN_TITLE: &str = "ONCOVAULT";
/// Longest title of an application entity (PS3.5 section 6.2, VR AE), in bytes.
const TITLE_MAX: usize = 16;

/// Which PACS, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// STOW-RS: `dicomweb+https://host/path` or `dicomweb+http://host/path`.
    Web(WebService),
    /// C-STORE: `dimse://AET@host:port`.
    Peer(Peer),
}

/// A service that speaks DICOMweb.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebService {
    wire: Wire,
    authority: String,
    path: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Plain,
    Tls,
}

/// An application entity that speaks the DICOM upper layer (PS3.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its title.
    pub called: AeTitle,
    /// Ours.
    pub calling: AeTitle,
    /// Its name or number, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The title of an application entity: 1 to 16 printable characters of ASCII, no backslash, and
/// more than spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AeTitle(String);

/// Why an address cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No such way of speaking.
    #[error(
        "a PACS is written dicomweb+https://host/path, dicomweb+http://host/path or dimse://AET@host:port"
    )]
    Scheme,
    /// The host, port or path makes no sense.
    #[error("the host, port or path of this PACS cannot be understood")]
    Host,
    /// A DICOMweb service with an account in its address.
    #[error("an account does not belong in the address of a PACS, where others may read it")]
    Account,
    /// No title, or none that may be.
    #[error("the title of an application entity has 1 to 16 characters of ASCII and no backslash")]
    Title,
    /// Something behind `?` that means nothing.
    #[error("behind the ? of dimse:// there may be calling=AET, our own title, and nothing else")]
    Query,
}

impl Address {
    /// Reads an address; `None` if this is none of a PACS, but a path.
    #[must_use]
    pub fn read(text: &str) -> Option<Result<Self, AddressError>> {
        let (scheme, rest) = text.split_once("://")?;
        Some(match scheme {
            "dicomweb+https" => WebService::read(Wire::Tls, rest).map(Self::Web),
            "dicomweb+http" => WebService::read(Wire::Plain, rest).map(Self::Web),
            "dimse" => Peer::read(rest).map(Self::Peer),
            _ => Err(AddressError::Scheme),
        })
    }

    /// Whether what is sent can be read by whoever sees it pass.
    #[must_use]
    pub fn is_open(&self) -> bool {
        match self {
            Self::Web(service) => service.wire == Wire::Plain,
            Self::Peer(_) => true,
        }
    }

    /// Whether it is this machine, so that nothing passes anybody.
    #[must_use]
    pub fn is_near(&self) -> bool {
        let host = match self {
            Self::Web(service) => service.host(),
            Self::Peer(peer) => peer.host.as_str(),
        };
        let number = host.parse::<IpAddr>();
        host == "localhost" || number.is_ok_and(|number| number.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Web(service) => write!(f, "dicomweb+{}", service.base()),
            Self::Peer(peer) => peer.fmt(f),
        }
    }
}

impl WebService {
    fn read(wire: Wire, rest: &str) -> Result<Self, AddressError> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(AddressError::Account);
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~%+,:;=@!$&()*/".contains(c);
        host_and_port(authority)?;
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        if !path.chars().all(plain) || parts.iter().any(|part| matches!(*part, "." | "..")) {
            return Err(AddressError::Host);
        }
        Ok(Self {
            wire,
            authority: authority.to_owned(),
            path: parts.join("/"),
        })
    }

    fn host(&self) -> &str {
        host_and_port(&self.authority).map_or("", |(host, _)| host)
    }

    /// The service's own address, without a slash at its end.
    #[must_use]
    pub fn base(&self) -> String {
        let scheme = match self.wire {
            Wire::Plain => "http",
            Wire::Tls => "https",
        };
        let slash = if self.path.is_empty() { "" } else { "/" };
        format!("{scheme}://{}{slash}{}", self.authority, self.path)
    }
}

impl Peer {
    fn read(rest: &str) -> Result<Self, AddressError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (title, server) = rest.rsplit_once('@').ok_or(AddressError::Title)?;
        let server = server.strip_suffix('/').unwrap_or(server);
        let (host, port) = host_and_port(server)?;
        let calling = match query {
            "" => OWN_TITLE,
            query => query.strip_prefix("calling=").ok_or(AddressError::Query)?,
        };
        Ok(Self {
            called: AeTitle::read(title)?,
            calling: AeTitle::read(calling)?,
            host: host.to_owned(),
            port: port.ok_or(AddressError::Host)?,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let called = self.called.0.replace(' ', "%20");
        match self.host.contains(':') {
            true => write!(f, "dimse://{called}@[{}]:{}", self.host, self.port),
            false => write!(f, "dimse://{called}@{}:{}", self.host, self.port),
        }
    }
}

impl AeTitle {
    /// Reads a title; `%20` is a space in it.
    fn read(text: &str) -> Result<Self, AddressError> {
        let title = text.replace("%20", " ");
        let title = title.trim_matches(' ');
        let sound = |byte: u8| (byte == b' ' || byte.is_ascii_graphic()) && !b"\\%".contains(&byte);
        let fits = (1..=TITLE_MAX).contains(&title.len()) && title.bytes().all(sound);
        match fits {
            true => Ok(Self(title.to_owned())),
            false => Err(AddressError::Title),
        }
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn host_and_port(text: &str) -> Result<(&str, Option<u16>), AddressError> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(bracketed) => {
            let (host, rest) = bracketed.split_once(']').ok_or(AddressError::Host)?;
            let number = host.parse::<IpAddr>().map_err(|_| AddressError::Host)?;
            let sound = number.is_ipv6().then_some((host, rest));
            sound.ok_or(AddressError::Host)?
        }
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
    if host.is_empty() || !host.chars().all(plain) {
        return Err(AddressError::Host);
    }
    match rest.strip_prefix(':') {
        None if rest.is_empty() => Ok((host, None)),
        None => Err(AddressError::Host),
        Some(digits) => match digits.parse::<u16>() {
            Ok(port @ 1..) => Ok((host, Some(port))),
            _ => Err(AddressError::Host),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Address, AddressError> {
        Address::read(text).unwrap()
    }

    #[test]
    fn a_path_is_no_pacs() {
        for path in ["everything", "/data/back", "./dimse:x", "C:back"] {
            assert!(Address::read(path).is_none(), "{path}");
        }
    }

    #[test]
    fn addresses_are_shown_as_they_are_written() {
        for text in [
            "dicomweb+https://pacs.example.org/dicom-web",
            "dicomweb+http://[::1]:8042/a/b",
            "dicomweb+https://pacs:8443",
            "dimse://ORTHANC@127.0.0.1:4242",
            "dimse://MAIN%20PACS@[fe80::1]:104",
        ] {
            assert_eq!(read(text).unwrap().to_string(), text);
        }
        let slashes = read("dicomweb+https://pacs//dicom-web/").unwrap();
        assert_eq!(slashes.to_string(), "dicomweb+https://pacs/dicom-web");
    }

    #[test]
    fn our_own_title_may_be_said() {
        let title = |text: &str| match read(text) {
            Ok(Address::Peer(peer)) => peer.calling.as_str().to_owned(),
            other => panic!("{other:?}"),
        };
        assert_eq!(title("dimse://A@h:104"), "ONCOVAULT");
        assert_eq!(title("dimse://A@h:104?calling=RT%20NODE"), "RT NODE");
    }

    #[test]
    fn what_cannot_be_an_address_is_refused_with_its_reason() {
        let cases = [
            ("s3://bucket", AddressError::Scheme),
            ("dicomweb://host", AddressError::Scheme),
            ("dicomweb+https://", AddressError::Host),
            ("dicomweb+https://h:0/x", AddressError::Host),
            ("dicomweb+https://h/a b", AddressError::Host),
            ("dicomweb+https://h/../x", AddressError::Host),
            ("dicomweb+https://h/x?y", AddressError::Host),
            ("dicomweb+https://ada:pw@h/x", AddressError::Account),
            ("dimse://host:104", AddressError::Title),
            ("dimse://@host:104", AddressError::Title),
            ("dimse://SEVENTEEN-LETTERS@h:1", AddressError::Title),
            ("dimse://A\\B@host:104", AddressError::Title),
            ("dimse://A@host", AddressError::Host),
            ("dimse://A@host:99999", AddressError::Host),
            ("dimse://A@h:104?own=B", AddressError::Query),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn only_this_machine_is_near_and_only_tls_is_closed() {
        for (text, near, open) in [
            ("dicomweb+https://pacs/x", false, false),
            ("dicomweb+http://localhost:1/x", true, true),
            ("dicomweb+http://127.0.0.1.example.org/x", false, true),
            ("dimse://A@[::1]:104", true, true),
            ("dimse://A@10.0.0.1:104", false, true),
        ] {
            let address = read(text).unwrap();
            assert_eq!(
                (address.is_near(), address.is_open()),
                (near, open),
                "{text}"
            );
        }
    }
}
