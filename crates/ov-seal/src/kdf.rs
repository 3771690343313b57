//! Keys from keys: BLAKE3 in its `derive_key` mode, one context string per purpose.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::entropy::Entropy;

/// Every purpose for which a key or an id is derived, in one place: no two may be equal, and none
/// may ever change its meaning.
pub mod purpose {
    /// Seed of a member's X-Wing key pair, from the member's seed.
    pub const MEMBER_KEM: &str = "oncovault 2026 v1 member kem seed";
    /// Seed of a member's Ed25519 key pair, from the member's seed.
    pub const MEMBER_ED25519: &str = "oncovault 2026 v1 member ed25519 seed";
    /// Seed of a member's ML-DSA-65 key pair, from the member's seed.
    pub const MEMBER_MLDSA: &str = "oncovault 2026 v1 member ml-dsa-65 seed";
    /// Key of a member's local state, from the member's seed.
    pub const LOCAL_STATE: &str = "oncovault 2026 v1 local state";
    /// An agent secret, from the compartment's id secret and the group.
    pub const AGENT_SECRET: &str = "oncovault 2026 v1 agent secret";
    /// Key of chunk ids, from an agent secret.
    pub const CHUNK_ID: &str = "oncovault 2026 v1 chunk id";
    /// Key of the ids of pages, from an agent secret: a file with the bytes of a page is no page.
    pub const PAGE_ID: &str = "oncovault 2026 v1 page id";
    /// Key of cut points, from an agent secret.
    pub const CUT: &str = "oncovault 2026 v1 cut";
    /// Key of a group's index, from an agent secret.
    pub const GROUP: &str = "oncovault 2026 v1 group";
    /// Key of one group slot, from the group key and the segment's random bytes.
    pub const GROUP_SLOT: &str = "oncovault 2026 v1 group slot";
    /// Commitment to a content key, from it and the segment's random bytes.
    pub const COMMITMENT: &str = "oncovault 2026 v1 commitment";
    /// Id of a segment, from its context and header. Not secret.
    pub const SEGMENT_ID: &str = "oncovault 2026 v1 segment id";
    /// HPKE `info` of a segment's slot, before the segment's context. Not a key.
    pub const KEM_SLOT: &str = "oncovault 2026 v1 kem slot";
    /// HPKE `info` of a secret sealed to a member. Not a key.
    pub const SEALED_SECRET: &str = "oncovault 2026 v1 sealed secret";
    /// Checksum of a key file. Not secret.
    pub const KEY_FILE_CHECKSUM: &str = "oncovault 2026 v1 key file checksum";
    /// Associated data of a key file's sealed seed, before its public part. Not a key.
    pub const KEY_FILE: &str = "oncovault 2026 v1 key file";
    /// A member's seed, from the recovery kit's.
    pub const RECOVERY_MEMBER: &str = "oncovault 2026 v1 recovery member";
    /// Checksum in the recovery kit's text for machines. Not secret.
    pub const RECOVERY_CHECKSUM: &str = "oncovault 2026 v1 recovery checksum";
    /// Key of the tokens in a local copy of the catalog, from a compartment's id secret.
    pub const CATALOG: &str = "oncovault 2026 v1 catalog tokens";
    /// The stream of the seeded generator for simulations.
    pub const SEEDED_ENTROPY: &str = "oncovault 2026 v1 seeded entropy";

    /// All of them.
    pub const ALL: &[&str] = &[
        MEMBER_KEM,
        MEMBER_ED25519,
        MEMBER_MLDSA,
        LOCAL_STATE,
        AGENT_SECRET,
        CATALOG,
        CHUNK_ID,
        PAGE_ID,
        CUT,
        GROUP,
        GROUP_SLOT,
        COMMITMENT,
        SEGMENT_ID,
        KEM_SLOT,
        SEALED_SECRET,
        KEY_FILE_CHECKSUM,
        KEY_FILE,
        RECOVERY_MEMBER,
        RECOVERY_CHECKSUM,
        SEEDED_ENTROPY,
    ];
}

/// 32 secret bytes: wiped when dropped, never shown, compared in constant time.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Key32([u8; 32]);

impl Key32 {
    /// Takes over 32 bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// 32 fresh random bytes.
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut key = Self([0; 32]);
        entropy.fill(&mut key.0);
        key
    }

    /// Copies exactly 32 bytes; `None` for any other length.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Self([0; 32]);
        if bytes.len() != key.0.len() {
            return None;
        }
        key.0.copy_from_slice(bytes);
        Some(key)
    }

    /// The bytes: for the next primitive, never for a log.
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for Key32 {
    fn eq(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Eq for Key32 {}

impl fmt::Debug for Key32 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key32(hidden)")
    }
}

/// The key for one purpose: BLAKE3 `derive_key` of `context` over the parts one after another.
/// All parts but the last must have a fixed length, so that no two lists of parts are one text.
pub fn derive(context: &'static str, parts: &[&[u8]]) -> Key32 {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    for part in parts {
        hasher.update(part);
    }
    let mut hash = hasher.finalize();
    let key = Key32(*hash.as_bytes());
    hash.zeroize();
    hasher.zeroize();
    key
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_purposes_share_a_context() {
        let unique: BTreeSet<_> = purpose::ALL.iter().collect();
        assert_eq!(unique.len(), purpose::ALL.len());
        assert!(
            purpose::ALL
                .iter()
                .all(|c| c.starts_with("oncovault 2026 v1 "))
        );
    }

    #[test]
    fn a_key_differs_by_purpose_and_by_material() {
        let key = derive(purpose::CUT, &[&[1; 32]]);
        assert_eq!(key, derive(purpose::CUT, &[&[1; 16], &[1; 16]]));
        assert_ne!(key, derive(purpose::GROUP, &[&[1; 32]]));
        assert_ne!(key, derive(purpose::CUT, &[&[2; 32]]));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", Key32::new([7; 32])), "Key32(hidden)");
    }

    #[test]
    fn only_32_bytes_are_a_key() {
        for length in [0, 31, 33, 64] {
            assert!(Key32::from_slice(&vec![0; length]).is_none());
        }
        assert!(Key32::from_slice(&[0; 32]).is_some());
    }

    /// The input of the official BLAKE3 vectors: 0, 1, …, 250, 0, 1, …
    fn official_input(length: usize) -> Vec<u8> {
        (0..251u8).cycle().take(length).collect()
    }

    #[test]
    fn blake3_answers_its_official_vectors() {
        let empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
        assert_eq!(blake3::hash(b"").to_hex().as_str(), empty);
        let keyed = "92b2b75604ed3c761f9d6f62392c8a9227ad0ea3f09573e783f1498a4ed60d26";
        let key = b"whats the Elvish word for friend";
        assert_eq!(blake3::keyed_hash(key, b"").to_hex().as_str(), keyed);
        let context = "BLAKE3 2019-12-27 16:29:52 test vectors context";
        let derived = "2cc39783c223154fea8dfb7c1b1660f2ac2dcbd1c1de8277b0b0dd39b7e50d7d";
        let key = derive(context, &[&official_input(0)]);
        assert_eq!(data_encoding::HEXLOWER.encode(key.bytes()), derived);
    }
}
