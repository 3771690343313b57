//! The same bytes more than once: told by length, then by beginning and end, then by all bytes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use ov_source::FileTree;

use crate::file::{Extent, FoundFile};
use crate::look::digest;
use crate::watch::Watch;

/// Files with the same bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Duplicate {
    /// Their length.
    pub size: u64,
    /// Their places in the survey, two or more, in order.
    pub files: Vec<usize>,
}

impl Duplicate {
    /// Bytes that would be free if there were one of them only.
    #[must_use]
    pub fn spare(&self) -> u64 {
        let others = u64::try_from(self.files.len().saturating_sub(1)).unwrap_or(u64::MAX);
        self.size.saturating_mul(others)
    }
}

/// All duplicates, those that take most space first. Empty files are none.
pub(crate) fn find(
    tree: &FileTree,
    files: &[FoundFile],
    threads: usize,
    watch: &dyn Watch,
) -> Vec<Duplicate> {
    let mut found = Vec::new();
    let mut alike = Vec::new();
    for (extent, places) in prints(files) {
        match extent {
            Extent::Whole => found.push(places),
            Extent::Part => alike.push(places),
        }
    }
    found.extend(confirmed(tree, files, &alike, threads, watch));
    let mut found: Vec<Duplicate> = found
        .into_iter()
        .map(|places| Duplicate {
            size: places
                .first()
                .and_then(|at| files.get(*at))
                .map_or(0, |f| f.size),
            files: places,
        })
        .collect();
    found.sort_by(|a, b| {
        b.spare()
            .cmp(&a.spare())
            .then_with(|| a.files.cmp(&b.files))
    });
    found
}

/// Groups of files whose length, beginning and end are the same.
fn prints(files: &[FoundFile]) -> Vec<(Extent, Vec<usize>)> {
    let mut groups: HashMap<[u8; 16], (Extent, Vec<usize>)> = HashMap::new();
    for (at, file) in files.iter().enumerate() {
        let Some(seen) = file.seen.as_ref().filter(|_| file.size > 0) else {
            continue;
        };
        let group = groups.entry(seen.print);
        group.or_insert((seen.extent, Vec::new())).1.push(at);
    }
    let groups = groups.into_values();
    groups.filter(|(_, places)| places.len() > 1).collect()
}

/// Reads files that look alike whole. What cannot be read any more is no duplicate.
fn confirmed(
    tree: &FileTree,
    files: &[FoundFile],
    alike: &[Vec<usize>],
    threads: usize,
    watch: &dyn Watch,
) -> Vec<Vec<usize>> {
    let next = AtomicUsize::new(0);
    let take = || {
        let mut same = Vec::new();
        while let Some(places) = alike.get(next.fetch_add(1, Ordering::Relaxed)) {
            if watch.stop() {
                break;
            }
            same.extend(same_bytes(tree, files, places));
        }
        same
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(take)).collect();
        let done = workers.into_iter().filter_map(|worker| worker.join().ok());
        done.flatten().collect()
    })
}

fn same_bytes(tree: &FileTree, files: &[FoundFile], places: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
    for at in places {
        let digest = files.get(*at).and_then(|file| known(tree, file));
        if let Some(digest) = digest {
            groups.entry(digest).or_default().push(*at);
        }
    }
    let groups = groups.into_values();
    groups.filter(|places| places.len() > 1).collect()
}

fn known(tree: &FileTree, file: &FoundFile) -> Option<[u8; 32]> {
    let digests = file.facts().and_then(|facts| facts.dicom.as_ref()?.digests);
    digests
        .map(|digests| digests.file)
        .or_else(|| digest(tree, &file.key()).ok())
}
