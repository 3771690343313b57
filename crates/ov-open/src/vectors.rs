//! Known answers for what takes a compartment's secret or the recovery seed.
//!
//! `ONCOVAULT_BLESS=1 cargo test` writes the file anew.

use std::path::PathBuf;

use crate::compartment::CompartmentSecret;
use crate::open::open_segment;
use crate::recovery::RecoveryKit;
use crate::slip39::{Share, Split};
use data_encoding::HEXLOWER;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{CompartmentId, GroupId, MemberId, VaultId};
use ov_seal::compartment::chunk_id;
use ov_seal::entropy::SeededEntropy;
use ov_seal::frame::FrameKind;
use ov_seal::segment::{Recipient, SegmentSealer};
use serde_json::{Value, json};

fn path() -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "../../golden/vectors/seal-open.json",
    ]
    .iter()
    .collect()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

fn unhex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

fn recovery() -> Value {
    let kit = RecoveryKit::generate(&SeededEntropy::new(8));
    let keys = kit.member().public().keys();
    let split = Split::new(3, 5).unwrap();
    let shares = kit.split(split, &SeededEntropy::new(11));
    let shares: Vec<String> = shares.iter().map(|share| share.words().join(" ")).collect();
    json!({
        "words": kit.words().join(" "),
        "text": *kit.text(),
        "shares": shares,
        "kem_public": hex(&keys.kem[..]),
        "verify_public": hex(&keys.verify[..]),
    })
}

fn secret() -> CompartmentSecret {
    CompartmentSecret::generate(&SeededEntropy::new(9))
}

fn context() -> SegmentContext {
    SegmentContext {
        vault: VaultId([0xaa; 32]),
        audience: Audience::Compartment(CompartmentId([0xcc; 8])),
        epoch: 5,
        signer: MemberId([0xbb; 8]),
    }
}

fn compartment() -> Value {
    let agent = secret().agent_secret(GroupId([0xdd; 8]));
    json!({
        "secret": hex(&secret().to_bytes()[..]),
        "public": hex(secret().public().kem.to_bytes()),
        "group": GroupId([0xdd; 8]).to_string(),
        "agent_secret": hex(agent.bytes().bytes()),
        "chunk": { "plain": hex(b"chunk"), "id": chunk_id(&agent.id_key(), b"chunk").to_string() },
    })
}

fn segment() -> Value {
    let public = secret().public();
    let recipient = Recipient::Compartment(&public);
    let sealer = SegmentSealer::new(context(), recipient, &SeededEntropy::new(10)).unwrap();
    let frame = |number, kind: FrameKind, coder, plain: &[u8]| {
        let sealed = sealer.seal_frame(number, kind, coder, plain);
        json!({
            "number": number, "kind": kind.byte(), "coder": coder, "plain": hex(plain),
            "stored": hex(&sealed.bytes), "hash": sealed.hash.to_string(),
        })
    };
    json!({
        "context": hex(context().encode()),
        "head": hex(sealer.header_and_slots()),
        "id": sealer.id().to_string(),
        "frames": [
            frame(0, FrameKind::Content, 1, b"a scan"),
            frame(1, FrameKind::Content, 0, &[0; 300]),
        ],
    })
}

fn committed() -> Value {
    let text = std::fs::read_to_string(path()).unwrap_or_else(|_| "{}".into());
    serde_json::from_str(&text).unwrap()
}

#[test]
fn everything_still_comes_out_as_committed() {
    let made = json!({
        "recovery": recovery(),
        "compartment": compartment(),
        "segment": segment(),
    });
    if std::env::var_os("ONCOVAULT_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(path(), text).unwrap();
    }
    let committed = committed();
    for (name, value) in made.as_object().unwrap() {
        assert_eq!(&committed[name], value, "{name}");
    }
}

#[test]
fn what_is_committed_still_opens() {
    let file = committed();
    let secret = CompartmentSecret::from_bytes(&unhex(&file["compartment"]["secret"])).unwrap();
    let segment = &file["segment"];
    let opener = open_segment(context(), &unhex(&segment["head"]), &secret).unwrap();
    for frame in segment["frames"].as_array().unwrap() {
        let number = u16::try_from(frame["number"].as_u64().unwrap()).unwrap();
        let opened = opener.open_frame(number, &unhex(&frame["stored"])).unwrap();
        assert_eq!(opened.plain(), unhex(&frame["plain"]));
    }
    let recovery = &file["recovery"];
    for form in ["words", "text"] {
        let kit = RecoveryKit::parse(recovery[form].as_str().unwrap()).unwrap();
        let keys = kit.member().public().keys();
        assert_eq!(hex(&keys.kem[..]), recovery["kem_public"]);
    }
    let shares = recovery["shares"].as_array().unwrap()[1..4].iter();
    let shares = shares.map(|share| Share::parse(share.as_str().unwrap()).unwrap());
    let kit = RecoveryKit::from_shares(&shares.collect::<Vec<_>>()).unwrap();
    assert_eq!(kit.words().join(" "), recovery["words"]);
}
