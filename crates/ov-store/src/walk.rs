//! Walking the folders of a target.

use std::fs::Metadata;
use std::io;
use std::path::Path;

/// Objects lie at most this many folders below the folder of their kind.
const DEPTH_MAX: usize = 3;

/// Shows every regular file below `folder` that does not sort before `start`, in the order of
/// paths, until `visit` says no. Links are not followed. What vanishes meanwhile is skipped; a missing folder is empty.
pub(crate) fn files(
    folder: &Path,
    start: Option<&Path>,
    visit: &mut dyn FnMut(&Path, &Metadata) -> bool,
) -> io::Result<()> {
    walk(folder, start, DEPTH_MAX, visit).map(drop)
}

/// Returns whether to go on.
fn walk(
    folder: &Path,
    start: Option<&Path>,
    depth: usize,
    visit: &mut dyn FnMut(&Path, &Metadata) -> bool,
) -> io::Result<bool> {
    let Some(entries) = present(std::fs::read_dir(folder))? else {
        return Ok(true);
    };
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_cached_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if start.is_some_and(|start| path.as_path() < start && !start.starts_with(&path)) {
            continue;
        }
        let Some(metadata) = present(entry.metadata())? else {
            continue;
        };
        let go_on = if metadata.is_dir() && depth > 0 {
            walk(&path, start, depth - 1, visit)?
        } else {
            !metadata.is_file() || visit(&path, &metadata)
        };
        if !go_on {
            return Ok(false);
        }
    }
    Ok(true)
}

fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
