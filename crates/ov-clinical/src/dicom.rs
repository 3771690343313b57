//! DICOM (PS3.10 files): whose, what, part of what, referring to what, and three digests.
//!
//! [`Stream`] takes a file in pieces of any size and holds little more than one value. [`read`]
//! does the same for bytes that are at hand.

use crate::dicom_object::ObjectScan;
use crate::dicom_prologue::{self, Body, Prologue};
use crate::dicom_walk::{Encoding, Flaw, Walk};
use crate::digest::Digest;
use crate::facts::{Digests, Facts};
use crate::inflate::{Flow, Inflator};
use crate::warning::Warning;
use crate::window::Window;

/// Preamble and meta group together are at most so long.
const PROLOGUE_MAX: usize = 64 << 10;
/// A deflated data set is read up to this length.
const INFLATED_MAX: u64 = 512 << 20;

/// Reads what is at hand. Digests are given only for a whole file.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut stream = Stream::new();
    stream.feed(window.head());
    if window.is_whole() {
        stream.finish()
    } else {
        stream.finish_early()
    }
}

/// Whether the bytes begin like a DICOM file or data set.
#[must_use]
pub fn begins(head: &[u8]) -> bool {
    dicom_prologue::begins(head)
}

/// How a file begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Whether it is a file by the standard.
    pub form: Form,
    /// Its transfer syntax: as its meta group says, else as its data set looks.
    pub syntax: Option<Box<str>>,
    /// Where its data set begins, in bytes.
    pub data_set: usize,
}

/// What stands before a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Preamble, magic and meta group (PS3.10 section 7.1).
    File,
    /// No preamble: a meta group at most.
    Bare,
}

/// How a DICOM file begins; `None` if it does not begin like one, or `head` ends before its data
/// set does begin.
#[must_use]
pub fn opening(head: &[u8]) -> Option<Opening> {
    dicom_prologue::opening(head)
}

/// Takes a DICOM file in pieces.
pub struct Stream {
    file: Digest,
    stage: Stage,
    scan: ObjectScan,
}

enum Stage {
    /// Preamble and meta group, until there is enough of them.
    Prologue(Vec<u8>),
    Plain(DataSet),
    Deflated {
        inflator: Inflator,
        data_set: DataSet,
    },
    /// Not understood.
    Over,
}

/// A data set under way.
struct DataSet {
    walk: Walk,
    length: u64,
}

impl DataSet {
    fn new(encoding: Encoding) -> Self {
        Self {
            walk: Walk::new(encoding),
            length: 0,
        }
    }

    fn feed(&mut self, bytes: &[u8], scan: &mut ObjectScan) {
        self.length = self
            .length
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.walk.feed(bytes, scan);
    }
}

impl Default for Stream {
    fn default() -> Self {
        Self::new()
    }
}

impl Stream {
    /// At the beginning of a file.
    #[must_use]
    pub fn new() -> Self {
        Self {
            file: Digest::default(),
            stage: Stage::Prologue(Vec::new()),
            scan: ObjectScan::default(),
        }
    }

    /// The next bytes of the file.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        self.file.update(bytes);
        if let Stage::Prologue(prologue) = &mut self.stage {
            let missing = PROLOGUE_MAX - prologue.len().min(PROLOGUE_MAX);
            let (now, later) = bytes.split_at(missing.min(bytes.len()));
            prologue.extend_from_slice(now);
            bytes = later;
            if prologue.len() < PROLOGUE_MAX {
                return;
            }
            self.begin();
        }
        self.data_set(bytes);
    }

    /// Whether what follows can add no facts, only digests: the pixels have begun, or the bytes are
    /// not understood. Who wants no digests may stop here and call [`Self::finish_early`].
    #[must_use]
    pub fn is_settled(&self) -> bool {
        match &self.stage {
            Stage::Prologue(_) => false,
            Stage::Plain(data_set) | Stage::Deflated { data_set, .. } => {
                self.scan.pixels_begun() || data_set.walk.flaw().is_some()
            }
            Stage::Over => true,
        }
    }

    /// The file is complete.
    #[must_use]
    pub fn finish(mut self) -> (Facts, Vec<Warning>) {
        self.begin();
        self.report_end();
        let object = self.scan.digests();
        self.scan.object.digests = Some(Digests {
            file: self.file.finish(),
            data_set: self.stage.data_set().map(|_| object.data_set),
            pixels: object.pixels,
        });
        self.scan.finish()
    }

    /// Only the beginning of the file was at hand: no digests.
    #[must_use]
    pub fn finish_early(mut self) -> (Facts, Vec<Warning>) {
        self.begin();
        self.scan.collector.warn(Warning::Partial);
        self.report_flaw();
        self.scan.finish()
    }

    /// Reads the prologue, if that was not done, and passes the rest of it on.
    fn begin(&mut self) {
        let Stage::Prologue(bytes) = &mut self.stage else {
            return;
        };
        let bytes = std::mem::take(bytes);
        let prologue = Prologue::read(&bytes);
        self.scan.object.class = prologue.class;
        self.scan.object.instance = prologue.instance;
        self.scan.object.syntax = prologue.syntax;
        for warning in prologue.warnings {
            self.scan.collector.warn(warning);
        }
        self.stage = match prologue.body {
            Body::Plain(encoding) => Stage::Plain(DataSet::new(encoding)),
            Body::Deflated => Stage::Deflated {
                inflator: Inflator::new(),
                data_set: DataSet::new(Encoding::EXPLICIT),
            },
            Body::Opaque => Stage::Over,
        };
        self.data_set(bytes.get(prologue.start..).unwrap_or_default());
    }

    fn data_set(&mut self, bytes: &[u8]) {
        let scan = &mut self.scan;
        match &mut self.stage {
            Stage::Prologue(_) | Stage::Over => {}
            Stage::Plain(data_set) => data_set.feed(bytes, scan),
            Stage::Deflated { inflator, data_set } => {
                let flow = inflator.feed(bytes, |piece| {
                    data_set.feed(piece, scan);
                    data_set.length <= INFLATED_MAX
                });
                if data_set.length > INFLATED_MAX {
                    scan.collector.warn(Warning::Bomb);
                    self.stage = Stage::Over;
                } else if let Flow::Broken = flow {
                    scan.collector.malformed(0, "the deflated data set");
                    self.stage = Stage::Over;
                }
            }
        }
    }

    /// Warns of a data set that ends inside something.
    fn report_end(&mut self) {
        self.report_flaw();
        let cut = self
            .stage
            .data_set()
            .is_some_and(|set| set.walk.flaw().is_none() && !set.walk.is_between_elements());
        if cut {
            self.scan.collector.warn(Warning::Truncated);
        }
    }

    fn report_flaw(&mut self) {
        let warning = match self.stage.data_set().and_then(|set| set.walk.flaw()) {
            None => return,
            Some(Flaw::TooDeep) => Warning::TooDeep,
            Some(Flaw::TooMany) => Warning::TooMany {
                what: "elements".into(),
            },
            Some(Flaw::Malformed { at, what }) => Warning::Malformed {
                at,
                what: what.into(),
            },
        };
        self.scan.collector.warn(warning);
    }
}

impl Stage {
    fn data_set(&self) -> Option<&DataSet> {
        match self {
            Self::Plain(data_set) | Self::Deflated { data_set, .. } => Some(data_set),
            _ => None,
        }
    }
}
