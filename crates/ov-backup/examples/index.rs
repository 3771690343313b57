//! Measures the index with made-up chunks: `cargo run --release -p ov-backup --example index -- 10000000`
//! builds one of ten million in a temporary folder, below the folder that a second argument names.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ov_backup::index::shelves::{Bounds, Keep, Shelves};
use ov_backup::local_file::LocalFiles;
use ov_format::content::FrameRef;
use ov_format::id::{ChunkTag, MemberId, ObjectHash, SegmentId, TargetId};
use ov_format::list::GroupChunk;
use ov_format::name::{LogId, RecordName};
use ov_policy::prune::Condemned;
use ov_seal::entropy::OsEntropy;
use ov_seal::kdf::Key32;
use rustix::time::{ClockId, clock_gettime};

const FOLDER: &str = "index/example";

/// A checkpoint's worth.
const CHUNKS_PER_COMMIT: u64 = 50_000;

const CHUNKS_PER_SEGMENT: u64 = 64;

const LOOKUPS: u64 = 400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let chunks: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let below = arguments
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(below)?;
    let files = LocalFiles::open(
        Some(folder.path()),
        &Key32::new([7; 32]),
        Arc::new(OsEntropy),
    )?;
    build(&files, chunks)?;
    print_sizes(&folder.path().join(FOLDER), chunks)?;
    look_up(&files, chunks)
}

/// Time by the wall and by the processor since a moment.
struct Stopwatch(Instant, Duration);

impl Stopwatch {
    fn start() -> Self {
        Self(Instant::now(), processor_time())
    }

    fn read(&self) -> (Duration, Duration) {
        (self.0.elapsed(), processor_time().saturating_sub(self.1))
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn open(files: &LocalFiles) -> Result<Shelves, Box<dyn Error>> {
    let dropped = Condemned::default();
    Ok(Shelves::open(files, FOLDER, Bounds::default(), dropped, &|_| true)?.shelves)
}

/// As a run does that finds no shelves and all lists.
fn build(files: &LocalFiles, chunks: u64) -> Result<(), Box<dyn Error>> {
    let watch = Stopwatch::start();
    let mut shelves = open(files)?;
    for number in 0..chunks.div_ceil(CHUNKS_PER_COMMIT) {
        let first = number * CHUNKS_PER_COMMIT;
        let list: Vec<_> = (first..chunks.min(first + CHUNKS_PER_COMMIT))
            .map(chunk)
            .collect();
        shelves.add(commit(number), &list);
        if shelves.is_full() {
            shelves
                .fold(Keep::Named)
                .map_err(|_| "a shelf was damaged")?;
        }
    }
    shelves
        .fold(Keep::Named)
        .map_err(|_| "a shelf was damaged")?;
    let (wall, processor) = watch.read();
    println!("{chunks} chunks built in {wall:.1?}, {processor:.1?} of the processor");
    println!("  shelves of {:?}", shelves.lengths());
    print_memory("  peak while building");
    Ok(())
}

fn look_up(files: &LocalFiles, chunks: u64) -> Result<(), Box<dyn Error>> {
    forget_peak();
    let watch = Stopwatch::start();
    let mut shelves = open(files)?;
    let (wall, processor) = watch.read();
    println!("opened in {wall:.1?}, {processor:.1?} of the processor");
    print_memory("  peak after opening");
    for round in ["first", "second"] {
        let spread = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % chunks;
        rate(
            &mut shelves,
            &format!("{round} misses"),
            &|n| chunks + spread(n),
            0,
        )?;
        rate(&mut shelves, &format!("{round} hits"), &spread, LOOKUPS)?;
        let run = |n: u64| (chunks / 2 + n) % chunks;
        rate(&mut shelves, &format!("{round} segments"), &run, LOOKUPS)?;
    }
    println!("in memory: {:?}", shelves.resident());
    print_memory("  peak of looking up");
    Ok(())
}

fn rate(
    shelves: &mut Shelves,
    what: &str,
    number: &dyn Fn(u64) -> u64,
    expected: u64,
) -> Result<(), Box<dyn Error>> {
    let watch = Stopwatch::start();
    let mut found = 0;
    for n in 0..LOOKUPS {
        let chunk = chunk(number(n));
        let hit = if what.ends_with("segments") {
            shelves.has_segment(&chunk.at.segment)
        } else {
            shelves.find(&chunk.tag).map(|found| found == Some(chunk))
        };
        found += u64::from(hit.map_err(|_| "a shelf was damaged")?);
    }
    let (wall, processor) = watch.read();
    let lookups = u32::try_from(LOOKUPS)?;
    let rate = f64::from(lookups) / wall.as_secs_f64();
    let each = processor / lookups;
    println!("{what}: {rate:.0} a second; {each:.2?} of the processor each");
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found} of {LOOKUPS} found, not {expected}").into())
    }
}

fn chunk(number: u64) -> GroupChunk {
    let mut tag = [0; 16];
    tag.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..16]);
    let segment = (number / CHUNKS_PER_SEGMENT).to_be_bytes();
    let frame = number % CHUNKS_PER_SEGMENT;
    GroupChunk {
        tag: ChunkTag(tag),
        at: FrameRef {
            segment: SegmentId(*blake3::hash(&segment).as_bytes()),
            frame: u16::try_from(frame).unwrap_or(0),
        },
        index: 0,
    }
}

fn commit(number: u64) -> RecordName {
    RecordName {
        log: LogId {
            member: MemberId([1; 8]),
            target: TargetId([1; 8]),
        },
        number,
        hash: ObjectHash(*blake3::hash(&number.to_le_bytes()).as_bytes()),
    }
}

fn print_sizes(folder: &Path, chunks: u64) -> Result<(), Box<dyn Error>> {
    let (mut all, mut filter) = (0, 0);
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let length = entry.metadata()?.len();
        all += length;
        if entry.file_name().to_string_lossy().ends_with("-filter") {
            filter += length;
        }
    }
    let each = |bytes: u64| bytes as f64 / chunks as f64;
    println!(
        "on disk {} MiB, {:.2} bytes per chunk; filter {} KiB, {:.3} bytes per chunk",
        all >> 20,
        each(all),
        filter >> 10,
        each(filter)
    );
    Ok(())
}

/// Has the kernel count the peak anew (Linux).
fn forget_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn print_memory(what: &str) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    println!("{what}: {}", peak.unwrap_or("not known here"));
}
