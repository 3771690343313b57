//! What an agent or a keeper may do with keys: seal, name, sign, verify, unlock its own key file,
//! and open what was sealed to *it*, to the *structure* audience or to a dedup *group*.
//!
//! # What it must never do
//!
//! Open content. No type here holds a compartment's secret or the recovery seed; those live in
//! `ov-open`, and a program that is not linked with `ov-open` has no way to a patient's data. The
//! shared machinery for that ([`segment`]'s feature `opening`) is compiled for `ov-open` alone.
//!
//! # Suite 1
//!
//! | for | primitive | where |
//! |---|---|---|
//! | names, ids, derivation | BLAKE3: plain, keyed, `derive_key` | [`kdf`], [`compartment`] |
//! | frames, group slots, key files | AES-256-GCM-SIV, RFC 8452 | [`aead`] |
//! | sealing to a member, compartment or the structure audience | HPKE base mode, RFC 9180: KEM 0x647A (X-Wing), HKDF-SHA256, AES-256-GCM | [`kem`] |
//! | signatures | Ed25519 (RFC 8032) and ML-DSA-65 (FIPS 204), both must verify | [`sign`] |
//! | passphrases | Argon2id, 64 MiB, t = 3, p = 1 (RFC 9106, second choice) | [`keyfile`] |
//!
//! # The one path through it
//!
//! [`keyfile::KeyFile`] gives a [`member::MemberSecret`]; that opens the secrets sealed to the
//! member: a [`compartment::AgentSecret`] names chunks and seals the index, a
//! [`structure::StructureSecret`] opens what keepers may see. Everything that is sealed at all is
//! a segment: [`segment::SegmentSealer`] writes it, [`segment::SegmentOpener`] reads it.
//!
//! Pure: no clock, no disk, no network. Randomness comes in through [`entropy::Entropy`].

pub mod aead;
pub mod compartment;
pub mod context;
pub mod entropy;
pub mod frame;
pub mod kdf;
pub mod kem;
pub mod keyfile;
pub mod member;
pub mod passphrase;
pub mod segment;
pub mod sign;
pub mod structure;

#[cfg(test)]
mod vectors;
