//! The structure audience: what keepers and readers may see of the graph, and nobody else.

use crate::entropy::Entropy;
use crate::kdf::Key32;
use crate::kem::{KemError, KemPublic, KemSecret};

/// The secret half, sealed to every keeper and reader.
#[derive(Debug)]
pub struct StructureSecret(KemSecret);

impl StructureSecret {
    /// A fresh key pair.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self(KemSecret::generate(entropy))
    }

    /// Takes over the 32 bytes of [`StructureSecret::bytes`].
    pub fn from_bytes(bytes: Key32) -> Self {
        Self(KemSecret::from_seed(bytes))
    }

    /// The seed, to be sealed to a keeper or reader.
    pub fn bytes(&self) -> &Key32 {
        self.0.seed()
    }

    /// The public half.
    pub fn public(&self) -> StructurePublic {
        StructurePublic {
            kem: self.0.public(),
        }
    }

    pub(crate) fn kem(&self) -> &KemSecret {
        &self.0
    }
}

/// The public half, in the head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StructurePublic {
    /// Seals to it.
    pub kem: KemPublic,
}

impl StructurePublic {
    /// Reads the public key's 1216 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KemError> {
        Ok(Self {
            kem: KemPublic::from_bytes(bytes)?,
        })
    }
}
