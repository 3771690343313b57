//! Which server, and where in a request the bucket stands.

use std::net::IpAddr;

use crate::credentials::{self, Environment};
use crate::error::OptionsError;
use crate::options::{OpenOptions, PathStyle, PlainHttp};

/// The server to talk to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `None` for Amazon's own.
    pub url: Option<String>,
    /// Whether the host name carries the bucket.
    pub names_bucket: bool,
}

impl Endpoint {
    /// Takes the endpoint of the options or of the environment.
    pub(crate) fn choose(
        bucket: &str,
        options: &OpenOptions,
        environment: Environment<'_>,
    ) -> Result<Self, OptionsError> {
        let given = options
            .endpoint
            .clone()
            .or_else(|| credentials::endpoint(environment));
        let Some(given) = given else {
            return Ok(Self {
                url: None,
                names_bucket: options.path_style != PathStyle::Path,
            });
        };
        let (scheme, host) = split(&given)?;
        if scheme == "http" && options.plain_http == PlainHttp::LoopbackOnly && !is_loopback(host) {
            return Err(OptionsError::PlainHttp { endpoint: given });
        }
        Ok(match options.path_style {
            PathStyle::VirtualHost => Self {
                url: Some(format!("{scheme}://{bucket}.{host}")),
                names_bucket: true,
            },
            PathStyle::Auto | PathStyle::Path => Self {
                url: Some(format!("{scheme}://{host}")),
                names_bucket: false,
            },
        })
    }

    /// Whether it speaks plain HTTP.
    pub(crate) fn is_plain(&self) -> bool {
        self.url
            .as_deref()
            .is_some_and(|url| url.starts_with("http://"))
    }

    /// The target in words for people.
    pub(crate) fn show(&self, bucket: &str, prefix: &str) -> String {
        let prefix = prefix.trim_matches('/');
        let slash = if prefix.is_empty() { "" } else { "/" };
        match &self.url {
            Some(url) => format!("s3://{bucket}{slash}{prefix} at {url}"),
            None => format!("s3://{bucket}{slash}{prefix}"),
        }
    }
}

/// The scheme and the host with its port. No user, no path, no query.
fn split(url: &str) -> Result<(&str, &str), OptionsError> {
    let wrong = || OptionsError::Endpoint {
        endpoint: match url.rsplit_once('@') {
            Some((_, host)) => format!("…@{host}"),
            None => url.to_owned(),
        },
    };
    let (scheme, rest) = url.split_once("://").ok_or_else(wrong)?;
    let host = rest.strip_suffix('/').unwrap_or(rest);
    let sound = !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':' | '[' | ']' | '_'));
    if !sound || !matches!(scheme, "http" | "https") {
        return Err(wrong());
    }
    Ok((scheme, host))
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost"
        || name
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        endpoint: Option<&str>,
        change: impl FnOnce(&mut OpenOptions),
    ) -> Result<Endpoint, OptionsError> {
        let mut options = OpenOptions {
            endpoint: endpoint.map(str::to_owned),
            ..OpenOptions::default()
        };
        change(&mut options);
        Endpoint::choose("onco", &options, &|_| None)
    }

    #[test]
    fn plain_http_goes_to_this_machine_only_unless_allowed() {
        for url in [
            "http://127.0.0.1:8333",
            "http://localhost:1",
            "http://[::1]:8333",
            "http://127.9.9.9",
        ] {
            assert!(choose(Some(url), |_| {}).unwrap().is_plain(), "{url}");
        }
        for url in [
            "http://s3.example.org",
            "http://10.0.0.1:9000",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
        ] {
            let refused = choose(Some(url), |_| {});
            assert!(
                matches!(refused, Err(OptionsError::PlainHttp { .. })),
                "{url}"
            );
            assert!(choose(Some(url), |o| o.plain_http = PlainHttp::Anywhere).is_ok());
        }
        assert!(
            !choose(Some("https://s3.example.org"), |_| {})
                .unwrap()
                .is_plain()
        );
    }

    #[test]
    fn the_bucket_stands_where_it_was_asked_to() {
        let url = Some("https://s3.example.org/");
        assert_eq!(
            choose(url, |_| {}).unwrap().url.unwrap(),
            "https://s3.example.org"
        );
        let hosted = choose(url, |o| o.path_style = PathStyle::VirtualHost).unwrap();
        assert_eq!(hosted.url.unwrap(), "https://onco.s3.example.org");
        assert!(hosted.names_bucket);
        assert!(choose(None, |_| {}).unwrap().names_bucket);
        assert!(
            !choose(None, |o| o.path_style = PathStyle::Path)
                .unwrap()
                .names_bucket
        );
    }

    #[test]
    fn what_is_no_server_is_refused_without_repeating_passwords() {
        for url in [
            "s3.example.org",
            "ftp://x",
            "https://",
            "https://x/y",
            "https://u:hunter2@x",
        ] {
            let error = choose(Some(url), |_| {}).unwrap_err();
            assert!(matches!(error, OptionsError::Endpoint { .. }), "{url}");
            assert!(!error.to_string().contains("hunter2"));
        }
    }

    #[test]
    fn the_environment_names_the_server_if_the_options_do_not() {
        let environment = |name: &str| match name {
            "AWS_ENDPOINT_URL" => Some("https://general.example.org".to_owned()),
            "AWS_ENDPOINT_URL_S3" => Some("https://s3.example.org".to_owned()),
            _ => None,
        };
        let chosen = Endpoint::choose("onco", &OpenOptions::default(), &environment).unwrap();
        assert_eq!(
            chosen.show("onco", "a"),
            "s3://onco/a at https://s3.example.org"
        );
    }
}
