//! Identifiers. Every id is a newtype, so that a pack can never be looked up where a chunk was meant.

use std::fmt;

/// Length in bytes of every hash and id in suite 1.
pub const HASH_BYTES: usize = 32;

macro_rules! hash_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; HASH_BYTES]);

        impl $name {
            /// The raw bytes.
            pub const fn bytes(&self) -> &[u8; HASH_BYTES] {
                &self.0
            }

            /// Reads the 64 lower-case hex digits that [`fmt::Display`] writes.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.to_string()[..12])
            }
        }
    };
}

macro_rules! short_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl $name {
            /// Length in bytes.
            pub const BYTES: usize = $bytes;

            /// The raw bytes.
            pub const fn bytes(&self) -> &[u8; $bytes] {
                &self.0
            }

            /// Reads the lower-case hex digits that [`fmt::Display`] writes.
            pub fn parse(text: &str) -> Option<Self> {
                let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
                Some(Self(bytes.try_into().ok()?))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&data_encoding::HEXLOWER.encode(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self)
            }
        }
    };
}

hash_id!(
    /// The vault: BLAKE3 of its first record, with zeros where that record would name the vault.
    VaultId
);
hash_id!(
    /// BLAKE3 of the stored bytes of an object, and so the last part of its name.
    ObjectHash
);
hash_id!(
    /// Keyed BLAKE3 of the plain bytes of a chunk (file content or tree page).
    ChunkId
);
hash_id!(
    /// BLAKE3 of a segment's header in its context; permanent wherever the segment lies.
    SegmentId
);
hash_id!(
    /// Keyless BLAKE3 of the stored bytes of one sealed frame.
    FrameHash
);
hash_id!(
    /// Keyless BLAKE3 of a segment's header and slots, as stored.
    HeadHash
);
short_id!(
    /// A member: random, given by the admin who appointed it.
    MemberId, 8
);
short_id!(
    /// A target: random, from the first record written there.
    TargetId, 8
);
short_id!(
    /// A compartment: random, given at its creation.
    CompartmentId, 8
);
short_id!(
    /// A dedup group: the agents that trust each other enough to share chunks.
    GroupId, 8
);
short_id!(
    /// A dataset: keepers see this random id, never the name.
    DatasetId, 8
);
short_id!(
    /// The first 16 bytes of a [`ChunkId`]: what extents and group lists carry.
    ChunkTag, 16
);
short_id!(
    /// One installation of a member's key: random, kept in the local state. Two instances in one
    /// log show a copied key or a cloned machine.
    InstanceId, 16
);

impl ChunkId {
    /// The part of the id that extents and group lists carry.
    pub fn tag(&self) -> ChunkTag {
        let mut tag = [0; ChunkTag::BYTES];
        tag.copy_from_slice(&self.0[..ChunkTag::BYTES]);
        ChunkTag(tag)
    }
}
