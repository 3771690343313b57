//! What is known of one file after it was looked at: stored bytes, as `docs/FORMAT.md` has them.

use ov_format::Wire;
use ov_format::cbor::{Reader, Writer};
use ov_format::error::FormatError;

use crate::account_wire::numbered;
use crate::facts::Facts;
use crate::identify::{Along, Certainty, Wrapping, look};
use crate::kind::Kind;
use crate::read::read;
use crate::warning::Warning;
use crate::window::Window;

/// An encoded account is at most so long, in bytes. What readers keep fits; whoever says more is
/// not one of them.
pub const ACCOUNT_MAX: usize = 12 << 20;

/// What is known of one file.
#[derive(Debug, Clone, PartialEq)]
pub enum Account {
    /// It was looked at.
    Read(Box<Said>),
    /// It could not be looked at. It is backed up like any other.
    Opaque(Opaque),
}

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What it is; inside its wrapping.
    pub kind: Kind,
    /// Whether it is compressed as a whole.
    pub wrapping: Wrapping,
    /// How sure the kind is.
    pub certainty: Certainty,
    /// What it says about itself.
    pub facts: Facts,
    /// What is wrong with it, or was not read.
    pub warnings: Vec<Warning>,
}

/// Why a file could not be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Opaque {
    /// Reading it ended the worker that read it.
    Crashed,
    /// The worker that read it did not answer in time.
    Stalled,
    /// The worker could not keep pace with the backup.
    TooSlow,
    /// What the worker said of it was no account.
    Garbled,
    /// There is more to say of it than an account may hold.
    TooMuch,
}

numbered!(Opaque "a reason" {
    Crashed = 1, Stalled = 2, TooSlow = 3, Garbled = 4, TooMuch = 5,
});

impl Opaque {
    /// The reason in a few words, after "not read: ".
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Crashed => "reading it ended the worker",
            Self::Stalled => "the worker did not answer in time",
            Self::TooSlow => "the worker could not keep pace",
            Self::Garbled => "the worker gave no sound answer",
            Self::TooMuch => "there is more in it than an account may hold",
        }
    }
}

impl Account {
    /// Looks at a file: what it is, and what it says. `name` is its last name.
    #[must_use]
    pub fn of(name: &str, window: &Window) -> Self {
        let mut along = Along::Wanted;
        let found = look(name, window, &mut along);
        let (facts, warnings) = match along {
            Along::Read(facts, warnings) => (facts, warnings),
            Along::Unwanted | Along::Wanted => read(found.kind, window),
        };
        Self::Read(Box::new(Said {
            kind: found.kind,
            wrapping: found.wrapping,
            certainty: found.certainty,
            facts,
            warnings,
        }))
    }

    /// Whether it is worth keeping: a file of no known kind has nothing to say.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        match self {
            Self::Read(said) => !matches!(said.kind, Kind::Unknown | Kind::Empty),
            Self::Opaque(_) => true,
        }
    }

    /// Its stored bytes, at most [`ACCOUNT_MAX`].
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let bytes = self.to_bytes();
        match bytes.len() <= ACCOUNT_MAX {
            true => bytes,
            false => Self::Opaque(Opaque::TooMuch).to_bytes(),
        }
    }

    /// Reads stored bytes, which may be hostile.
    ///
    /// # Errors
    /// If they are too long, no account, or hold a number or kind that this program does not know.
    pub fn decode(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.len() > ACCOUNT_MAX {
            return Err(FormatError::Rule("an account is at most 12 MiB long"));
        }
        Self::from_bytes(bytes)
    }
}

/// What stands where an opaque file has its reason.
const READ: u8 = 0;

impl Wire for Account {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Read(said) => {
                w.array(6).uint(READ).text(said.kind.label());
                w.value(&said.wrapping).value(&said.certainty);
                let told = (said.facts != Facts::default()).then_some(&said.facts);
                w.option(told).list(&said.warnings);
            }
            Self::Opaque(reason) => {
                w.array(1).value(reason);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let mut more = r.fields(1)?;
        if r.clone().uint::<u64>()? != u64::from(READ) {
            let reason = r.value()?;
            r.skip_fields(more)?;
            return Ok(Self::Opaque(reason));
        }
        r.uint::<u8>()?;
        let Some(rest) = more.checked_sub(5) else {
            return Err(FormatError::Rule("an account of a file has six fields"));
        };
        more = rest;
        let at = r.position();
        let kind = Kind::of_label(r.text()?).ok_or(FormatError::Malformed {
            expected: "a known kind of file",
            at,
        })?;
        let said = Said {
            kind,
            wrapping: r.value()?,
            certainty: r.value()?,
            facts: r.option()?.unwrap_or_default(),
            warnings: r.list()?,
        };
        r.skip_fields(more)?;
        Ok(Self::Read(Box::new(said)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_file_takes_few_bytes() {
        let account = Account::of("a.txt", &Window::whole(b"Some text of no meaning.\n"));
        let bytes = account.encode();
        assert_eq!(bytes, b"\x86\x00\x64text\x00\x01\xf6\x80");
        assert_eq!(Account::decode(&bytes), Ok(account));
    }

    #[test]
    fn nothing_is_kept_of_what_is_not_known() {
        assert!(!Account::of("a", &Window::whole(b"\x93\x11\xfe\0\x81\x07")).is_telling());
        assert!(!Account::of("a", &Window::whole(b"")).is_telling());
        assert!(Account::of("a.pdf", &Window::whole(b"%PDF-1.7\n")).is_telling());
        assert!(Account::Opaque(Opaque::Crashed).is_telling());
    }

    #[test]
    fn fields_of_a_later_version_are_passed_over() {
        let later = b"\x87\x00\x64text\x00\x01\xf6\x80\x82\x01\xf6";
        let today = b"\x86\x00\x64text\x00\x01\xf6\x80";
        assert_eq!(Account::decode(later), Account::decode(today));
        let opaque = Account::decode(b"\x82\x03\x61x").unwrap();
        assert_eq!(opaque, Account::Opaque(Opaque::TooSlow));
    }

    #[test]
    fn what_is_no_account_is_refused() {
        for bytes in [
            &b""[..],
            b"\x80",
            b"\x81\x00",
            b"\x81\x09",
            b"\x86\x00\x64tixt\x00\x01\xf6\x80",
            b"\x86\x00\x64text\x07\x01\xf6\x80",
            b"\x86\x00\x64text\x00\x01\xf6\x80\x00",
        ] {
            assert!(Account::decode(bytes).is_err(), "{bytes:?}");
        }
        assert!(Account::decode(&vec![0; ACCOUNT_MAX + 1]).is_err());
    }
}
