//! Why a verb failed, for people: what, on which thing, why, and what to do. The one place that
//! gives errors their exit codes.

use std::error::Error;
use std::fmt::Display;

use ov_format::FormatError;
use ov_policy::retention::RetentionError;
use ov_seal::keyfile::KeyFileError;
use ov_store::{StoreError, UrlError};
use ov_vault::VaultError;
use ov_vault::forget::ForgetError;
use serde_json::{Value, json};

use crate::exit::Exit;

/// A failure, ready to be shown.
#[derive(Debug)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What failed, on which thing, why.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl Failure {
    /// A failure with its exit code.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
            help: None,
        }
    }

    /// What was asked cannot be understood.
    pub fn usage(message: impl Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// A failure that has no class of its own.
    pub fn failed(message: impl Display) -> Self {
        Self::new(Exit::Failed, message)
    }

    /// From an error and all its causes.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, chain(error))
    }

    /// Adds what to do, where nothing better is known.
    pub fn help(mut self, help: impl Display) -> Self {
        self.help.get_or_insert_with(|| help.to_string());
        self
    }

    /// Says in front on what it failed.
    pub fn on(mut self, thing: impl Display) -> Self {
        self.message = format!("{thing}: {}", self.message);
        self
    }

    /// The document for programs.
    pub fn document(&self) -> Value {
        json!({"error": {
            "code": self.exit.code(),
            "message": self.message,
            "help": self.help,
        }})
    }
}

/// An error and its causes in one line; a cause that the line says already is left out.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

impl From<UrlError> for Failure {
    fn from(error: UrlError) -> Self {
        Self::of(Exit::Usage, &error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let failure = Self::of(exit_of_store(&error), &error);
        match help_for_store(&error) {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// The class of a target's error.
pub fn exit_of_store(error: &StoreError) -> Exit {
    match error {
        StoreError::NotFound { .. }
        | StoreError::Short { .. }
        | StoreError::TooLong { .. }
        | StoreError::Damaged { .. } => Exit::Damage,
        StoreError::Unreachable { .. } => Exit::Busy,
        StoreError::NotAStore { .. } => Exit::NoVault,
        StoreError::Options(_) | StoreError::NoCredentials { .. } => Exit::Usage,
        StoreError::Denied { .. }
        | StoreError::Full { .. }
        | StoreError::Stopped
        | StoreError::Unsynced { .. }
        | StoreError::Io { .. } => Exit::Failed,
    }
}

fn help_for_store(error: &StoreError) -> Option<&'static str> {
    match error {
        StoreError::NotFound { .. }
        | StoreError::Short { .. }
        | StoreError::TooLong { .. }
        | StoreError::Damaged { .. } => Some(DAMAGE_HELP),
        StoreError::Unreachable { .. } => {
            Some("nothing was lost; look at the network and the server, then run it again")
        }
        StoreError::NotAStore { .. } => {
            Some("look at --vault; `oncovault init` makes a new vault in an empty place")
        }
        StoreError::Full { .. } => {
            Some("nothing that was stored is lost; make room, then run it again")
        }
        StoreError::Denied { .. } => Some("look at who may write and read there"),
        StoreError::Unsynced { .. } => Some("look at the disk, then run it again"),
        _ => None,
    }
}

const DAMAGE_HELP: &str =
    "`oncovault check` tells what is touched; `oncovault repair` fetches it from a copy";

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        if let VaultError::Store(error) = error {
            return error.into();
        }
        let failure = Self::of(exit_of_vault(&error), &error);
        match help_for_vault(&error) {
            Some(help) => failure.help(help),
            None => failure,
        }
    }
}

/// The class of a vault's error.
pub fn exit_of_vault(error: &VaultError) -> Exit {
    match error {
        VaultError::NoVault { .. } => Exit::NoVault,
        VaultError::OtherVault { .. }
        | VaultError::NotAMember
        | VaultError::Forbidden { .. }
        | VaultError::NoStructure { .. } => Exit::WrongKey,
        VaultError::SamePlace { .. } | VaultError::NotAPlan(_) => Exit::Usage,
        VaultError::Blocked(_) => Exit::Damage,
        VaultError::Object { source, .. } if is_newer(source) => Exit::Failed,
        VaultError::Identity { .. }
        | VaultError::Object { .. }
        | VaultError::Damaged(_)
        | VaultError::Sealed { .. }
        | VaultError::Incomplete(_) => Exit::Damage,
        VaultError::Busy(_) => Exit::Busy,
        VaultError::Store(error) => exit_of_store(error),
        _ => Exit::Failed,
    }
}

fn is_newer(error: &FormatError) -> bool {
    matches!(
        error,
        FormatError::NewerVersion { .. }
            | FormatError::Draft(_)
            | FormatError::UnknownSuite(_)
            | FormatError::Unknown { .. }
    )
}

fn help_for_vault(error: &VaultError) -> Option<&'static str> {
    match error {
        VaultError::NoVault { .. } => {
            Some("look at --vault; `oncovault init` makes a new vault in an empty place")
        }
        VaultError::OtherVault { .. } => {
            Some("give the key file of this vault with --key, or another --vault")
        }
        VaultError::NotAMember => Some("ask an admin of the vault for a key file"),
        VaultError::NoStructure { .. } => Some("use a keeper's or reader's key: --key FILE"),
        VaultError::Blocked(_) => Some("`check` shows all of it; `repair` mends it from a copy"),
        VaultError::Forbidden { .. } => Some("use a key file with that role: --key FILE"),
        VaultError::Identity { .. } => {
            Some("nothing was changed; separate the two vaults, their files do not mix")
        }
        VaultError::Object { source, .. } if is_newer(source) => {
            Some("install a newer oncovault; nothing was changed")
        }
        VaultError::Object { .. }
        | VaultError::Damaged(_)
        | VaultError::Sealed { .. }
        | VaultError::Incomplete(_) => Some(DAMAGE_HELP),
        VaultError::Busy(_) => Some("wait until it has ended, then run it again"),
        VaultError::NoSnapshot(_) => Some("`oncovault snapshots` lists what there is"),
        VaultError::PlanOutdated(_) => Some("make a new plan and look at it"),
        _ => None,
    }
}

impl From<ForgetError> for Failure {
    fn from(error: ForgetError) -> Self {
        match error {
            ForgetError::Vault(error) => error.into(),
            ForgetError::Rules(error @ RetentionError::NoRule) => {
                Self::of(Exit::Usage, &error).help("name snapshots, or say what to keep")
            }
            ForgetError::Rules(error) => {
                Self::of(Exit::Refused, &error).help("if that is meant, say --allow-empty")
            }
        }
    }
}

impl From<KeyFileError> for Failure {
    fn from(error: KeyFileError) -> Self {
        let exit = match error {
            KeyFileError::Memory | KeyFileError::Newer(_) | KeyFileError::Draft(_) => Exit::Failed,
            KeyFileError::BadName => Exit::Usage,
            _ => Exit::WrongKey,
        };
        let failure = Self::of(exit, &error);
        match error {
            KeyFileError::PassphraseNeeded => failure.help(
                "give it with --passphrase-file, --passphrase-command, \
                 ONCOVAULT_PASSPHRASE or at a terminal",
            ),
            KeyFileError::WrongPassphrase => failure
                .help("try again; if it is lost, `oncovault key recover` takes the paper kit"),
            KeyFileError::Damaged => {
                failure.help("take another copy of the file, or `oncovault key recover`")
            }
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::id::{ObjectHash, VaultId};
    use ov_format::name::ObjectName;

    fn code(failure: impl Into<Failure>) -> u8 {
        failure.into().exit.code()
    }

    fn target() -> String {
        "/srv/vault".to_owned()
    }

    #[test]
    fn a_missing_vault_is_10() {
        assert_eq!(code(VaultError::NoVault { place: target() }), 10);
        let source = "gone".into();
        assert_eq!(
            code(StoreError::NotAStore {
                target: target(),
                source
            }),
            10
        );
    }

    #[test]
    fn busy_and_unreachable_are_11() {
        assert_eq!(code(VaultError::Busy("backup")), 11);
        let source = "timeout".into();
        let error = StoreError::Unreachable {
            target: target(),
            source,
        };
        assert_eq!(code(VaultError::Store(error)), 11);
    }

    #[test]
    fn a_wrong_key_or_passphrase_is_12() {
        let (place, wanted) = (target(), VaultId([0; 32]));
        assert_eq!(code(KeyFileError::WrongPassphrase), 12);
        assert_eq!(code(KeyFileError::PassphraseNeeded), 12);
        assert_eq!(code(VaultError::OtherVault { place, wanted }), 12);
        assert_eq!(code(VaultError::NotAMember), 12);
        let (what, role) = ("restore", "reader");
        assert_eq!(code(VaultError::Forbidden { what, role }), 12);
    }

    #[test]
    fn damage_is_20() {
        let name = ObjectName::Pack(ObjectHash([0; 32]));
        assert_eq!(code(VaultError::Damaged(name)), 20);
        assert_eq!(code(StoreError::Damaged { name }), 20);
        let source = FormatError::NotOurs;
        assert_eq!(code(VaultError::Object { name, source }), 20);
        let (place, found) = (target(), 2);
        assert_eq!(code(VaultError::Identity { place, found }), 20);
    }

    #[test]
    fn what_a_newer_program_wrote_is_no_damage() {
        let name = ObjectName::Pack(ObjectHash([0; 32]));
        let source = FormatError::NewerVersion { found: 9, known: 1 };
        let failure = Failure::from(VaultError::Object { name, source });
        assert_eq!(failure.exit.code(), 1);
        assert!(failure.help.unwrap().contains("newer"));
    }

    #[test]
    fn what_cannot_be_understood_is_2() {
        assert_eq!(code(UrlError::Empty), 2);
        assert_eq!(Failure::usage("x").exit.code(), 2);
    }

    #[test]
    fn a_full_disk_is_1_and_says_that_nothing_is_lost() {
        let source = "No space left on device".into();
        let failure = Failure::from(StoreError::Full {
            target: target(),
            source,
        });
        assert_eq!(failure.exit.code(), 1);
        assert_eq!(
            failure.message,
            "/srv/vault is full: No space left on device"
        );
        assert!(
            failure
                .help
                .unwrap()
                .contains("nothing that was stored is lost")
        );
    }

    #[test]
    fn every_other_code_is_what_the_manual_says() {
        let codes = [
            (Exit::Done, 0),
            (Exit::SourceUnread, 3),
            (Exit::FewCopies, 21),
            (Exit::Refused, 30),
            (Exit::Interrupted, 130),
        ];
        for (exit, code) in codes {
            assert_eq!(exit.code(), code);
        }
    }

    #[test]
    fn programs_get_code_message_and_help() {
        let document = Failure::usage("what?").help("this").document();
        assert_eq!(document["error"]["code"], 2);
        assert_eq!(document["error"]["message"], "what?");
        assert_eq!(document["error"]["help"], "this");
    }
}
