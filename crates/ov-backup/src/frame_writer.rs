//! Chunks to frames, frames to segments, sealed frames to packs, packs to the target.
//!
//! Where a chunk will lie is known when it is added: frames get their numbers before they are
//! coded. Coding and sealing run on worker threads and come back in order; a pack is on its way to
//! the target while it is filled.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::Scope;

use ov_coding::{
    Effort, Encoder, Family, FrameBuilder, GATHER_MAX, GATHER_PAGES_MAX, Placement as Put,
    PlainFrame, Shape,
};
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::id::{ChunkId, CompartmentId, MemberId, VaultId};
use ov_format::list::{GroupChunk, PageRefs, Placement};
use ov_format::name::ObjectName;
use ov_format::pack::{SEGMENT_BYTES_MAX, SEGMENT_FRAMES_MAX};
use ov_format::statement::StoredObject;
use ov_seal::compartment::CompartmentPublic;
use ov_seal::entropy::Entropy;
use ov_seal::frame::{FrameKind, SealedFrame};
use ov_seal::segment::{FRAME_OVERHEAD, SegmentSealer};
use ov_seal::structure::StructurePublic;
use ov_store::{Durable, Store, StoreError};
use ov_vault::pack_writer::{PackWriter, SegmentHead};
use ov_vault::section::SealTo;

use crate::error::BackupError;
use crate::memory::Memory;
use crate::ordered::{Ordered, Threads};
use crate::spares::Spares;
use crate::storing::{Filled, PIECE, PIECE_ALONE, PIECES, Step, Stepped, Storing};

/// Tree pages wait in memory up to this many sealed bytes: a small run puts them into the pack of
/// its content.
const TREE_WAIT_BYTES: usize = 1024 * 1024;

/// Keys and identity for sealing.
pub struct Sealing {
    /// The vault.
    pub vault: VaultId,
    /// The agent.
    pub signer: MemberId,
    /// The compartment.
    pub compartment: CompartmentId,
    /// The epoch of its key.
    pub epoch: u32,
    /// Its public key.
    pub key: CompartmentPublic,
    /// The epoch of the structure key.
    pub structure_epoch: u32,
    /// The structure audience's public key.
    pub structure: StructurePublic,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
}

impl Sealing {
    /// For keepers and readers.
    pub fn to_structure(&self) -> SealTo<'_> {
        SealTo::Structure(self.structure_epoch, &self.structure)
    }

    /// For readers of the compartment.
    pub fn to_compartment(&self) -> SealTo<'_> {
        SealTo::Compartment(self.compartment, self.epoch, &self.key)
    }

    fn open_segment(&self) -> Open {
        let to = self.to_compartment();
        let sealer = to.segment(self.vault, self.signer, &*self.entropy);
        let head = SegmentHead {
            id: sealer.id(),
            compartment: self.compartment,
            epoch: self.epoch,
            signer: self.signer,
            bytes: sealer.header_and_slots().to_vec(),
        };
        Open {
            sealer: Arc::new(sealer),
            head: Arc::new(head),
            next: 0,
            plain: 0,
        }
    }
}

struct Open {
    sealer: Arc<SegmentSealer>,
    head: Arc<SegmentHead>,
    next: u16,
    plain: usize,
}

/// The place of a frame, given before the frame is complete.
#[derive(Clone)]
struct Slot {
    at: FrameRef,
    sealer: Arc<SegmentSealer>,
    head: Arc<SegmentHead>,
}

struct Job {
    slot: Slot,
    kind: FrameKind,
    shape: Shape,
    frame: PlainFrame,
}

struct Sealed {
    head: Arc<SegmentHead>,
    number: u16,
    kind: FrameKind,
    frame: SealedFrame,
}

/// Small chunks, being gathered, what all of them look like, and the place of their frame.
struct Gathering {
    builder: FrameBuilder,
    shape: Shape,
    slot: Option<Slot>,
}

impl Gathering {
    fn of(most: usize) -> Self {
        Self {
            builder: FrameBuilder::new(most),
            slot: None,
            shape: Shape::Unknown,
        }
    }
}

/// Where a chunk goes: with content of its shape if that is known, else of its family, or with
/// pages.
#[derive(Clone, Copy)]
enum Lane {
    Content(Family),
    Shaped,
    Pages,
}

impl Lane {
    fn kind(self) -> FrameKind {
        match self {
            Self::Content(_) | Self::Shaped => FrameKind::Content,
            Self::Pages => FrameKind::Tree,
        }
    }
}

/// Everything that was published since the last commit.
#[derive(Default)]
pub struct Published {
    /// Packs, durable.
    pub packs: Vec<(StoredObject, Durable<ObjectName>)>,
    /// Where their frames lie.
    pub placements: Vec<Placement>,
    /// Chunks in them.
    pub chunks: Vec<GroupChunk>,
    /// What the pages among them need; the caller adds it.
    pub refs: Vec<PageRefs>,
}

/// With how many threads, how hard and in how much memory frames are made.
#[derive(Clone, Copy)]
pub struct Pace {
    /// Threads that code and seal.
    pub threads: Threads,
    /// How hard to compress.
    pub effort: Effort,
    /// What bounds the queues and the packs.
    pub memory: Memory,
}

/// Writes chunks.
pub struct FrameWriter<'w> {
    sealing: &'w Sealing,
    spares: &'w Spares,
    content: [Gathering; Family::COUNT],
    shaped: Gathering,
    content_segment: Option<Open>,
    pages: Gathering,
    page_segment: Option<Open>,
    seal: Ordered<'w, Job, Result<Sealed, BackupError>>,
    /// Plain bytes of each frame in that stage.
    sealing_bytes: VecDeque<usize>,
    put: Ordered<'w, Step, Result<Stepped, StoreError>>,
    pack: PackWriter,
    page_pack: PackWriter,
    waiting: Vec<Sealed>,
    waiting_bytes: usize,
    published: Published,
    stored: u64,
    memory: Memory,
}

impl<'w> FrameWriter<'w> {
    /// Starts the stages.
    pub fn start<'s>(
        scope: &'s Scope<'s, 'w>,
        sealing: &'w Sealing,
        store: &'w dyn Store,
        spares: &'w Spares,
        pace: Pace,
    ) -> Result<Self, BackupError>
    where
        'w: 's,
    {
        let Pace {
            threads,
            effort,
            memory,
        } = pace;
        let seal = Ordered::start(scope, threads, 16, move || {
            let mut encoder = Encoder::new();
            move |job: Job| match &mut encoder {
                Ok(encoder) => Ok(seal_job(encoder, spares, job, effort)),
                Err(error) => Err(BackupError::Coding(*error)),
            }
        });
        let putting = match threads {
            Threads::Inline => Threads::Inline,
            Threads::Count(_) => Threads::Count(1),
        };
        let put = Ordered::start(scope, putting, PIECES, move || {
            let mut storing = Storing::at(store);
            move |step| storing.step(step)
        });
        Ok(Self {
            sealing,
            spares,
            content: std::array::from_fn(|_| Gathering::of(GATHER_MAX)),
            shaped: Gathering::of(GATHER_MAX),
            content_segment: None,
            pages: Gathering::of(GATHER_PAGES_MAX),
            page_segment: None,
            seal,
            sealing_bytes: VecDeque::new(),
            put,
            pack: PackWriter::new(sealing.vault).up_to(memory.pack()),
            page_pack: PackWriter::new(sealing.vault).up_to(memory.pack()),
            waiting: Vec::new(),
            waiting_bytes: 0,
            published: Published::default(),
            stored: 0,
            memory,
        })
    }

    /// Bytes stored so far, or about to be.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Adds a chunk of content of this family and shape.
    pub fn add(
        &mut self,
        (family, shape): (Family, Shape),
        id: ChunkId,
        bytes: Vec<u8>,
    ) -> Result<ChunkRef, BackupError> {
        let lane = match shape {
            Shape::Unknown => Lane::Content(family),
            _ => Lane::Shaped,
        };
        self.add_to(lane, shape, id, bytes)
    }

    /// Adds a page, of a tree or of extents.
    pub fn add_page(&mut self, id: ChunkId, bytes: Vec<u8>) -> Result<ChunkRef, BackupError> {
        self.add_to(Lane::Pages, Shape::Unknown, id, bytes)
    }

    fn gathering(&mut self, lane: Lane) -> &mut Gathering {
        match lane {
            Lane::Content(family) => &mut self.content[family.number()],
            Lane::Shaped => &mut self.shaped,
            Lane::Pages => &mut self.pages,
        }
    }

    fn add_to(
        &mut self,
        lane: Lane,
        shape: Shape,
        id: ChunkId,
        bytes: Vec<u8>,
    ) -> Result<ChunkRef, BackupError> {
        let (at, index) = match self.gathering(lane).builder.place(bytes.len()) {
            Put::Alone => {
                let slot = self.slot(lane, bytes.len());
                let at = slot.at;
                self.submit(Job {
                    slot,
                    kind: lane.kind(),
                    shape,
                    frame: PlainFrame::alone(bytes)?,
                })?;
                (at, 0)
            }
            Put::Join { .. } if self.gathering(lane).shape == shape => self.join(lane, &bytes)?,
            Put::Join { .. } | Put::StartNext => {
                self.close_frame(lane)?;
                self.gathering(lane).shape = shape;
                self.join(lane, &bytes)?
            }
        };
        let chunk = ChunkRef {
            tag: id.tag(),
            at,
            index,
        };
        self.published.chunks.push(GroupChunk {
            tag: chunk.tag,
            at,
            index,
        });
        Ok(chunk)
    }

    fn join(&mut self, lane: Lane, bytes: &[u8]) -> Result<(FrameRef, u16), BackupError> {
        let at = match &self.gathering(lane).slot {
            Some(slot) => slot.at,
            None => {
                let most = self.gathering(lane).builder.most();
                let slot = self.slot(lane, most);
                let buffer = self.spares.take(most);
                self.gathering(lane).builder.use_buffer(buffer);
                let at = slot.at;
                self.gathering(lane).slot = Some(slot);
                at
            }
        };
        let builder = &mut self.gathering(lane).builder;
        let index = builder.push(bytes)?;
        if builder.is_full() {
            self.close_frame(lane)?;
        }
        Ok((at, index))
    }

    /// The next place, for a frame of at most so many plain bytes: in the open segment, or in a
    /// new one.
    fn slot(&mut self, lane: Lane, plain: usize) -> Slot {
        let segment = match lane {
            Lane::Content(_) | Lane::Shaped => &mut self.content_segment,
            Lane::Pages => &mut self.page_segment,
        };
        let room =
            |open: &Open| open.next < SEGMENT_FRAMES_MAX && open.plain + plain <= SEGMENT_BYTES_MAX;
        let sealing = self.sealing;
        let open = segment.take().filter(room);
        let open = segment.insert(open.unwrap_or_else(|| sealing.open_segment()));
        let at = FrameRef {
            segment: open.head.id,
            frame: open.next,
        };
        open.next += 1;
        open.plain += plain;
        Slot {
            at,
            sealer: open.sealer.clone(),
            head: open.head.clone(),
        }
    }

    /// Hands the gathered frame to the sealing stage.
    fn close_frame(&mut self, lane: Lane) -> Result<(), BackupError> {
        let gathering = self.gathering(lane);
        let (kind, shape) = (lane.kind(), gathering.shape);
        match (gathering.slot.take(), gathering.builder.take()) {
            (Some(slot), Some(frame)) => self.submit(Job {
                slot,
                kind,
                shape,
                frame,
            }),
            _ => Ok(()),
        }
    }

    fn submit(&mut self, job: Job) -> Result<(), BackupError> {
        let plain = job.frame.plain().len();
        while self.sealing_bytes.iter().sum::<usize>() + plain > self.memory.sealing() {
            match self.seal.take()? {
                Some(sealed) => self.pack(sealed?)?,
                None => break,
            }
        }
        self.sealing_bytes.push_back(plain);
        if let Some(sealed) = self.seal.submit(job)? {
            self.pack(sealed?)?;
        }
        while let Some(sealed) = self.seal.take_ready() {
            self.pack(sealed?)?;
        }
        Ok(())
    }

    fn pack(&mut self, sealed: Sealed) -> Result<(), BackupError> {
        self.sealing_bytes.pop_front();
        if sealed.kind != FrameKind::Content {
            self.waiting_bytes += sealed.frame.bytes.len();
            self.waiting.push(sealed);
            return match self.waiting_bytes >= TREE_WAIT_BYTES {
                true => self.pack_waiting(),
                false => Ok(()),
            };
        }
        if !self.pack.fits(&sealed.head, sealed.frame.bytes.len()) {
            self.store_pack()?;
        }
        let (head, number) = (&sealed.head, sealed.number);
        if sealed.frame.bytes.len() >= PIECE_ALONE {
            let pieces = self.pack.pass(head, number, sealed.frame);
            for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
                self.put(Step::Piece(Filled::Content, piece))?;
            }
            return Ok(());
        }
        self.pack.push(head, number, &sealed.frame);
        self.spares.give(sealed.frame.bytes);
        let spares = self.spares;
        let spare = || spares.take(PIECE + PIECE_ALONE);
        match self.pack.take(PIECE, spare) {
            Some(piece) => self.put(Step::Piece(Filled::Content, piece)),
            None => Ok(()),
        }
    }

    fn pack_waiting(&mut self) -> Result<(), BackupError> {
        self.waiting_bytes = 0;
        for sealed in std::mem::take(&mut self.waiting) {
            if !self.page_pack.fits(&sealed.head, sealed.frame.bytes.len()) {
                self.store_page_pack()?;
            }
            self.page_pack
                .push(&sealed.head, sealed.number, &sealed.frame);
            if let Some(piece) = self.page_pack.take(PIECE, Vec::new) {
                self.put(Step::Piece(Filled::Pages, piece))?;
            }
        }
        Ok(())
    }

    fn put(&mut self, step: Step) -> Result<(), BackupError> {
        if let Some(stepped) = self.put.submit(step)? {
            self.stepped(stepped?);
        }
        Ok(())
    }

    fn stepped(&mut self, stepped: Stepped) {
        match stepped {
            Stepped::Written(buffer) => self.spares.give(buffer),
            Stepped::Stored(pack, durable) => {
                self.published.packs.push((pack.object, durable));
                self.published.placements.extend(pack.placements);
                self.spares.give(pack.bytes);
            }
            Stepped::Left => {}
        }
    }

    /// Closes all frames and packs, waits until they are durable, and says what was stored since
    /// the last time. Segments do not outlive this.
    pub fn flush(&mut self) -> Result<Published, BackupError> {
        for family in Family::all() {
            self.close_frame(Lane::Content(family))?;
        }
        self.close_frame(Lane::Shaped)?;
        self.close_frame(Lane::Pages)?;
        while let Some(sealed) = self.seal.take()? {
            self.pack(sealed?)?;
        }
        let small = self.pack.len() + self.waiting_bytes <= 4 * TREE_WAIT_BYTES;
        if self.page_pack.is_empty() && small {
            for sealed in std::mem::take(&mut self.waiting) {
                self.pack.push(&sealed.head, sealed.number, &sealed.frame);
            }
            self.waiting_bytes = 0;
        } else {
            self.pack_waiting()?;
        }
        if !self.pack.is_empty() {
            self.store_pack()?;
        }
        if !self.page_pack.is_empty() {
            self.store_page_pack()?;
        }
        while let Some(stepped) = self.put.take()? {
            self.stepped(stepped?);
        }
        self.content_segment = None;
        self.page_segment = None;
        Ok(std::mem::take(&mut self.published))
    }

    fn store_pack(&mut self) -> Result<(), BackupError> {
        let empty = self.empty_pack();
        let full = std::mem::replace(&mut self.pack, empty);
        self.end(Filled::Content, full)
    }

    fn store_page_pack(&mut self) -> Result<(), BackupError> {
        let empty = self.empty_pack();
        let full = std::mem::replace(&mut self.page_pack, empty);
        self.end(Filled::Pages, full)
    }

    fn end(&mut self, filled: Filled, pack: PackWriter) -> Result<(), BackupError> {
        let sealing = self.sealing;
        let pack = pack.finish(sealing.to_structure(), sealing.signer, &*sealing.entropy);
        self.stored += pack.object.length;
        self.put(Step::End(filled, pack))
    }

    fn empty_pack(&self) -> PackWriter {
        PackWriter::new(self.sealing.vault).up_to(self.memory.pack())
    }
}

fn seal_job(encoder: &mut Encoder, spares: &Spares, job: Job, effort: Effort) -> Sealed {
    let Job {
        slot,
        kind,
        shape,
        frame,
    } = job;
    let coded = encoder.code(shape, &frame, effort);
    let number = slot.at.frame;
    let parts = [coded.table, coded.payload];
    let room = coded.table.len() + coded.payload.len() + FRAME_OVERHEAD;
    let buffer = spares.take(room);
    let sealed = slot
        .sealer
        .seal_parts(number, kind, coded.coder.id(), &parts, buffer);
    spares.give(frame.into_buffer());
    Sealed {
        head: slot.head,
        number,
        kind,
        frame: sealed,
    }
}
