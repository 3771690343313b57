//! Measures the plan of a prune of a made-up vault: `cargo run -p ov-vault --example prune_plan --
//! 16000` makes one of 16,000 packs with 32 frames each, half of which no snapshot uses.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people at a terminal"
)]

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_admin::found::{Founded, Founding, init};
use ov_format::content::FrameRef;
use ov_format::id::{CompartmentId, DatasetId, FrameHash, HeadHash, ObjectHash, SegmentId};
use ov_format::list::{PageRefs, Placement, StoredFrame, StoredHead};
use ov_format::name::{ObjectName, RecordName};
use ov_format::refs::{PagePlace, Refs};
use ov_format::snapshot::{Counts, Structure};
use ov_format::statement::{Statement, StoredObject};
use ov_seal::entropy::OsEntropy;
use ov_store::{Memory, Store};
use ov_vault::append::Writer;
use ov_vault::prune::{self, Lists, PruneOptions};
use ov_vault::secrets::Secrets;
use ov_vault::section::{SealTo, seal_section};
use ov_vault::table::write_list;
use ov_vault::{Clock, Keeper, Silence, SystemClock, Vault};

const PACKS_PER_COMMIT: u64 = 64;
const FRAMES: u16 = 32;

fn main() {
    let told = std::env::args().nth(1);
    let packs: u64 = told.map_or(16_000, |told| told.parse().unwrap());
    let founding = Founding {
        compartments: vec!["clinical".to_owned()],
        owner: "owner".to_owned(),
    };
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let founded = init(store, founding, &OsEntropy, &SystemClock).unwrap();
    let Founded {
        mut vault,
        member,
        secret,
        instance,
        ..
    } = founded;
    let (id, head) = (vault.id(), vault.head());
    let secrets = Secrets::unlock(&**vault.store(), id, head, member, &secret).unwrap();
    let writer = Writer {
        member,
        secret,
        instance,
        lock: None,
    };
    let mut commits = Vec::new();
    for first in (0..packs).step_by(usize::try_from(PACKS_PER_COMMIT).unwrap()) {
        commits.push(commit(&mut vault, &writer, first));
    }
    let halved = commits.iter().step_by(2).copied().collect();
    let forget = Statement::Forget(halved);
    vault
        .append(&writer, &SystemClock, forget, Vec::new(), &[])
        .unwrap();
    let keeper = Keeper {
        writer: &writer,
        secrets: &secrets,
        entropy: &OsEntropy,
        clock: &SystemClock,
        monitor: &Silence,
    };
    let options = PruneOptions::usual(&vault, Lists::AtOnce);
    let (held, busy) = (memory("VmRSS:"), busy_seconds());
    let plan = prune::plan(&mut vault, &keeper, &options).unwrap();
    println!(
        "{packs} packs, {} frames: {} packs go, {} stay; {:.1} s of processor, {} MiB beside the vault itself",
        packs * u64::from(FRAMES),
        plan.going.len(),
        plan.kept,
        busy_seconds() - busy,
        memory("VmHWM:").saturating_sub(held) / 1024,
    );
}

/// A commit of packs that are not there, of frames that nobody made: a plan reads none of them.
fn commit(vault: &mut Vault, writer: &Writer, first: u64) -> RecordName {
    let mut objects = Vec::new();
    let mut durable = Vec::new();
    let mut placements = Vec::new();
    let mut frames = BTreeSet::new();
    for number in first..first + PACKS_PER_COMMIT {
        let bytes = [number.to_be_bytes(); 8].concat();
        let pack = ObjectHash(*blake3::hash(&bytes).as_bytes());
        let name = ObjectName::Pack(pack);
        durable.push(vault.store().put_new(&name, &bytes).unwrap());
        objects.push(StoredObject {
            hash: pack,
            length: 64,
        });
        let segment = SegmentId(*blake3::hash(pack.0.as_slice()).as_bytes());
        let stored = |number| StoredFrame {
            number,
            length: 1,
            hash: FrameHash([7; 32]),
        };
        placements.push(Placement {
            segment,
            compartment: CompartmentId([1; 8]),
            epoch: 0,
            signer: writer.member,
            pack,
            offset: 8,
            head: StoredHead {
                length: 8,
                hash: HeadHash([8; 32]),
            },
            frames: (0..FRAMES).map(stored).collect(),
        });
        frames.extend((0..FRAMES).map(|frame| FrameRef { segment, frame }));
    }
    let page = PagePlace {
        at: *frames.first().unwrap(),
        index: 0,
    };
    let refs = vec![PageRefs {
        page,
        refs: Refs {
            children: BTreeSet::new(),
            frames,
        },
    }];
    let (epoch, key) = vault.head().structure_key().unwrap();
    let to = SealTo::Structure(epoch, &key);
    let (id, member) = (vault.id(), writer.member);
    let store = Arc::clone(vault.store());
    let placements = write_list(placements, &*store, to, id, member, &OsEntropy).unwrap();
    let refs = write_list(refs, &*store, to, id, member, &OsEntropy).unwrap();
    let mut tables = Vec::new();
    for (table, stored) in [placements.table, refs.table].into_iter().flatten() {
        tables.push(table);
        durable.push(stored);
    }
    let structure = Structure {
        dataset: DatasetId([3; 8]),
        root: Some(page),
        catalog: None,
        counts: Counts::default(),
        placements: placements.list,
        refs: refs.list,
    };
    let sections = vec![seal_section(&structure, to, id, member, &OsEntropy)];
    let statement = Statement::Commit {
        packs: objects,
        tables,
        partial: false,
        accepted: Some(SystemClock.now()),
    };
    vault
        .append(writer, &SystemClock, statement, sections, &durable)
        .unwrap()
}

/// A line of what the system says of this process's memory, in KiB.
fn memory(line: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let found = status.lines().find_map(|text| text.strip_prefix(line));
    let number = found.unwrap().split_whitespace().next().unwrap();
    number.parse().unwrap()
}

/// Processor time of this thread so far.
fn busy_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanos: u64 = text.split_whitespace().next().unwrap().parse().unwrap();
    std::time::Duration::from_nanos(nanos).as_secs_f64()
}
