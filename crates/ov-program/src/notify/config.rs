//! Who is told, and how: the table `notify` of the configuration.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use lettre::message::Mailbox;
use ov_policy::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::config::{Name, Worded};

/// Who is told, and how. Names of datasets, numbers and times are told; never a path or the name
/// of a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Notify {
    /// One line for each event to the system's log (journald, syslog).
    pub syslog: bool,
    /// A file for the textfile collector of Prometheus' node exporter, written after each run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub textfile: Option<PathBuf>,
    /// How often trouble that lasts is told again.
    pub repeat: Worded<Period>,
    /// Addresses that are called at the start and the end of each run, in the manner of
    /// Healthchecks. Whoever listens there raises the alarm when nobody calls any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ping: Vec<Ping>,
    /// Mail by SMTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mail: Vec<Mail>,
    /// Addresses to which a JSON document is posted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub webhook: Vec<Webhook>,
    /// Topics of ntfy, at ntfy.sh or a server of one's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ntfy: Vec<Webhook>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            syslog: false,
            textfile: None,
            repeat: Period::from_days(1).into(),
            ping: Vec::new(),
            mail: Vec::new(),
            webhook: Vec::new(),
            ntfy: Vec::new(),
        }
    }
}

impl Notify {
    /// Every path in it, so that the reader of the configuration can make them absolute.
    pub fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        let pings = self.ping.iter_mut().map(|one| (None, &mut one.ca_file));
        let mails = self.mail.iter_mut();
        let mails = mails.map(|one| (one.password_file.as_mut(), &mut one.ca_file));
        let hooks = self.webhook.iter_mut().chain(&mut self.ntfy);
        let hooks = hooks.map(|one| (one.token_file.as_mut(), &mut one.ca_file));
        let files = pings.chain(mails).chain(hooks);
        let files = files.flat_map(|(secret, ca)| [secret, ca.as_mut()]);
        files.flatten().chain(self.textfile.as_mut())
    }
}

/// An address that is called at the start and the end of each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Ping {
    /// The address. Whoever knows it can call it: keep it to yourself.
    pub url: Address,
    /// Only for these datasets, or agents that are watched; without, for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Worded<Name>>,
    /// The only certificates to trust, in PEM; without, those that this machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
}

/// Mail by SMTP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Mail {
    /// The server that takes the mail.
    pub server: String,
    /// Its port; without, the usual one: 465 with TLS, 587 with STARTTLS, 25 without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub security: Security,
    /// Who logs in; without, nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A file that holds the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The only certificates to trust, in PEM; without, those that this machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Who sends.
    pub from: Worded<Mailbox>,
    /// Who gets it.
    pub to: Vec<Worded<Mailbox>>,
    /// Only about these datasets, copies or agents; without, about all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Worded<Name>>,
    /// How much is told.
    #[serde(default)]
    pub tell: Tell,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Security {
    /// From the first byte.
    Tls,
    /// Asked for, and nothing is sent without it.
    #[default]
    Starttls,
    /// Not at all. A password is then sent only within this machine.
    None,
}

/// An address to which each message is posted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Webhook {
    /// The address.
    pub url: Address,
    /// A file that holds a token, sent as `Authorization: Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The only certificates to trust, in PEM; without, those that this machine trusts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// Only about these datasets, copies or agents; without, about all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub about: Vec<Worded<Name>>,
    /// How much is told.
    #[serde(default)]
    pub tell: Tell,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Tell {
    /// Trouble when it begins, again from time to time while it lasts, and its end.
    #[default]
    Trouble,
    /// Every event.
    Everything,
}

/// Where something is sent by HTTP. It may hold a secret, so it is shown to nobody.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Address {
    text: String,
    host: String,
}

/// Why a text is no address. It does not repeat the text, which may be secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AddressError {
    /// It does not begin with `https://` or `http://`.
    #[error("an address begins with https:// or http://")]
    Scheme,
    /// No host, or characters that an address does not have.
    #[error("the address has no host, or characters that belong to no address")]
    Malformed,
    /// A name and a password before the host.
    #[error("the address holds a password: put a token into a file and name it as token-file")]
    Credentials,
}

impl Address {
    /// The machine that it names, which is no secret.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Whether what is sent there can be read on the way.
    pub(crate) fn is_open(&self) -> bool {
        self.text.starts_with("http://") && !is_this_machine(&self.host)
    }

    /// The same with one more part of the path, before any query.
    pub(crate) fn with(&self, part: &str) -> String {
        let (path, query) = match self.text.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (self.text.as_str(), String::new()),
        };
        match part {
            "" => self.text.clone(),
            part => format!("{}/{part}{query}", path.trim_end_matches('/')),
        }
    }
}

/// Whether a host is this machine itself.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<std::net::IpAddr> = host.parse().ok();
    host == "localhost" || address.is_some_and(|address| address.is_loopback())
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = ["https://", "http://"]
            .into_iter()
            .find_map(|scheme| text.strip_prefix(scheme))
            .ok_or(AddressError::Scheme)?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, _) = rest.split_at(end);
        if authority.contains('@') {
            return Err(AddressError::Credentials);
        }
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => authority,
        };
        let sound = text.bytes().all(|byte| byte.is_ascii_graphic()) && !text.contains('#');
        match sound && !host.is_empty() {
            true => Ok(Self {
                text: text.into(),
                host: host.into(),
            }),
            false => Err(AddressError::Malformed),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.text
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address(… at {})", self.host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_shown_but_its_host_is() {
        let address: Address = "https://hc.example.org:8443/ping/0f9a-secret"
            .parse()
            .unwrap();
        assert_eq!(address.host(), "hc.example.org");
        assert_eq!(format!("{address:?}"), "Address(… at hc.example.org)");
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        for (text, error) in [
            ("ftp://host/secret", AddressError::Scheme),
            ("https:///secret", AddressError::Malformed),
            ("https://host/sec ret", AddressError::Malformed),
            ("https://me:secret@host/", AddressError::Credentials),
        ] {
            assert_eq!(text.parse::<Address>(), Err(error));
            assert!(!error.to_string().contains("secret"));
        }
    }

    #[test]
    fn the_end_of_a_run_is_a_part_of_the_path_before_the_query() {
        let with = |text: &str| text.parse::<Address>().unwrap().with("fail");
        assert_eq!(with("https://h/p"), "https://h/p/fail");
        assert_eq!(with("https://h/p/"), "https://h/p/fail");
        assert_eq!(with("https://h/p?create=1"), "https://h/p/fail?create=1");
    }

    #[test]
    fn plain_http_is_open_but_within_this_machine() {
        let open = |text: &str| text.parse::<Address>().unwrap().is_open();
        assert!(open("http://ntfy.lan/x"));
        for safe in [
            "https://ntfy.lan/x",
            "http://127.0.0.1:80/x",
            "http://[::1]:80/",
            "http://localhost/",
        ] {
            assert!(!open(safe), "{safe}");
        }
    }
}
