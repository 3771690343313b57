//! Sealing to a public key: HPKE in base mode (RFC 9180) with KEM 0x647A (X-Wing: X25519 and
//! ML-KEM-768 together), KDF HKDF-SHA256 (0x0001) and AEAD AES-256-GCM (0x0002).
//!
//! The secret key is the 32-byte X-Wing seed itself, not the input of HPKE's `DeriveKeyPair`.

use std::convert::Infallible;
use std::fmt;

use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use hpke::{single_shot_open, single_shot_seal_with_rng};
use zeroize::{Zeroize, Zeroizing};

use crate::entropy::Entropy;
use crate::kdf::Key32;

/// Length of a public key.
pub const PUBLIC_BYTES: usize = 1216;
/// Length of the encapsulated key in front of what is sealed.
pub const ENC_BYTES: usize = 1120;
/// Bytes by which the ciphertext is longer than the plain text.
pub const TAG_BYTES: usize = 16;

/// What can be wrong with sealed bytes or a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KemError {
    /// Not sealed to this key with this `info` and associated data, or changed.
    #[error("sealed bytes do not open with this key: another recipient, place, or damage")]
    NotAuthentic,
    /// Shorter than an encapsulated key and a tag.
    #[error("sealed bytes are cut short")]
    Short,
    /// No X-Wing public key.
    #[error("these bytes are no public key")]
    BadPublicKey,
}

/// A secret key.
pub struct KemSecret {
    seed: Key32,
    secret: <XWing as Kem>::PrivateKey,
}

impl KemSecret {
    /// The key pair of a seed.
    pub fn from_seed(seed: Key32) -> Self {
        let secret = <XWing as Kem>::PrivateKey::from_bytes(seed.bytes());
        let secret = secret.expect("every 32 bytes are an X-Wing seed");
        Self { seed, secret }
    }

    /// A fresh key pair.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        Self::from_seed(Key32::generate(entropy))
    }

    /// The public half.
    pub fn public(&self) -> KemPublic {
        KemPublic(Box::new(XWing::sk_to_pk(&self.secret)))
    }

    /// The seed, to be sealed to those who may have it.
    pub fn seed(&self) -> &Key32 {
        &self.seed
    }

    /// Opens what was sealed to the public half with the same `info` and `aad`.
    pub fn open(
        &self,
        info: &[u8],
        aad: &[u8],
        sealed: &SealedTo,
    ) -> Result<Zeroizing<Vec<u8>>, KemError> {
        let enc = <XWing as Kem>::EncappedKey::from_bytes(&sealed.enc[..]);
        let enc = enc.map_err(|_| KemError::NotAuthentic)?;
        let (mode, text) = (OpModeR::Base, &sealed.ciphertext);
        let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &mode,
            &self.secret,
            &enc,
            info,
            text,
            aad,
        );
        opened
            .map(Zeroizing::new)
            .map_err(|_| KemError::NotAuthentic)
    }
}

impl fmt::Debug for KemSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KemSecret(hidden)")
    }
}

/// A public key that has been checked to be one.
#[derive(Clone, PartialEq, Eq)]
pub struct KemPublic(Box<<XWing as Kem>::PublicKey>);

impl KemPublic {
    /// Reads the 1216 bytes that [`KemPublic::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KemError> {
        let key = <XWing as Kem>::PublicKey::from_bytes(bytes);
        Ok(Self(Box::new(key.map_err(|_| KemError::BadPublicKey)?)))
    }

    /// The ML-KEM-768 key, then the X25519 key.
    pub fn to_bytes(&self) -> [u8; PUBLIC_BYTES] {
        self.0.to_bytes().into()
    }

    /// Seals `plain`, so that only the secret half opens it, and only with this `info` and `aad`.
    pub fn seal(&self, info: &[u8], aad: &[u8], plain: &[u8], entropy: &dyn Entropy) -> SealedTo {
        let sealed = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &self.0,
            info,
            plain,
            aad,
            &mut Draw(entropy),
        );
        let (enc, ciphertext) = sealed.expect("X-Wing encapsulates to every checked key");
        let enc = Box::new(enc.to_bytes().into());
        SealedTo { enc, ciphertext }
    }
}

impl fmt::Debug for KemPublic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = blake3::hash(&self.to_bytes());
        write!(f, "KemPublic({})", &hash.to_hex()[..12])
    }
}

/// What [`KemPublic::seal`] made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedTo {
    /// The encapsulated key.
    pub enc: Box<[u8; ENC_BYTES]>,
    /// The sealed text and its tag.
    pub ciphertext: Vec<u8>,
}

impl SealedTo {
    /// `enc`, then the ciphertext.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.enc[..], &self.ciphertext].concat()
    }

    /// Reads what [`SealedTo::to_bytes`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KemError> {
        let (enc, ciphertext) = bytes.split_first_chunk().ok_or(KemError::Short)?;
        if ciphertext.len() < TAG_BYTES {
            return Err(KemError::Short);
        }
        Ok(Self {
            enc: Box::new(*enc),
            ciphertext: ciphertext.to_vec(),
        })
    }
}

/// Gives our seam the shape that HPKE wants.
struct Draw<'a>(&'a dyn Entropy);

impl TryRng for Draw<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let number = u64::from_le_bytes(bytes);
        bytes.zeroize();
        Ok(number)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Draw<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entropy::SeededEntropy;

    fn pair() -> (KemSecret, KemPublic) {
        let secret = KemSecret::from_seed(Key32::new([7; 32]));
        let public = secret.public();
        (secret, public)
    }

    #[test]
    fn a_key_is_the_same_after_a_round_trip_as_bytes() {
        let (_, public) = pair();
        assert_eq!(public.to_bytes().len(), PUBLIC_BYTES);
        assert_eq!(KemPublic::from_bytes(&public.to_bytes()), Ok(public));
    }

    #[test]
    fn only_the_recipient_opens_and_only_in_place() {
        let (secret, public) = pair();
        let sealed = public.seal(b"info", b"aad", b"text", &SeededEntropy::new(1));
        let sealed = SealedTo::from_bytes(&sealed.to_bytes()).unwrap();
        assert_eq!(&secret.open(b"info", b"aad", &sealed).unwrap()[..], b"text");
        let wrong = Err(KemError::NotAuthentic);
        assert_eq!(secret.open(b"other", b"aad", &sealed), wrong);
        assert_eq!(secret.open(b"info", b"other", &sealed), wrong);
        let other = KemSecret::from_seed(Key32::new([8; 32]));
        assert_eq!(other.open(b"info", b"aad", &sealed), wrong);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_found() {
        let (secret, public) = pair();
        let bytes = public
            .seal(b"", b"", b"text", &SeededEntropy::new(1))
            .to_bytes();
        for at in (0..bytes.len())
            .step_by(37)
            .chain([ENC_BYTES - 1, bytes.len() - 1])
        {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x10;
            let sealed = SealedTo::from_bytes(&damaged).unwrap();
            assert_eq!(
                secret.open(b"", b"", &sealed),
                Err(KemError::NotAuthentic),
                "byte {at}"
            );
        }
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let (_, public) = pair();
        let bytes = public
            .seal(b"", b"", b"", &SeededEntropy::new(1))
            .to_bytes();
        for length in [0, 1, ENC_BYTES, bytes.len() - 1] {
            assert_eq!(SealedTo::from_bytes(&bytes[..length]), Err(KemError::Short));
        }
    }

    #[test]
    fn bytes_that_are_no_public_key_are_refused() {
        // FIPS 203 §7.2: coefficients of the key must be below q = 3329; all ones are not.
        let bad = Err(KemError::BadPublicKey);
        assert_eq!(KemPublic::from_bytes(&[0xff; PUBLIC_BYTES]), bad);
        for length in [0, 32, PUBLIC_BYTES - 1, PUBLIC_BYTES + 1] {
            assert_eq!(KemPublic::from_bytes(&vec![0; length]), bad);
        }
    }

    #[test]
    fn sealing_twice_never_looks_the_same() {
        let (_, public) = pair();
        let entropy = SeededEntropy::new(1);
        let one = public.seal(b"", b"", b"text", &entropy);
        assert_ne!(one, public.seal(b"", b"", b"text", &entropy));
    }
}
