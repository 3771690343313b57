//! Frames of small chunks that are hardly used any more, and storing what is left of them again.
//!
//! A keeper frees whole frames: it cannot see what is inside. A frame of small files lives on while
//! one of them does. So the agent counts how much of each gathered frame its tree uses. When that
//! falls below half of the most that it ever used, the next run reads the files that are left in
//! the frame, within a budget, and stores them anew; then nobody needs the old frame
//! (`docs/decisions/0015-frames-that-live-half.md`).
//!
//! What was counted is kept in the local state, beside the tree. Losing it costs space alone:
//! counting begins anew.

use std::collections::{HashMap, HashSet};

use ov_format::FormatError;
use ov_format::cbor::{Reader, Writer};
use ov_format::content::{Content, Extent, FrameRef};
use ov_format::entry::Entry;
use ov_format::id::SegmentId;
use ov_format::name::RecordName;

use crate::local_file::{Block, LocalFiles};
use crate::used::Used;

/// However little a run stores, it may renew this much, in plain bytes.
const BUDGET_MIN: u64 = 16 << 20;

/// What is left after a mass of files went is renewed within this time, in seconds.
const SPREAD_SECONDS: i64 = 30 * 24 * 3600;

/// A file is read again if at least this part of it is to be renewed, as a divisor.
const WORTH: u64 = 4;

/// Rows in one block of the local file.
const BLOCK_ROWS: usize = 4096;

/// What the last run knew of a gathered frame.
#[derive(Clone, Copy)]
struct Row {
    at: FrameRef,
    /// The most plain bytes of it that a tree of this dataset used, since it was renewed.
    most: u32,
    next: Next,
}

/// What the next run does with a frame.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Keeps,
    Renews,
}

fn file_name(commit: &RecordName) -> String {
    format!("frames/{}", commit.hash)
}

/// Frames whose chunks this run stores again where it can.
#[derive(Default)]
pub struct Renewal {
    frames: HashSet<FrameRef>,
}

impl Renewal {
    /// What the run of a commit left to do. If nothing is known there is nothing to do.
    pub fn open(files: &LocalFiles, commit: Option<&RecordName>) -> Self {
        let mut frames = HashSet::new();
        if let Some(commit) = commit {
            each_row(files, commit, &mut |row| {
                if row.next == Next::Renews {
                    frames.insert(row.at);
                }
            });
        }
        Self { frames }
    }

    /// Whether the chunks of a frame are stored again.
    pub fn has(&self, at: &FrameRef) -> bool {
        self.frames.contains(at)
    }

    /// Whether an unchanged file is read again: a good part of it is to be renewed. For the last
    /// piece of a large file it is not worth it.
    pub fn is_worth(&self, entry: &Entry) -> bool {
        let extents = match &entry.content {
            Content::Extents(extents) if !self.frames.is_empty() => &extents[..],
            _ => return false,
        };
        let renewed = extents.iter().map(|extent| match extent {
            Extent::Data { chunk, length } if self.has(&chunk.at) => u64::from(*length),
            _ => 0,
        });
        let renewed: u64 = renewed.fold(0, u64::saturating_add);
        renewed > 0 && renewed.saturating_mul(WORTH) >= entry.meta.size
    }
}

/// How much the next run may renew, in plain bytes: as much as this one had to store, and what
/// falls to the time since the last one.
pub fn budget(added: u64, bytes: u64, seconds: i64) -> u64 {
    let seconds = u128::from(seconds.clamp(0, SPREAD_SECONDS).unsigned_abs());
    let share = u128::from(bytes) * seconds / u128::from(SPREAD_SECONDS.unsigned_abs());
    let share = u64::try_from(share).unwrap_or(u64::MAX);
    added.saturating_add(share).max(BUDGET_MIN)
}

/// Counts what the tree of `commit` uses, decides what the next run renews, and keeps both.
pub fn finish(
    files: &LocalFiles,
    last: Option<&RecordName>,
    commit: &RecordName,
    used: &Used,
    budget: u64,
) {
    let mut known: HashMap<FrameRef, u32> = HashMap::new();
    if let Some(last) = last {
        each_row(files, last, &mut |row| {
            // What could not be renewed is tried again when it has halved once more.
            if row.next == Next::Keeps && used.alive(&row.at) > 0 {
                known.insert(row.at, row.most);
            }
        });
    }
    let gathered = used.gathered().into_iter().map(|(at, alive)| {
        let most = known.get(&at).copied().unwrap_or(0).max(alive);
        let next = Next::Keeps;
        (Row { at, most, next }, alive)
    });
    let mut rows: Vec<(Row, u32)> = gathered.collect();
    choose(&mut rows, budget);
    write(files, commit, rows.into_iter().map(|(row, _)| row));
}

/// Forgets what was counted for an older commit.
pub fn forget(files: &LocalFiles, commit: &RecordName) {
    files.remove(&file_name(commit));
}

/// The least used first, until the budget is spent.
fn choose(rows: &mut [(Row, u32)], mut budget: u64) {
    let half = |(row, alive): &&mut (Row, u32)| u64::from(*alive) * 2 < u64::from(row.most);
    let mut dying: Vec<_> = rows.iter_mut().filter(half).collect();
    dying.sort_by(|(a, a_alive), (b, b_alive)| {
        let a_share = u64::from(*a_alive) * u64::from(b.most);
        let b_share = u64::from(*b_alive) * u64::from(a.most);
        a_share.cmp(&b_share).then_with(|| a.at.cmp(&b.at))
    });
    for (row, alive) in dying {
        let Some(left) = budget.checked_sub(u64::from(*alive)) else {
            return;
        };
        budget = left;
        row.next = Next::Renews;
    }
}

fn write(files: &LocalFiles, commit: &RecordName, rows: impl Iterator<Item = Row>) {
    let Some(mut blocks) = files.writer(&file_name(commit)) else {
        return;
    };
    let rows: Vec<Row> = rows.collect();
    for rows in rows.chunks(BLOCK_ROWS) {
        let mut w = Writer::new();
        w.array(rows.len());
        for row in rows {
            w.array(4)
                .bytes(&row.at.segment.0)
                .uint(row.at.frame)
                .uint(row.most)
                .bool(row.next == Next::Renews);
        }
        blocks.push(&w.finish());
    }
    blocks.finish();
}

/// Reads what a run wrote, up to where it is damaged.
fn each_row(files: &LocalFiles, commit: &RecordName, take: &mut dyn FnMut(Row)) {
    let Some(mut blocks) = files.reader(&file_name(commit)) else {
        return;
    };
    while let Some(Block::Data(block)) = blocks.next_block() {
        if each_in_block(&block, take).is_err() {
            return;
        }
    }
}

fn each_in_block(block: &[u8], take: &mut dyn FnMut(Row)) -> Result<(), FormatError> {
    let mut r = Reader::new(block);
    for _ in 0..r.array()? {
        r.fields(4)?;
        let segment = SegmentId(r.fixed()?);
        let frame = r.uint()?;
        take(Row {
            at: FrameRef { segment, frame },
            most: r.uint()?,
            next: match r.bool()? {
                true => Next::Renews,
                false => Next::Keeps,
            },
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(frame: u16, most: u32, alive: u32) -> (Row, u32) {
        let segment = SegmentId([7; 32]);
        let at = FrameRef { segment, frame };
        let next = Next::Keeps;
        (Row { at, most, next }, alive)
    }

    fn chosen(rows: &[(Row, u32)]) -> Vec<u16> {
        let renewed = rows.iter().filter(|(row, _)| row.next == Next::Renews);
        renewed.map(|(row, _)| row.at.frame).collect()
    }

    #[test]
    fn what_is_used_by_half_or_more_stays_and_the_least_used_goes_first() {
        let rows = || {
            vec![
                row(1, 100, 49),
                row(2, 100, 50),
                row(3, 100, 10),
                row(4, 9, 9),
            ]
        };
        let mut all = rows();
        choose(&mut all, 1000);
        assert_eq!(chosen(&all), [1, 3]);
        let mut some = rows();
        choose(&mut some, 58);
        assert_eq!(chosen(&some), [3]);
        let mut none = rows();
        choose(&mut none, 9);
        assert_eq!(chosen(&none), [0u16; 0]);
    }

    #[test]
    fn the_budget_follows_what_was_stored_and_the_time_that_passed() {
        const TIB: u64 = 1 << 40;
        assert_eq!(budget(0, 0, 0), BUDGET_MIN);
        assert_eq!(budget(TIB, 0, 0), TIB);
        assert_eq!(budget(0, TIB, 24 * 3600), TIB / 30);
        assert_eq!(budget(0, TIB, i64::MAX), TIB);
        assert_eq!(budget(0, TIB, -5), BUDGET_MIN);
        assert_eq!(budget(u64::MAX, u64::MAX, i64::MAX), u64::MAX);
    }
}
