//! The URL of a database server.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The URL of a PostgreSQL server, without a password: a configuration is read by many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl(String);

/// Why a text is no such URL. It is not shown, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ServerUrlError {
    /// It begins otherwise.
    #[error("this is no URL of a PostgreSQL server: write postgresql://USER@HOST:PORT/DATABASE")]
    Scheme,
    /// It has a password.
    #[error("a URL with a password is refused: write the password into a file, see `passfile`")]
    Password,
}

impl ServerUrl {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerUrl {
    type Err = ServerUrlError;

    fn from_str(text: &str) -> Result<Self, ServerUrlError> {
        let rest = text.strip_prefix("postgresql://");
        let rest = rest.or_else(|| text.strip_prefix("postgres://"));
        let rest = rest.ok_or(ServerUrlError::Scheme)?;
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let user = place.rsplit_once('@').map_or("", |(user, _)| user);
        let mut settings = query.split('&');
        if user.contains(':') || settings.any(|one| one.starts_with("password=")) {
            return Err(ServerUrlError::Password);
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_servers_have_no_password() {
        for good in [
            "postgresql://onco@db.example:5433/catalog?sslmode=require",
            "postgres://%2Frun%2Fpostgresql/catalog",
        ] {
            assert_eq!(good.parse::<ServerUrl>().unwrap().as_str(), good);
        }
        for (bad, why) in [
            ("catalog.sqlite", ServerUrlError::Scheme),
            ("mysql://onco@db/catalog", ServerUrlError::Scheme),
            (
                "postgresql://onco:4711@db/catalog",
                ServerUrlError::Password,
            ),
            (
                "postgresql://onco:47@11@db/catalog",
                ServerUrlError::Password,
            ),
            (
                "postgresql://db/catalog?user=a&password=4711",
                ServerUrlError::Password,
            ),
        ] {
            let error = bad.parse::<ServerUrl>().unwrap_err();
            assert_eq!(error, why, "{bad}");
            assert!(!error.to_string().contains("4711"));
        }
    }
}
