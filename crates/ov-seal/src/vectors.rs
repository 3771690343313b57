//! Known answers for every primitive and container, committed for other implementations.
//!
//! `ONCOVAULT_BLESS=1 cargo test` writes the file anew.

use std::path::PathBuf;

use data_encoding::HEXLOWER;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{CompartmentId, GroupId, MemberId, ObjectHash, TargetId, VaultId};
use ov_format::name::{LogId, RecordName};
use ov_format::statement::Role;
use serde_json::{Value, json};

use crate::aead::AeadKey;
use crate::compartment::{AgentSecret, GroupKey, chunk_id};
use crate::entropy::{Entropy, SeededEntropy};
use crate::frame::FrameKind;
use crate::kdf::{Key32, derive, purpose};
use crate::kem::{KemPublic, KemSecret, SealedTo};
use crate::keyfile::{KeyFacts, KeyFile, Wrap};
use crate::member::{MemberPublic, MemberSecret};
use crate::passphrase::Passphrase;
use crate::segment::{OpenKey, Recipient, SegmentOpener, SegmentSealer};
use crate::sign::{Domain, Signature};
use crate::structure::StructureSecret;

fn path(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "../../golden/vectors", name]
        .iter()
        .collect()
}

fn committed(name: &str) -> Value {
    let text = std::fs::read_to_string(path(name)).unwrap_or_else(|_| "{}".into());
    serde_json::from_str(&text).unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(bytes.as_ref())
}

fn unhex(value: &Value) -> Vec<u8> {
    HEXLOWER.decode(value.as_str().unwrap().as_bytes()).unwrap()
}

/// 32 bytes that count up from `start`.
fn count(start: u8) -> Key32 {
    Key32::new(std::array::from_fn(|n| {
        start.wrapping_add(u8::try_from(n).unwrap())
    }))
}

fn kdf() -> Value {
    let one = |context: &&'static str| {
        let key = derive(context, &[count(0).bytes()]);
        json!({ "context": context, "material": hex(count(0).bytes()), "key": hex(key.bytes()) })
    };
    purpose::ALL.iter().map(one).collect()
}

fn aead() -> Value {
    let one = |(number, aad, plain): (u64, &[u8], &[u8])| {
        let sealed = AeadKey::new(&count(1)).seal(number, aad, plain);
        let (key, aad, plain) = (hex(count(1).bytes()), hex(aad), hex(plain));
        json!({ "key": key, "number": number, "aad": aad, "plain": plain, "sealed": hex(sealed) })
    };
    [
        (0, &b""[..], &b""[..]),
        (1, b"", b"x"),
        (0x0102_0304, b"associated", b"sixteen bytes!!!"),
        (1 << 40, &[7; 66], &[9; 100]),
    ]
    .map(one)
    .into_iter()
    .collect()
}

fn kem() -> Value {
    let secret = KemSecret::from_seed(count(2));
    let sealed = secret
        .public()
        .seal(b"info", b"aad", b"plain", &SeededEntropy::new(2));
    json!({
        "seed": hex(count(2).bytes()),
        "public": hex(secret.public().to_bytes()),
        "info": hex(b"info"),
        "aad": hex(b"aad"),
        "plain": hex(b"plain"),
        "enc": hex(&sealed.enc[..]),
        "ciphertext": hex(&sealed.ciphertext),
    })
}

fn member() -> Value {
    let member = MemberSecret::from_seed(count(3));
    let keys = member.public().keys();
    let part = |context| hex(derive(context, &[count(3).bytes()]).bytes());
    let sealed = member
        .public()
        .seal_secret(b"aad", b"secret", &SeededEntropy::new(3));
    json!({
        "seed": hex(count(3).bytes()),
        "kem_seed": part(purpose::MEMBER_KEM),
        "ed25519_seed": part(purpose::MEMBER_ED25519),
        "mldsa_seed": part(purpose::MEMBER_MLDSA),
        "local_state_key": hex(member.local_state_key().bytes()),
        "kem_public": hex(&keys.kem[..]),
        "verify_public": hex(&keys.verify[..]),
        "secret": { "aad": hex(b"aad"), "plain": hex(b"secret"), "sealed": hex(sealed) },
    })
}

/// By the deterministic variant of ML-DSA; a hedged signature verifies just the same.
fn sign() -> Value {
    let member = MemberSecret::simulated(count(3));
    let signature = member.sign(Domain::Record, b"statement");
    json!({
        "verify_public": hex(member.public().verify.bytes()),
        "domain": Domain::Record.text(),
        "bytes": hex(b"statement"),
        "signature": hex(signature.bytes()),
    })
}

fn agent() -> (AgentSecret, GroupKey) {
    let agent = AgentSecret::from_bytes(count(4));
    let group = agent.group_key();
    (agent, group)
}

fn compartment() -> Value {
    let (agent, group) = agent();
    let id = chunk_id(&agent.id_key(), b"chunk");
    let key = |context| hex(derive(context, &[count(4).bytes()]).bytes());
    json!({
        "agent_secret": hex(agent.bytes().bytes()),
        "id_key": key(purpose::CHUNK_ID),
        "cut_key": hex(agent.cut_key().bytes()),
        "group_key": hex(group.key().bytes()),
        "chunk": { "plain": hex(b"chunk"), "id": id.to_string() },
    })
}

fn segment(audience: Audience, recipient: Recipient<'_>, key: (&str, &Key32)) -> Value {
    let (vault, signer) = (VaultId([0xaa; 32]), MemberId([0xbb; 8]));
    let context = SegmentContext {
        vault,
        audience,
        epoch: 5,
        signer,
    };
    let sealer = SegmentSealer::new(context, recipient, &SeededEntropy::new(5)).unwrap();
    let frame = |(number, kind, coder, plain): (u16, FrameKind, u8, &[u8])| {
        let sealed = sealer.seal_frame(number, kind, coder, plain);
        json!({
            "number": number, "kind": kind.byte(), "coder": coder, "plain": hex(plain),
            "stored": hex(&sealed.bytes), "hash": sealed.hash.to_string(),
        })
    };
    let frames = [
        (0, FrameKind::List, 0, &b"first"[..]),
        (258, FrameKind::Tree, 1, b""),
    ];
    json!({
        key.0: hex(key.1.bytes()),
        "context": hex(context.encode()),
        "head": hex(sealer.header_and_slots()),
        "id": sealer.id().to_string(),
        "frames": frames.map(frame),
    })
}

fn segments() -> Value {
    let keeper = StructureSecret::from_bytes(count(6));
    let public = keeper.public();
    let (_, group) = agent();
    let audience = Audience::Group(CompartmentId([0xcc; 8]), GroupId([0xdd; 8]));
    json!([
        segment(
            Audience::Structure,
            Recipient::Structure(&public),
            ("seed", keeper.bytes())
        ),
        segment(
            audience,
            Recipient::Group(&group),
            ("group_key", group.key())
        ),
    ])
}

fn key_file(wrap: Wrap<'_>) -> String {
    let log = LogId {
        member: MemberId([0xbb; 8]),
        target: TargetId([0xee; 8]),
    };
    let root = RecordName {
        log,
        number: 0,
        hash: ObjectHash([0x11; 32]),
    };
    let facts = KeyFacts {
        vault: VaultId([0xaa; 32]),
        root,
        head: RecordName {
            number: 1000,
            ..root
        },
        member: MemberId([0xbb; 8]),
        name: "Zoë Müller".into(),
        roles: vec![Role::Agent, Role::Admin],
    };
    let member = MemberSecret::from_seed(count(3));
    KeyFile::new(facts, &member, wrap, &SeededEntropy::new(7))
        .unwrap()
        .text()
        .to_string()
}

fn key_files() -> Value {
    let passphrase = Passphrase::new("Kreuzfeuer 7".into()).unwrap();
    json!({
        "seed": hex(count(3).bytes()),
        "bare": key_file(Wrap::None),
        "passphrase": "Kreuzfeuer 7",
        "wrapped": key_file(Wrap::Passphrase(&passphrase)),
    })
}

#[test]
fn everything_that_is_sealed_still_comes_out_as_committed() {
    let made = json!({
        "kdf": kdf(),
        "aead": aead(),
        "kem": kem(),
        "member": member(),
        "sign": sign(),
        "compartment": compartment(),
        "segments": segments(),
        "key_files": key_files(),
    });
    if std::env::var_os("ONCOVAULT_BLESS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(path("seal.json"), text).unwrap();
    }
    let committed = committed("seal.json");
    for (name, value) in made.as_object().unwrap() {
        assert_eq!(&committed[name], value, "{name}");
    }
}

#[test]
fn what_is_committed_still_opens() {
    let file = committed("seal.json");
    let kem = &file["kem"];
    let sealed = [unhex(&kem["enc"]), unhex(&kem["ciphertext"])].concat();
    let sealed = SealedTo::from_bytes(&sealed).unwrap();
    let opened = KemSecret::from_seed(count(2))
        .open(b"info", b"aad", &sealed)
        .unwrap();
    assert_eq!(*opened, unhex(&kem["plain"]));
    let secret = &file["member"]["secret"];
    let member = MemberSecret::from_seed(count(3));
    let opened = member
        .open_secret(b"aad", &unhex(&secret["sealed"]))
        .unwrap();
    assert_eq!(*opened, unhex(&secret["plain"]));
    let passphrase = Passphrase::new("Kreuzfeuer 7".into()).unwrap();
    for (name, passphrase) in [("bare", None), ("wrapped", Some(&passphrase))] {
        let text = file["key_files"][name].as_str().unwrap();
        let read = KeyFile::parse(text).unwrap().unlock(passphrase).unwrap();
        assert_eq!(read.public(), member.public(), "{name}");
    }
}

#[test]
fn committed_segments_still_open() {
    let (keeper, (_, group)) = (StructureSecret::from_bytes(count(6)), agent());
    let (vault, signer) = (VaultId([0xaa; 32]), MemberId([0xbb; 8]));
    let group_audience = Audience::Group(CompartmentId([0xcc; 8]), GroupId([0xdd; 8]));
    let keys = [
        (Audience::Structure, OpenKey::Structure(&keeper)),
        (group_audience, OpenKey::Group(&group)),
    ];
    let file = committed("seal.json");
    for ((audience, key), segment) in keys.into_iter().zip(file["segments"].as_array().unwrap()) {
        let context = SegmentContext {
            vault,
            audience,
            epoch: 5,
            signer,
        };
        let opener = SegmentOpener::open(context, &unhex(&segment["head"]), key).unwrap();
        assert_eq!(opener.id().to_string(), segment["id"]);
        for frame in segment["frames"].as_array().unwrap() {
            let number = u16::try_from(frame["number"].as_u64().unwrap()).unwrap();
            let opened = opener.open_frame(number, &unhex(&frame["stored"])).unwrap();
            assert_eq!(opened.plain(), unhex(&frame["plain"]));
            assert_eq!(u64::from(opened.coder), frame["coder"].as_u64().unwrap());
        }
    }
}

#[test]
fn the_committed_signature_still_verifies() {
    let file = committed("seal.json");
    let member: MemberPublic = MemberSecret::from_seed(count(3)).public();
    let signature = Signature::from_bytes(&unhex(&file["sign"]["signature"])).unwrap();
    assert_eq!(
        member
            .verify
            .verify(Domain::Record, b"statement", &signature),
        Ok(())
    );
}

/// Gives out exactly the bytes of a published vector.
struct Fixed(Vec<u8>);

impl Entropy for Fixed {
    fn fill(&self, out: &mut [u8]) {
        out.copy_from_slice(&self.0);
    }
}

#[test]
fn x_wing_answers_its_published_vectors() {
    let file = committed("seal-xwing.json");
    let vectors = file["vectors"].as_array().unwrap();
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let secret = KemSecret::from_seed(Key32::from_slice(&unhex(&vector["seed"])).unwrap());
        let public = KemPublic::from_bytes(&unhex(&vector["public"])).unwrap();
        assert_eq!(secret.public(), public);
        let sealed = public.seal(b"", b"", b"text", &Fixed(unhex(&vector["randomness"])));
        assert_eq!(hex(&sealed.enc[..]), vector["enc"]);
        assert_eq!(&secret.open(b"", b"", &sealed).unwrap()[..], b"text");
    }
}
