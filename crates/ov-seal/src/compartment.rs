//! What an agent holds of a compartment: keys that name and index, none that opens content.

use std::fmt;

use ov_format::id::ChunkId;

use crate::kdf::{Key32, derive, purpose};
use crate::kem::{KemError, KemPublic};

/// A compartment's public key for one epoch, in the head. Its secret half is a type of `ov-open`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompartmentPublic {
    /// Seals to its readers.
    pub kem: KemPublic,
}

impl CompartmentPublic {
    /// Reads the public key's 1216 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KemError> {
        Ok(Self {
            kem: KemPublic::from_bytes(bytes)?,
        })
    }
}

/// What the agents of one dedup group share in one compartment and epoch. It follows one way from
/// the compartment's id secret, so readers can make it and agents learn nothing above it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSecret(Key32);

impl AgentSecret {
    /// Takes over the 32 bytes that were sealed to the agent.
    pub fn from_bytes(bytes: Key32) -> Self {
        Self(bytes)
    }

    /// The bytes, to be sealed to an agent of the group.
    pub fn bytes(&self) -> &Key32 {
        &self.0
    }

    /// Key of chunk ids.
    pub fn id_key(&self) -> IdKey {
        IdKey(derive(purpose::CHUNK_ID, &[self.0.bytes()]))
    }

    /// Names pages of trees and of extents.
    pub fn page_key(&self) -> IdKey {
        IdKey(derive(purpose::PAGE_ID, &[self.0.bytes()]))
    }

    /// Key of cut points.
    pub fn cut_key(&self) -> Key32 {
        derive(purpose::CUT, &[self.0.bytes()])
    }

    /// Key of the group's index.
    pub fn group_key(&self) -> GroupKey {
        GroupKey(derive(purpose::GROUP, &[self.0.bytes()]))
    }
}

/// Names chunks.
#[derive(Clone, PartialEq, Eq)]
pub struct IdKey(Key32);

impl fmt::Debug for IdKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdKey(hidden)")
    }
}

/// The id of a chunk: keyed BLAKE3 of its plain bytes. Who has no key can test no guess.
pub fn chunk_id(key: &IdKey, data: &[u8]) -> ChunkId {
    ChunkId(*blake3::keyed_hash(key.0.bytes(), data).as_bytes())
}

/// Seals and opens the index of a dedup group.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupKey(Key32);

impl GroupKey {
    pub(crate) fn key(&self) -> &Key32 {
        &self.0
    }
}

impl fmt::Debug for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GroupKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_of_an_agent_are_all_different() {
        let secret = AgentSecret::from_bytes(Key32::new([1; 32]));
        let keys = [
            secret.bytes().clone(),
            secret.id_key().0,
            secret.page_key().0,
            secret.cut_key(),
            secret.group_key().0,
        ];
        for (n, key) in keys.iter().enumerate() {
            assert!(!keys[n + 1..].contains(key));
        }
    }

    #[test]
    fn a_chunk_has_another_id_in_another_group() {
        let key = |byte| AgentSecret::from_bytes(Key32::new([byte; 32])).id_key();
        let id = chunk_id(&key(1), b"chunk");
        assert_eq!(id, chunk_id(&key(1), b"chunk"));
        assert_ne!(id, chunk_id(&key(2), b"chunk"));
        assert_ne!(id, chunk_id(&key(1), b"chunk "));
        assert_ne!(id.0, *blake3::hash(b"chunk").as_bytes());
    }
}
