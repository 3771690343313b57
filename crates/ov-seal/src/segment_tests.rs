use ov_format::id::{CompartmentId, GroupId, MemberId, VaultId};
use proptest::prelude::*;

use super::*;
use crate::compartment::AgentSecret;
use crate::entropy::SeededEntropy;

fn context(audience: Audience) -> SegmentContext {
    SegmentContext {
        vault: VaultId([1; 32]),
        audience,
        epoch: 3,
        signer: MemberId([2; 8]),
    }
}

fn structure() -> SegmentContext {
    context(Audience::Structure)
}

fn group() -> SegmentContext {
    context(Audience::Group(CompartmentId([4; 8]), GroupId([5; 8])))
}

fn group_key(byte: u8) -> GroupKey {
    AgentSecret::from_bytes(Key32::new([byte; 32])).group_key()
}

fn secret(byte: u8) -> StructureSecret {
    StructureSecret::from_bytes(Key32::new([byte; 32]))
}

fn seal_structure(seed: u64) -> SegmentSealer {
    let to = secret(1).public();
    SegmentSealer::new(
        structure(),
        Recipient::Structure(&to),
        &SeededEntropy::new(seed),
    )
    .unwrap()
}

fn seal_group(seed: u64) -> SegmentSealer {
    let key = group_key(1);
    SegmentSealer::new(group(), Recipient::Group(&key), &SeededEntropy::new(seed)).unwrap()
}

fn open_structure(head: &[u8]) -> Result<SegmentOpener, SegmentError> {
    SegmentOpener::open(structure(), head, OpenKey::Structure(&secret(1)))
}

fn open_group(head: &[u8]) -> Result<SegmentOpener, SegmentError> {
    SegmentOpener::open(group(), head, OpenKey::Group(&group_key(1)))
}

#[test]
fn frames_open_as_they_were_sealed() {
    let sealer = seal_structure(1);
    let opener = open_structure(sealer.header_and_slots()).unwrap();
    assert_eq!(opener.id(), sealer.id());
    assert_eq!(
        segment_id(&structure(), sealer.header_and_slots()),
        Ok(sealer.id())
    );
    for (number, kind, coder, plain) in [
        (0, FrameKind::List, 0, &b""[..]),
        (1, FrameKind::Section, 1, b"refs"),
        (u16::MAX, FrameKind::Content, 255, &[9; 1000]),
    ] {
        let sealed = sealer.seal_frame(number, kind, coder, plain);
        assert_eq!(sealed.bytes.len(), plain.len() + FRAME_OVERHEAD);
        assert_eq!(sealed.hash.0, *blake3::hash(&sealed.bytes).as_bytes());
        let opened = opener.open_frame(number, &sealed.bytes).unwrap();
        assert_eq!((opened.kind, opened.coder), (kind, coder));
        assert_eq!(opened.plain(), plain);
    }
}

#[test]
fn an_agent_opens_the_index_of_its_own_group_only() {
    let sealer = seal_group(1);
    let sealed = sealer.seal_frame(0, FrameKind::List, 0, b"index");
    let opener = open_group(sealer.header_and_slots()).unwrap();
    assert_eq!(
        opener.open_frame(0, &sealed.bytes).unwrap().plain(),
        b"index"
    );
    let other = group_key(2);
    let found = SegmentOpener::open(group(), sealer.header_and_slots(), OpenKey::Group(&other));
    assert_eq!(found.err(), Some(SegmentError::NoSlot));
}

#[test]
fn another_keepers_key_opens_nothing() {
    let sealer = seal_structure(1);
    let other = secret(2);
    let key = OpenKey::Structure(&other);
    let found = SegmentOpener::open(structure(), sealer.header_and_slots(), key);
    assert_eq!(found.err(), Some(SegmentError::NoSlot));
}

/// Every context that differs in one thing from `base` without being of another kind.
fn neighbours(base: SegmentContext) -> Vec<SegmentContext> {
    let mut all = vec![
        SegmentContext {
            vault: VaultId([9; 32]),
            ..base
        },
        SegmentContext { epoch: 4, ..base },
        SegmentContext {
            signer: MemberId([9; 8]),
            ..base
        },
    ];
    if let Audience::Group(c, g) = base.audience {
        let (other_c, other_g) = (CompartmentId([9; 8]), GroupId([9; 8]));
        all.push(SegmentContext {
            audience: Audience::Group(other_c, g),
            ..base
        });
        all.push(SegmentContext {
            audience: Audience::Group(c, other_g),
            ..base
        });
    }
    all
}

#[test]
fn a_segment_opens_in_its_own_vault_audience_epoch_and_under_its_own_signer_only() {
    let sealer = seal_structure(1);
    for other in neighbours(structure()) {
        let key = secret(1);
        let head = sealer.header_and_slots();
        let found = SegmentOpener::open(other, head, OpenKey::Structure(&key));
        assert_eq!(found.err(), Some(SegmentError::NoSlot), "{other:?}");
        assert_ne!(segment_id(&other, head), Ok(sealer.id()));
    }
    let sealer = seal_group(1);
    for other in neighbours(group()) {
        let key = group_key(1);
        let found = SegmentOpener::open(other, sealer.header_and_slots(), OpenKey::Group(&key));
        assert_eq!(found.err(), Some(SegmentError::NoSlot), "{other:?}");
    }
}

#[test]
fn frames_are_bound_to_the_context_even_where_a_slot_would_open() {
    // A cipher made by hand for a neighbouring context with the very content key.
    let (header, key) = (Header([3; HEADER_BYTES]), Key32::new([4; 32]));
    let here = FrameCipher::new(&structure(), &header, &key);
    let sealer = SegmentSealer {
        frames: here,
        head: Vec::new(),
    };
    let sealed = sealer.seal_frame(0, FrameKind::List, 0, b"text");
    for other in neighbours(structure()) {
        let opener = SegmentOpener {
            frames: FrameCipher::new(&other, &header, &key),
        };
        assert!(opener.open_frame(0, &sealed.bytes).is_err(), "{other:?}");
    }
}

#[test]
fn a_key_for_another_kind_of_audience_is_refused() {
    let (key, to) = (group_key(1), secret(1).public());
    let entropy = SeededEntropy::new(1);
    let compartment = context(Audience::Compartment(CompartmentId([4; 8])));
    let public = CompartmentPublic {
        kem: to.kem.clone(),
    };
    for (context, recipient) in [
        (structure(), Recipient::Group(&key)),
        (structure(), Recipient::Compartment(&public)),
        (group(), Recipient::Structure(&to)),
        (compartment, Recipient::Structure(&to)),
        (compartment, Recipient::Group(&key)),
    ] {
        let found = SegmentSealer::new(context, recipient, &entropy);
        assert_eq!(found.err(), Some(SegmentError::Audience));
    }
}

#[test]
fn a_keeper_cannot_open_content_even_with_a_compartments_seed_in_hand() {
    let seed = secret(1);
    let compartment = context(Audience::Compartment(CompartmentId([4; 8])));
    let public = CompartmentPublic {
        kem: seed.public().kem,
    };
    let recipient = Recipient::Compartment(&public);
    let sealer = SegmentSealer::new(compartment, recipient, &SeededEntropy::new(1)).unwrap();
    let head = sealer.header_and_slots();
    for context in [compartment, structure()] {
        let found = SegmentOpener::open(context, head, OpenKey::Structure(&seed));
        assert!(found.is_err());
    }
}

#[test]
fn swapped_frames_are_found() {
    let sealer = seal_structure(1);
    let opener = open_structure(sealer.header_and_slots()).unwrap();
    let sealed = sealer.seal_frame(1, FrameKind::List, 0, b"one");
    let segment = sealer.id();
    for number in [0, 2, 257, u16::MAX] {
        let found = opener.open_frame(number, &sealed.bytes);
        assert_eq!(found, Err(SegmentError::Frame { segment, number }));
    }
}

#[test]
fn a_frame_of_another_segment_is_found() {
    let (a, b) = (seal_structure(1), seal_structure(2));
    assert_ne!(a.id(), b.id());
    let opener = open_structure(b.header_and_slots()).unwrap();
    let sealed = a.seal_frame(0, FrameKind::List, 0, b"text");
    assert!(opener.open_frame(0, &sealed.bytes).is_err());
}

#[test]
fn a_slot_of_another_segment_is_found() {
    let (a, b) = (seal_structure(1), seal_structure(2));
    let mixed = [
        &a.header_and_slots()[..HEADER_BYTES],
        &b.header_and_slots()[HEADER_BYTES..],
    ];
    assert_eq!(
        open_structure(&mixed.concat()).err(),
        Some(SegmentError::NoSlot)
    );
}

#[test]
fn a_slot_with_another_content_key_than_the_committed_one_is_found() {
    // Only the signer itself could make this: two content keys for one header.
    let (key, other) = (Key32::new([6; 32]), Key32::new([7; 32]));
    let header = Header::new([5; RANDOM_BYTES], &key);
    let to = secret(1).public();
    let recipient = Recipient::Structure(&to);
    let entropy = SeededEntropy::new(1);
    let good = head_bytes(&structure(), &header, &key, recipient, &entropy);
    assert!(open_structure(&good).is_ok());
    let bad = head_bytes(&structure(), &header, &other, recipient, &entropy);
    assert_eq!(open_structure(&bad).err(), Some(SegmentError::Commitment));
}

#[test]
fn a_head_cut_short_or_run_over_is_refused() {
    let sealer = seal_group(1);
    let head = sealer.header_and_slots();
    for length in 0..head.len() {
        assert_eq!(
            open_group(&head[..length]).err(),
            Some(SegmentError::Malformed),
            "{length}"
        );
    }
    let long = [head, &[0]].concat();
    assert_eq!(open_group(&long).err(), Some(SegmentError::Malformed));
}

#[test]
fn a_slot_longer_than_the_slots_is_refused() {
    let mut head = seal_group(1).header_and_slots().to_vec();
    head[PREFIX_BYTES + 1] += 1;
    assert_eq!(open_group(&head).err(), Some(SegmentError::Malformed));
}

#[test]
fn a_segment_without_slots_is_well_formed_and_opens_with_nothing() {
    let mut head = seal_group(1).header_and_slots()[..HEADER_BYTES].to_vec();
    head.extend_from_slice(&[0, 0]);
    assert_eq!(open_group(&head).err(), Some(SegmentError::NoSlot));
}

#[test]
fn slots_of_unknown_kinds_are_passed_over() {
    let head = seal_group(1).header_and_slots().to_vec();
    let (header, slot) = (&head[..HEADER_BYTES], &head[PREFIX_BYTES..]);
    let future = [99, 2, 0, 1, 1];
    let length = u16::try_from(slot.len() + future.len())
        .unwrap()
        .to_le_bytes();
    let longer = [header, &length, &future, slot].concat();
    assert_eq!(open_group(&longer).unwrap().id(), seal_group(1).id());
}

#[test]
fn the_reader_learns_from_the_prefix_how_long_the_head_is() {
    for sealer in [seal_group(1), seal_structure(1)] {
        let head = sealer.header_and_slots();
        assert_eq!(head_length(head.first_chunk().unwrap()), head.len());
    }
}

#[test]
fn a_whole_frame_of_an_unknown_kind_is_refused_by_name() {
    let sealer = seal_group(1);
    let opener = open_group(sealer.header_and_slots()).unwrap();
    let sealed = sealer
        .frames
        .key
        .seal(0, &sealer.frames.aad(0), &[0, 77, 1, 2]);
    let unknown = SegmentError::UnknownKind {
        segment: sealer.id(),
        number: 0,
        kind: 77,
    };
    assert_eq!(opener.open_frame(0, &sealed), Err(unknown));
    let bare = sealer.frames.key.seal(0, &sealer.frames.aad(0), &[0]);
    assert!(opener.open_frame(0, &bare).is_err());
}

#[test]
fn several_threads_seal_frames_of_one_segment() {
    let sealer = seal_group(1);
    let opener = open_group(sealer.header_and_slots()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (sealer, opener) = (&sealer, &opener);
            scope.spawn(move || {
                let plain = number.to_string().into_bytes();
                let sealed = sealer.seal_frame(number, FrameKind::Tree, 0, &plain);
                assert_eq!(
                    opener.open_frame(number, &sealed.bytes).unwrap().plain(),
                    plain
                );
            });
        }
    });
}

#[test]
fn nothing_secret_is_shown() {
    let sealer = seal_group(1);
    let opener = open_group(sealer.header_and_slots()).unwrap();
    let frame = OpenedFrame {
        kind: FrameKind::Content,
        coder: 0,
        buffer: b"Mrs Meier".to_vec(),
    };
    assert!(format!("{sealer:?}").starts_with("SegmentSealer("));
    assert!(format!("{opener:?}").starts_with("SegmentOpener("));
    assert!(!format!("{frame:?}").contains("Meier"));
    assert!(!format!("{:?}", OpenKey::Group(&group_key(1))).contains('['));
}

proptest! {
    #[test]
    fn a_flipped_bit_in_a_frame_is_found(
        plain: Vec<u8>, at: prop::sample::Index, bit in 0..8,
    ) {
        let sealer = seal_group(1);
        let opener = open_group(sealer.header_and_slots()).unwrap();
        let mut stored = sealer.seal_frame(3, FrameKind::Tree, 1, &plain).bytes;
        let at = at.index(stored.len());
        stored[at] ^= 1u8 << bit;
        prop_assert!(opener.open_frame(3, &stored).is_err());
    }

    #[test]
    fn a_flipped_bit_in_header_or_slots_is_found(at: prop::sample::Index, bit in 0..8) {
        let sealer = seal_group(1);
        let mut head = sealer.header_and_slots().to_vec();
        let at = at.index(head.len());
        head[at] ^= 1u8 << bit;
        prop_assert!(open_group(&head).is_err());
    }

    #[test]
    fn hostile_bytes_never_open_and_never_panic(head: Vec<u8>, length: u16) {
        prop_assert!(open_group(&head).is_err());
        let mut long = vec![1; HEADER_BYTES];
        long.extend_from_slice(&length.to_le_bytes());
        long.extend_from_slice(&head);
        prop_assert!(open_group(&long).is_err());
        prop_assert!(open_structure(&long).is_err());
    }
}
