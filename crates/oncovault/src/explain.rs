//! Errors of reading and of appointing, for people. What the engine says is given its exit code and
//! its way out here.

use ov_admin::AdminError;
use ov_mount::MountError;
use ov_open::paper::PaperError;
use ov_open::slip39::SetError;
use ov_pacs::PacsError;
use ov_restore::{ArchiveError, DumpError, FilterError, ReadError, RestoreError, TreeError};
use ov_terminal::{Exit, Failure};

/// The class of an error in reading a frame.
pub fn exit_of_read(error: &ReadError) -> Exit {
    match error {
        ReadError::Store(error) => ov_terminal::failure::exit_of_store(error),
        ReadError::Closed { .. } => Exit::WrongKey,
        _ => Exit::Damage,
    }
}

/// Damage outranks everything, and anything outranks success.
pub fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Damage, _) | (_, Exit::Done) => one,
        (Exit::Done, _) | (_, Exit::Damage) => other,
        _ => one,
    }
}

/// Why no more was given to a PACS.
pub fn pacs(error: PacsError) -> Failure {
    let failure = Failure::of(Exit::Failed, &error);
    match error {
        PacsError::NoAnswer(_) => failure.help(
            "look at the address in --to and at the PACS; the same again gives it everything",
        ),
        PacsError::Untrusted(_) => failure.help(
            "name the authority that vouches for it with --ca-file, and in --to the name for which \
             it does",
        ),
        PacsError::Rejected(_) => failure.help(
            "tell its administrator our title (ONCOVAULT, or say dimse://AET@host:port?calling=OURS)",
        ),
        PacsError::Account(_) => failure.help(
            "set ONCOVAULT_DICOMWEB_TOKEN, or ONCOVAULT_DICOMWEB_USER and ONCOVAULT_DICOMWEB_PASSWORD",
        ),
        PacsError::NoService(_) => {
            failure.help("name the root of DICOMweb, such as dicomweb+https://host/dicom-web")
        }
        PacsError::Open => failure.help("say dicomweb+https://, or let it leave with --allow-http"),
        PacsError::Certificates { .. } => failure.help("look at --ca-file"),
        PacsError::NoChance => failure,
    }
}

/// Why a part of a tree cannot be read.
pub fn tree(error: TreeError) -> Failure {
    Failure::of(exit_of_read(&error.source), &error)
        .help("`oncovault check` tells what is touched; other parts are not affected")
}

/// Why a pattern cannot be understood.
pub fn filter(error: FilterError) -> Failure {
    Failure::of(Exit::Usage, &error)
}

/// Why a restore stopped.
pub fn restore(error: RestoreError) -> Failure {
    let failure = Failure::of(Exit::Failed, &error);
    match error {
        RestoreError::Full(_) => failure.help(
            "make room, then run the same again with --overwrite if-changed: it goes on from there",
        ),
        RestoreError::NoSpace { .. } => {
            failure.help("choose a larger place with --to, or a part with --include")
        }
        RestoreError::Target(_) => failure.help("look at --to DIR"),
    }
}

/// Why nothing was mounted.
pub fn mount(error: MountError) -> Failure {
    let failure = Failure::of(Exit::Failed, &error);
    match error {
        MountError::Folder(_) => failure.help(
            "name an empty folder; if an earlier mount died there, `fusermount3 -u DIR` clears it",
        ),
        MountError::NotEmpty => failure.help("name an empty folder"),
        MountError::NoFuse => failure.help(
            "load the module fuse and install the package fuse3, or use `oncovault restore`",
        ),
        MountError::Refused(_) => failure.help(
            "install the package fuse3; --allow-other needs root, or user_allow_other in /etc/fuse.conf",
        ),
        MountError::Broken(_) => failure.help("mount again; nothing in the vault was touched"),
    }
}

/// Why a file was not written out whole.
pub fn dump(error: DumpError) -> Failure {
    let exit = match error {
        DumpError::Content(_) => Exit::Damage,
        _ => Exit::Failed,
    };
    Failure::of(exit, &error)
}

/// Why an archive was not written whole.
pub fn archive(error: ArchiveError) -> Failure {
    let exit = match error {
        ArchiveError::Tree(_) | ArchiveError::Content { .. } => Exit::Damage,
        _ => Exit::Failed,
    };
    Failure::of(exit, &error)
}

/// Why an appointment failed.
pub fn admin(error: AdminError) -> Failure {
    match error {
        AdminError::Vault(error) => error.into(),
        AdminError::Store(error) => error.into(),
        error => {
            let failure = Failure::of(exit_of_admin(&error), &error);
            match error {
                AdminError::AlreadyAVault { .. } => {
                    failure.help("nothing was changed; use it as it is, or name another place")
                }
                AdminError::NoCompartment(_) => {
                    failure.help("`oncovault key list` shows members and compartments")
                }
                AdminError::NoMember(_) => failure.help("`oncovault key list` shows who there is"),
                _ => failure,
            }
        }
    }
}

fn exit_of_admin(error: &AdminError) -> Exit {
    match error {
        AdminError::BadName { .. }
        | AdminError::NameTaken(_)
        | AdminError::NoRoles
        | AdminError::NeedsCompartment(_) => Exit::Usage,
        AdminError::NotTheKit | AdminError::UnknownCompartment(_) => Exit::WrongKey,
        AdminError::Missing { .. } => Exit::Damage,
        AdminError::LastAdmin(_) | AdminError::Yourself | AdminError::TheKit => Exit::Refused,
        _ => Exit::Failed,
    }
}

/// Why what was brought is no recovery kit.
pub fn paper(error: PaperError) -> Failure {
    let failure = Failure::of(Exit::WrongKey, &error);
    match error {
        PaperError::Set(SetError::TooFew { .. } | SetError::TooFewGroups { .. }) => {
            failure.help("give each share with --kit-file, or type them one after the other")
        }
        PaperError::Set(_) => failure.help("bring shares that begin with the same two words"),
        _ => failure.help("compare each word with the paper, then try again"),
    }
}
