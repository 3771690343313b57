//! How a DICOMweb service is reached: the account and whom to trust.

use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where the account comes from: a token, or else a name and a password.
const TOKEN_VARIABLE: &str = "ONCOVAULT_DICOMWEB_TOKEN";
const USER_VARIABLE: &str = "ONCOVAULT_DICOMWEB_USER";
const PASSWORD_VARIABLE: &str = "ONCOVAULT_DICOMWEB_PASSWORD";

/// How a PACS is reached.
#[derive(Default)]
pub struct Access {
    /// The value of the header `Authorization`.
    account: Option<Zeroizing<String>>,
    /// Whom to trust.
    pub certificates: Certificates,
    /// Where plain HTTP may go.
    pub plain_http: PlainHttp,
}

/// Whom to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Certificates {
    /// Whom the system trusts.
    #[default]
    System,
    /// The authorities in this file, in PEM.
    File(PathBuf),
}

/// Where plain HTTP may go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    /// To this machine.
    #[default]
    LoopbackOnly,
    /// Anywhere.
    Anywhere,
}

impl Access {
    /// With the account that the environment names, if it names one: a token (RFC 6750), or a name
    /// and a password (RFC 7617).
    #[must_use]
    pub fn of(environment: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            account: account(environment),
            ..Self::default()
        }
    }

    pub(crate) fn account(&self) -> Option<&str> {
        self.account.as_ref().map(|account| account.as_str())
    }
}

fn account(environment: &dyn Fn(&str) -> Option<String>) -> Option<Zeroizing<String>> {
    let said = |name| environment(name).filter(|value: &String| !value.is_empty());
    if let Some(token) = said(TOKEN_VARIABLE).map(Zeroizing::new) {
        return Some(Zeroizing::new(format!("Bearer {}", *token)));
    }
    let user = said(USER_VARIABLE)?;
    let password = Zeroizing::new(said(PASSWORD_VARIABLE).unwrap_or_default());
    let both = Zeroizing::new(format!("{user}:{}", *password));
    let encoded = Zeroizing::new(data_encoding::BASE64.encode(both.as_bytes()));
    Some(Zeroizing::new(format!("Basic {}", *encoded)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account_of(set: &[(&str, &str)]) -> Option<String> {
        let access = Access::of(&|wanted| {
            let found = set.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| (*value).to_owned())
        });
        access.account().map(str::to_owned)
    }

    #[test]
    fn the_account_comes_from_the_environment_and_a_token_wins() {
        let basic = [(USER_VARIABLE, "ada"), (PASSWORD_VARIABLE, "hunter2")];
        let known = account_of(&basic).unwrap();
        assert_eq!(known, "Basic YWRhOmh1bnRlcjI=");
        let both = [basic[0], basic[1], (TOKEN_VARIABLE, "t0ken")];
        assert_eq!(account_of(&both).unwrap(), "Bearer t0ken");
        assert_eq!(account_of(&[(TOKEN_VARIABLE, "")]), None);
    }
}
