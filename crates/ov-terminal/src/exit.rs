//! How a program ends: one meaning per code, the same for every verb.

use std::process::ExitCode;

/// What the exit code says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All was done.
    Done,
    /// It failed.
    Failed,
    /// The command line, a variable or an option cannot be understood.
    Usage,
    /// Done, but some of the source could not be read.
    SourceUnread,
    /// There is no vault there.
    NoVault,
    /// The vault is busy or cannot be reached: try again.
    Busy,
    /// Wrong key or passphrase.
    WrongKey,
    /// Damage was found.
    Damage,
    /// Fewer good copies than asked for.
    FewCopies,
    /// Refused by policy: a hold, a quorum, immutability.
    Refused,
    /// Interrupted by the person.
    Interrupted,
}

impl Exit {
    /// From the number; what nobody gives is a failure.
    pub fn of_code(code: u8) -> Self {
        let all = [
            Self::Done,
            Self::Usage,
            Self::SourceUnread,
            Self::NoVault,
            Self::Busy,
            Self::WrongKey,
            Self::Damage,
            Self::FewCopies,
            Self::Refused,
            Self::Interrupted,
        ];
        let known = all.into_iter().find(|exit| exit.code() == code);
        known.unwrap_or(Self::Failed)
    }

    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SourceUnread => 3,
            Self::NoVault => 10,
            Self::Busy => 11,
            Self::WrongKey => 12,
            Self::Damage => 20,
            Self::FewCopies => 21,
            Self::Refused => 30,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
