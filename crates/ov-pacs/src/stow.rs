//! Giving objects by STOW-RS (PS3.18 section 10.5): each file in a request of its own, so that what
//! failed is known, and what broke is sent again alone.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use ov_clinical::dicom::Form;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, SendBody};

use crate::access::{Access, Certificates, PlainHttp};
use crate::address::{Address, WebService};
use crate::answer::{ANSWER_MAX, Said, said_of};
use crate::effort::Effort;
use crate::error::PacsError;
use crate::object::{Object, Watched};
use crate::send::{Each, Outcome};
use crate::status::{Status, Verdict};
use crate::trouble::{Refusal, Trouble};

/// Refuses to let plain HTTP leave this machine, unless that is allowed.
pub(crate) fn refuse_open(address: &Address, access: &Access) -> Result<(), PacsError> {
    let allowed = access.plain_http == PlainHttp::Anywhere;
    match address.is_open() && !address.is_near() && !allowed {
        true => Err(PacsError::Open),
        false => Ok(()),
    }
}

/// Posts all objects.
pub(crate) fn send(
    service: &WebService,
    access: &Access,
    objects: &[Object<'_>],
    effort: &Effort,
    each: &mut Each<'_>,
) -> Result<(), PacsError> {
    let post = Post {
        agent: agent(&access.certificates, effort)?,
        url: format!("{}/studies", service.base()),
        account: access.account(),
        boundary: boundary()?,
    };
    if let Err(trouble) = effort.spend(|| post.greet()) {
        Outcome::of(trouble)?;
    }
    for (at, object) in objects.iter().enumerate() {
        let told = effort.spend(|| post.store(object));
        each.tell(at, told.or_else(Outcome::of)?)?;
    }
    Ok(())
}

/// How objects are posted.
struct Post<'a> {
    agent: Agent,
    url: String,
    account: Option<&'a str>,
    boundary: String,
}

impl Post<'_> {
    /// Posts nothing, to hear whether we may: what is said of a long file that is still on its way is
    /// often lost with the connection.
    fn greet(&self) -> Result<(), Trouble> {
        let end = format!("--{}--\r\n", self.boundary);
        let length = u64::try_from(end.len()).unwrap_or(u64::MAX);
        let (status, _) = self.post(length, &mut end.as_bytes()).map_err(unanswered)?;
        match judge(status, "", &[]) {
            Err(trouble @ (Trouble::Away(_) | Trouble::Hopeless(_))) => Err(trouble),
            // Whatever else it says of nothing is right.
            _ => Ok(()),
        }
    }

    fn store(&self, object: &Object<'_>) -> Result<Outcome, Trouble> {
        object.check()?;
        let file = object.opened()?;
        if file.opening.form != Form::File {
            return Err(Refusal::NoHeader.into());
        }
        let before = format!(
            "--{}\r\nContent-Type: application/dicom\r\n\r\n",
            self.boundary
        );
        let behind = format!("\r\n--{}--\r\n", self.boundary);
        let frame = u64::try_from(before.len() + behind.len()).unwrap_or(u64::MAX);
        let length = object.length.saturating_add(frame);
        let mut content = file.head.as_slice().chain(file.rest);
        let mut watched = Watched::new(&mut content);
        let mut body = before
            .as_bytes()
            .chain(&mut watched)
            .chain(behind.as_bytes());
        let answered = self.post(length, &mut body);
        match (watched.failed(), answered) {
            (Some(error), _) => Err(Trouble::Content(error)),
            (None, Err(error)) => Err(unanswered(error)),
            (None, Ok((status, answer))) => judge(status, object.instance, &answer),
        }
    }

    fn post(&self, length: u64, body: &mut dyn Read) -> Result<(u16, Vec<u8>), ureq::Error> {
        let form = format!(
            "multipart/related; type=\"application/dicom\"; boundary={}",
            self.boundary
        );
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", form)
            .header("Content-Length", length.to_string())
            .header("Accept", "application/dicom+json");
        if let Some(account) = self.account {
            request = request.header("Authorization", account);
        }
        let mut response = request.send(SendBody::from_reader(body))?;
        let status = response.status().as_u16();
        let answer = response.body_mut().with_config().limit(ANSWER_MAX);
        Ok((status, answer.read_to_vec()?))
    }
}

/// What an answer means for the object (PS3.18 table 10.5.3-1). Its words outrank its number: some
/// services answer 200 and say in words that it failed.
fn judge(http: u16, instance: &str, answer: &[u8]) -> Result<Outcome, Trouble> {
    let said = said_of(instance, answer);
    match (http, said) {
        (401 | 403, _) => Err(PacsError::Account(http).into()),
        (300..=399 | 404 | 405 | 410 | 501, _) => Err(PacsError::NoService(http).into()),
        (_, Some(Said::Failed(status))) => Err(failed(status)),
        (200..=299, Some(Said::Stored)) => Ok(Outcome::Stored),
        (200..=299, Some(Said::Warned(status))) => Ok(Outcome::Warned(status)),
        (200..=299, Some(Said::Nothing)) => Err(Refusal::Silent.into()),
        (200..=299, None) => Err(Refusal::Answer.into()),
        (429 | 502 | 503 | 504, _) => {
            let why = format!("status {http} of HTTP");
            Err(Trouble::Away(PacsError::NoAnswer(why)))
        }
        (408 | 500, _) => Err(Trouble::Passing(Refusal::Http(http))),
        (_, _) => Err(Refusal::Http(http).into()),
    }
}

fn failed(status: Status) -> Trouble {
    match status.verdict() {
        Verdict::Later => Trouble::Passing(Refusal::Status(status)),
        _ => Trouble::Refused(Refusal::Status(status)),
    }
}

/// No answer came: the service is away, or the connection broke over this object. The texts hold no
/// address.
fn unanswered(error: ureq::Error) -> Trouble {
    let away = |why: String| Trouble::Away(PacsError::NoAnswer(why));
    let broken = |why: String| Trouble::Passing(Refusal::Broken(why));
    if let Some(why) = distrust(&error) {
        return PacsError::Untrusted(why).into();
    }
    match error {
        ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
            away("there is nobody at this address".into())
        }
        ureq::Error::HostNotFound => away("the host is not known".into()),
        ureq::Error::Io(error) if is_away(error.kind()) => away(error.to_string()),
        ureq::Error::Io(error) => broken(error.to_string()),
        ureq::Error::Timeout(_) => broken("nothing moved for too long".into()),
        ureq::Error::Rustls(error) => PacsError::NoAnswer(error.to_string()).into(),
        ureq::Error::BodyExceedsLimit(_) => Refusal::Answer.into(),
        _ => broken("it does not speak HTTP as it should".into()),
    }
}

/// Why the other side is not trusted, if that is so. No second try changes it.
fn distrust(error: &ureq::Error) -> Option<String> {
    let of_tls = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>(),
        _ => None,
    }?;
    use rustls::Error::{InvalidCertificate, NoCertificatesPresented, UnsupportedNameType};
    let distrust = matches!(
        of_tls,
        InvalidCertificate(_) | NoCertificatesPresented | UnsupportedNameType
    );
    distrust.then(|| of_tls.to_string())
}

fn is_away(kind: ErrorKind) -> bool {
    use ErrorKind::{AddrNotAvailable, ConnectionRefused, HostUnreachable, NetworkUnreachable};
    let kinds = [
        AddrNotAvailable,
        ConnectionRefused,
        HostUnreachable,
        NetworkUnreachable,
    ];
    kinds.contains(&kind)
}

/// A line that no file has by chance.
fn boundary() -> Result<String, PacsError> {
    let mut chance = [0; 24];
    getrandom::fill(&mut chance).map_err(|_| PacsError::NoChance)?;
    Ok(format!(
        "oncovault-{}",
        data_encoding::HEXLOWER.encode(&chance)
    ))
}

fn agent(certificates: &Certificates, effort: &Effort) -> Result<Agent, PacsError> {
    let roots = match certificates {
        Certificates::System => RootCerts::PlatformVerifier,
        Certificates::File(file) => authorities(file)?,
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(provider)
        .build();
    // An account and an object go to the address that was named and to no other.
    let config = Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(effort.patience))
        .timeout_per_read(Some(effort.patience))
        .timeout_per_write(Some(effort.patience))
        .user_agent(concat!("oncovault/", env!("CARGO_PKG_VERSION")))
        .build();
    Ok(config.new_agent())
}

fn authorities(file: &Path) -> Result<RootCerts, PacsError> {
    let unread = |why: String| PacsError::Certificates {
        path: file.to_owned(),
        why,
    };
    let bytes = std::fs::read(file).map_err(|error| unread(error.to_string()))?;
    let certificate = |item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    };
    let found: Vec<Certificate<'static>> = parse_pem(&bytes).filter_map(certificate).collect();
    match found.is_empty() {
        true => Err(unread("there is no certificate in it".into())),
        false => Ok(found.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &[u8] = br#"{"00081199":{"Value":[{"00081155":{"Value":["1.2"]}}]}}"#;
    const FAILED: &[u8] = br#"{"00081198":{"Value":[{"00081197":{"Value":[272]}}]}}"#;

    #[test]
    fn nothing_counts_as_stored_of_which_that_was_not_said() {
        assert!(matches!(judge(200, "1.2", STORED), Ok(Outcome::Stored)));
        let refused = |http, answer: &[u8]| match judge(http, "1.2", answer) {
            Err(Trouble::Refused(refusal)) => refusal,
            _ => panic!("{http} is a refusal"),
        };
        assert!(matches!(refused(200, FAILED), Refusal::Status(_)));
        assert!(matches!(refused(409, FAILED), Refusal::Status(_)));
        assert_eq!(refused(200, b"{}"), Refusal::Silent);
        assert_eq!(refused(204, b""), Refusal::Answer);
        assert_eq!(refused(400, b""), Refusal::Http(400));
        assert_eq!(refused(413, STORED), Refusal::Http(413));
    }

    #[test]
    fn what_no_object_will_change_ends_it_and_what_passes_is_tried_again() {
        for http in [301, 401, 403, 404] {
            let told = judge(http, "1.2", b"");
            assert!(matches!(told, Err(Trouble::Hopeless(_))), "{http}");
        }
        for http in [429, 502, 503, 504] {
            assert!(matches!(judge(http, "1.2", b""), Err(Trouble::Away(_))));
        }
        assert!(matches!(judge(500, "1.2", b""), Err(Trouble::Passing(_))));
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_it_may_leave() {
        let read = |text: &str| Address::read(text).unwrap().unwrap();
        let mut access = Access::default();
        for (text, refused) in [
            ("dicomweb+http://127.0.0.1:1/x", false),
            ("dicomweb+https://pacs/x", false),
            ("dicomweb+http://pacs/x", true),
        ] {
            assert_eq!(
                refuse_open(&read(text), &access).is_err(),
                refused,
                "{text}"
            );
        }
        access.plain_http = PlainHttp::Anywhere;
        assert!(refuse_open(&read("dicomweb+http://pacs/x"), &access).is_ok());
    }
}
