//! Errors of a backup, for people. What the engine says is given its exit code and its way out here.

use ov_backup::BackupError;
use ov_source::{SelectionError, SourceError};
use ov_terminal::{Exit, Failure};

/// Why a backup failed.
pub fn backup(error: BackupError) -> Failure {
    match error {
        BackupError::Vault(error) => error.into(),
        BackupError::Store(error) => error.into(),
        BackupError::Source(error) => source(error),
        BackupError::Interrupted => Failure::of(Exit::Interrupted, &error)
            .help("nothing is lost: the next run goes on with what was stored"),
        BackupError::Compartment(..) => Failure::of(Exit::WrongKey, &error)
            .help("name another --compartment, or use a key for this one"),
        BackupError::KeepersUnread(_) => Failure::of(Exit::Damage, &error).help(
            "run it again; if it stays so, a keeper mends the record by `repair --from` a copy, \
             or gives it up by `repair --give-up`",
        ),
        BackupError::Repeated(_) | BackupError::StreamRepeat => Failure::of(Exit::Busy, &error),
        error => Failure::of(Exit::Failed, &error),
    }
}

/// Why something cannot be read.
pub fn source(error: SourceError) -> Failure {
    let exit = match error {
        SourceError::BadName { .. } | SourceError::NoCommand { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::of(exit, &error)
}

/// Why what is left out cannot be understood.
pub fn selection(error: SelectionError) -> Failure {
    Failure::of(Exit::Usage, &error)
}
