//! The committed vectors: what is stored today is read, and cut alike, for ever.

use data_encoding::HEXLOWER;
use ov_coding::{
    Coder, CodingError, CutKey, Cutter, Decoder, Effort, Encoder, GEAR_CONTEXT, PlainFrame, Profile,
};
use serde_json::Value;

const CUT: &str = include_str!("../../../../golden/vectors/coding-cut.json");
const FRAME: &str = include_str!("../../../../golden/vectors/coding-frame.json");

fn cases(vectors: &Value, list: &str) -> Vec<Value> {
    let cases = vectors[list].as_array().unwrap().clone();
    assert!(cases.len() >= 5);
    cases
}

fn text<'a>(case: &'a Value, field: &str) -> &'a str {
    case[field].as_str().unwrap()
}

fn bytes(case: &Value, field: &str) -> Vec<u8> {
    HEXLOWER.decode(text(case, field).as_bytes()).unwrap()
}

fn key(case: &Value, field: &str) -> [u8; 32] {
    bytes(case, field).try_into().unwrap()
}

fn number(case: &Value, field: &str) -> usize {
    usize::try_from(case[field].as_u64().unwrap()).unwrap()
}

fn coder_id(case: &Value) -> u8 {
    u8::try_from(number(case, "coder")).unwrap()
}

fn material(case: &Value, context: &str) -> Vec<u8> {
    let mut data = vec![0; number(case, "length")];
    let kind = text(case, "material");
    if kind != "zeros" {
        let mut hasher = blake3::Hasher::new_keyed(&key(case, "seed"));
        hasher.update(context.as_bytes());
        hasher.finalize_xof().fill(&mut data);
    }
    if kind == "acgt" {
        data.iter_mut()
            .for_each(|b| *b = b"ACGT"[usize::from(*b & 3)]);
    }
    data
}

#[test]
fn cut_points_are_those_of_the_vectors() {
    let vectors: Value = serde_json::from_str(CUT).unwrap();
    assert_eq!(text(&vectors, "gear_context").as_bytes(), GEAR_CONTEXT);
    for case in cases(&vectors, "cases") {
        let profile = Profile::from_id(u8::try_from(number(&case, "profile")).unwrap()).unwrap();
        let sizes = ["min", "normal", "max"].map(|field| number(&case, field));
        assert_eq!([profile.min(), profile.normal(), profile.max()], sizes);
        let data = material(&case, text(&vectors, "material_context"));
        let cutter = Cutter::new(&CutKey::new(key(&case, "key")), profile);
        let ends = cutter.chunks(&data).scan(0, |end, chunk| {
            *end += chunk.len();
            Some(Value::from(*end))
        });
        assert_eq!(case["ends"], Value::Array(ends.collect()));
    }
}

#[test]
fn frames_of_the_vectors_decode_to_their_chunks() {
    let vectors: Value = serde_json::from_str(FRAME).unwrap();
    for case in cases(&vectors, "accepted") {
        let name = text(&case, "name");
        let chunks: Vec<_> = case["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chunk| bytes(chunk, "plain"))
            .collect();
        let borrowed: Vec<_> = chunks.iter().map(Vec::as_slice).collect();
        let expected = PlainFrame::of(&borrowed).unwrap();
        let coder = Coder::from_id(coder_id(&case)).unwrap();
        let frame = bytes(&case, "frame");
        let decoded = Decoder::new().unwrap().decode(coder, &frame);
        assert_eq!(decoded, Ok(expected.clone()), "{name}");
        if coder == Coder::Store {
            let coded = Encoder::new().unwrap().encode(&expected, Effort::None);
            assert_eq!(coded.bytes, frame, "{name}");
        }
    }
}

#[test]
fn frames_that_the_vectors_refuse_are_refused_for_the_same_reason() {
    let vectors: Value = serde_json::from_str(FRAME).unwrap();
    for case in cases(&vectors, "refused") {
        let decode = |coder| Decoder::new()?.decode(coder, &bytes(&case, "frame"));
        let error: CodingError = Coder::from_id(coder_id(&case))
            .and_then(decode)
            .unwrap_err();
        let shown = format!("{error:?}");
        assert!(shown.starts_with(text(&case, "error")), "{shown}: {case}");
    }
}
