//! What goes over the pipe: frames of a tag, a length (4 bytes, little endian) and that many bytes.

use std::io::{self, Read, Write};

use ov_clinical::ACCOUNT_MAX;
use ov_format::Wire;
use ov_format::cbor::{Reader, Writer};
use ov_format::error::FormatError;

/// Bytes of a file in one frame at most.
pub const PIECE_MAX: usize = 1 << 20;

/// What the backup tells a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// A file begins: [`Begin`]. Whatever was before is forgotten.
    Begin,
    /// The next bytes of it, at most [`PIECE_MAX`].
    Bytes,
    /// A hole of so many bytes.
    Hole,
    /// How much more of it is wanted? The answer is an account or a wish.
    Look,
    /// The last bytes of it, where not all were shown.
    Tail,
    /// It ends, and is so many bytes long. The answer is its account.
    End,
}

impl Command {
    const ALL: [Self; 6] = [
        Self::Begin,
        Self::Bytes,
        Self::Hole,
        Self::Look,
        Self::Tail,
        Self::End,
    ];

    fn tag(self) -> u8 {
        match self {
            Self::Begin => 1,
            Self::Bytes => 2,
            Self::Hole => 3,
            Self::Look => 4,
            Self::Tail => 5,
            Self::End => 6,
        }
    }
}

/// What a worker says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is locked in: what it could not lock, as a list of texts.
    Ready,
    /// It wants more of the file: [`Wish`].
    Wish,
    /// The encoded account of the file.
    Account,
}

impl Answer {
    fn tag(self) -> u8 {
        match self {
            Self::Ready => 0x11,
            Self::Wish => 0x12,
            Self::Account => 0x13,
        }
    }
}

/// The beginning of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// Its last name.
    pub name: Vec<u8>,
    /// Its length in bytes, where it is known before its end.
    pub size: Option<u64>,
    /// Of which showing.
    pub showing: Showing,
}

/// What will be shown of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Showing {
    /// Nobody has seen it: its bytes as they come, until a worker has a [`Wish`].
    First,
    /// What was wished for: so much of its beginning, then so much of its end.
    Wished,
}

impl Wire for Begin {
    fn write(&self, w: &mut Writer) {
        let wished = u8::from(self.showing == Showing::Wished);
        w.array(3).bytes(&self.name);
        w.option(self.size.as_ref()).uint(wished);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let (name, size) = (r.value()?, r.option()?);
        let showing = match r.uint::<u8>()? {
            0 => Showing::First,
            _ => Showing::Wished,
        };
        r.skip_fields(more)?;
        Ok(Self {
            name,
            size,
            showing,
        })
    }
}

/// How much of a file a worker wants beyond what it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Bytes from the beginning, what it has seen among them; `u64::MAX` for all.
    pub head: u64,
    /// Bytes from the end. Where there are none the worker goes on from where it is; else the file
    /// is shown again from its beginning.
    pub tail: u64,
}

impl Wire for Wish {
    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.head).uint(self.tail);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let (head, tail) = (r.uint()?, r.uint()?);
        r.skip_fields(more)?;
        Ok(Self { head, tail })
    }
}

/// Tag and length of a frame.
#[must_use]
pub fn head(command: Command, length: usize) -> [u8; 5] {
    frame(command.tag(), length)
}

fn frame(tag: u8, length: usize) -> [u8; 5] {
    let [a, b, c, d] = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    [tag, a, b, c, d]
}

/// Reads tag and length of a command. `None` where the other side is gone.
///
/// # Errors
/// If the pipe fails, or what comes is no command.
pub fn read_command(pipe: &mut dyn Read) -> io::Result<Option<(Command, usize)>> {
    let mut bytes = [0; 5];
    let got = loop {
        match pipe.read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => break other?,
        }
    };
    if got == 0 {
        return Ok(None);
    }
    pipe.read_exact(&mut bytes[got..])?;
    let [tag, a, b, c, d] = bytes;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    let command = Command::ALL.into_iter().find(|known| known.tag() == tag);
    match command.filter(|_| length <= PIECE_MAX) {
        Some(command) => Ok(Some((command, length))),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Writes an answer.
///
/// # Errors
/// If the pipe fails.
pub fn write_answer(pipe: &mut dyn Write, answer: Answer, bytes: &[u8]) -> io::Result<()> {
    let mut whole = frame(answer.tag(), bytes.len()).to_vec();
    whole.extend_from_slice(bytes);
    pipe.write_all(&whole)
}

/// What an answer is, and how long; `None` for what is no answer.
#[must_use]
pub fn parse_answer([tag, a, b, c, d]: [u8; 5]) -> Option<(Answer, usize)> {
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    let answers = [Answer::Ready, Answer::Wish, Answer::Account];
    let answer = answers.into_iter().find(|known| known.tag() == tag)?;
    let most = match answer {
        Answer::Ready | Answer::Wish => 4096,
        Answer::Account => ACCOUNT_MAX,
    };
    (length <= most).then_some((answer, length))
}
