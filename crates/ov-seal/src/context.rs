//! What a segment is sealed *for*: known to its reader from where it was found, never stored with
//! it, and authenticated by everything in it. The encoding is `ov-format`'s.

pub use ov_format::audience::{Audience, CONTEXT_BYTES, SegmentContext};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ov_format::id::{CompartmentId, GroupId, MemberId, VaultId};

    use super::*;

    #[test]
    fn no_two_contexts_are_one_text() {
        let base = SegmentContext {
            vault: VaultId([1; 32]),
            audience: Audience::Structure,
            epoch: 1,
            signer: MemberId([1; 8]),
        };
        let (c, g) = (CompartmentId([0; 8]), GroupId([0; 8]));
        let texts: BTreeSet<_> = [
            base,
            SegmentContext {
                vault: VaultId([2; 32]),
                ..base
            },
            SegmentContext {
                audience: Audience::Compartment(c),
                ..base
            },
            SegmentContext {
                audience: Audience::Compartment(CompartmentId([1; 8])),
                ..base
            },
            SegmentContext {
                audience: Audience::Group(c, g),
                ..base
            },
            SegmentContext {
                audience: Audience::Group(c, GroupId([1; 8])),
                ..base
            },
            SegmentContext {
                audience: Audience::Group(CompartmentId([1; 8]), g),
                ..base
            },
            SegmentContext {
                epoch: 1 << 24,
                ..base
            },
            SegmentContext {
                signer: MemberId([2; 8]),
                ..base
            },
        ]
        .map(|context| context.encode())
        .into();
        assert_eq!(texts.len(), 9);
    }
}
