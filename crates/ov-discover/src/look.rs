//! Looking at one file: its beginning, its end, and more where its kind needs it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ov_clinical::{
    Category, Dicom, Facts, Identification, Kind, Need, Warning, Window, Wrapping, dicom, identify,
};
use ov_format::entry::EntryKey;
use ov_source::{FileTree, ItemHandle, ShownPath, SourceError};

use crate::file::{Extent, Seen, Whose};
use crate::people::{self, Named};

/// At most so much of a file is held for its reader.
const HELD_MAX: u64 = 16 << 20;
/// DICOM is fed in pieces of this size.
const PIECE: usize = 64 << 10;

/// How much of each file is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// What tells its kind and its facts.
    #[default]
    Facts,
    /// DICOM files whole, for digests of what they show.
    Digests,
}

/// What one look gave.
pub(crate) struct Sight {
    /// Length when it was opened.
    pub size: u64,
    pub seen: Seen,
    pub named: Vec<Named>,
}

/// Looks at a file.
pub(crate) fn look(
    tree: &FileTree,
    key: &EntryKey,
    handle: &ItemHandle,
    depth: Depth,
) -> Result<Sight, SourceError> {
    let file = tree.open_plain(key, handle)?;
    sight(&file, key, depth).map_err(|source| SourceError::Unreadable {
        path: ShownPath::absolute(key),
        source,
    })
}

/// The digest of all bytes of a file.
pub(crate) fn digest(tree: &FileTree, key: &EntryKey) -> Result<[u8; 32], SourceError> {
    let file = tree.open_plain(key, &ItemHandle::default())?;
    let mut hasher = blake3::Hasher::new();
    let hashed = pieces(&file, 0, |piece| {
        hasher.update(piece);
        Flow::On
    });
    hashed.map_err(|source| SourceError::Unreadable {
        path: ShownPath::absolute(key),
        source,
    })?;
    Ok(*hasher.finalize().as_bytes())
}

fn sight(file: &File, key: &EntryKey, depth: Depth) -> io::Result<Sight> {
    let length = file.metadata()?.len();
    let head = read(file, 0, Need::TO_IDENTIFY.head.min(length))?;
    let tail = tail(file, &head, length, Need::TO_IDENTIFY.tail)?;
    let window = Window::parts(&head, &tail, length);
    let found = identify(&String::from_utf8_lossy(&key.name), &window);
    let (facts, warnings) = facts(file, found, &window, depth)?;
    let whole = window.is_whole();
    Ok(Sight {
        size: length,
        named: people::named(&facts),
        seen: Seen {
            kind: found.kind,
            wrapping: found.wrapping,
            certainty: found.certainty,
            whose: whose(found, &facts),
            flaw: warnings.into_iter().find(is_flaw),
            print: print(&head, &tail, length),
            extent: match whole {
                true => Extent::Whole,
                false => Extent::Part,
            },
            facts: kept(found.kind, facts),
        },
    })
}

/// What the file says of itself.
fn facts(
    file: &File,
    found: Identification,
    window: &Window,
    depth: Depth,
) -> io::Result<(Facts, Vec<Warning>)> {
    let kind = found.kind;
    let genomic = kind.category() == Category::Genomes;
    if found.wrapping != Wrapping::Plain && !genomic {
        return Ok((Facts::default(), Vec::new()));
    }
    if kind.is_dicom() {
        return read_dicom(file, window, depth);
    }
    let need = kind.need();
    let head = need.head.min(HELD_MAX).min(window.length());
    if window.is_whole() || head <= Need::TO_IDENTIFY.head {
        return Ok(ov_clinical::read(kind, window));
    }
    let bytes = read(file, 0, head)?;
    let tail = tail(file, &bytes, window.length(), need.tail)?;
    let window = Window::parts(&bytes, &tail, window.length());
    Ok(ov_clinical::read(kind, &window))
}

/// As far as there are facts, or to its end where digests are wanted.
fn read_dicom(file: &File, window: &Window, depth: Depth) -> io::Result<(Facts, Vec<Warning>)> {
    let mut stream = dicom::Stream::new();
    stream.feed(window.head());
    if depth == Depth::Facts && stream.is_settled() {
        return Ok(stream.finish_early());
    }
    let mut at = window.head().len();
    let limit = usize::try_from(HELD_MAX).unwrap_or(usize::MAX);
    let mut ended = true;
    pieces(file, at, |piece| {
        stream.feed(piece);
        at = at.saturating_add(piece.len());
        ended = depth == Depth::Digests || !(stream.is_settled() || at >= limit);
        match ended {
            true => Flow::On,
            false => Flow::Enough,
        }
    })?;
    let (mut facts, warnings) = match ended {
        true => stream.finish(),
        false => stream.finish_early(),
    };
    if let (Depth::Facts, Some(object)) = (depth, &mut facts.dicom) {
        object.digests = None;
    }
    Ok((facts, warnings))
}

/// Whether to go on reading.
enum Flow {
    On,
    Enough,
}

/// The rest of a file from an offset, in pieces.
fn pieces(file: &File, from: usize, mut take: impl FnMut(&[u8]) -> Flow) -> io::Result<()> {
    let mut offset = u64::try_from(from).unwrap_or(u64::MAX);
    let mut buffer = vec![0; PIECE];
    loop {
        let got = match file.read_at(&mut buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            done => done?,
        };
        let piece = buffer.get(..got).unwrap_or_default();
        if piece.is_empty() || matches!(take(piece), Flow::Enough) {
            return Ok(());
        }
        offset = offset.saturating_add(u64::try_from(got).unwrap_or(u64::MAX));
    }
}

/// Bytes at an offset; fewer where the file ends before.
fn read(file: &File, from: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let offset = from.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match file.read_at(rest, offset) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The end of a file, where its head is not all of it.
fn tail(file: &File, head: &[u8], length: u64, wanted: u64) -> io::Result<Vec<u8>> {
    let shown = u64::try_from(head.len()).unwrap_or(u64::MAX);
    match length > shown {
        true => read(file, length.saturating_sub(wanted), wanted.min(length)),
        false => Ok(Vec::new()),
    }
}

fn print(head: &[u8], tail: &[u8], length: u64) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&length.to_le_bytes());
    hasher.update(head);
    hasher.update(tail);
    let mut print = [0; 16];
    print.copy_from_slice(hasher.finalize().as_bytes().split_at(16).0);
    print
}

/// What its owner may want to know. That only a part was read is no fault of the file, and missing
/// end markers are told with the sets.
fn is_flaw(warning: &Warning) -> bool {
    matches!(
        warning,
        Warning::Truncated
            | Warning::Malformed { .. }
            | Warning::TooDeep
            | Warning::Bomb
            | Warning::Executable
            | Warning::UnknownSyntax
            | Warning::IdentityDiffers
    )
}

fn whose(found: Identification, facts: &Facts) -> Whose {
    let samples = facts
        .sequencing
        .as_ref()
        .is_some_and(|s| !s.samples.is_empty());
    let subjects = facts.subjects.iter().any(|one| one.subject.is_some());
    if !facts.patients.is_empty() {
        Whose::Patient
    } else if subjects {
        Whose::Subject
    } else if samples {
        Whose::Sample
    } else if found.wrapping == Wrapping::Plain && could_say(found.kind) {
        Whose::Nobody
    } else {
        Whose::NotSaid
    }
}

/// Kinds whose files usually name a patient.
fn could_say(kind: Kind) -> bool {
    kind.is_searched_for_patients() && kind != Kind::Dicomdir
}

/// The facts that relations between files need, without what they do not.
fn kept(kind: Kind, mut facts: Facts) -> Option<Box<Facts>> {
    let dicom = facts.dicom.is_some();
    if !dicom && kind.category() != Category::Genomes {
        return None;
    }
    if let Some(object) = &mut facts.dicom {
        slim(object);
    }
    facts.resources = Vec::new();
    facts.messages = Vec::new();
    facts.documents = Vec::new();
    facts.tables = Vec::new();
    facts.subjects = Vec::new();
    Some(Box::new(facts))
}

fn slim(object: &mut Dicom) {
    object.class = None;
    object.syntax = None;
    object.modality = None;
    object.study = None;
    object.study_date = None;
    for reference in &mut object.references {
        reference.class = None;
        reference.series = None;
        reference.study = None;
    }
    object.references.shrink_to_fit();
}

/// About how many bytes facts take in memory.
pub(crate) fn weight(facts: &Facts) -> usize {
    const IDENT: usize = 80;
    let dicom = facts.dicom.as_ref().map_or(0, |object| {
        480 + IDENT * (object.references.len() + object.frames_of_reference.len())
    });
    let sequencing = facts.sequencing.as_ref().map_or(0, |s| {
        200 + IDENT * (s.samples.len() + s.read_groups.len() + s.sequences.len())
    });
    size_of::<Facts>() + dicom + sequencing + 2 * IDENT * facts.patients.len()
}
