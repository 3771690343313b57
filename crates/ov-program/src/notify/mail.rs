//! Telling by mail (RFC 5321, RFC 5322).

use std::path::Path;

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Message as Letter, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};

use crate::notify::config::{Mail, Security, is_this_machine};
use crate::notify::error::NotifyError;
use crate::notify::message::{Message, Severity};
use crate::notify::{Patience, secret};

/// Sends the message as a mail to all who are named.
pub(crate) fn send(mail: &Mail, message: &Message, patience: Patience) -> Result<(), NotifyError> {
    let letter = letter(mail, message)?;
    let transport = transport(mail, patience)?;
    patience.spend(|| match transport.send(&letter) {
        Ok(_) => Ok(()),
        Err(error) => Err(told(&error, &mail.server)),
    })
}

fn letter(mail: &Mail, message: &Message) -> Result<Letter, NotifyError> {
    let mut builder: MessageBuilder = Letter::builder()
        .from(mail.from.value().clone())
        .subject(format!("[oncovault] {}", message.title()))
        .message_id(None)
        .header(AutoSubmitted)
        .header(ContentType::TEXT_PLAIN);
    for to in &mail.to {
        builder = builder.to(to.value().clone());
    }
    if message.event.severity() == Severity::Critical {
        builder = builder.header(Importance);
    }
    Ok(builder.body(message.text())?)
}

fn transport(mail: &Mail, patience: Patience) -> Result<SmtpTransport, NotifyError> {
    let tls = || tls(&mail.server, mail.ca_file.as_deref());
    let (tls, usual) = match mail.security {
        Security::Tls => (Tls::Wrapper(tls()?), 465),
        Security::Starttls => (Tls::Required(tls()?), 587),
        Security::None => (Tls::None, 25),
    };
    let mut builder = SmtpTransport::builder_dangerous(&mail.server)
        .port(mail.port.unwrap_or(usual))
        .tls(tls)
        .timeout(Some(patience.timeout));
    if let Some(user) = &mail.user {
        if mail.security == Security::None && !is_this_machine(&mail.server) {
            return Err(NotifyError::Open {
                host: mail.server.clone(),
            });
        }
        let password = match &mail.password_file {
            Some(file) => secret(file)?.to_string(),
            None => String::new(),
        };
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

fn tls(server: &str, ca_file: Option<&Path>) -> Result<TlsParameters, NotifyError> {
    let mut builder = TlsParameters::builder(server.to_owned());
    if let Some(file) = ca_file {
        let pem = std::fs::read(file).map_err(|source| NotifyError::File {
            path: file.to_owned(),
            source,
        })?;
        let none = || NotifyError::Certificates(file.to_owned());
        let certificate = Certificate::from_pem(&pem).map_err(|_| none())?;
        builder = builder
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
    }
    builder.build_rustls().map_err(|error| told(&error, server))
}

fn told(error: &lettre::transport::smtp::Error, server: &str) -> NotifyError {
    let host = server.to_owned();
    match error.status() {
        Some(code) if error.is_permanent() => NotifyError::Refused {
            host,
            code: code.into(),
        },
        Some(code) => NotifyError::Deferred {
            host,
            code: code.into(),
        },
        None => NotifyError::Unreached {
            host,
            cause: error.to_string(),
        },
    }
}

/// No robot answers this (RFC 3834, section 5).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Somebody should look now (RFC 2156).
#[derive(Clone)]
struct Importance;

impl Header for Importance {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Importance")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "high".to_owned())
    }
}
