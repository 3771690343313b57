//! The identity of a target: one small object, written once when the target is made.

use crate::error::FormatError;
use crate::id::{ObjectHash, TargetId, VaultId};
use crate::object::{ObjectHeader, ObjectKind};

/// Random bytes behind the header.
pub const TARGET_RANDOM_BYTES: usize = 32;

/// Encodes the identity object: header (of kind target, vault zeros, since the vault's first
/// record is written after it) ‖ 32 random bytes.
pub fn encode_target(random: &[u8; TARGET_RANDOM_BYTES]) -> Vec<u8> {
    let header = ObjectHeader {
        kind: ObjectKind::Target,
        vault: VaultId([0; 32]),
    };
    [&header.encode()[..], random].concat()
}

/// Checks an identity object and returns the target's id.
pub fn decode_target(bytes: &[u8]) -> Result<TargetId, FormatError> {
    let rest = ObjectHeader::decode_in(bytes, ObjectKind::Target, VaultId([0; 32]))?;
    if rest.len() != TARGET_RANDOM_BYTES {
        return Err(FormatError::Rule("a target's identity has 32 random bytes"));
    }
    Ok(target_id(&ObjectHash(*blake3::hash(bytes).as_bytes())))
}

/// The target's id: the first eight bytes of the hash of its identity object.
pub fn target_id(hash: &ObjectHash) -> TargetId {
    let mut id = [0; TargetId::BYTES];
    id.copy_from_slice(&hash.0[..TargetId::BYTES]);
    TargetId(id)
}
