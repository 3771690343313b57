//! Opening content: a compartment's segments.

use ov_seal::compartment::CompartmentPublic;
use ov_seal::context::SegmentContext;
use ov_seal::entropy::Entropy;
use ov_seal::segment::{Recipient, SegmentError, SegmentOpener, opening};

use crate::compartment::CompartmentSecret;

/// Opens a segment of a compartment. `head` is its header and slots, exactly. Compare the
/// opener's id with the one that was looked for.
pub fn open_segment(
    context: SegmentContext,
    head: &[u8],
    secret: &CompartmentSecret,
) -> Result<SegmentOpener, SegmentError> {
    opening::open(context, head, secret.kem())
}

/// The head of a compartment's segment with a slot for a new key: same header, same id, so the
/// frames behind it stay as they are. The context stays too, with its old epoch.
pub fn reseal_segment(
    context: SegmentContext,
    head: &[u8],
    secret: &CompartmentSecret,
    to: &CompartmentPublic,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, SegmentError> {
    opening::reseal(
        context,
        head,
        secret.kem(),
        Recipient::Compartment(to),
        entropy,
    )
}

#[cfg(test)]
mod tests {
    use ov_format::id::{CompartmentId, MemberId, VaultId};
    use ov_seal::context::Audience;
    use ov_seal::entropy::SeededEntropy;
    use ov_seal::frame::{FrameKind, SealedFrame};
    use ov_seal::segment::SegmentSealer;
    use ov_seal::structure::StructureSecret;

    use super::*;

    fn context() -> SegmentContext {
        SegmentContext {
            vault: VaultId([1; 32]),
            audience: Audience::Compartment(CompartmentId([2; 8])),
            epoch: 1,
            signer: MemberId([3; 8]),
        }
    }

    fn secret(seed: u64) -> CompartmentSecret {
        CompartmentSecret::generate(&SeededEntropy::new(seed))
    }

    fn sealed() -> (SegmentSealer, SealedFrame) {
        let public = secret(1).public();
        let to = Recipient::Compartment(&public);
        let sealer = SegmentSealer::new(context(), to, &SeededEntropy::new(7)).unwrap();
        let frame = sealer.seal_frame(0, FrameKind::Content, 1, b"a scan");
        (sealer, frame)
    }

    #[test]
    fn a_reader_opens_what_an_agent_sealed_with_the_public_key_alone() {
        let (sealer, frame) = sealed();
        let opener = open_segment(context(), sealer.header_and_slots(), &secret(1)).unwrap();
        assert_eq!(opener.id(), sealer.id());
        let opened = opener.open_frame(0, &frame.bytes).unwrap();
        assert_eq!((opened.kind, opened.coder), (FrameKind::Content, 1));
        assert_eq!(opened.plain(), b"a scan");
    }

    #[test]
    fn another_compartments_secret_opens_nothing() {
        let (sealer, _) = sealed();
        let found = open_segment(context(), sealer.header_and_slots(), &secret(2));
        assert_eq!(found.err(), Some(SegmentError::NoSlot));
    }

    #[test]
    fn a_segment_opens_in_its_own_place_only() {
        let (sealer, _) = sealed();
        let other = Audience::Compartment(CompartmentId([9; 8]));
        for context in [
            SegmentContext {
                vault: VaultId([9; 32]),
                ..context()
            },
            SegmentContext {
                audience: other,
                ..context()
            },
            SegmentContext {
                epoch: 2,
                ..context()
            },
            SegmentContext {
                signer: MemberId([9; 8]),
                ..context()
            },
        ] {
            let found = open_segment(context, sealer.header_and_slots(), &secret(1));
            assert_eq!(found.err(), Some(SegmentError::NoSlot), "{context:?}");
        }
    }

    #[test]
    fn a_compartments_secret_opens_no_other_audience() {
        let structure = SegmentContext {
            audience: Audience::Structure,
            ..context()
        };
        let keeper = StructureSecret::generate(&SeededEntropy::new(1));
        let public = keeper.public();
        let to = Recipient::Structure(&public);
        let sealer = SegmentSealer::new(structure, to, &SeededEntropy::new(1)).unwrap();
        let found = open_segment(structure, sealer.header_and_slots(), &secret(1));
        assert_eq!(found.err(), Some(SegmentError::Audience));
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_head_is_found() {
        let (sealer, _) = sealed();
        let head = sealer.header_and_slots();
        for at in (0..head.len()).step_by(61).chain(62..70) {
            let mut damaged = head.to_vec();
            damaged[at] ^= 1;
            assert!(
                open_segment(context(), &damaged, &secret(1)).is_err(),
                "byte {at}"
            );
        }
    }

    #[test]
    fn resealing_gives_a_new_reader_the_same_frames_and_shuts_the_old_one_out() {
        let (sealer, frame) = sealed();
        let head = sealer.header_and_slots();
        let (entropy, next) = (SeededEntropy::new(8), secret(2));
        let new = reseal_segment(context(), head, &secret(1), &next.public(), &entropy).unwrap();
        let opener = open_segment(context(), &new, &next).unwrap();
        assert_eq!(opener.id(), sealer.id());
        assert_eq!(
            opener.open_frame(0, &frame.bytes).unwrap().plain(),
            b"a scan"
        );
        let old = open_segment(context(), &new, &secret(1));
        assert_eq!(old.err(), Some(SegmentError::NoSlot));
        let refused = reseal_segment(context(), head, &next, &next.public(), &entropy);
        assert_eq!(refused, Err(SegmentError::NoSlot));
    }
}
