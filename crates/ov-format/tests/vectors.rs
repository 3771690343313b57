//! Known answers for every kind of object and structure, committed for other implementations:
//! `golden/vectors/format.txt` holds one per line.
//!
//! `ONCOVAULT_BLESS=1 cargo test` writes the file anew.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use ov_format::Wire;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::content::{ChunkRef, Content, Extent, ExtentPage, FrameRef};
use ov_format::crosswalk::{CrosswalkChange, IssuedId, Link, Retraction};
use ov_format::entry::{Entry, EntryKey, Kind, Meta, ReadState, Time};
use ov_format::extents::ExtentList;
use ov_format::id::{
    ChunkTag, CompartmentId, DatasetId, FrameHash, GroupId, HeadHash, InstanceId, MemberId,
    ObjectHash, SegmentId, TargetId, VaultId,
};
use ov_format::keys::{KeysTable, Recipient, SealedSecret, SecretKind, encode_secret};
use ov_format::list::{
    GroupChunk, ListRef, PageRefs, Placement, StoredFrame, StoredHead, TableIndex, encode_list,
};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::names::{Named, Names};
use ov_format::object::{ObjectHeader, ObjectKind, pad};
use ov_format::pack::encode_trailer;
use ov_format::page::{Page, PagePointer};
use ov_format::record::{Record, SIGNATURE_BYTES, Section, SignedRecord};
use ov_format::refs::{PagePlace, Refs};
use ov_format::snapshot::{Counts, GroupChunks, Places, Snapshot, Structure, TagChange};
use ov_format::statement::{
    Cause, Change, Condemned, Drop, PublicKeys, Role, Statement, StoredObject,
};
use ov_format::target::encode_target;

const VAULT: VaultId = VaultId([0x11; 32]);
const LOG: LogId = LogId {
    member: MemberId([0x22; 8]),
    target: TargetId([0x33; 8]),
};
const COMPARTMENT: CompartmentId = CompartmentId([0x44; 8]);
const GROUP: GroupId = GroupId([0x55; 8]);
const FRAME: FrameRef = FrameRef {
    segment: SegmentId([0x66; 32]),
    frame: 7,
};
const CHUNK: ChunkRef = ChunkRef {
    tag: ChunkTag([0x77; 16]),
    at: FRAME,
    index: 300,
};
const TIME: Time = Time {
    seconds: 1_767_225_600,
    nanos: 500,
};
const OBJECT: StoredObject = StoredObject {
    hash: ObjectHash([0x88; 32]),
    length: 65_536,
};

fn record_name() -> RecordName {
    RecordName {
        log: LOG,
        number: 1025,
        hash: ObjectHash([0x99; 32]),
    }
}

fn entry(name: &str, kind: Kind, content: Content, state: ReadState) -> Entry {
    let meta = Meta {
        kind,
        mode: 0o640,
        uid: 1000,
        gid: 100,
        user: b"erika".to_vec(),
        group: b"clinic".to_vec(),
        mtime: Time {
            seconds: -1,
            nanos: 999_999_999,
        },
        size: 70_000,
        xattrs: vec![(b"user.kind".to_vec(), b"plan".to_vec())],
        link_group: Some(3),
    };
    Entry {
        key: EntryKey::new("plans/2026", name),
        meta,
        content,
        state,
    }
}

fn leaf() -> Page {
    let data = Extent::Data {
        chunk: CHUNK,
        length: 65_536,
    };
    let extents = Content::Extents(vec![data, Extent::Hole { length: 4464 }]);
    let pages = vec![ExtentPage {
        chunk: CHUNK,
        length: 70_000,
    }];
    Page::Leaf(vec![
        entry(
            "a",
            Kind::File,
            Content::Inline(b"inline".to_vec()),
            ReadState::Clean,
        ),
        entry("b", Kind::File, extents, ReadState::Changed),
        entry(
            "c",
            Kind::File,
            Content::Paged { level: 1, pages },
            ReadState::Clean,
        ),
        entry(
            "d",
            Kind::Directory,
            Content::Empty,
            ReadState::Unreadable("denied".to_owned()),
        ),
        entry(
            "e",
            Kind::Symlink(b"../b".to_vec()),
            Content::Empty,
            ReadState::Clean,
        ),
        entry(
            "f",
            Kind::CharDevice { major: 1, minor: 3 },
            Content::Empty,
            ReadState::Clean,
        ),
    ])
}

fn statements() -> Vec<Statement> {
    let keys = PublicKeys {
        kem: Box::new([1; 1216]),
        verify: Box::new([2; 1984]),
    };
    let kem = Box::new([3; 1216]);
    let appoint = Change::Appoint {
        member: LOG.member,
        roles: vec![Role::Agent, Role::Keeper],
        keys: keys.clone(),
        group: GROUP,
        compartments: vec![COMPARTMENT],
    };
    let changes = vec![
        Change::Recovery(keys),
        appoint,
        Change::Revoke {
            member: LOG.member,
            after: vec![(LOG, 9)],
        },
        Change::Compartment {
            compartment: COMPARTMENT,
            epoch: 1,
            kem: kem.clone(),
        },
        Change::Structure { epoch: 0, kem },
        Change::Keys(OBJECT),
    ];
    let (commit, reason) = (record_name(), "trial X".to_owned());
    let drops = Some(vec![Drop {
        segment: FRAME.segment,
        frames: vec![0, 7],
    }]);
    let condemned = |cause, drops| Condemned {
        pack: OBJECT.hash,
        cause,
        drops,
    };
    vec![
        Statement::Head(changes),
        Statement::Commit {
            packs: vec![OBJECT],
            tables: vec![OBJECT],
            partial: true,
            accepted: Some(TIME),
        },
        Statement::Accept {
            commit,
            arrival: TIME,
            frames: 12,
            bytes: 3456,
        },
        Statement::Reject {
            commit,
            reason: reason.clone(),
        },
        Statement::Forget(vec![commit]),
        Statement::Hold {
            commits: vec![commit],
            reason,
        },
        Statement::Release(commit),
        Statement::Condemn(vec![
            condemned(Cause::Unused, drops),
            condemned(Cause::Damage, None),
        ]),
        Statement::Places {
            packs: vec![OBJECT],
            tables: vec![],
        },
        Statement::Delete(vec![OBJECT.hash]),
        Statement::Tag(commit),
        Statement::Link,
    ]
}

fn placement() -> Placement {
    Placement {
        segment: FRAME.segment,
        compartment: COMPARTMENT,
        epoch: 2,
        signer: LOG.member,
        pack: OBJECT.hash,
        offset: 44,
        head: StoredHead {
            length: 1237,
            hash: HeadHash([0xab; 32]),
        },
        frames: vec![StoredFrame {
            number: 7,
            length: 1000,
            hash: FrameHash([0xaa; 32]),
        }],
    }
}

fn sections(all: &mut BTreeMap<String, Vec<u8>>) {
    let counts = Counts {
        entries: 6,
        files: 3,
        bytes: 210_000,
        troubled: 2,
    };
    let empty = || ListRef::Inline(encode_list(vec![placement()]));
    let table = ListRef::Table {
        hash: OBJECT.hash,
        length: OBJECT.length,
    };
    let structure = Structure {
        dataset: DatasetId([0xbb; 8]),
        root: Some(PagePlace::from(&CHUNK)),
        catalog: Some(PagePlace::from(&CHUNK)),
        counts,
        placements: empty(),
        refs: table.clone(),
    };
    let snapshot = Snapshot {
        time: TIME,
        ended: TIME,
        dataset: "tps-plans".to_owned(),
        host: "tps1".to_owned(),
        user: "erika".to_owned(),
        paths: vec![b"/plans".to_vec()],
        tags: vec!["monthly".to_owned()],
        root: Some(CHUNK),
        root_level: 1,
        catalog: Some(CHUNK),
        catalog_level: 0,
        issuer: "hospital".to_owned(),
        counts,
        program: "oncovault/0.1.0".to_owned(),
    };
    all.insert("section structure".into(), structure.to_bytes());
    all.insert("section snapshot".into(), snapshot.to_bytes());
    all.insert(
        "section group chunks".into(),
        GroupChunks { chunks: table }.to_bytes(),
    );
    all.insert(
        "section places".into(),
        Places {
            placements: empty(),
        }
        .to_bytes(),
    );
    let change = TagChange {
        add: vec!["kept".to_owned()],
        remove: vec!["monthly".to_owned()],
    };
    all.insert("section tag change".into(), change.to_bytes());
    all.insert(
        "section crosswalk change".into(),
        crosswalk_change().to_bytes(),
    );
    let names = Names(vec![Named {
        member: LOG.member,
        name: "tps1".to_owned(),
    }]);
    all.insert("section names".into(), names.to_bytes());
}

fn crosswalk_change() -> CrosswalkChange {
    let id = |id: &str, issuer: &str| IssuedId {
        id: id.to_owned(),
        issuer: issuer.to_owned(),
    };
    let link = |one, other| Link { one, other };
    CrosswalkChange {
        linked: vec![link(id("4711", "hospital"), id("c-1", "registry"))],
        retracted: vec![Retraction {
            record: record_name(),
            link: link(id("4711", "hospital"), id("c-2", "registry")),
        }],
        reason: "letter of the registry".to_owned(),
    }
}

fn lists(all: &mut BTreeMap<String, Vec<u8>>) {
    let refs = Refs {
        children: [PagePlace::from(&CHUNK)].into(),
        frames: [FRAME].into(),
    };
    let page_refs = PageRefs {
        page: PagePlace::from(&CHUNK),
        refs,
    };
    let chunk = GroupChunk {
        tag: CHUNK.tag,
        at: FRAME,
        index: CHUNK.index,
    };
    all.insert(
        "list placements".into(),
        encode_list(vec![placement()]).remove(0),
    );
    all.insert("list refs".into(), encode_list(vec![page_refs]).remove(0));
    all.insert(
        "list group chunks".into(),
        encode_list(vec![chunk]).remove(0),
    );
    let index = TableIndex {
        pages: vec![(vec![0x77; 16], 49_170)],
    };
    all.insert("table index".into(), index.to_bytes());
}

fn vectors() -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for (name, kind) in [
        ("pack", ObjectKind::Pack),
        ("table", ObjectKind::Table),
        ("record", ObjectKind::Record),
        ("target", ObjectKind::Target),
    ] {
        let header = ObjectHeader { kind, vault: VAULT };
        all.insert(format!("header {name}"), header.encode().to_vec());
    }
    all.insert("target identity".into(), encode_target(&[0xcc; 32]));
    all.insert("trailer".into(), encode_trailer(0x0102_0304).to_vec());
    all.insert("padded".into(), pad(b"some bytes", 24));
    for audience in [
        Audience::Structure,
        Audience::Compartment(COMPARTMENT),
        Audience::Group(COMPARTMENT, GROUP),
    ] {
        let context = SegmentContext {
            vault: VAULT,
            audience,
            epoch: 2,
            signer: LOG.member,
        };
        all.insert(format!("context {audience:?}"), context.encode().to_vec());
    }
    for statement in statements() {
        let name = statement.name();
        all.insert(format!("statement {name}"), statement.to_bytes());
        let section = Section {
            audience: Audience::Structure,
            epoch: 2,
            sealed: vec![0xdd; 5],
        };
        let record = Record {
            vault: VAULT,
            log: LOG,
            number: 1025,
            previous: vec![ObjectHash([0xee; 32])],
            seen: vec![record_name()],
            instance: InstanceId([0xff; 16]),
            time: TIME,
            statement,
            sections: vec![section],
        };
        if name == "accept" {
            let signed = record.signed_bytes();
            let signature = Box::new([0x12; SIGNATURE_BYTES]);
            let stored = SignedRecord {
                record,
                signed,
                signature,
            };
            all.insert("record, its signature made up".into(), stored.encode());
        }
    }
    let pointer = PagePointer {
        first: EntryKey::new("", "plans"),
        chunk: CHUNK,
        entries: 6,
        bytes: 9,
    };
    all.insert("page leaf".into(), leaf().encode());
    let index = Page::Index {
        level: 1,
        children: vec![pointer],
    };
    all.insert("page index".into(), index.encode());
    let list = ExtentList::Extents(vec![Extent::Data {
        chunk: CHUNK,
        length: 9,
    }]);
    all.insert("extents".into(), list.encode());
    let pages = vec![ExtentPage {
        chunk: CHUNK,
        length: 9,
    }];
    all.insert(
        "extent pages".into(),
        ExtentList::Pages { level: 1, pages }.encode(),
    );
    lists(&mut all);
    sections(&mut all);
    let secret = SealedSecret {
        recipient: Recipient::Member(LOG.member),
        kind: SecretKind::Agent(COMPARTMENT, GROUP),
        epoch: 2,
        sealed: vec![0xab; 7],
    };
    let aad = SealedSecret::associated_data(VAULT, secret.recipient, secret.kind, 2);
    all.insert("secret associated data".into(), aad);
    all.insert(
        "keys table".into(),
        KeysTable {
            secrets: vec![secret],
        }
        .encode(VAULT),
    );
    all.insert("secret".into(), encode_secret("clinical", &[0xcd; 32]));
    all.insert(
        "name of a record".into(),
        ObjectName::Record(record_name()).to_string().into(),
    );
    all.insert(
        "name of a pack".into(),
        ObjectName::Pack(OBJECT.hash).to_string().into(),
    );
    all
}

#[test]
fn every_kind_of_object_and_structure_has_its_known_bytes() {
    let path: PathBuf = [
        env!("CARGO_MANIFEST_DIR"),
        "../../golden/vectors/format.txt",
    ]
    .iter()
    .collect();
    let line = |(name, bytes): (String, Vec<u8>)| {
        format!("{name}: {}\n", data_encoding::HEXLOWER.encode(&bytes))
    };
    let found: String = vectors().into_iter().map(line).collect();
    if std::env::var_os("ONCOVAULT_BLESS").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), found);
}
