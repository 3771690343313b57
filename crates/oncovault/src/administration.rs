//! What an admin's verb works with: the vault, what the key opens, and who there is.

use std::path::{Path, PathBuf};

use ov_admin::members::{self, MemberInfo};
use ov_admin::{AdminAccess, AdminError};
use ov_format::id::{CompartmentId, MemberId};
use ov_seal::entropy::OsEntropy;
use ov_seal::keyfile::{KeyFacts, KeyFile, Wrap};
use ov_seal::member::MemberSecret;
use ov_seal::passphrase::Passphrase;
use ov_terminal::{Copies, Desk, Failure, Opened, key_file, passphrase};

use crate::explain;

/// A vault as an admin sees it.
pub struct Administration {
    /// The vault.
    pub opened: Opened,
    /// All its secrets.
    pub access: AdminAccess,
}

impl Administration {
    /// Opens the vault with an admin's key.
    pub fn open(desk: &Desk) -> Result<Self, Failure> {
        let opened = desk.open(Copies::Welcome)?;
        let access =
            AdminAccess::unlock(&opened.vault, opened.writer.member, &opened.writer.secret)
                .map_err(explain::admin)?;
        Ok(Self { opened, access })
    }

    /// All members.
    pub fn members(&self) -> Result<Vec<MemberInfo>, Failure> {
        let open = |context: &_, head: &[u8]| self.access.open(context, head);
        members::list(&self.opened.vault, &open).map_err(explain::admin)
    }

    /// The member of a name, or of an id or its beginning.
    pub fn member(&self, text: &str) -> Result<MemberId, Failure> {
        let members = self.members()?;
        let by_name: Vec<MemberId> = members
            .iter()
            .filter(|member| member.name.as_deref() == Some(text))
            .map(|member| member.id)
            .collect();
        let digits = text.to_ascii_lowercase();
        let by_id = members.iter().map(|member| member.id);
        let by_id: Vec<MemberId> = by_id
            .filter(|id| id.to_string().starts_with(&digits))
            .collect();
        match (&by_name[..], &by_id[..]) {
            ([id], _) | ([], [id]) => Ok(*id),
            ([], []) => Err(Failure::failed(format!("there is no member {text:?}"))
                .help("`oncovault key list` shows who there is")),
            _ => Err(
                Failure::usage(format!("{text:?} may be any of several members"))
                    .help("give its id; `oncovault key list` shows it"),
            ),
        }
    }

    /// Compartments by name; none named is the only one there is.
    pub fn compartments(&self, names: &[String]) -> Result<Vec<CompartmentId>, Failure> {
        let all = &self.access.compartments;
        match (names, all.len()) {
            ([], 1) => Ok(all.keys().copied().collect()),
            ([], _) => {
                let names: Vec<&str> = all.values().map(|found| found.name.as_str()).collect();
                Err(Failure::usage("no compartment was named").help(format!(
                    "say --compartment with one of: {}",
                    names.join(", ")
                )))
            }
            _ => {
                let found = names.iter().map(|name| self.access.find(name));
                found
                    .collect::<Result<_, AdminError>>()
                    .map_err(explain::admin)
            }
        }
    }
}

/// A new key file and what protects it.
#[derive(clap::Args, Debug)]
pub struct NewKey {
    /// The new key file; it must not be there yet
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    #[command(flatten)]
    pub protection: NewProtection,
}

/// What protects a key file from now on.
#[derive(clap::Args, Clone, Debug)]
pub struct NewProtection {
    /// Read the new key file's passphrase from a file
    #[arg(long, value_name = "FILE")]
    new_passphrase_file: Option<PathBuf>,

    /// No passphrase, for machines that work alone: whoever reads the file has the key
    #[arg(long, conflicts_with = "new_passphrase_file")]
    unprotected_key: bool,
}

impl NewProtection {
    /// The passphrase; none only if that was asked for.
    pub fn passphrase(&self) -> Result<Option<Passphrase>, Failure> {
        match (&self.new_passphrase_file, self.unprotected_key) {
            (Some(file), _) => passphrase::from_file(file).map(Some),
            (None, true) => Ok(None),
            (None, false) => match passphrase::asked_anew("the new key file")? {
                Some(typed) => Ok(Some(typed)),
                None => Err(Failure::usage("no passphrase for the new key file")
                    .help("give --new-passphrase-file FILE, or say --unprotected-key for none")),
            },
        }
    }
}

impl NewKey {
    /// Takes the file's place first, then lets `make` make the member, then writes the key: so
    /// nobody is appointed whose key cannot be kept.
    pub fn write<T>(
        &self,
        make: impl FnOnce() -> Result<(KeyFacts, MemberSecret, T), Failure>,
    ) -> Result<(KeyFacts, T), Failure> {
        let passphrase = self.protection.passphrase()?;
        let file = key_file::reserve(&self.out)?;
        let (facts, secret, more) = match make() {
            Ok(made) => made,
            Err(failure) => {
                // It is empty, and nobody should take it for a key.
                let _ = std::fs::remove_file(&self.out);
                return Err(failure);
            }
        };
        let wrap = passphrase.as_ref().map_or(Wrap::None, Wrap::Passphrase);
        let key = KeyFile::new(facts.clone(), &secret, wrap, &OsEntropy)?;
        key_file::write(&file, &self.out, &key)?;
        Ok((facts, more))
    }
}

/// Puts a key file in the place of an older one.
pub fn replace_key_file(path: &Path, key: &KeyFile) -> Result<(), Failure> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let beside = PathBuf::from(name);
    let file = key_file::reserve(&beside)?;
    let placed = key_file::write(&file, &beside, key).and_then(|()| {
        std::fs::rename(&beside, path)
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
    });
    if placed.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    placed
}
