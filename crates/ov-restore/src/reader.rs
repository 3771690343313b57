//! Fetching, opening, decoding and verifying frames.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::Scope;

use ov_coding::{CodingError, FRAME_CHUNKS_MAX, FRAME_PLAIN_MAX, PlainFrame};
use ov_format::audience::{Audience, SegmentContext};
use ov_format::content::{ChunkRef, FrameRef};
use ov_format::extents::ExtentList;
use ov_format::id::{ChunkTag, ObjectHash, SegmentId};
use ov_format::list::Placement;
use ov_format::name::ObjectName;
use ov_format::page::Page;
use ov_format::refs::PagePlace;
use ov_seal::compartment::{IdKey, chunk_id};
use ov_seal::frame::{FrameKind, OpenedFrame};
use ov_seal::segment::SegmentOpener;
use ov_store::{Reach, Store, StoreError};
use ov_vault::frames::frame_hash;
use ov_vault::graph::Graph;
use ov_vault::{State, Vault};

use crate::bench::Bench;
use crate::cache::Cache;
use crate::flight::{Flight, Order, Requests};
use crate::frame::Frame;
use crate::keys::ReaderKeys;
use crate::read_error::{Damage, PageFault, ReadError};
use crate::run::{Run, Spot, runs};
use crate::turns::Turns;

/// No stored frame is longer: plain bytes, the largest table, and what sealing adds.
const FRAME_STORED_MAX: usize = FRAME_PLAIN_MAX + 4 * FRAME_CHUNKS_MAX + 1024;

/// What is read ahead takes at most this part of the memory for frames, before it is decoded.
const AHEAD_SHARE: usize = 8;

/// Threads that decode what is read ahead: pages are small.
const AHEAD_DECODERS: usize = 2;

/// How much a reader keeps in memory.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Plain bytes of decoded frames.
    pub frame_bytes: usize,
    /// Open segments.
    pub segments: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 16 << 20,
            segments: 1024,
        }
    }
}

/// Which frames stay in memory after they were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// Those that hold many chunks: more of them may be wanted.
    Shared,
    /// Those that hold pages: who reads shows every other one once.
    Pages,
}

/// Sees frames as they are read, or why they cannot be; says whether to go on.
pub type Visit<'v> = dyn Fn(FrameRef, Result<Arc<Frame>, ReadError>) -> ControlFlow<()> + Sync + 'v;

/// Reads frames of one vault; several threads may do so at once.
pub struct FrameReader<'a> {
    vault: &'a Vault,
    graph: &'a Graph,
    keys: &'a ReaderKeys,
    gone: &'a BTreeSet<ObjectHash>,
    frames: Mutex<Cache<FrameRef, Arc<Frame>>>,
    openers: Mutex<Cache<SegmentId, Arc<SegmentOpener>>>,
    /// Whose head is being fetched.
    heads: Turns<SegmentId>,
    benches: Mutex<Vec<Bench>>,
    frame_bytes: usize,
    reach: Reach,
    /// Requests in flight that the target was found to deserve.
    requests: AtomicUsize,
}

impl<'a> FrameReader<'a> {
    /// A reader for what `keys` open.
    pub fn new(
        vault: &'a Vault,
        state: &'a State,
        graph: &'a Graph,
        keys: &'a ReaderKeys,
        limits: Limits,
    ) -> Self {
        Self {
            vault,
            graph,
            keys,
            gone: &state.deleted,
            frames: Mutex::new(Cache::new(limits.frame_bytes)),
            openers: Mutex::new(Cache::new(limits.segments)),
            heads: Turns::default(),
            benches: Mutex::default(),
            frame_bytes: limits.frame_bytes,
            reach: vault.store().reach(),
            requests: AtomicUsize::new(0),
        }
    }

    /// The graph that it reads by.
    pub fn graph(&self) -> &'a Graph {
        self.graph
    }

    /// A frame, from memory or from the first of its places where it is whole.
    pub fn frame(&self, at: FrameRef) -> Result<Arc<Frame>, ReadError> {
        if let Some(frame) = self.cached(at) {
            return Ok(frame);
        }
        let mut failed = ReadError::NoPlace { at };
        for spot in self.spots(at) {
            let read = self
                .fetch(at, &spot)
                .and_then(|stored| self.open(at, &spot, stored));
            match read {
                Ok(frame) => {
                    self.keep(&frame);
                    return Ok(frame);
                }
                Err(error @ ReadError::Closed { .. }) => return Err(error),
                Err(error) if error.is_unreachable() => return Err(error),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// Fetches and opens the head of a frame's segment, if it is not open yet: then reading the
    /// frame takes one request.
    pub(crate) fn open_head(&self, at: FrameRef) -> Result<(), ReadError> {
        let mut failed = ReadError::NoPlace { at };
        for spot in self.spots(at) {
            match self.opener(at, &spot) {
                Ok(_) => return Ok(()),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    /// The pack from which a frame would be fetched.
    pub fn pack_of(&self, at: FrameRef) -> Option<ObjectHash> {
        self.spots(at).next().map(|spot| spot.pack)
    }

    /// A page of a tree.
    pub fn page(&self, chunk: &ChunkRef) -> Result<Page, ReadError> {
        let frame = self.frame(chunk.at)?;
        Page::decode(frame.page_bytes(chunk)?).map_err(|why| refused(chunk, why.into()))
    }

    /// A page of extents.
    pub fn extent_page(&self, chunk: &ChunkRef) -> Result<ExtentList, ReadError> {
        let frame = self.frame(chunk.at)?;
        ExtentList::decode(frame.page_bytes(chunk)?).map_err(|why| refused(chunk, why.into()))
    }

    /// Whether bytes are the chunk of this tag in this segment: for bytes that are there already.
    pub fn is_chunk(&self, segment: &SegmentId, tag: ChunkTag, bytes: &[u8]) -> bool {
        let placement = self.graph.placements(segment).first();
        let key = placement.and_then(|placement| {
            let Placement { signer, epoch, .. } = *placement;
            self.id_key_of(FrameKind::Content, placement.compartment, epoch, signer)
        });
        key.is_some_and(|key| chunk_id(&key, bytes).tag() == tag)
    }

    /// Sorts frames into requests, in the order in which they lie. Frames without a place are
    /// given apart.
    pub fn runs(&self, frames: impl IntoIterator<Item = FrameRef>) -> (Vec<Run>, Vec<FrameRef>) {
        let (mut placed, mut lost) = (Vec::new(), Vec::new());
        for at in frames {
            match self.spots(at).next() {
                Some(spot) => placed.push((at, spot)),
                None => lost.push(at),
            }
        }
        (runs(placed), lost)
    }

    /// Reads a run with one request and shows its frames. What is not whole there is looked for
    /// at its other places.
    pub fn read_run(
        &self,
        run: &Run,
        visit: &mut dyn FnMut(FrameRef, Result<Arc<Frame>, ReadError>),
    ) {
        self.show_run(run, self.fetch_run(run), Keeping::Shared, visit);
    }

    /// What is needed to show the frames of a run: nothing but time is lost where this fails.
    fn fetch_run(&self, run: &Run) -> Fetched {
        let cached: Vec<_> = run.frames().map(|at| self.cached(at)).collect();
        if let Some(frames) = cached.iter().cloned().collect() {
            return Fetched::Cached(frames);
        }
        let bytes = self.run_bytes(run);
        if let Ok(bytes) = &bytes {
            self.open_heads(run, bytes);
        }
        Fetched::Stored { cached, bytes }
    }

    /// Opens the heads of a run's segments, so that decoding has not to wait for the target.
    fn open_heads(&self, run: &Run, bytes: &[u8]) {
        for (at, spot) in run.segments() {
            if lock(&self.openers).get(&at.segment).is_some() {
                continue;
            }
            // What fails here fails again, and is told, with the frame.
            let _ = match slice(bytes, run.start, spot.head.0, spot.head.1) {
                Some(head) => self.opener_from(*at, spot, head),
                None => self.opener(*at, spot),
            };
        }
    }

    fn show_run(
        &self,
        run: &Run,
        fetched: Fetched,
        keeping: Keeping,
        visit: &mut dyn FnMut(FrameRef, Result<Arc<Frame>, ReadError>),
    ) {
        let (cached, bytes) = match fetched {
            Fetched::Cached(frames) => {
                for (at, frame) in run.frames().zip(frames) {
                    visit(at, Ok(frame));
                }
                return;
            }
            Fetched::Stored { cached, bytes } => (cached, bytes),
        };
        for ((at, spot), cached) in run.pieces.iter().zip(cached) {
            let read = match (cached, &bytes) {
                (Some(frame), _) => Ok(frame),
                (None, Ok(bytes)) => self
                    .open_in_run(run, *at, spot, bytes, keeping)
                    .or_else(|_| self.frame(*at)),
                // To ask again for each frame would only take long.
                (None, Err(error)) if error.is_unreachable() => Err(error.clone()),
                (None, Err(_)) => self.frame(*at),
            };
            visit(*at, read);
        }
    }

    /// Reads many frames in the order in which they lie, with as many requests in flight as the
    /// target answers faster for, and shows each once. `visit` is called from `decoders` threads
    /// at most; when it breaks, no more are fetched.
    pub fn read_all(
        &self,
        frames: impl IntoIterator<Item = FrameRef>,
        decoders: usize,
        keeping: Keeping,
        visit: &Visit<'_>,
    ) {
        let (runs, lost) = self.runs(frames);
        for at in lost {
            if visit(at, Err(ReadError::NoPlace { at })).is_break() {
                return;
            }
        }
        let bounds = Requests::of(self.reach, decoders);
        let found = self.requests.load(Ordering::Relaxed);
        let threads = found.max(bounds.least).min(bounds.most).min(runs.len());
        let reading = Reading {
            reader: self,
            flight: Flight::new(runs.len(), threads, decoders, bounds),
            turn: (bounds.order == Order::OneByOne).then(Mutex::default),
            runs,
            keeping,
            visit,
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(|| reading.work(scope));
            }
            reading.work(scope);
        });
        let reached = reading.flight.threads();
        self.requests.fetch_max(reached, Ordering::Relaxed);
    }

    /// Reads frames of which the first is needed now and the others soon, as far as they are sure
    /// to stay in memory until then. What fails is told when it is needed.
    pub fn read_ahead(&self, frames: impl IntoIterator<Item = FrameRef>) {
        let (mut bytes, mut seen) = (0, BTreeSet::new());
        let room = |at: &FrameRef| {
            // Dozens of pages lie in one frame, which is read once.
            if seen.contains(at) {
                return true;
            }
            let stored = self.spots(*at).next().map_or(0, |spot| spot.stored.length);
            bytes += usize::try_from(stored)
                .unwrap_or(usize::MAX)
                .min(FRAME_STORED_MAX);
            bytes <= self.frame_bytes / AHEAD_SHARE && seen.insert(*at)
        };
        let mut frames = frames.into_iter().peekable();
        if frames.peek().is_none_or(|at| self.cached(*at).is_some()) {
            return;
        }
        frames.take_while(room).for_each(drop);
        if seen.len() > 1 {
            self.read_all(seen, AHEAD_DECODERS, Keeping::Shared, &|_, _| {
                ControlFlow::Continue(())
            });
        }
    }

    /// Reads the pages of a whole tree ahead, as far as they fit, where each level would have to be
    /// waited for. Which they are follows from what is known of the snapshot.
    pub(crate) fn read_tree(&self, root: &ChunkRef, pages: usize) {
        if self.reach == Reach::Far {
            let below = self.graph.pages_below(&PagePlace::from(root), pages);
            self.read_ahead(below);
        }
    }

    /// The places of a frame: the newest first, those in deleted packs last.
    fn spots(&self, at: FrameRef) -> impl Iterator<Item = Spot> + use<'a> {
        let placements = self.graph.placements(&at.segment);
        let find = move |placement| Spot::find(placement, at.frame);
        let mut spots: Vec<Spot> = placements.iter().rev().filter_map(find).collect();
        spots.sort_by_key(|spot| self.gone.contains(&spot.pack));
        spots.into_iter()
    }

    fn store(&self) -> &dyn Store {
        &**self.vault.store()
    }

    fn cached(&self, at: FrameRef) -> Option<Arc<Frame>> {
        lock(&self.frames).get(&at)
    }

    fn run_bytes(&self, run: &Run) -> Result<Vec<u8>, ReadError> {
        let name = ObjectName::Pack(run.pack);
        let length = usize::try_from(run.length()).unwrap_or(usize::MAX);
        if length > FRAME_STORED_MAX {
            return Err(StoreError::TooLong {
                name,
                length: run.length(),
            }
            .into());
        }
        Ok(self.store().get_range(&name, run.start, length)?)
    }

    fn open_in_run(
        &self,
        run: &Run,
        at: FrameRef,
        spot: &Spot,
        bytes: &[u8],
        keeping: Keeping,
    ) -> Result<Arc<Frame>, ReadError> {
        if lock(&self.openers).get(&at.segment).is_none()
            && let Some(head) = slice(bytes, run.start, spot.head.0, spot.head.1)
        {
            self.opener_from(at, spot, head)?;
        }
        let stored = slice(bytes, run.start, spot.offset, spot.stored.length);
        let stored = stored.ok_or_else(|| damaged(at, spot, Damage::Short))?;
        let mut buffer = self.buffer();
        buffer.clear();
        buffer.extend_from_slice(stored);
        let frame = self.open(at, spot, buffer)?;
        // A chunk on its own is shown to who asked for it, and rarely asked for again.
        let shared = keeping == Keeping::Shared && frame.plain.chunk_count() > 1;
        if frame.kind != FrameKind::Content || shared {
            self.keep(&frame);
        }
        Ok(frame)
    }

    fn keep(&self, frame: &Arc<Frame>) {
        lock(&self.frames).insert(frame.at, Arc::clone(frame), frame.memory());
    }

    fn fetch(&self, at: FrameRef, spot: &Spot) -> Result<Vec<u8>, ReadError> {
        let length = usize::try_from(spot.stored.length).unwrap_or(usize::MAX);
        if length > FRAME_STORED_MAX {
            return Err(damaged(at, spot, Damage::Length));
        }
        self.range(at, spot, spot.offset, length)
    }

    fn range(
        &self,
        at: FrameRef,
        spot: &Spot,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, ReadError> {
        let name = ObjectName::Pack(spot.pack);
        match self.store().get_range(&name, offset, length) {
            Ok(bytes) => Ok(bytes),
            Err(StoreError::NotFound { .. }) => Err(damaged(at, spot, Damage::Missing)),
            Err(StoreError::Short { .. }) => Err(damaged(at, spot, Damage::Short)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens, decodes and verifies the stored bytes of a frame, where they lie.
    fn open(&self, at: FrameRef, spot: &Spot, stored: Vec<u8>) -> Result<Arc<Frame>, ReadError> {
        if frame_hash(&stored) != spot.stored.hash {
            return Err(damaged(at, spot, Damage::Hash));
        }
        let opened = self
            .opener(at, spot)?
            .open_frame_in(at.frame, stored)
            .map_err(|error| damaged(at, spot, Damage::Sealed(error)))?;
        let kind = opened.kind;
        let plain = self
            .decode(opened)
            .map_err(|why| damaged(at, spot, Damage::Coded(why)))?;
        let key = self.id_key_of(kind, spot.compartment, spot.epoch, spot.signer);
        let key = key.ok_or_else(|| closed(spot))?;
        let tags = plain.chunks().map(|bytes| chunk_id(&key, bytes).tag());
        let frame = Arc::new(Frame {
            at,
            kind,
            tags: tags.collect(),
            plain,
        });
        Ok(frame)
    }

    fn decode(&self, opened: OpenedFrame) -> Result<PlainFrame, CodingError> {
        let spare = lock(&self.benches).pop();
        let mut bench = match spare {
            Some(bench) => bench,
            None => Bench::new()?,
        };
        let plain = bench.decode(opened);
        lock(&self.benches).push(bench);
        plain
    }

    /// A buffer that a frame was opened in, for the next.
    fn buffer(&self) -> Vec<u8> {
        let mut benches = lock(&self.benches);
        let bench = benches.last_mut();
        bench.map_or_else(Vec::new, |bench| std::mem::take(&mut bench.buffer))
    }

    fn opener(&self, at: FrameRef, spot: &Spot) -> Result<Arc<SegmentOpener>, ReadError> {
        if let Some(opener) = lock(&self.openers).get(&at.segment) {
            return Ok(opener);
        }
        let _turn = self.heads.take(at.segment);
        if let Some(opener) = lock(&self.openers).get(&at.segment) {
            return Ok(opener);
        }
        let length = usize::try_from(spot.head.1).unwrap_or(usize::MAX);
        if length > usize::from(u16::MAX) * 2 {
            return Err(damaged(at, spot, Damage::Length));
        }
        let head = self.range(at, spot, spot.head.0, length)?;
        self.opener_from(at, spot, &head)
    }

    fn opener_from(
        &self,
        at: FrameRef,
        spot: &Spot,
        head: &[u8],
    ) -> Result<Arc<SegmentOpener>, ReadError> {
        if !self.keys.reads(spot.compartment) {
            return Err(closed(spot));
        }
        let context = SegmentContext {
            vault: self.vault.id(),
            audience: Audience::Compartment(spot.compartment),
            epoch: spot.epoch,
            signer: spot.signer,
        };
        let opener = self.keys.open(&context, head);
        let opener = opener.map_err(|error| damaged(at, spot, Damage::Sealed(error)))?;
        if opener.id() != at.segment {
            return Err(damaged(at, spot, Damage::OtherSegment));
        }
        let opener = Arc::new(opener);
        lock(&self.openers).insert(at.segment, Arc::clone(&opener), 1);
        Ok(opener)
    }

    /// The key of ids in frames of this kind: pages have their own.
    fn id_key_of(
        &self,
        kind: FrameKind,
        compartment: ov_format::id::CompartmentId,
        epoch: u32,
        signer: ov_format::id::MemberId,
    ) -> Option<IdKey> {
        let group = self.vault.head().members.get(&signer)?.group;
        let secret = self.keys.agent_secret(compartment, epoch, group)?;
        Some(match kind {
            FrameKind::Tree | FrameKind::Extents => secret.page_key(),
            FrameKind::Content | FrameKind::List | FrameKind::Section => secret.id_key(),
        })
    }
}

/// What a request for a run brought.
enum Fetched {
    /// All frames were in memory.
    Cached(Vec<Arc<Frame>>),
    /// Some were not.
    Stored {
        cached: Vec<Option<Arc<Frame>>>,
        bytes: Result<Vec<u8>, ReadError>,
    },
}

/// A row of runs that several threads read.
struct Reading<'r, 'a> {
    reader: &'r FrameReader<'a>,
    runs: Vec<Run>,
    keeping: Keeping,
    flight: Flight,
    /// Who asks, where one waits for the other.
    turn: Option<Mutex<()>>,
    visit: &'r Visit<'r>,
}

impl Reading<'_, '_> {
    /// Reads one run after the other until none is left.
    fn work<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        let length = |index| self.runs.get(index).map_or(0, Run::length);
        while let Some(index) = self.flight.next(length) {
            let Some(run) = self.runs.get(index) else {
                return;
            };
            let turn = self.turn.as_ref().map(lock);
            let fetched = self.reader.fetch_run(run);
            drop(turn);
            for _ in 0..self.flight.begin_decoding() {
                scope.spawn(|| self.work(scope));
            }
            let keeping = self.keeping;
            self.reader
                .show_run(run, fetched, keeping, &mut |at, frame| {
                    if (self.visit)(at, frame).is_break() {
                        self.flight.stop();
                    }
                });
            self.flight.end_decoding(run.length());
        }
    }
}

fn slice(bytes: &[u8], start: u64, offset: u64, length: u32) -> Option<&[u8]> {
    let from = usize::try_from(offset.checked_sub(start)?).ok()?;
    let length = usize::try_from(length).ok()?;
    bytes.get(from..from.checked_add(length)?)
}

fn damaged(at: FrameRef, spot: &Spot, why: Damage) -> ReadError {
    let pack = spot.pack;
    ReadError::Damaged { pack, at, why }
}

fn closed(spot: &Spot) -> ReadError {
    ReadError::Closed {
        compartment: spot.compartment,
        epoch: spot.epoch,
    }
}

pub(crate) fn refused(chunk: &ChunkRef, why: PageFault) -> ReadError {
    let place = PagePlace::from(chunk);
    ReadError::Page { place, why }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
