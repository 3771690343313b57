//! A member's key file: text that a person can move about, with one sealed or bare seed in it.
//!
//! ```text
//! -----BEGIN ONCOVAULT KEY-----
//! Role: owner
//! Name: Anna Schmidt
//! Vault: 0a1b…
//!
//! base64 of: CBOR [version, public (byte string), secret] ‖ checksum (16)
//! -----END ONCOVAULT KEY-----
//! ```
//!
//! - public = CBOR [vault, root record, newest known record, member, name, roles]; a record is
//!   [member, target, number, hash]; roles is an array of numbers.
//! - secret = CBOR [0, seed] or [1, salt, sealed seed]. Sealed: AES-256-GCM-SIV, number 0, under
//!   Argon2id (version 0x13) of passphrase and salt with 64 MiB, t = 3, p = 1; associated data = a
//!   fixed text ‖ version ‖ public. So nobody can change what the file says of its owner.
//! - checksum = the first 16 bytes of a derived hash of everything before it. It tells damage from
//!   a wrong passphrase without one. It stays in every version of the format.
//!
//! The lines above the base64 are for people; a program believes only what is inside. This crate
//! makes and reads text; the caller writes it with mode 0600 and never over another file.

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::BASE64;
use ov_format::FormatError;
use ov_format::cbor::{Reader, Writer};
use ov_format::id::{MemberId, VaultId};
use ov_format::name::RecordName;
use ov_format::statement::Role;
use zeroize::Zeroizing;

use crate::aead::AeadKey;
use crate::entropy::Entropy;
use crate::kdf::{Key32, derive, purpose};
use crate::member::MemberSecret;
use crate::passphrase::Passphrase;

/// Version of key files that this program writes, and the only one that it reads. It is frozen.
pub const KEY_FILE_VERSION: u8 = 1;
/// Longest display name in bytes.
pub const NAME_BYTES_MAX: usize = 200;

const BEGIN: &str = "-----BEGIN ONCOVAULT KEY-----";
const END: &str = "-----END ONCOVAULT KEY-----";
const LINE: usize = 64;
const BASE64_BYTES_MAX: usize = 4 * 1024;
const CHECKSUM_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
const SEALED_BYTES: usize = 32 + crate::aead::TAG_BYTES;
const WRAP_NONE: u8 = 0;
const WRAP_PASSPHRASE: u8 = 1;

/// Why a key file is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    /// No armour in the text.
    #[error("this is no OncoVault key file")]
    NotAKeyFile,
    /// The text between the armour is not what was written.
    #[error("the key file is damaged: take another copy of it")]
    Damaged,
    /// Written by a newer program.
    #[error("the key file has version {0}, newer than this program knows: use a newer program")]
    Newer(u8),
    /// A draft, from before version 1 was frozen.
    #[error("the key file has version {0}, a draft that no released program wrote")]
    Draft(u8),
    /// It opens only with a passphrase, and there was none.
    #[error("the key file is protected by a passphrase, and none was given")]
    PassphraseNeeded,
    /// Another passphrase.
    #[error("wrong passphrase for this key file")]
    WrongPassphrase,
    /// Too long for a display name, or with control characters.
    #[error("a display name has 1 to {NAME_BYTES_MAX} bytes and no control characters")]
    BadName,
    /// The machine has not the 64 MiB that Argon2id needs.
    #[error("not enough memory to try the passphrase: 64 MiB are needed")]
    Memory,
}

/// The public part of a key file: whose it is, and where its trust begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    /// The vault.
    pub vault: VaultId,
    /// The vault's first record: the root of trust.
    pub root: RecordName,
    /// The newest head known when the file was written; at first the root itself.
    pub head: RecordName,
    /// The member.
    pub member: MemberId,
    /// A name for people.
    pub name: String,
    /// What it was appointed to when the file was written; the head decides.
    pub roles: Vec<Role>,
}

/// How the seed lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Bare: whoever reads the file has the key. For unattended machines.
    None,
    /// Sealed under a passphrase.
    Passphrase,
}

/// How the seed is to be put into the file.
#[derive(Clone, Copy, Debug)]
pub enum Wrap<'a> {
    /// Bare.
    None,
    /// Sealed under a passphrase.
    Passphrase(&'a Passphrase),
}

/// A key file, not yet unlocked.
#[derive(Debug)]
pub struct KeyFile {
    facts: KeyFacts,
    seed: Seed,
}

#[derive(Debug)]
enum Seed {
    Bare(Key32),
    Sealed {
        salt: [u8; SALT_BYTES],
        sealed: [u8; SEALED_BYTES],
    },
}

impl KeyFile {
    /// Makes the key file of `secret`.
    pub fn new(
        facts: KeyFacts,
        secret: &MemberSecret,
        wrap: Wrap<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        check_name(&facts.name)?;
        let seed = Seed::wrap(secret.seed(), wrap, &facts, entropy)?;
        Ok(Self { facts, seed })
    }

    /// Reads the text that [`KeyFile::text`] writes. Nothing is unlocked, so this costs nothing.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let body = unarmour(text)?;
        let split = body
            .len()
            .checked_sub(CHECKSUM_BYTES)
            .ok_or(KeyFileError::Damaged)?;
        let (body, stored) = body.split_at(split);
        if checksum(body) != stored {
            return Err(KeyFileError::Damaged);
        }
        read_body(body)
    }

    /// The whole text of the file.
    pub fn text(&self) -> Zeroizing<String> {
        let mut writer = Writer::new();
        writer
            .array(3)
            .uint(KEY_FILE_VERSION)
            .bytes(&public_bytes(&self.facts));
        match &self.seed {
            Seed::Bare(seed) => writer.array(2).uint(WRAP_NONE).bytes(seed.bytes()),
            Seed::Sealed { salt, sealed } => writer
                .array(3)
                .uint(WRAP_PASSPHRASE)
                .bytes(salt)
                .bytes(sealed),
        };
        let body = Zeroizing::new(writer.finish());
        let whole = Zeroizing::new([&body[..], &checksum(&body)].concat());
        armour(&self.facts, &whole)
    }

    /// Whose it is.
    pub fn facts(&self) -> &KeyFacts {
        &self.facts
    }

    /// Whether a passphrase is needed.
    pub fn protection(&self) -> Protection {
        match self.seed {
            Seed::Bare(_) => Protection::None,
            Seed::Sealed { .. } => Protection::Passphrase,
        }
    }

    /// The member's secret. A passphrase for a bare file is not looked at.
    pub fn unlock(&self, passphrase: Option<&Passphrase>) -> Result<MemberSecret, KeyFileError> {
        Ok(MemberSecret::from_seed(
            self.seed.open(passphrase, &self.facts)?,
        ))
    }

    /// The same member behind another passphrase, or with a newer head in its facts.
    pub fn rewrap(
        &self,
        passphrase: Option<&Passphrase>,
        facts: KeyFacts,
        wrap: Wrap<'_>,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        check_name(&facts.name)?;
        let seed = self.seed.open(passphrase, &self.facts)?;
        let seed = Seed::wrap(&seed, wrap, &facts, entropy)?;
        Ok(Self { facts, seed })
    }
}

impl Seed {
    fn wrap(
        seed: &Key32,
        wrap: Wrap<'_>,
        facts: &KeyFacts,
        entropy: &dyn Entropy,
    ) -> Result<Self, KeyFileError> {
        let Wrap::Passphrase(passphrase) = wrap else {
            return Ok(Self::Bare(seed.clone()));
        };
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let cipher = AeadKey::new(&stretch(passphrase, &salt)?);
        let sealed = cipher.seal(0, &associated(facts), seed.bytes());
        let sealed = sealed.try_into().expect("a sealed seed has 48 bytes");
        Ok(Self::Sealed { salt, sealed })
    }

    fn open(
        &self,
        passphrase: Option<&Passphrase>,
        facts: &KeyFacts,
    ) -> Result<Key32, KeyFileError> {
        match self {
            Self::Bare(seed) => Ok(seed.clone()),
            Self::Sealed { salt, sealed } => {
                let passphrase = passphrase.ok_or(KeyFileError::PassphraseNeeded)?;
                let cipher = AeadKey::new(&stretch(passphrase, salt)?);
                let opened = cipher
                    .open(0, &associated(facts), sealed)
                    .map(Zeroizing::new);
                let seed = opened.map_err(|_| KeyFileError::WrongPassphrase)?;
                Key32::from_slice(&seed).ok_or(KeyFileError::Damaged)
            }
        }
    }
}

/// Argon2id with the second recommendation of RFC 9106 §4, on one lane.
fn stretch(passphrase: &Passphrase, salt: &[u8; SALT_BYTES]) -> Result<Key32, KeyFileError> {
    let params = Params::new(64 * 1024, 3, 1, Some(32)).expect("constant parameters are valid");
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut out = Zeroizing::new([0; 32]);
    let done = argon.hash_password_into(passphrase.bytes(), salt, &mut *out);
    done.map_err(|_| KeyFileError::Memory)?;
    Ok(Key32::new(*out))
}

fn check_name(name: &str) -> Result<(), KeyFileError> {
    let fits = (1..=NAME_BYTES_MAX).contains(&name.len());
    match fits && !name.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(KeyFileError::BadName),
    }
}

fn associated(facts: &KeyFacts) -> Vec<u8> {
    [
        purpose::KEY_FILE.as_bytes(),
        &[KEY_FILE_VERSION],
        &public_bytes(facts),
    ]
    .concat()
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let hash = derive(purpose::KEY_FILE_CHECKSUM, &[body]);
    let mut sum = [0; CHECKSUM_BYTES];
    sum.copy_from_slice(&hash.bytes()[..CHECKSUM_BYTES]);
    sum
}

fn public_bytes(facts: &KeyFacts) -> Vec<u8> {
    let mut writer = Writer::new();
    writer
        .array(6)
        .value(&facts.vault)
        .value(&facts.root)
        .value(&facts.head);
    writer
        .value(&facts.member)
        .text(&facts.name)
        .list(&facts.roles);
    writer.finish()
}

/// Checked for damage already: what does not read now was never written by this version.
fn read_body(body: &[u8]) -> Result<KeyFile, KeyFileError> {
    let mut reader = Reader::new(body);
    reader.fields(1)?;
    let version = reader.uint()?;
    if version < KEY_FILE_VERSION {
        return Err(KeyFileError::Draft(version));
    }
    if version > KEY_FILE_VERSION {
        return Err(KeyFileError::Newer(version));
    }
    let facts = read_public(reader.bytes()?)?;
    let fields = reader.array()?;
    let seed = match (reader.uint()?, fields) {
        (WRAP_NONE, 2) => Seed::Bare(Key32::new(reader.fixed()?)),
        (WRAP_PASSPHRASE, 3) => Seed::Sealed {
            salt: reader.fixed()?,
            sealed: reader.fixed()?,
        },
        _ => return Err(KeyFileError::Damaged),
    };
    reader.end()?;
    Ok(KeyFile { facts, seed })
}

fn read_public(bytes: &[u8]) -> Result<KeyFacts, KeyFileError> {
    let mut reader = Reader::new(bytes);
    reader.fields(6)?;
    let facts = KeyFacts {
        vault: reader.value()?,
        root: reader.value()?,
        head: reader.value()?,
        member: reader.value()?,
        name: reader.text()?.to_owned(),
        roles: reader.list()?,
    };
    reader.end()?;
    check_name(&facts.name).map_err(|_| KeyFileError::Damaged)?;
    // The associated data is made from the facts, so they must be written in one way only.
    match public_bytes(&facts) == bytes {
        true => Ok(facts),
        false => Err(KeyFileError::Damaged),
    }
}

impl From<FormatError> for KeyFileError {
    fn from(_: FormatError) -> Self {
        Self::Damaged
    }
}

fn armour(facts: &KeyFacts, body: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(BASE64.encode(body));
    let mut text = Zeroizing::new(String::with_capacity(2 * base64.len() + 1024));
    let roles: Vec<_> = facts.roles.iter().map(|role| role.name()).collect();
    let (name, vault) = (&facts.name, facts.vault);
    let head =
        format_args!("Role: {}\nName: {name}\nVault: {vault}\n", roles.join(", ")).to_string();
    for part in [BEGIN, "\n", &head, "\n"] {
        text.push_str(part);
    }
    for line in base64.as_bytes().chunks(LINE) {
        text.extend(line.iter().copied().map(char::from));
        text.push('\n');
    }
    text.push_str(END);
    text.push('\n');
    text
}

/// The bytes between the armour. Spaces, line ends and text around it do not count, since mail
/// programs and editors change them.
fn unarmour(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut lines = text.lines().map(str::trim);
    lines
        .find(|line| *line == BEGIN)
        .ok_or(KeyFileError::NotAKeyFile)?;
    let mut base64 = Zeroizing::new(Vec::with_capacity(BASE64_BYTES_MAX));
    loop {
        let line = lines.next().ok_or(KeyFileError::Damaged)?;
        if line == END {
            break;
        }
        if line.contains(':') {
            continue;
        }
        if base64.len() + line.len() > BASE64_BYTES_MAX {
            return Err(KeyFileError::Damaged);
        }
        base64.extend_from_slice(line.as_bytes());
    }
    let body = BASE64.decode(&base64).map_err(|_| KeyFileError::Damaged)?;
    Ok(Zeroizing::new(body))
}

#[cfg(test)]
#[path = "keyfile_tests.rs"]
mod tests;
