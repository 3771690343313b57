//! Which chunks the agent's group has stored already.
//!
//! Built from the group sections of commits; each commit's list is kept in the local state, so a
//! run fetches only what other agents of the group added. Losing the local state costs one
//! download. Memory: about 48 bytes per chunk.

use std::collections::{BTreeSet, HashMap};

use ov_format::Wire;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::id::{ChunkId, ChunkTag, ObjectHash, SegmentId};
use ov_format::list::{GroupChunk, decode_list_page, encode_list};
use ov_format::name::{ObjectName, RecordName};
use ov_format::snapshot::GroupChunks;
use ov_policy::prune::Condemned;
use ov_vault::finding::short;
use ov_vault::section::open_section;
use ov_vault::state::{State, Verdict};
use ov_vault::table::read_list;
use ov_vault::{Vault, VaultError};

use crate::agent::Agent;
use crate::error::BackupError;
use crate::local_file::LocalFiles;
use crate::monitor::Monitor;

/// The chunks that may be used again.
#[derive(Default)]
pub struct Index {
    segments: Vec<SegmentId>,
    numbers: HashMap<SegmentId, u32>,
    chunks: HashMap<ChunkTag, (u32, u16, u16)>,
    /// Packs and tables of all commits whose chunks are in the index: if one of them turns out to
    /// be condemned whole, what the run used may be gone.
    origins: BTreeSet<ObjectHash>,
}

impl Index {
    /// Reads what the group has on this target, without what was dropped.
    pub fn load(
        vault: &Vault,
        state: &State,
        agent: &Agent,
        files: &LocalFiles,
        monitor: &dyn Monitor,
    ) -> Result<Self, BackupError> {
        let condemned = state.condemns();
        let mut index = Self::default();
        for commit in state.commits.values() {
            let member = vault.head().members.get(&commit.name.log.member);
            let ours = member.is_some_and(|member| member.group == agent.group);
            // What was published elsewhere may never have been copied here.
            let here = commit.name.log.target == vault.target();
            let rejected = matches!(commit.verdict, Verdict::Rejected(_));
            let packs: BTreeSet<ObjectHash> = commit.packs.iter().map(|pack| pack.hash).collect();
            if !ours
                || !here
                || rejected
                || packs.iter().any(|pack| dropped_whole(&condemned, pack))
            {
                continue;
            }
            let chunks = match chunks_of(vault, agent, files, &commit.name) {
                Ok(chunks) => chunks,
                Err(VaultError::Store(error)) if error.is_retryable() => return Err(error.into()),
                // Lost, damaged, or junk that another of the group has signed: no reason not to
                // back up.
                Err(error) => {
                    monitor.notice(&format!(
                        "what snapshot {} stored cannot be found again and is stored once more: \
                         {error}",
                        short(&commit.name)
                    ));
                    continue;
                }
            };
            for chunk in chunks {
                if !condemned.drops(&chunk.at, &BTreeSet::new()) {
                    index.add(chunk);
                }
            }
            index.origins.extend(packs);
            index
                .origins
                .extend(commit.tables.iter().map(|table| table.hash));
        }
        Ok(index)
    }

    fn add(&mut self, chunk: GroupChunk) {
        let next = u32::try_from(self.segments.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(chunk.at.segment).or_insert_with(|| {
            self.segments.push(chunk.at.segment);
            next
        });
        self.chunks
            .insert(chunk.tag, (number, chunk.at.frame, chunk.index));
    }

    /// Adds a chunk that this run has stored.
    pub fn insert(&mut self, chunk: &ChunkRef) {
        self.add(GroupChunk {
            tag: chunk.tag,
            at: chunk.at,
            index: chunk.index,
        });
    }

    /// Where a chunk is, if the group has it.
    pub fn find(&self, id: &ChunkId) -> Option<ChunkRef> {
        let tag = id.tag();
        let (number, frame, index) = *self.chunks.get(&tag)?;
        let segment = *self.segments.get(usize::try_from(number).ok()?)?;
        Some(ChunkRef {
            tag,
            at: FrameRef { segment, frame },
            index,
        })
    }

    /// Segments that the index has anything in. What lies elsewhere was dropped or rejected, or is
    /// not this group's.
    pub fn segments(&self) -> impl Iterator<Item = SegmentId> {
        self.segments.iter().copied()
    }

    /// Packs and tables that the index rests on.
    pub fn origins(&self) -> &BTreeSet<ObjectHash> {
        &self.origins
    }
}

fn dropped_whole(condemned: &Condemned<ObjectHash, FrameRef>, pack: &ObjectHash) -> bool {
    let nothing = FrameRef {
        segment: SegmentId([0; 32]),
        frame: 0,
    };
    condemned.drops(&nothing, &BTreeSet::from([*pack]))
}

/// The chunks that a commit published: from the local copy of its list, else from the vault.
fn chunks_of(
    vault: &Vault,
    agent: &Agent,
    files: &LocalFiles,
    commit: &RecordName,
) -> Result<Vec<GroupChunk>, VaultError> {
    let file = format!("index/{}", commit.hash);
    if let Some(bytes) = files.read(&file)
        && let Ok(pages) = Pages::from_bytes(&bytes)
        && let Ok(chunks) = pages.chunks()
    {
        return Ok(chunks);
    }
    let chunks = fetch(vault, agent, commit)?;
    let pages = Pages(encode_list(chunks.clone()));
    files.write(&file, &pages.to_bytes());
    Ok(chunks)
}

fn fetch(vault: &Vault, agent: &Agent, commit: &RecordName) -> Result<Vec<GroupChunk>, VaultError> {
    let record = vault.record(commit)?;
    let audience = Audience::Group(agent.compartment, agent.group);
    let mut chunks = Vec::new();
    for section in &record.record.sections {
        // Other compartments and epochs have other ids: nothing in them can be found again.
        if section.audience != audience || section.epoch != agent.epoch {
            continue;
        }
        let object = ObjectName::Record(*commit);
        let member = commit.log.member;
        let open = |context: &SegmentContext, head: &[u8]| agent.secrets.open(context, head);
        let group: GroupChunks = open_section(section, object, vault.id(), member, &open)?;
        let context = SegmentContext {
            vault: vault.id(),
            audience,
            epoch: section.epoch,
            signer: member,
        };
        let store = &**vault.store();
        read_list(
            &group.chunks,
            store,
            &context,
            object,
            &open,
            &mut |chunk| chunks.push(chunk),
        )?;
    }
    Ok(chunks)
}

/// Pages of a list, as kept in the local state.
struct Pages(Vec<Vec<u8>>);

impl Pages {
    fn chunks(&self) -> Result<Vec<GroupChunk>, ov_format::FormatError> {
        let mut chunks = Vec::new();
        for page in &self.0 {
            chunks.extend(decode_list_page::<GroupChunk>(page)?);
        }
        Ok(chunks)
    }
}

impl Wire for Pages {
    fn write(&self, w: &mut ov_format::cbor::Writer) {
        w.list(&self.0);
    }

    fn read(r: &mut ov_format::cbor::Reader<'_>) -> Result<Self, ov_format::FormatError> {
        Ok(Self(r.list()?))
    }
}
