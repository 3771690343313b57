//! Decoders of foreign bytes, as fuzz targets: nothing panics, and what is read is written back.

use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{MemberId, VaultId};
use ov_seal::kem::{KemPublic, SealedTo};
use ov_seal::keyfile::KeyFile;
use ov_seal::segment::{self, OpenKey, SegmentOpener};
use ov_seal::structure::StructureSecret;

#[test]
fn no_text_breaks_the_reader_of_key_files() {
    bolero::check!().for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        let framed =
            format!("-----BEGIN ONCOVAULT KEY-----\n{text}\n-----END ONCOVAULT KEY-----\n");
        for text in [&*text, &framed] {
            assert!(
                KeyFile::parse(text).is_err(),
                "no checksum is right by chance"
            );
        }
    });
}

#[test]
fn no_bytes_break_the_reader_of_segments() {
    let secret = StructureSecret::from_bytes(ov_seal::kdf::Key32::new([1; 32]));
    let context = SegmentContext {
        vault: VaultId([1; 32]),
        audience: Audience::Structure,
        epoch: 1,
        signer: MemberId([1; 8]),
    };
    bolero::check!().for_each(|input: &[u8]| {
        let opened = SegmentOpener::open(context, input, OpenKey::Structure(&secret));
        assert!(opened.is_err(), "no commitment is right by chance");
        if let Some(prefix) = input.first_chunk() {
            let whole = segment::head_length(prefix);
            assert!(whole == input.len() || segment::segment_id(&context, input).is_err());
        }
    });
}

#[test]
fn no_bytes_break_the_reader_of_sealed_secrets_and_keys() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(sealed) = SealedTo::from_bytes(input) {
            assert_eq!(sealed.to_bytes(), input);
        }
        if let Ok(key) = KemPublic::from_bytes(input) {
            assert_eq!(&key.to_bytes()[..], input);
        }
    });
}
