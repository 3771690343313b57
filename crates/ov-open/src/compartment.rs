//! A compartment's secret for one epoch: what its readers hold, and nobody else.

use ov_format::id::GroupId;
use ov_seal::compartment::{AgentSecret, CompartmentPublic};
use ov_seal::entropy::Entropy;
use ov_seal::kdf::{Key32, derive, purpose};
use ov_seal::kem::KemSecret;
use zeroize::Zeroizing;

/// Length of [`CompartmentSecret::to_bytes`].
pub const COMPARTMENT_SECRET_BYTES: usize = 64;

/// Not the length of a compartment's secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes are no compartment secret")]
pub struct NotASecret(pub usize);

/// The seed of the sealing key pair, and the secret from which ids follow. The two are renewed
/// apart: a new sealing key protects new data, a new id secret makes the next run store all again.
#[derive(Debug)]
pub struct CompartmentSecret {
    kem: KemSecret,
    id: Key32,
}

impl CompartmentSecret {
    /// A new compartment.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let kem = KemSecret::generate(entropy);
        Self {
            kem,
            id: Key32::generate(entropy),
        }
    }

    /// The next epoch with new sealing keys and the same ids.
    pub fn rotate_keys(&self, entropy: &dyn Entropy) -> Self {
        Self {
            kem: KemSecret::generate(entropy),
            id: self.id.clone(),
        }
    }

    /// Reads what [`CompartmentSecret::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, NotASecret> {
        let halves = bytes.split_at_checked(32);
        let halves =
            halves.and_then(|(kem, id)| Some((Key32::from_slice(kem)?, Key32::from_slice(id)?)));
        let (kem, id) = halves.ok_or(NotASecret(bytes.len()))?;
        Ok(Self {
            kem: KemSecret::from_seed(kem),
            id,
        })
    }

    /// The seed of the key pair, then the id secret: to be sealed to a reader or to recovery.
    pub fn to_bytes(&self) -> Zeroizing<[u8; COMPARTMENT_SECRET_BYTES]> {
        let mut bytes = Zeroizing::new([0; COMPARTMENT_SECRET_BYTES]);
        let (kem, id) = bytes.split_at_mut(32);
        kem.copy_from_slice(self.kem.seed().bytes());
        id.copy_from_slice(self.id.bytes());
        bytes
    }

    /// The public half, for the head.
    pub fn public(&self) -> CompartmentPublic {
        CompartmentPublic {
            kem: self.kem.public(),
        }
    }

    /// What the agents of a group share. It follows from the id secret and the group alone, so
    /// that new sealing keys change no id.
    pub fn agent_secret(&self, group: GroupId) -> AgentSecret {
        let parts: [&[u8]; 2] = [self.id.bytes(), group.bytes()];
        AgentSecret::from_bytes(derive(purpose::AGENT_SECRET, &parts))
    }

    /// Key of the tokens under which a reader finds again what the catalog says. It follows from the
    /// id secret alone, so all readers of a compartment have the same, and no agent has it.
    pub fn catalog_key(&self) -> Key32 {
        derive(purpose::CATALOG, &[self.id.bytes()])
    }

    pub(crate) fn kem(&self) -> &KemSecret {
        &self.kem
    }
}

#[cfg(test)]
mod tests {
    use ov_seal::entropy::SeededEntropy;

    use super::*;

    fn secret() -> CompartmentSecret {
        CompartmentSecret::generate(&SeededEntropy::new(1))
    }

    #[test]
    fn a_secret_survives_a_round_trip_as_bytes() {
        let read = CompartmentSecret::from_bytes(&secret().to_bytes()[..]).unwrap();
        assert_eq!(read.public(), secret().public());
        let group = GroupId([1; 8]);
        assert_eq!(read.agent_secret(group), secret().agent_secret(group));
    }

    #[test]
    fn other_lengths_are_no_secret() {
        for length in [0, 31, 32, 63, 65] {
            let found = CompartmentSecret::from_bytes(&vec![0; length]);
            assert_eq!(found.err(), Some(NotASecret(length)));
        }
    }

    #[test]
    fn every_group_and_compartment_has_its_own_agent_secret() {
        let base = secret().agent_secret(GroupId([1; 8]));
        assert_ne!(base, secret().agent_secret(GroupId([2; 8])));
        let other = CompartmentSecret::generate(&SeededEntropy::new(2));
        assert_ne!(base, other.agent_secret(GroupId([1; 8])));
    }

    #[test]
    fn new_sealing_keys_keep_the_ids() {
        let next = secret().rotate_keys(&SeededEntropy::new(3));
        assert_ne!(next.public(), secret().public());
        let group = GroupId([1; 8]);
        assert_eq!(next.agent_secret(group), secret().agent_secret(group));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let shown = format!("{:?}", secret());
        let hidden = "CompartmentSecret { kem: KemSecret(hidden), id: Key32(hidden) }";
        assert_eq!(shown, hidden);
    }
}
