//! A part of a snapshot as a tar or zip stream.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ov_format::entry::{Entry, EntryKey, Kind, Meta, Time};
use ov_source::ShownPath;
use tar::{Builder, EntryType, Header};
use thiserror::Error;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::dump::ContentReader;
use crate::extents::Sameness;
use crate::read_error::TreeError;
use crate::report::{EntryError, Shown};
use crate::restore::is_lost;
use crate::shape::Wanted;

/// Why a stream ended early. What was written is not to be used.
#[derive(Debug, Error)]
pub enum ArchiveError {
    /// A part of the tree cannot be read.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file's content cannot be had.
    #[error("{path}: {error}")]
    Content {
        /// The file.
        path: ShownPath,
        /// Why.
        error: EntryError,
    },
    /// The stream cannot be written.
    #[error("the stream cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The stream cannot hold an entry.
    #[error("the stream cannot be written: {0}")]
    Zip(#[from] zip::result::ZipError),
}

/// Writes a tar stream: GNU long names, extended attributes and nanoseconds as PAX headers, hard
/// links as such, holes as zeros. Gives what was left out: sockets, and what the backup could not
/// read.
pub fn dump_tar(
    wanted: &Wanted<'_>,
    workers: usize,
    out: &mut dyn Write,
) -> Result<Shown<ShownPath>, ArchiveError> {
    let mut tar = Builder::new(out);
    let mut left_out = Shown::default();
    let mut first_names: HashMap<(u64, Sameness), Vec<u8>> = HashMap::new();
    for entry in wanted.entries() {
        let entry = entry?;
        let Some(key) = wanted.part.target_key(&entry.key) else {
            continue;
        };
        if is_left_out(&entry) {
            left_out.add(ShownPath::absolute(&entry.key));
            continue;
        }
        let group = entry
            .meta
            .link_group
            .filter(|_| entry.meta.kind == Kind::File)
            .map(|group| (group, Sameness::of(wanted.tree.reader(), &entry)));
        let first = group.as_ref().and_then(|group| first_names.get(group));
        match first {
            Some(first) => tar_link(&mut tar, &key, &entry.meta, EntryType::Link, first)?,
            None => tar_entry(&mut tar, wanted, &key, &entry, workers)?,
        }
        if let Some(group) = group {
            first_names.entry(group).or_insert_with(|| key.path());
        }
    }
    tar.finish()?;
    Ok(left_out)
}

fn is_left_out(entry: &Entry) -> bool {
    entry.meta.kind == Kind::Socket || is_lost(entry)
}

fn tar_entry(
    tar: &mut Builder<&mut dyn Write>,
    wanted: &Wanted<'_>,
    key: &EntryKey,
    entry: &Entry,
    workers: usize,
) -> Result<(), ArchiveError> {
    let meta = &entry.meta;
    let entry_type = match &meta.kind {
        Kind::Symlink(to) => return tar_link(tar, key, meta, EntryType::Symlink, to),
        Kind::File => EntryType::Regular,
        Kind::Directory => EntryType::Directory,
        Kind::Fifo | Kind::Socket => EntryType::Fifo,
        Kind::CharDevice { .. } => EntryType::Char,
        Kind::BlockDevice { .. } => EntryType::Block,
    };
    let mut header = tar_header(tar, meta, entry_type)?;
    if let Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } = meta.kind {
        header.set_device_major(major)?;
        header.set_device_minor(minor)?;
    }
    let mut path = key.path();
    if meta.kind == Kind::Directory {
        path.push(b'/');
    }
    if meta.kind != Kind::File {
        return Ok(tar.append_data(&mut header, as_path(&path), io::empty())?);
    }
    header.set_size(meta.size);
    let mut content = ContentReader::new(wanted.tree.reader(), entry, workers);
    let written = tar.append_data(&mut header, as_path(&path), &mut content);
    told(entry, content, written)
}

fn tar_link(
    tar: &mut Builder<&mut dyn Write>,
    key: &EntryKey,
    meta: &Meta,
    entry_type: EntryType,
    to: &[u8],
) -> Result<(), ArchiveError> {
    let mut header = tar_header(tar, meta, entry_type)?;
    Ok(tar.append_link(&mut header, as_path(&key.path()), as_path(to))?)
}

fn tar_header(
    tar: &mut Builder<&mut dyn Write>,
    meta: &Meta,
    entry_type: EntryType,
) -> Result<Header, ArchiveError> {
    let mut extras: Vec<(String, Vec<u8>)> = Vec::new();
    if meta.mtime.nanos != 0 || meta.mtime.seconds < 0 {
        extras.push(("mtime".to_owned(), decimal(meta.mtime).into_bytes()));
    }
    for (name, value) in &meta.xattrs {
        if let Ok(name) = std::str::from_utf8(name) {
            extras.push((format!("SCHILY.xattr.{name}"), value.clone()));
        }
    }
    if !extras.is_empty() {
        let pairs = extras.iter();
        tar.append_pax_extensions(pairs.map(|(name, value)| (name.as_str(), &value[..])))?;
    }
    let mut header = Header::new_gnu();
    header.set_entry_type(entry_type);
    header.set_mode(meta.mode);
    header.set_uid(meta.uid.into());
    header.set_gid(meta.gid.into());
    header.set_mtime(u64::try_from(meta.mtime.seconds).unwrap_or(0));
    header.set_size(0);
    // Names that are too long or no text are left to the numbers.
    let name = |bytes: &[u8]| std::str::from_utf8(bytes).unwrap_or_default().to_owned();
    let _ = header.set_username(&name(&meta.user));
    let _ = header.set_groupname(&name(&meta.group));
    Ok(header)
}

/// Seconds with their fraction, before 1970 too.
fn decimal(time: Time) -> String {
    let nanos = i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanos);
    let sign = if nanos < 0 { "-" } else { "" };
    let (whole, part) = (
        nanos.unsigned_abs() / 1_000_000_000,
        nanos.unsigned_abs() % 1_000_000_000,
    );
    format!("{sign}{whole}.{part:09}")
}

/// Writes a zip stream without compression. Holds files, folders and symbolic links; gives what
/// was left out. Hard links become files of their own, names that are no UTF-8 are shown as such.
pub fn dump_zip(
    wanted: &Wanted<'_>,
    workers: usize,
    out: &mut dyn Write,
) -> Result<Shown<ShownPath>, ArchiveError> {
    let mut zip = ZipWriter::new_stream(out);
    let mut left_out = Shown::default();
    for entry in wanted.entries() {
        let entry = entry?;
        let Some(key) = wanted.part.target_key(&entry.key) else {
            continue;
        };
        let name = String::from_utf8_lossy(&key.path()).into_owned();
        let options = zip_options(&entry.meta);
        match &entry.meta.kind {
            _ if is_left_out(&entry) => left_out.add(ShownPath::absolute(&entry.key)),
            Kind::Directory => zip.add_directory(name, options)?,
            Kind::Symlink(to) => {
                zip.add_symlink(name, String::from_utf8_lossy(to), options)?;
            }
            Kind::File => {
                zip.start_file(name, options)?;
                let mut content = ContentReader::new(wanted.tree.reader(), &entry, workers);
                let written = io::copy(&mut content, &mut zip).map(|_| ());
                told(&entry, content, written)?;
            }
            _ => left_out.add(ShownPath::absolute(&entry.key)),
        }
    }
    zip.finish()?;
    Ok(left_out)
}

fn zip_options(meta: &Meta) -> SimpleFileOptions {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .large_file(true)
        .unix_permissions(meta.mode);
    let moment = Timestamp::from_second(meta.mtime.seconds).ok();
    let moment = moment.map(|moment| moment.to_zoned(TimeZone::UTC));
    let stamp = moment.and_then(|at| {
        let small = |number: i8| u8::try_from(number).ok();
        let year = u16::try_from(at.year()).ok()?;
        let (month, day) = (small(at.month())?, small(at.day())?);
        let (hour, minute, second) = (small(at.hour())?, small(at.minute())?, small(at.second())?);
        DateTime::from_date_and_time(year, month, day, hour, minute, second).ok()
    });
    options.last_modified_time(stamp.unwrap_or_default())
}

fn told(
    entry: &Entry,
    content: ContentReader<'_>,
    written: io::Result<()>,
) -> Result<(), ArchiveError> {
    match content.failed {
        Some(error) => Err(ArchiveError::Content {
            path: ShownPath::absolute(&entry.key),
            error,
        }),
        None => Ok(written?),
    }
}

fn as_path(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_fraction_on_both_sides_of_1970() {
        let time = |seconds, nanos| decimal(Time { seconds, nanos });
        assert_eq!(time(1, 5), "1.000000005");
        assert_eq!(time(-1, 500_000_000), "-0.500000000");
        assert_eq!(time(-2, 0), "-2.000000000");
    }
}
