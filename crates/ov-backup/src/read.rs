//! Reading a file: cut into chunks, named, and compared with itself before and after.

use std::io::ErrorKind;

use ov_coding::{CUT_WINDOW, Cutter, Input, Layer, Profile, Shape};
use ov_format::content::INLINE_BYTES_MAX;
use ov_format::id::ChunkId;
use ov_seal::compartment::{IdKey, chunk_id};
use ov_source::{FileStat, Item, OpenFile, Segment, Source, SourceError};

use crate::extract::{Extraction, Extractor, Told};
use crate::spares::Spares;
use crate::uncut::Uncut;

/// Bytes asked of the source at once.
const READ_BYTES: usize = 1024 * 1024;

/// A piece of a file, in order.
#[derive(Debug)]
pub enum Piece {
    /// A chunk, its bytes and what they look like.
    Chunk(ChunkId, Vec<u8>, Shape),
    /// A hole of this many bytes.
    Hole(u64),
    /// The whole content, so small that it goes into the entry.
    Inline(Vec<u8>),
    /// The file changed while it was read: what came so far does not count, it starts again.
    Again,
    /// Nothing has come for a while: the receiver may have lost its patience.
    Waiting,
    /// The end.
    End(Box<Ending>),
}

/// How reading ended.
#[derive(Debug)]
pub struct Ending {
    /// What the file looked like at the last moment; `None` if it could not even be opened.
    pub stat: Option<FileStat>,
    /// Bytes that were delivered, holes too.
    pub length: u64,
    /// Bytes that were read from the source, repeats too.
    pub read: u64,
    /// It changed during both attempts.
    pub changed: bool,
    /// It could not be read (wholly): why.
    pub problem: Option<SourceError>,
    /// What the delivered bytes say about themselves, where somebody takes it out.
    pub told: Told,
}

/// What reading needs, shared by all readers.
pub struct ReadKeys {
    /// Names chunks of files.
    pub id: IdKey,
    /// Names pages, and says where they are cut.
    pub page: IdKey,
    /// Cutters by profile.
    pub cutters: Vec<Cutter>,
}

impl ReadKeys {
    /// The keys of an agent in a compartment.
    pub fn new(secret: &ov_seal::compartment::AgentSecret) -> Self {
        let key = ov_coding::CutKey::new(*secret.cut_key().bytes());
        let cutters = Profile::ALL
            .iter()
            .map(|profile| Cutter::new(&key, *profile))
            .collect();
        Self {
            id: secret.id_key(),
            page: secret.page_key(),
            cutters,
        }
    }

    fn cutter(&self, profile: Profile) -> &Cutter {
        let fitting = self
            .cutters
            .iter()
            .find(|cutter| cutter.profile() == profile);
        fitting.unwrap_or(&self.cutters[0])
    }
}

/// What a reader reads into: its own bytes, and the buffers in which chunks go on.
pub struct Buffers<'a> {
    uncut: Uncut,
    spares: &'a Spares,
}

impl<'a> Buffers<'a> {
    /// Nothing yet, and chunks in these.
    pub fn new(spares: &'a Spares) -> Self {
        Self {
            uncut: Uncut::default(),
            spares,
        }
    }
}

/// Reads one file and gives its pieces to `emit`, which says whether to go on. The same bytes are
/// shown to the extractor.
pub fn read_file(
    source: &dyn Source,
    item: &Item,
    keys: &ReadKeys,
    extractor: Option<&dyn Extractor>,
    buffers: &mut Buffers<'_>,
    emit: &mut dyn FnMut(Piece) -> Flow,
) {
    let mut read = 0;
    for attempt in 1..=2 {
        let size = u64::MAX;
        let mut reading = Reading {
            item,
            keys,
            uncut: &mut buffers.uncut,
            spares: buffers.spares,
            emit,
            extraction: None,
            size,
            length: 0,
            read: 0,
        };
        let outcome = reading.attempt(source, extractor);
        let length = reading.length;
        let extraction = reading.extraction;
        read += reading.read;
        let ending = match outcome {
            Ok(None) => return,
            Ok(Some((before, after))) => {
                let changed = before != after || before.size.is_some_and(|size| size != length);
                if changed && attempt == 1 && before.size.is_some() {
                    if emit(Piece::Again) == Flow::Stop {
                        return;
                    }
                    continue;
                }
                Ending {
                    stat: Some(after),
                    length,
                    read,
                    changed,
                    problem: None,
                    told: extraction.map_or(Told::Now(None), |extraction| extraction.end()),
                }
            }
            Err(problem) => Ending {
                stat: None,
                length,
                read,
                changed: false,
                problem: Some(problem),
                told: Told::Now(None),
            },
        };
        emit(Piece::End(Box::new(ending)));
        return;
    }
}

/// Whether the receiver wants more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Go,
    /// It is gone.
    Stop,
}

struct Reading<'a> {
    item: &'a Item,
    keys: &'a ReadKeys,
    uncut: &'a mut Uncut,
    spares: &'a Spares,
    emit: &'a mut dyn FnMut(Piece) -> Flow,
    /// Who sees the bytes of this attempt.
    extraction: Option<Box<dyn Extraction>>,
    /// Its size when it was opened; `u64::MAX` where nobody knows.
    size: u64,
    length: u64,
    read: u64,
}

impl Reading<'_> {
    /// One attempt: the file's looks before and after, or `None` if the receiver is gone.
    fn attempt(
        &mut self,
        source: &dyn Source,
        extractor: Option<&dyn Extractor>,
    ) -> Result<Option<(FileStat, FileStat)>, SourceError> {
        let mut file = source.open(self.item)?;
        let before = file.stat_now()?;
        self.size = before.size.unwrap_or(u64::MAX);
        let name = &self.item.key.name;
        self.extraction = extractor.and_then(|extractor| extractor.begin(name, before.size));
        while let Some(segment) = file.next_segment()? {
            let flow = match segment {
                Segment::Hole { length, .. } => {
                    self.length += length;
                    if let Some(extraction) = &mut self.extraction {
                        extraction.hole(length);
                    }
                    (self.emit)(Piece::Hole(length))
                }
                Segment::Data { .. } => self.data(&mut *file)?,
            };
            if flow == Flow::Stop {
                return Ok(None);
            }
        }
        let after = file.stat_now()?;
        Ok(Some((before, after)))
    }

    fn data(&mut self, file: &mut dyn OpenFile) -> Result<Flow, SourceError> {
        self.uncut.clear();
        let first = self.length == 0;
        let mut layer: Option<Layer> = None;
        loop {
            let Some(input) = self.fill(file)? else {
                return Ok(Flow::Stop);
            };
            if first && layer.is_none() && self.is_inline(input) {
                self.length += as_u64(self.uncut.bytes().len());
                return Ok((self.emit)(Piece::Inline(self.uncut.bytes().to_vec())));
            }
            let layer = layer.get_or_insert_with(|| {
                let name = &self.item.key.name;
                match first {
                    true => Layer::of_file(name, self.size, self.uncut.bytes()),
                    false => Layer::of_part(name, self.size, self.uncut.bytes()),
                }
            });
            let cutter = self.keys.cutter(layer.profile());
            while let Some(cut) = layer.cut(cutter, self.uncut.bytes(), input) {
                let mut bytes = self.spares.take(cut.length);
                bytes.extend_from_slice(&self.uncut.bytes()[..cut.length]);
                self.length += as_u64(cut.length);
                self.uncut.cut(cut.length);
                let id = chunk_id(&self.keys.id, &bytes);
                if (self.emit)(Piece::Chunk(id, bytes, cut.shape)) == Flow::Stop {
                    return Ok(Flow::Stop);
                }
            }
            if input == Input::End {
                return Ok(Flow::Go);
            }
        }
    }

    /// Small enough to live in its entry: all of it is in the buffer and nothing else will come.
    fn is_inline(&self, input: Input) -> bool {
        let whole = self.size == as_u64(self.uncut.bytes().len()) || self.size == u64::MAX;
        input == Input::End && whole && self.uncut.bytes().len() <= INLINE_BYTES_MAX
    }

    /// Fills the buffer until it holds enough for any cut or the segment ends; `None` if the
    /// receiver is gone.
    fn fill(&mut self, file: &mut dyn OpenFile) -> Result<Option<Input>, SourceError> {
        while self.uncut.bytes().len() < CUT_WINDOW {
            let have = self.uncut.bytes().len();
            let room = READ_BYTES.min(CUT_WINDOW - have).min(self.expected(have));
            let got = read_some(file, self.uncut.room(room), self.item)?;
            self.uncut.filled(got.unwrap_or(0));
            match got {
                Some(0) => return Ok(Some(Input::End)),
                Some(got) => {
                    self.read += as_u64(got);
                    if let Some(extraction) = &mut self.extraction {
                        extraction.bytes(&self.uncut.bytes()[have..]);
                    }
                }
                None if (self.emit)(Piece::Waiting) == Flow::Stop => return Ok(None),
                None => {}
            }
        }
        Ok(Some(Input::More))
    }

    /// Bytes worth asking for: small files do not clear a megabyte first.
    fn expected(&self, have: usize) -> usize {
        let left = self.size.saturating_sub(self.length + as_u64(have));
        usize::try_from(left).unwrap_or(READ_BYTES).max(4096)
    }
}

/// Reads once; `None` if nothing has come for a while.
fn read_some(
    file: &mut dyn OpenFile,
    buffer: &mut [u8],
    item: &Item,
) -> Result<Option<usize>, SourceError> {
    loop {
        match file.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(source) => {
                let path = ov_source::ShownPath::absolute(&item.key);
                return Err(SourceError::Unreadable { path, source });
            }
            Ok(got) => return Ok(Some(got)),
        }
    }
}

fn as_u64(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}
