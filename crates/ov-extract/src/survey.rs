//! What a worker holds of a file while it comes, and what it makes of it in the end.

use ov_clinical::{Account, Identification, Kind, Need, Said, Window, dicom, identify};

use crate::message::{Begin, Showing, Wish};

/// A file of this length or less is read whole in one exchange, in bytes: enough to identify any
/// file.
pub const FIRST: usize = 64 << 10;

/// A hole that is longer ends what is read of an object, in bytes.
const HOLE_MAX: u64 = 16 << 20;

/// The most that is gathered of the beginning of a file whose end is wanted too, in bytes.
pub(crate) const WISHED_MAX: usize = 16 << 20;

/// The most that is gathered of the end of a file, in bytes.
const TAIL_MAX: usize = 64 << 10;

/// A file on its way.
pub struct Survey {
    name: String,
    size: Option<u64>,
    head: Vec<u8>,
    tail: Vec<u8>,
    seen: u64,
    stage: Stage,
}

enum Stage {
    /// Its beginning is gathered, to be identified.
    First,
    /// What a worker wished for is gathered.
    Wished,
    /// So many bytes of its beginning are gathered.
    Gathering(usize, Identification),
    /// It is read as it comes.
    Streaming(Box<dicom::Stream>, Identification),
}

/// What is to be said after the beginning of a file.
pub enum Look {
    /// Nothing more is wanted.
    Enough(Account),
    /// More is wanted.
    More(Wish),
}

impl Survey {
    /// At the beginning of a file.
    #[must_use]
    pub fn new(begin: &Begin) -> Self {
        Self {
            name: String::from_utf8_lossy(&begin.name).into_owned(),
            size: begin.size,
            head: Vec::new(),
            tail: Vec::new(),
            seen: 0,
            stage: match begin.showing {
                Showing::First => Stage::First,
                Showing::Wished => Stage::Wished,
            },
        }
    }

    /// The next bytes.
    pub fn bytes(&mut self, mut bytes: &[u8]) {
        self.seen = self.seen.saturating_add(wide(bytes.len()));
        if let Stage::First = self.stage {
            let (now, later) = bytes.split_at(bytes.len().min(FIRST - self.head.len()));
            self.head.extend_from_slice(now);
            bytes = later;
            if later.is_empty() {
                return;
            }
            self.classify();
        }
        match &mut self.stage {
            Stage::First => {}
            Stage::Wished => {
                let room = WISHED_MAX.saturating_sub(self.head.len());
                self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Stage::Gathering(most, _) => {
                let room = most.saturating_sub(self.head.len());
                self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Stage::Streaming(stream, _) => stream.feed(bytes),
        }
    }

    /// A hole.
    pub fn hole(&mut self, length: u64) {
        let zeros = [0; 4096];
        let mut left = length.min(HOLE_MAX);
        while left > 0 {
            let now = usize::try_from(left).map_or(zeros.len(), |left| left.min(zeros.len()));
            self.bytes(&zeros[..now]);
            left -= wide(now);
        }
        // What was left out is missed at the end: the object was not seen whole.
    }

    /// The last bytes, where not all were shown.
    pub fn tail(&mut self, bytes: &[u8]) {
        let room = TAIL_MAX.saturating_sub(self.tail.len());
        self.tail.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    /// Whether more of it is wanted.
    pub fn look(&mut self) -> Look {
        if let Stage::First = self.stage {
            self.classify();
        }
        let found = match &self.stage {
            Stage::Streaming(..) => {
                let (head, tail) = (u64::MAX, 0);
                return Look::More(Wish { head, tail });
            }
            Stage::Gathering(_, found) => *found,
            Stage::First | Stage::Wished => self.identify(),
        };
        let need = found.kind.need();
        let open = found.kind == Kind::Zip || self.size.is_none();
        if need == Need::TO_IDENTIFY && !open {
            let length = self.size.unwrap_or(self.seen);
            let window = Window::parts(&self.head, &[], length);
            return Look::Enough(Account::of(&self.name, &window));
        }
        let head = match self.is_header_whole(found, need) {
            true => self.seen,
            false => need.head,
        };
        let tail = need.tail;
        Look::More(Wish { head, tail })
    }

    /// Whether all that a reader wants of the beginning of a long file is there already. A file that
    /// would be shown whole is shown whole: then what is wrong with the rest of it is seen too.
    fn is_header_whole(&self, found: Identification, need: Need) -> bool {
        let is_long = self.size.is_some_and(|size| size > need.head);
        is_long && found.kind.is_header_whole(&self.head)
    }

    /// The file is over, and so long: what is known of it.
    #[must_use]
    pub fn end(self, length: u64) -> Account {
        let (stream, found) = match self.stage {
            Stage::Streaming(stream, found) => (stream, found),
            Stage::First | Stage::Wished | Stage::Gathering(..) => {
                let window = Window::parts(&self.head, &self.tail, length);
                return Account::of(&self.name, &window);
            }
        };
        let (facts, warnings) = match self.seen == length {
            true => stream.finish(),
            false => stream.finish_early(),
        };
        Account::Read(Box::new(Said {
            kind: found.kind,
            wrapping: found.wrapping,
            certainty: found.certainty,
            facts,
            warnings,
        }))
    }

    fn identify(&self) -> Identification {
        let length = self.size.unwrap_or(u64::MAX);
        identify(&self.name, &Window::parts(&self.head, &[], length))
    }

    /// Decides how the rest is taken.
    fn classify(&mut self) {
        let found = self.identify();
        self.stage = if found.kind.is_dicom() {
            let mut stream = Box::new(dicom::Stream::new());
            stream.feed(&std::mem::take(&mut self.head));
            Stage::Streaming(stream, found)
        } else {
            let most = usize::try_from(found.kind.need().head).unwrap_or(usize::MAX);
            Stage::Gathering(most, found)
        };
    }
}

fn wide(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}
