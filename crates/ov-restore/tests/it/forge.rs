//! Commits whose pages say what no honest agent writes.

use ov_coding::{Effort, Encoder, PlainFrame};
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::entry::Time;
use ov_format::id::ChunkId;
use ov_format::list::{PageRefs, Placement};
use ov_format::name::RecordName;
use ov_format::refs::PagePlace;
use ov_format::snapshot::{Counts, Snapshot, Structure};
use ov_format::statement::Statement;
use ov_seal::compartment::chunk_id;
use ov_seal::frame::FrameKind;
use ov_seal::segment::SegmentSealer;
use ov_store::Store;
use ov_vault::pack_writer::{PackWriter, SegmentHead};
use ov_vault::section::{SealTo, seal_section};
use ov_vault::table::write_list;

use crate::site::Site;

/// Frames whose chunks may say anything, each under its right id: frame 0 has pages, frame 1
/// content.
pub struct Forge<'s> {
    site: &'s mut Site,
    segment: SegmentSealer,
    frames: [Vec<(ChunkId, Vec<u8>)>; 2],
}

const KINDS: [FrameKind; 2] = [FrameKind::Tree, FrameKind::Content];

impl<'s> Forge<'s> {
    pub fn new(site: &'s mut Site) -> Self {
        let compartment = site.agent.compartment;
        let (epoch, key) = site.vault.head().compartment_key(compartment).unwrap();
        let to = SealTo::Compartment(compartment, epoch, &key);
        let segment = to.segment(site.vault.id(), site.agent.writer.member, &*site.entropy);
        Self {
            site,
            segment,
            frames: Default::default(),
        }
    }

    pub fn page(&mut self, bytes: Vec<u8>) -> ChunkRef {
        let id = chunk_id(&self.site.agent.secret.page_key(), &bytes);
        self.add(0, id, bytes)
    }

    pub fn content(&mut self, bytes: &[u8]) -> ChunkRef {
        let id = chunk_id(&self.site.agent.secret.id_key(), bytes);
        self.add(1, id, bytes.to_vec())
    }

    /// Content under an id that is not its own.
    pub fn junk(&mut self, bytes: &[u8]) -> ChunkRef {
        self.add(1, ChunkId([9; 32]), bytes.to_vec())
    }

    fn add(&mut self, frame: u16, id: ChunkId, bytes: Vec<u8>) -> ChunkRef {
        let chunks = &mut self.frames[usize::from(frame)];
        let index = u16::try_from(chunks.len()).unwrap();
        chunks.push((id, bytes));
        let segment = self.segment.id();
        let at = FrameRef { segment, frame };
        let tag = id.tag();
        ChunkRef { tag, at, index }
    }

    pub fn commit(self, root: ChunkRef, root_level: u8) -> RecordName {
        let Self {
            site,
            segment,
            frames,
        } = self;
        let mut sealed = Vec::new();
        for ((number, kind), chunks) in (0u16..).zip(KINDS).zip(&frames) {
            let chunks: Vec<_> = chunks.iter().map(|(_, bytes)| &bytes[..]).collect();
            if let Ok(plain) = PlainFrame::of(&chunks) {
                let coded = Encoder::new().unwrap().encode(&plain, Effort::Fast);
                let frame = segment.seal_frame(number, kind, coded.coder.id(), &coded.bytes);
                sealed.push((number, frame));
            }
        }
        let (vault, member) = (site.vault.id(), site.agent.writer.member);
        let (epoch, structure) = site.vault.head().structure_key().unwrap();
        let to_keepers = SealTo::Structure(epoch, &structure);
        let compartment = site.agent.compartment;
        let (epoch, public) = site.vault.head().compartment_key(compartment).unwrap();
        let to_readers = SealTo::Compartment(compartment, epoch, &public);
        let head = SegmentHead {
            id: segment.id(),
            compartment,
            epoch,
            signer: member,
            bytes: segment.header_and_slots().to_vec(),
        };
        let mut pack = PackWriter::new(vault);
        for (number, frame) in &sealed {
            pack.push(&head, *number, frame);
        }
        let pack = pack.finish(to_keepers, member, &*site.entropy);
        let name = ov_format::name::ObjectName::Pack(pack.object.hash);
        let durable = site.memory.put_new(&name, &pack.bytes).unwrap();
        let store = &*site.memory;
        let entropy = &*site.entropy;
        let placements: Vec<Placement> = pack.placements;
        let placements = write_list(placements, store, to_keepers, vault, member, entropy);
        let refs = write_list::<PageRefs>(Vec::new(), store, to_keepers, vault, member, entropy);
        let structure = Structure {
            dataset: site.agent.dataset("forged"),
            root: Some(PagePlace::from(&root)),
            catalog: None,
            counts: Counts::default(),
            placements: placements.unwrap().list,
            refs: refs.unwrap().list,
        };
        let time = Time {
            seconds: 5_000_000_000,
            nanos: 0,
        };
        let snapshot = Snapshot {
            time,
            ended: time,
            dataset: "forged".to_owned(),
            host: String::new(),
            user: String::new(),
            paths: Vec::new(),
            tags: Vec::new(),
            root: Some(root),
            root_level,
            catalog: None,
            catalog_level: 0,
            issuer: String::new(),
            counts: Counts::default(),
            program: "forge".to_owned(),
        };
        let sections = vec![
            seal_section(&structure, to_keepers, vault, member, entropy),
            seal_section(&snapshot, to_readers, vault, member, entropy),
        ];
        let statement = Statement::Commit {
            packs: vec![pack.object],
            tables: Vec::new(),
            partial: false,
            accepted: None,
        };
        let (vault, writer) = (&mut site.vault, &site.agent.writer);
        vault
            .append(writer, &site.clock, statement, sections, &[durable])
            .unwrap()
    }
}
