//! AES-256-GCM-SIV (RFC 8452): the one symmetric cipher. A repeated nonce shows at most that two
//! texts are equal; backup hosts are themselves snapshotted and rolled back, so it must not break.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::kdf::Key32;

/// Bytes by which a sealed text is longer than the plain one.
pub const TAG_BYTES: usize = 16;

/// The text was not sealed with this key, number and associated data, or it was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sealed bytes do not open: another key, another place, or damage")]
pub struct NotAuthentic;

/// A key ready for use; several threads may seal with it at once.
pub struct AeadKey(LessSafeKey);

impl AeadKey {
    /// Prepares `key`.
    pub fn new(key: &Key32) -> Self {
        let unbound = UnboundKey::new(&AES_256_GCM_SIV, key.bytes());
        Self(LessSafeKey::new(unbound.expect("the key has 32 bytes")))
    }

    /// Seals `plain` under `number` and `aad`.
    pub fn seal(&self, number: u64, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut buffer = Vec::with_capacity(plain.len() + TAG_BYTES);
        buffer.extend_from_slice(plain);
        self.seal_in_place(number, aad, &mut buffer);
        buffer
    }

    /// Seals `buffer` where it lies and appends the tag.
    pub fn seal_in_place(&self, number: u64, aad: &[u8], buffer: &mut Vec<u8>) {
        self.0
            .seal_in_place_append_tag(nonce(number), Aad::from(aad), buffer)
            .expect("texts are far shorter than the 2^36 bytes of RFC 8452 §6");
    }

    /// Opens what [`AeadKey::seal`] made.
    pub fn open(&self, number: u64, aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, NotAuthentic> {
        let mut buffer = sealed.to_vec();
        self.open_in_place(number, aad, &mut buffer)?;
        Ok(buffer)
    }

    /// Opens `buffer` where it lies and removes the tag. After an error its content is void.
    pub fn open_in_place(
        &self,
        number: u64,
        aad: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(), NotAuthentic> {
        let opened = self.0.open_in_place(nonce(number), Aad::from(aad), buffer);
        let length = opened.map_err(|_| NotAuthentic)?.len();
        buffer.truncate(length);
        Ok(())
    }
}

impl fmt::Debug for AeadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AeadKey(hidden)")
    }
}

/// The number in eight bytes, little-endian, then four zeros.
fn nonce(number: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    bytes[..8].copy_from_slice(&number.to_le_bytes());
    Nonce::assume_unique_for_key(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 8452 §C.2: the nonce there is 03 and eleven zeros, which is our number 3.
    #[test]
    fn it_answers_the_vectors_of_rfc_8452() {
        let mut key = [0; 32];
        key[0] = 1;
        let key = AeadKey::new(&Key32::new(key));
        assert_eq!(
            key.seal(3, b"", b""),
            hex("07f5f4169bbf55a8400cd47ea6fd400f")
        );
        let sealed = hex("c2ef328e5c71c83b843122130f7364b761e0b97427e3df28");
        assert_eq!(key.seal(3, b"", &hex("0100000000000000")), sealed);
        assert_eq!(key.open(3, b"", &sealed).unwrap(), hex("0100000000000000"));
        let sealed = hex("1de22967237a813291213f267e3b452f02d01ae33e4ec854");
        assert_eq!(key.seal(3, &[1], &hex("0200000000000000")), sealed);
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens_again(
            number: u64, aad: Vec<u8>, plain: Vec<u8>, key: [u8; 32],
        ) {
            let key = AeadKey::new(&Key32::new(key));
            let sealed = key.seal(number, &aad, &plain);
            prop_assert_eq!(sealed.len(), plain.len() + TAG_BYTES);
            prop_assert_eq!(key.open(number, &aad, &sealed).unwrap(), plain);
        }

        #[test]
        fn a_flipped_bit_anywhere_is_found(plain: Vec<u8>, at: prop::sample::Index, bit in 0..8) {
            let key = AeadKey::new(&Key32::new([1; 32]));
            let mut sealed = key.seal(0, b"aad", &plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 1u8 << bit;
            prop_assert_eq!(key.open(0, b"aad", &sealed), Err(NotAuthentic));
        }
    }

    #[test]
    fn another_key_number_or_place_opens_nothing() {
        let key = AeadKey::new(&Key32::new([1; 32]));
        let sealed = key.seal(5, b"here", b"text");
        assert_eq!(key.open(6, b"here", &sealed), Err(NotAuthentic));
        assert_eq!(key.open(5 + (1 << 32), b"here", &sealed), Err(NotAuthentic));
        assert_eq!(key.open(5, b"there", &sealed), Err(NotAuthentic));
        let other = AeadKey::new(&Key32::new([2; 32]));
        assert_eq!(other.open(5, b"here", &sealed), Err(NotAuthentic));
    }

    #[test]
    fn what_is_cut_short_opens_nothing() {
        let key = AeadKey::new(&Key32::new([1; 32]));
        let sealed = key.seal(5, b"", b"text");
        for length in 0..sealed.len() {
            assert_eq!(key.open(5, b"", &sealed[..length]), Err(NotAuthentic));
        }
    }
}
