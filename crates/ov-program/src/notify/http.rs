//! Telling by HTTP: pings, webhooks, ntfy.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::notify::config::{Address, Ping, Webhook};
use crate::notify::error::NotifyError;
use crate::notify::message::{Event, Message, Severity, Topic};
use crate::notify::{Patience, secret};

/// Calls an address. What is no start and no end of a run, and no silence, is not for it.
pub(crate) fn ping(ping: &Ping, message: &Message, patience: Patience) -> Result<(), NotifyError> {
    let Some(part) = part(message.event) else {
        return Ok(());
    };
    let request = Request {
        url: ping.url.with(part),
        host: ping.url.host(),
        headers: vec![("Content-Type", "text/plain; charset=utf-8".into())],
        body: message.text(),
    };
    request.send(ping.ca_file.as_deref(), patience)
}

/// What follows the address; `None` if nothing is to be said.
fn part(event: Event) -> Option<&'static str> {
    match event {
        Event::Started => Some("start"),
        Event::Failed(_) | Event::Silent => Some("fail"),
        Event::Done | Event::Incomplete | Event::Well(Topic::Run | Topic::Silence) => Some(""),
        Event::Late | Event::Short | Event::Well(_) => None,
    }
}

/// Posts the message as JSON.
pub(crate) fn webhook(
    hook: &Webhook,
    message: &Message,
    patience: Patience,
) -> Result<(), NotifyError> {
    let mut headers = vec![("Content-Type", "application/json".to_owned())];
    headers.extend(authorization(hook)?);
    let request = Request {
        url: hook.url.with(""),
        host: hook.url.host(),
        headers,
        body: message.document().to_string(),
    };
    request.send(hook.ca_file.as_deref(), patience)
}

/// Publishes the message in a topic of ntfy (<https://docs.ntfy.sh/publish/>).
pub(crate) fn ntfy(
    topic: &Webhook,
    message: &Message,
    patience: Patience,
) -> Result<(), NotifyError> {
    let (priority, tag) = match message.event.severity() {
        Severity::Notice => ("2", "white_check_mark"),
        Severity::Warning => ("4", "warning"),
        Severity::Critical => ("5", "rotating_light"),
    };
    let mut headers = vec![
        ("Title", ascii(&message.title())),
        ("Priority", priority.to_owned()),
        ("Tags", tag.to_owned()),
    ];
    headers.extend(authorization(topic)?);
    let request = Request {
        url: topic.url.with(""),
        host: topic.url.host(),
        headers,
        body: message.text(),
    };
    request.send(topic.ca_file.as_deref(), patience)
}

/// Headers hold ASCII alone; the body has the whole text.
fn ascii(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().map(plain).collect()
}

fn authorization(hook: &Webhook) -> Result<Option<(&'static str, String)>, NotifyError> {
    let Some(file) = &hook.token_file else {
        return Ok(None);
    };
    open_refused(&hook.url)?;
    let token = secret(file)?;
    Ok(Some(("Authorization", format!("Bearer {}", *token))))
}

fn open_refused(url: &Address) -> Result<(), NotifyError> {
    match url.is_open() {
        true => Err(NotifyError::Open {
            host: url.host().to_owned(),
        }),
        false => Ok(()),
    }
}

struct Request<'a> {
    url: String,
    host: &'a str,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Request<'_> {
    fn send(&self, ca_file: Option<&Path>, patience: Patience) -> Result<(), NotifyError> {
        let agent = agent(ca_file, patience.timeout)?;
        patience.spend(|| self.once(&agent))
    }

    fn once(&self, agent: &Agent) -> Result<(), NotifyError> {
        let mut post = agent.post(&self.url);
        for (name, value) in &self.headers {
            post = post.header(*name, value);
        }
        match post.send(&self.body) {
            Ok(_) => Ok(()),
            Err(error) => Err(told(error, self.host)),
        }
    }
}

/// Without the address, which other texts of the error may hold.
fn told(error: ureq::Error, host: &str) -> NotifyError {
    let host = host.to_owned();
    let unreached = |cause: String| NotifyError::Unreached {
        host: host.clone(),
        cause,
    };
    match error {
        ureq::Error::StatusCode(code) if code == 429 || code >= 500 => {
            NotifyError::Deferred { host, code }
        }
        ureq::Error::StatusCode(code) => NotifyError::Refused { host, code },
        ureq::Error::Timeout(_) => unreached("no answer in time".into()),
        ureq::Error::HostNotFound => unreached("the host is not known".into()),
        ureq::Error::Io(error) => unreached(error.to_string()),
        ureq::Error::Rustls(error) => unreached(error.to_string()),
        ureq::Error::TooManyRedirects | ureq::Error::RedirectFailed => {
            unreached("it leads elsewhere".into())
        }
        _ => unreached("the exchange failed".into()),
    }
}

fn agent(ca_file: Option<&Path>, timeout: Duration) -> Result<Agent, NotifyError> {
    let roots = match ca_file {
        None => RootCerts::PlatformVerifier,
        Some(file) => certificates(file)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Agent::config_builder()
        .tls_config(tls)
        .timeout_global(Some(timeout))
        .max_redirects(3)
        .user_agent(concat!("oncovault/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.new_agent())
}

fn certificates(file: &Path) -> Result<RootCerts, NotifyError> {
    let bytes = std::fs::read(file).map_err(|source| NotifyError::File {
        path: file.to_owned(),
        source,
    })?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let found: Vec<Certificate<'static>> = parse_pem(&bytes).filter_map(certificate).collect();
    match found.is_empty() {
        true => Err(NotifyError::Certificates(file.to_owned())),
        false => Ok(found.into()),
    }
}
