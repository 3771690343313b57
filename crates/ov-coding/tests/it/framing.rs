//! What frames promise: what was put in comes out, and no bytes whatever break the decoder.

use ov_coding::{
    Coder, CodingError, Decoder, Effort, Encoder, FRAME_PLAIN_MAX, FrameBuilder, Placement,
    PlainFrame, Raster, Shape, Sign,
};
use proptest::prelude::*;

const TABLE_ROW: usize = 4;

fn chunk() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..2000),
        (any::<u8>(), 0..100_000usize).prop_map(|(byte, length)| vec![byte; length]),
        (prop::collection::vec(any::<u8>(), 1..50), 0..2000usize)
            .prop_map(|(part, times)| part.repeat(times)),
        ("[A-Z]{1,5}", "[ACGTN]{1,60}", 1..200usize).prop_map(|(name, bases, times)| {
            let quality = "#".repeat(bases.len());
            let record = |n| format!("@{name}:{}\n{bases}\n+\n{quality}\n", n * n % 1009);
            (0..times).map(record).collect::<String>().into_bytes()
        }),
    ]
}

fn effort() -> impl Strategy<Value = Effort> {
    let all = [Effort::None, Effort::Fast, Effort::Normal, Effort::High];
    prop::sample::select(all.to_vec())
}

fn shape() -> impl Strategy<Value = Shape> {
    let sign = prop::sample::select(vec![Sign::Unsigned, Sign::Signed]);
    let bytes = prop::sample::select(vec![1, 2, 4]);
    let raster = (1..3000u32, 1..=4u8, bytes, sign).prop_filter_map("none", |(r, s, b, sign)| {
        Raster::new(r, s, b, sign).map(Shape::Raster)
    });
    prop_oneof![Just(Shape::Unknown), Just(Shape::Reads), raster]
}

fn borrowed(chunks: &[Vec<u8>]) -> Vec<&[u8]> {
    chunks.iter().map(Vec::as_slice).collect()
}

fn decode(coder: Coder, bytes: &[u8]) -> Result<PlainFrame, CodingError> {
    Decoder::new().unwrap().decode(coder, bytes)
}

fn table(lengths: &[u32]) -> Vec<u8> {
    let mut bytes = u16::try_from(lengths.len()).unwrap().to_le_bytes().to_vec();
    for length in lengths {
        bytes.extend_from_slice(&length.to_le_bytes());
    }
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn chunks_come_out_as_they_went_in(
        chunks in prop::collection::vec(chunk(), 1..20),
        effort in effort(),
        shape in shape(),
    ) {
        let frame = PlainFrame::of(&borrowed(&chunks)).unwrap();
        let coded = Encoder::new().unwrap().code(shape, &frame, effort).to_frame();
        let decoded = decode(coded.coder, &coded.bytes).unwrap();
        prop_assert_eq!(decoded.chunks().collect::<Vec<_>>(), borrowed(&chunks));
        let plain = frame.plain().len() + 2 + TABLE_ROW * chunks.len();
        prop_assert!(coded.bytes.len() <= plain);
    }

    #[test]
    fn gathered_frames_hold_each_chunk_where_the_placement_said(
        lengths in prop::collection::vec(prop_oneof![0..3000usize, 0..400_000usize], 1..60),
    ) {
        let mut builder = FrameBuilder::new(ov_coding::GATHER_MAX);
        let mut frames = Vec::new();
        for (n, &length) in lengths.iter().enumerate() {
            let bytes = vec![n as u8; length];
            match builder.place(length) {
                Placement::Alone => frames.push(PlainFrame::alone(bytes).unwrap()),
                Placement::StartNext => {
                    frames.extend(builder.take());
                    prop_assert_eq!(builder.push(&bytes), Ok(0));
                }
                Placement::Join { index } => prop_assert_eq!(builder.push(&bytes), Ok(index)),
            }
        }
        frames.extend(builder.take());
        let mut held: Vec<_> = frames.iter().flat_map(PlainFrame::chunks).collect();
        held.retain(|bytes| !bytes.is_empty());
        held.sort_by_key(|bytes| bytes[0]);
        let put = lengths.iter().enumerate().filter(|(_, length)| **length > 0);
        let put: Vec<_> = put.map(|(n, length)| vec![n as u8; *length]).collect();
        prop_assert_eq!(held, put);
    }

    #[test]
    fn a_changed_byte_is_refused_or_stays_within_the_limits(
        (at, flip) in (any::<prop::sample::Index>(), 1..=255u8),
        text in "[a-f]{200,400}",
    ) {
        let frame = PlainFrame::alone(text.repeat(5).into_bytes()).unwrap();
        let mut coded = Encoder::new().unwrap().encode(&frame, Effort::Normal);
        let at = at.index(coded.bytes.len());
        coded.bytes[at] ^= flip;
        for coder in Coder::ALL {
            if let Ok(decoded) = decode(coder, &coded.bytes) {
                prop_assert!(decoded.plain().len() <= FRAME_PLAIN_MAX);
                prop_assert_eq!(decoded.chunk_count(), 1);
            }
        }
    }
}

/// What the decoder takes, it takes consistently.
fn check_decoded(coder: Coder, bytes: &[u8]) {
    if let Ok(frame) = decode(coder, bytes) {
        assert!(frame.chunk_count() > 0 && frame.plain().len() <= FRAME_PLAIN_MAX);
        let sum: usize = frame.chunks().map(<[u8]>::len).sum();
        assert_eq!(sum, frame.plain().len());
        assert_eq!(frame.chunks().count(), usize::from(frame.chunk_count()));
    }
}

#[test]
fn fuzz_decode_of_any_bytes() {
    bolero::check!().for_each(|input: &[u8]| {
        for coder in Coder::ALL {
            check_decoded(coder, input);
        }
    });
}

#[test]
fn fuzz_decode_of_any_payload_behind_a_good_table() {
    bolero::check!()
        .with_type::<(Vec<u16>, Vec<u8>)>()
        .for_each(|(lengths, payload)| {
            let lengths: Vec<u32> = lengths.iter().map(|l| u32::from(*l)).collect();
            let zstd = zstd::bulk::compress(payload, 1).unwrap();
            for rest in [payload, &zstd] {
                let bytes = [&table(&lengths)[..], rest].concat();
                for coder in Coder::ALL {
                    check_decoded(coder, &bytes);
                }
            }
        });
}

/// With good parameters before any planes: damage must not hide behind the first check.
#[test]
fn fuzz_decode_of_any_image() {
    bolero::check!()
        .with_type::<(u16, u8, u8, bool, [Vec<u8>; 4])>()
        .for_each(|(row, step, bytes, signed, planes)| {
            let bytes = 1 << (bytes % 4);
            let mut payload = u32::from(*row).to_le_bytes().to_vec();
            payload.extend([step % 5, bytes, u8::from(*signed)]);
            let samples = planes[0].len();
            for plane in &planes[..usize::from(bytes).min(4)] {
                let plane = [&plane[..], &[7; 999]].concat();
                let plane = &plane[..samples.min(plane.len())];
                payload.extend(zstd::bulk::compress(plane, 1).unwrap());
            }
            let length = u32::try_from(samples * usize::from(bytes)).unwrap();
            check_decoded(Coder::Image, &[&table(&[length])[..], &payload].concat());
        });
}

#[test]
fn fuzz_decode_of_any_reads() {
    bolero::check!()
        .with_type::<(u16, [u8; 5], u8, u8, [Vec<u8>; 3])>()
        .for_each(|(length, counts, plus, bits, parts)| {
            let mut facts: Vec<u8> = counts.iter().flat_map(|n| [n % 8, 0, 0, 0]).collect();
            facts.extend([plus % 3, 2 * (bits % 5)]);
            facts.extend(&parts[0]);
            let mut bytes = table(&[u32::from(*length)]);
            for part in [&facts, &parts[1], &parts[2]] {
                bytes.extend(zstd::bulk::compress(part, 1).unwrap());
            }
            check_decoded(Coder::Reads, &bytes);
        });
}

#[test]
fn a_table_that_states_more_than_a_frame_may_hold_is_refused_before_decoding() {
    let lengths = vec![u32::MAX; 65_535];
    let total = 65_535 * u64::from(u32::MAX);
    for coder in Coder::ALL {
        let error = decode(coder, &table(&lengths)).unwrap_err();
        assert_eq!(error, CodingError::PlainTooLarge(total));
    }
    let one_more = FRAME_PLAIN_MAX as u32 + 1;
    let error = decode(Coder::Store, &table(&[one_more])).unwrap_err();
    assert_eq!(error, CodingError::PlainTooLarge(u64::from(one_more)));
}

#[test]
fn every_truncation_is_refused() {
    let frame = PlainFrame::alone(b"abc".repeat(100)).unwrap();
    for effort in [Effort::None, Effort::Normal] {
        let coded = Encoder::new().unwrap().encode(&frame, effort);
        for length in 0..coded.bytes.len() {
            assert!(decode(coded.coder, &coded.bytes[..length]).is_err());
        }
    }
}

#[test]
fn a_zstd_payload_must_be_one_frame_that_states_the_sum_of_the_lengths() {
    let abc = zstd::bulk::compress(b"abc", 3).unwrap();
    let behind_abc = |more: &[u8]| [&table(&[3])[..], &abc, more].concat();
    assert!(decode(Coder::Zstd, &behind_abc(b"")).is_ok());
    let not_one = Err(CodingError::NotOneZstdFrame);
    assert_eq!(decode(Coder::Zstd, &behind_abc(b"x")), not_one);
    let empty = zstd::bulk::compress(b"", 3).unwrap();
    assert_eq!(decode(Coder::Zstd, &behind_abc(&empty)), not_one);
    let skippable = [0x50, 0x2A, 0x4D, 0x18, 0, 0, 0, 0];
    assert_eq!(decode(Coder::Zstd, &behind_abc(&skippable)), not_one);
    let alone = [&table(&[0])[..], &skippable].concat();
    assert_eq!(decode(Coder::Zstd, &alone), not_one);
    let unsized_frame = zstd::stream::encode_all(&b"abc"[..], 3).unwrap();
    let bytes = [&table(&[3])[..], &unsized_frame].concat();
    assert_eq!(decode(Coder::Zstd, &bytes), not_one);
    for stated in [2, 4] {
        let bytes = [&table(&[stated])[..], &abc].concat();
        let stated = stated as usize;
        let error = CodingError::LengthMismatch { stated, found: 3 };
        assert_eq!(decode(Coder::Zstd, &bytes), Err(error));
    }
}

#[test]
fn a_small_zstd_bomb_is_refused_by_its_stated_size() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    let bytes = [&table(&[1000])[..], &bomb].concat();
    let found = 64 << 20;
    let error = CodingError::LengthMismatch {
        stated: 1000,
        found,
    };
    assert_eq!(decode(Coder::Zstd, &bytes), Err(error));
}

#[test]
fn the_largest_frame_goes_through_both_ways() {
    let frame = PlainFrame::alone(vec![7; FRAME_PLAIN_MAX]).unwrap();
    let coded = Encoder::new().unwrap().encode(&frame, Effort::Fast);
    assert_eq!(coded.coder, Coder::Zstd);
    assert_eq!(decode(coded.coder, &coded.bytes), Ok(frame));
}

#[test]
fn one_encoder_and_one_decoder_serve_many_frames_even_after_a_bad_one() {
    let mut encoder = Encoder::new().unwrap();
    let mut decoder = Decoder::new().unwrap();
    for n in 0..20u8 {
        let plain = vec![n; 1000 * usize::from(n)];
        let frame = PlainFrame::alone(plain).unwrap();
        let coded = encoder.encode(&frame, Effort::Normal);
        let middle = coded.bytes.len() / 2;
        assert!(decoder.decode(coded.coder, &coded.bytes[..middle]).is_err());
        assert_eq!(decoder.decode(coded.coder, &coded.bytes), Ok(frame));
    }
}
