//! Reading back what was restored.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use ov_coding::FRAME_PLAIN_MAX;
use ov_format::entry::{Entry, Kind};
use rustix::fs::{Mode, OFlags, SeekFrom, open, seek};
use rustix::io::Errno;

use crate::extents::{Extents, Sameness, Stretch};
use crate::reader::FrameReader;
use crate::report::EntryError;
use crate::restore::is_lost;
use crate::shape::Wanted;
use crate::tally::Tally;

/// Bytes read at once where no chunk says how many.
const PIECE: usize = 256 * 1024;

/// Reads every restored file and compares its chunks with their ids.
pub(crate) fn verify(wanted: &Wanted<'_>, target: &Path, tally: &Tally<'_>) {
    let (send, receive) = crossbeam_channel::bounded::<Entry>(64);
    let reader = wanted.tree.reader();
    let work = || {
        for entry in &receive {
            let Some(key) = wanted.part.target_key(&entry.key) else {
                continue;
            };
            match verify_file(reader, &target.join(OsStr::from_bytes(&key.path())), &entry) {
                Ok(()) => tally.with(|report| report.verified += 1),
                Err(error) => tally.failed(&entry.key, error),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..tally.workers() {
            scope.spawn(work);
        }
        for entry in files(wanted, tally) {
            if send.send(entry).is_err() {
                break;
            }
        }
        drop(send);
    });
}

/// Files that were restored, each once whatever number of names it has.
fn files<'f>(wanted: &'f Wanted<'_>, tally: &'f Tally<'_>) -> impl Iterator<Item = Entry> + 'f {
    let mut groups = HashSet::new();
    let reader = wanted.tree.reader();
    wanted.entries().flatten().filter(move |entry| {
        entry.meta.kind == Kind::File
            && !is_lost(entry)
            && entry
                .meta
                .link_group
                .is_none_or(|group| groups.insert((group, Sameness::of(reader, entry))))
            && !tally.has_failed(&entry.key)
    })
}

fn verify_file(reader: &FrameReader<'_>, path: &Path, entry: &Entry) -> Result<(), EntryError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = open(path, flags, Mode::empty()).map_err(io::Error::from);
    let file = File::from(file.map_err(EntryError::ReadBack)?);
    let length = file.metadata().map_err(EntryError::ReadBack)?.len();
    if length != entry.meta.size {
        let offset = length.min(entry.meta.size);
        return Err(EntryError::Verify { offset });
    }
    for stretch in Extents::of(reader, &entry.content) {
        let (offset, stretch) = stretch?;
        let is_right = match &stretch {
            Stretch::Inline(bytes) => read(&file, offset, bytes.len())? == *bytes,
            Stretch::Hole { length } => is_zeros(&file, offset, *length)?,
            Stretch::Data { chunk, length } => {
                let length = usize::try_from(*length).unwrap_or(usize::MAX);
                length <= FRAME_PLAIN_MAX
                    && reader.is_chunk(&chunk.at.segment, chunk.tag, &read(&file, offset, length)?)
            }
        };
        if !is_right {
            return Err(EntryError::Verify { offset });
        }
    }
    Ok(())
}

fn read(file: &File, offset: u64, length: usize) -> Result<Vec<u8>, EntryError> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset)
        .map_err(EntryError::ReadBack)?;
    Ok(bytes)
}

/// Whether a range is zeros; where the file system knows of a hole, without reading it.
fn is_zeros(file: &File, offset: u64, length: u64) -> Result<bool, EntryError> {
    let end = offset.saturating_add(length);
    let mut at = match seek(file, SeekFrom::Data(offset)) {
        Ok(data) => data.min(end),
        Err(Errno::NXIO) => end,
        Err(_) => offset,
    };
    while at < end {
        let piece = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
        if read(file, at, piece)?.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at = at.saturating_add(u64::try_from(piece).unwrap_or(u64::MAX));
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_told_from_data_with_and_without_holes() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 20).unwrap();
        file.write_at(b"x", 600_000).unwrap();
        assert!(is_zeros(&file, 0, 500_000).unwrap());
        assert!(!is_zeros(&file, 0, 1 << 20).unwrap());
        assert!(is_zeros(&file, 600_001, 1000).unwrap());
    }
}
