//! A keys table: secrets, each sealed to one member or to the recovery kit.
//!
//! Secrets never lie in records: deleting the tables erases what they opened.

use crate::cbor::{Reader, Wire, Writer};
use crate::error::FormatError;
use crate::id::{CompartmentId, GroupId, MemberId, VaultId};
use crate::object::{ObjectHeader, ObjectKind};

/// Who can open a sealed secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Recipient {
    /// The recovery kit.
    Recovery,
    /// A member, by its KEM key.
    Member(MemberId),
}

/// What a sealed secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretKind {
    /// The seed of the structure audience's KEM key.
    Structure,
    /// A compartment: the seed of its KEM key ‖ its id secret.
    Compartment(CompartmentId),
    /// What the agents of a group need to name, cut and find chunks in a compartment.
    Agent(CompartmentId, GroupId),
}

/// One secret for one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// Who can open it.
    pub recipient: Recipient,
    /// What it is for.
    pub kind: SecretKind,
    /// The epoch of the key.
    pub epoch: u32,
    /// HPKE: encapsulated key ‖ ciphertext of a [`Secret`].
    pub sealed: Vec<u8>,
}

impl SealedSecret {
    /// What the ciphertext is bound to, beside the vault.
    pub fn associated_data(
        vault: VaultId,
        recipient: Recipient,
        kind: SecretKind,
        epoch: u32,
    ) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4)
            .value(&vault)
            .value(&recipient)
            .value(&kind)
            .uint(epoch);
        w.finish()
    }
}

/// A table of sealed secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeysTable {
    /// The secrets.
    pub secrets: Vec<SealedSecret>,
}

impl KeysTable {
    /// The stored bytes: header ‖ CBOR.
    pub fn encode(&self, vault: VaultId) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(1).list(&self.secrets);
        let header = ObjectHeader {
            kind: ObjectKind::Table,
            vault,
        };
        [&header.encode()[..], &w.finish()].concat()
    }

    /// Reads stored bytes.
    pub fn decode(bytes: &[u8], vault: VaultId) -> Result<Self, FormatError> {
        let body = ObjectHeader::decode_in(bytes, ObjectKind::Table, vault)?;
        let mut r = Reader::new(body);
        let more = r.fields(1)?;
        let table = Self { secrets: r.list()? };
        r.skip_fields(more)?;
        r.end()?;
        Ok(table)
    }
}

impl Wire for Recipient {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Recovery => w.null(),
            Self::Member(member) => w.value(member),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(r.option()?.map_or(Self::Recovery, Self::Member))
    }
}

impl Wire for SecretKind {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Structure => w.array(1).uint(0u8),
            Self::Compartment(compartment) => w.array(2).uint(1u8).value(compartment),
            Self::Agent(compartment, group) => w.array(3).uint(2u8).value(compartment).value(group),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let fields = r.array()?;
        match (r.uint::<u64>()?, fields) {
            (0, 1) => Ok(Self::Structure),
            (1, 2) => Ok(Self::Compartment(r.value()?)),
            (2, 3) => Ok(Self::Agent(r.value()?, r.value()?)),
            (number, _) => Err(FormatError::Unknown {
                what: "a secret of kind",
                number,
            }),
        }
    }
}

impl Wire for SealedSecret {
    fn write(&self, w: &mut Writer) {
        w.array(4)
            .value(&self.recipient)
            .value(&self.kind)
            .uint(self.epoch)
            .bytes(&self.sealed);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let secret = Self {
            recipient: r.value()?,
            kind: r.value()?,
            epoch: r.uint()?,
            sealed: r.bytes()?.to_vec(),
        };
        r.skip_fields(more)?;
        Ok(secret)
    }
}

/// What a sealed secret holds: a name for people (a compartment's name; else empty) and the bytes.
/// The caller wipes both.
pub fn encode_secret(name: &str, secret: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.array(2).text(name).bytes(secret);
    w.finish()
}

/// Reads what [`encode_secret`] wrote.
pub fn decode_secret(bytes: &[u8]) -> Result<(String, Vec<u8>), FormatError> {
    let mut r = Reader::new(bytes);
    let more = r.fields(2)?;
    let secret = (r.text()?.to_owned(), r.bytes()?.to_vec());
    r.skip_fields(more)?;
    r.end()?;
    Ok(secret)
}
