//! A member's secret: one 32-byte seed, from which all its keys follow.

use ov_format::statement::PublicKeys;
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::kdf::{Key32, derive, purpose};
use crate::kem::{KemError, KemPublic, KemSecret, SealedTo};
use crate::sign::{Domain, Signature, SigningKey, VerifyingKey};

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
        Self::with(seed, SigningKey::from_seeds)
    }

    /// The same member, who signs the same bytes in the same way each time.
    #[cfg(any(test, feature = "seeded"))]
    #[doc(hidden)]
    pub fn simulated(seed: Key32) -> Self {
        Self::with(seed, SigningKey::simulated)
    }

    fn with(seed: Key32, signing: impl FnOnce(&Key32, &Key32) -> SigningKey) -> Self {
        let part = |context| derive(context, &[seed.bytes()]);
        Self {
            kem: KemSecret::from_seed(part(purpose::MEMBER_KEM)),
            signing: signing(&part(purpose::MEMBER_ED25519), &part(purpose::MEMBER_MLDSA)),
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

    /// Opens a secret that [`MemberPublic::seal_secret`] sealed to this member.
    pub fn open_secret(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KemError> {
        let sealed = SealedTo::from_bytes(sealed)?;
        self.kem
            .open(purpose::SEALED_SECRET.as_bytes(), aad, &sealed)
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

impl MemberPublic {
    /// Seals a secret to this member alone. `aad` says what it is for: whoever opens it must name
    /// the same.
    pub fn seal_secret(&self, aad: &[u8], secret: &[u8], entropy: &dyn Entropy) -> Vec<u8> {
        self.kem
            .seal(purpose::SEALED_SECRET.as_bytes(), aad, secret, entropy)
            .to_bytes()
    }

    /// As the head keeps them.
    pub fn keys(&self) -> PublicKeys {
        let kem = Box::new(self.kem.to_bytes());
        PublicKeys {
            kem,
            verify: Box::new(*self.verify.bytes()),
        }
    }
}

impl TryFrom<&PublicKeys> for MemberPublic {
    type Error = KemError;

    fn try_from(keys: &PublicKeys) -> Result<Self, KemError> {
        let kem = KemPublic::from_bytes(&keys.kem[..])?;
        Ok(Self {
            kem,
            verify: VerifyingKey::new(&keys.verify),
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
    fn public_keys_survive_the_head_and_bad_ones_are_refused() {
        let public = MemberSecret::generate(&SeededEntropy::new(1)).public();
        let mut keys = public.keys();
        assert_eq!(MemberPublic::try_from(&keys), Ok(public));
        keys.kem.fill(0xff);
        assert_eq!(MemberPublic::try_from(&keys), Err(KemError::BadPublicKey));
    }

    #[test]
    fn a_sealed_secret_opens_for_its_member_and_its_purpose_only() {
        let entropy = SeededEntropy::new(1);
        let (member, other) = (
            MemberSecret::generate(&entropy),
            MemberSecret::generate(&entropy),
        );
        let sealed = member.public().seal_secret(b"epoch 1", b"secret", &entropy);
        assert_eq!(
            &member.open_secret(b"epoch 1", &sealed).unwrap()[..],
            b"secret"
        );
        let refused = Err(KemError::NotAuthentic);
        assert_eq!(member.open_secret(b"epoch 2", &sealed), refused);
        assert_eq!(other.open_secret(b"epoch 1", &sealed), refused);
        let info_of_a_slot = member
            .public()
            .kem
            .seal(b"slot", b"epoch 1", b"x", &entropy);
        assert_eq!(
            member.open_secret(b"epoch 1", &info_of_a_slot.to_bytes()),
            refused
        );
        assert_eq!(
            member.open_secret(b"epoch 1", &sealed[..9]),
            Err(KemError::Short)
        );
    }

    #[test]
    fn nothing_secret_is_shown() {
        let member = MemberSecret::from_seed(Key32::new([7; 32]));
        let shown = format!("{member:?}");
        assert!(!shown.contains('7') && shown.contains("hidden"), "{shown}");
    }
}
