//! Signatures: Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204) over the same message; both must
//! verify, so a break of either alone forges nothing.
//!
//! The message is: length of the domain (1 byte) ‖ domain ‖ the bytes themselves. They are not
//! hashed first, so that a signature does not rest on the collision resistance of BLAKE3.
//!
//! ML-DSA signing is *hedged* (FIPS 204 §3.4) with randomness that the library draws by itself:
//! signing the same bytes twice gives two signatures. A simulation asks for the deterministic
//! variant instead (`SigningKey::simulated`, feature `seeded`), which verifies just the same.
//! Ed25519 is deterministic.

use std::fmt;

use aws_lc_rs::signature::{
    ED25519, Ed25519KeyPair, KeyPair, ML_DSA_65, ML_DSA_65_SIGNING, PqdsaKeyPair, UnparsedPublicKey,
};

use crate::kdf::Key32;

const ED25519_PUBLIC: usize = 32;
const MLDSA_PUBLIC: usize = 1952;
const ED25519_SIGNATURE: usize = 64;
const MLDSA_SIGNATURE: usize = 3309;

/// Length of a verifying key.
pub const VERIFYING_BYTES: usize = ED25519_PUBLIC + MLDSA_PUBLIC;
/// Length of a signature.
pub const SIGNATURE_BYTES: usize = ED25519_SIGNATURE + MLDSA_SIGNATURE;

/// Why a signature does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The Ed25519 half is not of this key over these bytes.
    #[error("the Ed25519 signature does not hold")]
    Ed25519,
    /// The ML-DSA-65 half is not of this key over these bytes.
    #[error("the ML-DSA-65 signature does not hold")]
    MlDsa,
    /// Not the length of a signature or verifying key.
    #[error("{0} bytes are no signature or verifying key")]
    Length(usize),
}

/// What is signed. A signature for one domain means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// A record.
    Record,
    /// A plan for what destroys, by those who allow it.
    Plan,
}

impl Domain {
    /// The text in front of the signed bytes.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Record => "oncovault 2026 v1 sign record",
            Self::Plan => "oncovault 2026 v1 sign plan",
        }
    }
}

/// A pair of secret signing keys.
pub struct SigningKey {
    ed25519: Ed25519KeyPair,
    mldsa: MlDsa,
}

/// Both hold the whole key: which one signs decides only about the randomness.
enum MlDsa {
    Hedged(PqdsaKeyPair),
    #[cfg(any(test, feature = "seeded"))]
    Simulated(
        PqdsaKeyPair,
        Box<ml_dsa::ExpandedSigningKey<ml_dsa::MlDsa65>>,
    ),
}

impl SigningKey {
    /// The key pairs of two seeds.
    pub fn from_seeds(ed25519: &Key32, mldsa: &Key32) -> Self {
        let ed25519 = Ed25519KeyPair::from_seed_unchecked(ed25519.bytes());
        let mldsa = PqdsaKeyPair::from_seed(&ML_DSA_65_SIGNING, mldsa.bytes());
        Self {
            ed25519: ed25519.expect("every 32 bytes are an Ed25519 seed"),
            mldsa: MlDsa::Hedged(mldsa.expect("every 32 bytes are an ML-DSA seed")),
        }
    }

    /// The same key pairs, signing the same bytes in the same way each time.
    #[cfg(any(test, feature = "seeded"))]
    #[doc(hidden)]
    pub fn simulated(ed25519: &Key32, mldsa: &Key32) -> Self {
        let key = Self::from_seeds(ed25519, mldsa);
        let expanded = ml_dsa::ExpandedSigningKey::from_seed(&(*mldsa.bytes()).into());
        let mldsa = match key.mldsa {
            MlDsa::Hedged(pair) | MlDsa::Simulated(pair, _) => pair,
        };
        let mldsa = MlDsa::Simulated(mldsa, Box::new(expanded));
        Self {
            ed25519: key.ed25519,
            mldsa,
        }
    }

    /// The public half.
    pub fn verifying(&self) -> VerifyingKey {
        let mut bytes = Box::new([0; VERIFYING_BYTES]);
        let (ed25519, mldsa) = bytes.split_at_mut(ED25519_PUBLIC);
        ed25519.copy_from_slice(self.ed25519.public_key().as_ref());
        mldsa.copy_from_slice(self.mldsa.pair().public_key().as_ref());
        VerifyingKey(bytes)
    }

    /// Signs `bytes` for `domain`.
    pub fn sign(&self, domain: Domain, bytes: &[u8]) -> Signature {
        let message = message(domain, bytes);
        let mut signature = Box::new([0; SIGNATURE_BYTES]);
        let (ed25519, mldsa) = signature.split_at_mut(ED25519_SIGNATURE);
        ed25519.copy_from_slice(self.ed25519.sign(&message).as_ref());
        self.mldsa.sign(&message, mldsa);
        Signature(signature)
    }
}

impl MlDsa {
    fn pair(&self) -> &PqdsaKeyPair {
        match self {
            Self::Hedged(pair) => pair,
            #[cfg(any(test, feature = "seeded"))]
            Self::Simulated(pair, _) => pair,
        }
    }

    fn sign(&self, message: &[u8], out: &mut [u8]) {
        match self {
            Self::Hedged(pair) => {
                let length = pair.sign(message, out);
                assert_eq!(length, Ok(MLDSA_SIGNATURE), "ML-DSA signs every message");
            }
            #[cfg(any(test, feature = "seeded"))]
            Self::Simulated(_, key) => {
                let signature = key.sign_deterministic(message, b"");
                let signature = signature.expect("ML-DSA signs every message");
                out.copy_from_slice(&signature.encode());
            }
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(hidden)")
    }
}

/// A pair of public keys: Ed25519 (32 bytes), then ML-DSA-65 (1952 bytes).
#[derive(Clone, PartialEq, Eq)]
pub struct VerifyingKey(Box<[u8; VERIFYING_BYTES]>);

impl VerifyingKey {
    /// Takes [`VERIFYING_BYTES`] bytes. That they are keys shows when a signature verifies.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| SignError::Length(bytes.len()))?;
        Ok(Self(Box::new(bytes)))
    }

    /// Takes the bytes of a verifying key.
    pub fn new(bytes: &[u8; VERIFYING_BYTES]) -> Self {
        Self(Box::new(*bytes))
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; VERIFYING_BYTES] {
        &self.0
    }

    /// Whether `signature` is this member's over `bytes` for `domain`.
    pub fn verify(
        &self,
        domain: Domain,
        bytes: &[u8],
        signature: &Signature,
    ) -> Result<(), SignError> {
        let message = message(domain, bytes);
        let (ed25519, mldsa) = self.0.split_at(ED25519_PUBLIC);
        let (ed25519_signature, mldsa_signature) = signature.0.split_at(ED25519_SIGNATURE);
        UnparsedPublicKey::new(&ED25519, ed25519)
            .verify(&message, ed25519_signature)
            .map_err(|_| SignError::Ed25519)?;
        UnparsedPublicKey::new(&ML_DSA_65, mldsa)
            .verify(&message, mldsa_signature)
            .map_err(|_| SignError::MlDsa)
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "VerifyingKey({})",
            &blake3::hash(self.bytes()).to_hex()[..12]
        )
    }
}

/// Both signatures: Ed25519 (64 bytes), then ML-DSA-65 (3309 bytes).
#[derive(Clone, PartialEq, Eq)]
pub struct Signature(Box<[u8; SIGNATURE_BYTES]>);

impl Signature {
    /// Takes [`SIGNATURE_BYTES`] bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SignError> {
        let bytes = bytes
            .try_into()
            .map_err(|_| SignError::Length(bytes.len()))?;
        Ok(Self(Box::new(bytes)))
    }

    /// The bytes.
    pub const fn bytes(&self) -> &[u8; SIGNATURE_BYTES] {
        &self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Signature({})",
            &blake3::hash(self.bytes()).to_hex()[..12]
        )
    }
}

/// The length of the domain stands first, so that no domain can be the beginning of another.
fn message(domain: Domain, bytes: &[u8]) -> Vec<u8> {
    let text = domain.text().as_bytes();
    let length = u8::try_from(text.len()).expect("domains are short");
    [&[length], text, bytes].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seeds(&Key32::new([seed; 32]), &Key32::new([seed + 1; 32]))
    }

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 8032 §7.1, test 1.
    #[test]
    fn ed25519_answers_the_vector_of_rfc_8032() {
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(pair.public_key().as_ref(), hex(public));
        let signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb88215\
                         90a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
        assert_eq!(pair.sign(b"").as_ref(), hex(signature));
    }

    #[test]
    fn what_was_signed_verifies_after_a_round_trip_as_bytes() {
        let signature = key(1).sign(Domain::Record, b"statement");
        let signature = Signature::from_bytes(signature.bytes()).unwrap();
        let verifying = VerifyingKey::from_bytes(key(1).verifying().bytes()).unwrap();
        assert_eq!(
            verifying.verify(Domain::Record, b"statement", &signature),
            Ok(())
        );
    }

    #[test]
    fn a_simulated_member_signs_the_same_twice_and_verifies_as_the_real_one() {
        let simulated = SigningKey::simulated(&Key32::new([1; 32]), &Key32::new([2; 32]));
        let signature = simulated.sign(Domain::Record, b"statement");
        assert_eq!(signature, simulated.sign(Domain::Record, b"statement"));
        assert_eq!(simulated.verifying(), key(1).verifying());
        let verifying = key(1).verifying();
        assert_eq!(
            verifying.verify(Domain::Record, b"statement", &signature),
            Ok(())
        );
        assert!(
            verifying
                .verify(Domain::Record, b"statemenT", &signature)
                .is_err()
        );
    }

    #[test]
    fn another_statement_domain_or_member_does_not_verify() {
        let signature = key(1).sign(Domain::Record, b"statement");
        let verifying = key(1).verifying();
        for (domain, bytes) in [
            (Domain::Record, &b"statemenT"[..]),
            (Domain::Record, b"statement "),
            (Domain::Record, b""),
            (Domain::Plan, b"statement"),
        ] {
            assert!(verifying.verify(domain, bytes, &signature).is_err());
        }
        let other = key(3).verifying();
        assert!(
            other
                .verify(Domain::Record, b"statement", &signature)
                .is_err()
        );
    }

    #[test]
    fn one_good_half_is_not_enough() {
        let verifying = key(1).verifying();
        let signature = key(1).sign(Domain::Record, b"statement");
        for (at, error) in [
            (0, SignError::Ed25519),
            (ED25519_SIGNATURE, SignError::MlDsa),
        ] {
            let mut bytes = *signature.bytes();
            bytes[at] ^= 1;
            let damaged = Signature::from_bytes(&bytes).unwrap();
            assert_eq!(
                verifying.verify(Domain::Record, b"statement", &damaged),
                Err(error)
            );
        }
        let mut mixed = *key(1).verifying().bytes();
        mixed[ED25519_PUBLIC..].copy_from_slice(&key(5).verifying().bytes()[ED25519_PUBLIC..]);
        let mixed = VerifyingKey::from_bytes(&mixed).unwrap();
        let found = mixed.verify(Domain::Record, b"statement", &signature);
        assert_eq!(found, Err(SignError::MlDsa));
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let verifying = key(1).verifying();
        let signature = key(1).sign(Domain::Record, b"statement");
        for at in (0..SIGNATURE_BYTES).step_by(53) {
            let mut bytes = *signature.bytes();
            bytes[at] ^= 4;
            let damaged = Signature::from_bytes(&bytes).unwrap();
            let found = verifying.verify(Domain::Record, b"statement", &damaged);
            assert!(found.is_err(), "byte {at}");
        }
    }

    #[test]
    fn other_lengths_are_no_keys_and_no_signatures() {
        assert_eq!(Signature::from_bytes(&[0; 64]), Err(SignError::Length(64)));
        assert_eq!(
            VerifyingKey::from_bytes(&[0; 32]),
            Err(SignError::Length(32))
        );
        let long = vec![0; SIGNATURE_BYTES + 1];
        assert_eq!(
            Signature::from_bytes(&long),
            Err(SignError::Length(long.len()))
        );
    }

    #[test]
    fn all_zero_keys_and_signatures_do_not_verify() {
        let verifying = VerifyingKey::from_bytes(&[0; VERIFYING_BYTES]).unwrap();
        let signature = Signature::from_bytes(&[0; SIGNATURE_BYTES]).unwrap();
        assert!(verifying.verify(Domain::Record, b"", &signature).is_err());
    }
}
