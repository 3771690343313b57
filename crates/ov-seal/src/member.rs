//! A member's secret: one 32-byte seed, from which all its keys follow.

use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::kdf::{Key32, derive, purpose};
use crate::kem::{KemError, KemPublic, KemSecret, PUBLIC_BYTES, SealedTo};
use crate::sign::{Domain, SignError, Signature, SigningKey, VERIFYING_BYTES, VerifyingKey};

/// Length of [`MemberPublic`] as bytes.
pub const MEMBER_PUBLIC_BYTES: usize = PUBLIC_BYTES + VERIFYING_BYTES;

/// Everything a member knows that others must not.
#[derive(Debug)]
pub struct MemberSecret {
    seed: Key32,
    kem: KemSecret,
    signing: SigningKey,
    local_state: Key32,
}

impl MemberSecret {
    /// The keys of a seed.
    pub fn from_seed(seed: Key32) -> Self {
        let part = |context| derive(context, &[seed.bytes()]);
        Self {
            kem: KemSecret::from_seed(part(purpose::MEMBER_KEM)),
            signing: SigningKey::from_seeds(
                &part(purpose::MEMBER_ED25519),
                &part(purpose::MEMBER_MLDSA),
            ),
            local_state: part(purpose::LOCAL_STATE),
            seed,
        }
    }

    /// A new member.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_seed(Key32::generate(entropy))
    }

    /// What others know of it.
    pub fn public(&self) -> MemberPublic {
        MemberPublic {
            kem: self.kem.public(),
            verify: self.signing.verifying(),
        }
    }

    /// Signs a statement.
    pub fn sign(&self, domain: Domain, bytes: &[u8]) -> Signature {
        self.signing.sign(domain, bytes)
    }

    /// Opens a secret that was sealed to this member.
    pub fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &SealedTo,
    ) -> Result<Zeroizing<Vec<u8>>, KemError> {
        self.kem.open(info, aad, sealed)
    }

    /// Key under which the member's local state is sealed.
    pub fn local_state_key(&self) -> &Key32 {
        &self.local_state
    }

    /// The seed, for the key file.
    pub(crate) fn seed(&self) -> &Key32 {
        &self.seed
    }
}

/// What others know of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPublic {
    /// Seals to it.
    pub kem: KemPublic,
    /// Verifies its statements.
    pub verify: VerifyingKey,
}

/// Why bytes are no member's public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemberError {
    /// Not [`MEMBER_PUBLIC_BYTES`] bytes.
    #[error("{0} bytes are no member's public keys")]
    Length(usize),
    /// The sealing key is none.
    #[error(transparent)]
    Kem(#[from] KemError),
    /// The verifying key is none.
    #[error(transparent)]
    Verify(#[from] SignError),
}

impl MemberPublic {
    /// The sealing key (1216 bytes), then the verifying key (1984 bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.kem.to_bytes()[..], self.verify.bytes()].concat()
    }

    /// Reads what [`MemberPublic::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, MemberError> {
        let split = bytes.split_at_checked(PUBLIC_BYTES);
        let (kem, verify) = split.ok_or(MemberError::Length(bytes.len()))?;
        if verify.len() != VERIFYING_BYTES {
            return Err(MemberError::Length(bytes.len()));
        }
        Ok(Self {
            kem: KemPublic::from_bytes(kem)?,
            verify: VerifyingKey::from_bytes(verify)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    #[test]
    fn one_seed_is_one_member() {
        let member = MemberSecret::generate(&SeededEntropy::new(1));
        let again = MemberSecret::from_seed(member.seed().clone());
        assert_eq!(member.public(), again.public());
        assert_eq!(member.local_state_key(), again.local_state_key());
        let other = MemberSecret::generate(&SeededEntropy::new(2));
        assert_ne!(member.public().kem, other.public().kem);
        assert_ne!(member.public().verify, other.public().verify);
        assert_ne!(member.local_state_key(), other.local_state_key());
    }

    #[test]
    fn public_keys_survive_a_round_trip_and_no_other_length_is_read() {
        let public = MemberSecret::generate(&SeededEntropy::new(1)).public();
        let bytes = public.to_bytes();
        assert_eq!(bytes.len(), MEMBER_PUBLIC_BYTES);
        assert_eq!(MemberPublic::from_bytes(&bytes), Ok(public));
        for length in [0, PUBLIC_BYTES, bytes.len() - 1] {
            assert_eq!(
                MemberPublic::from_bytes(&bytes[..length]),
                Err(MemberError::Length(length))
            );
        }
        let long = [&bytes[..], &[0]].concat();
        assert_eq!(
            MemberPublic::from_bytes(&long),
            Err(MemberError::Length(long.len()))
        );
    }

    #[test]
    fn nothing_secret_is_shown() {
        let member = MemberSecret::from_seed(Key32::new([7; 32]));
        let shown = format!("{member:?}");
        assert!(!shown.contains('7') && shown.contains("hidden"), "{shown}");
    }
}
