//! The header that every stored object starts with.

use crate::error::FormatError;
use crate::id::VaultId;

/// First eight bytes of every object.
pub const MAGIC: [u8; 8] = *b"OncoVlt\n";

/// The version of the format that this program writes, and the only one that it reads. It is
/// frozen: what is stored in it is read for ever.
pub const VERSION: u16 = 1;

/// Suite 1: BLAKE3, AES-256-GCM-SIV, HPKE with X-Wing, Ed25519 and ML-DSA-65 together.
pub const SUITE: u8 = 1;

/// Length of the header in bytes.
pub const HEADER_BYTES: usize = 44;

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// Segments of frames.
    Pack,
    /// A list that a record names.
    Table,
    /// A signed statement.
    Record,
    /// A target's identity.
    Target,
}

impl ObjectKind {
    const ALL: [Self; 4] = [Self::Pack, Self::Table, Self::Record, Self::Target];

    fn code(self) -> u8 {
        match self {
            Self::Pack => 1,
            Self::Table => 2,
            Self::Record => 3,
            Self::Target => 4,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Pack => "pack",
            Self::Table => "table",
            Self::Record => "record",
            Self::Target => "target's identity",
        }
    }
}

/// The header: magic (8) ‖ kind (1) ‖ version (2, little-endian) ‖ suite (1) ‖ vault id (32).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ObjectHeader {
    /// Which kind of object.
    pub kind: ObjectKind,
    /// The vault; zeros in the vault's first record, whose hash is the vault's id.
    pub vault: VaultId,
}

impl ObjectHeader {
    /// Encodes the header.
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = self.kind.code();
        bytes[9..11].copy_from_slice(&VERSION.to_le_bytes());
        bytes[11] = SUITE;
        bytes[12..].copy_from_slice(&self.vault.0);
        bytes
    }

    /// Reads the header at the start of an object, demands `kind`, and returns the rest.
    pub fn decode(bytes: &[u8], kind: ObjectKind) -> Result<(Self, &[u8]), FormatError> {
        let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FormatError::Truncated { at: bytes.len() });
        };
        if header[..8] != MAGIC {
            return Err(FormatError::NotOurs);
        }
        let found = u16::from_le_bytes([header[9], header[10]]);
        if found < VERSION {
            return Err(FormatError::Draft(found));
        }
        if found > VERSION {
            return Err(FormatError::NewerVersion {
                found,
                known: VERSION,
            });
        }
        if header[11] != SUITE {
            return Err(FormatError::UnknownSuite(header[11]));
        }
        let found = ObjectKind::ALL
            .into_iter()
            .find(|kind| kind.code() == header[8]);
        let Some(found) = found else {
            return Err(FormatError::Unknown {
                what: "an object of kind",
                number: header[8].into(),
            });
        };
        if found != kind {
            return Err(FormatError::WrongKind {
                expected: kind.name(),
                found: found.name(),
            });
        }
        let mut vault = VaultId([0; 32]);
        vault.0.copy_from_slice(&header[12..]);
        Ok((Self { kind, vault }, rest))
    }

    /// As [`Self::decode`], and demands the vault too.
    pub fn decode_in(bytes: &[u8], kind: ObjectKind, vault: VaultId) -> Result<&[u8], FormatError> {
        let (header, rest) = Self::decode(bytes, kind)?;
        if header.vault != vault {
            return Err(FormatError::OtherVault {
                found: header.vault,
            });
        }
        Ok(rest)
    }
}

/// Length to which `length` bytes are padded so that it tells little: Padmé (Nikitin et al.,
/// PoPETs 2019, §4), at most 12 % more, and never less than `least`.
pub fn padded_length(length: usize, least: usize) -> usize {
    let length = length.max(least).max(2);
    let exponent = length.ilog2();
    let kept_bits = exponent.ilog2() + 1;
    let mask = (1usize << (exponent - kept_bits.min(exponent))) - 1;
    length.checked_add(mask).map_or(length, |sum| sum & !mask)
}

/// Bytes ‖ padding, behind their length (u32 little-endian), padded by [`padded_length`].
pub fn pad(bytes: &[u8], least: usize) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut padded = Vec::with_capacity(padded_length(bytes.len() + 4, least));
    padded.extend_from_slice(&length.to_le_bytes());
    padded.extend_from_slice(bytes);
    padded.resize(padded_length(padded.len(), least), 0);
    padded
}

/// What [`pad`] padded.
pub fn unpad(padded: &[u8]) -> Result<&[u8], FormatError> {
    let Some((length, rest)) = padded.split_first_chunk::<4>() else {
        return Err(FormatError::Truncated { at: padded.len() });
    };
    let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
    rest.get(..length)
        .ok_or(FormatError::Truncated { at: padded.len() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_of_other_kinds_versions_and_vaults_are_refused_by_name() {
        let vault = VaultId([7; 32]);
        let header = ObjectHeader {
            kind: ObjectKind::Pack,
            vault,
        };
        let good = header.encode();
        assert_eq!(
            ObjectHeader::decode(&good, ObjectKind::Pack).unwrap().0,
            header
        );
        let refused = |at: usize, value: u8| {
            let mut bytes = good;
            bytes[at] = value;
            ObjectHeader::decode_in(&bytes, ObjectKind::Pack, vault).unwrap_err()
        };
        assert_eq!(refused(0, 0), FormatError::NotOurs);
        assert!(matches!(refused(8, 2), FormatError::WrongKind { .. }));
        assert!(matches!(refused(8, 9), FormatError::Unknown { .. }));
        assert!(matches!(refused(9, 2), FormatError::NewerVersion { .. }));
        assert_eq!(refused(9, 0), FormatError::Draft(0));
        assert_eq!(refused(11, 2), FormatError::UnknownSuite(2));
        assert!(matches!(refused(12, 0), FormatError::OtherVault { .. }));
        assert!(matches!(
            ObjectHeader::decode(&good[..43], ObjectKind::Pack),
            Err(FormatError::Truncated { .. })
        ));
    }

    proptest! {
        #[test]
        fn padding_hides_lengths_cheaply_and_comes_off(bytes: Vec<u8>, length in 1usize..1 << 40) {
            let padded = pad(&bytes, 64);
            prop_assert_eq!(unpad(&padded).unwrap(), &bytes[..]);
            let long = padded_length(length, 1);
            prop_assert!(long >= length && long <= length + length / 8 + 2);
            prop_assert_eq!(padded_length(long, 1), long);
        }
    }
}
