//! Sorted records of one length in sealed blocks of one length, in a local file: any of them is
//! found with one read. What finds the block is in memory: the first eight bytes of each block's
//! first record, its *fence*.

use std::ops::Range;

use crate::index::block_cache::BlockCache;
use crate::local_file::{BlockFile, BlockWriter, LocalFiles};

/// Plain bytes of a block.
pub const BLOCK_BYTES: usize = 8164;

/// A block of a shelf's file that did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAsWritten;

/// Records of `N` bytes in a block.
pub const fn per_block<const N: usize>() -> usize {
    BLOCK_BYTES / N
}

/// The first eight bytes of a record or key as a number.
pub fn fence(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&key[..8]);
    u64::from_be_bytes(first)
}

/// Writes records in their order.
pub struct SortedWriter<const N: usize> {
    files: LocalFiles,
    name: String,
    blocks: BlockWriter,
    block: Vec<u8>,
    fences: Vec<u64>,
    records: u64,
}

impl<const N: usize> SortedWriter<N> {
    /// Starts a file; `None` if it cannot be written.
    pub fn start(files: &LocalFiles, name: &str) -> Option<Self> {
        Some(Self {
            files: files.clone(),
            name: name.to_owned(),
            blocks: files.writer(name)?,
            block: Vec::with_capacity(BLOCK_BYTES),
            fences: Vec::new(),
            records: 0,
        })
    }

    /// Adds a record that comes behind all before it.
    pub fn push(&mut self, record: &[u8; N]) {
        if self.block.is_empty() {
            self.fences.push(fence(record));
        }
        self.block.extend_from_slice(record);
        self.records += 1;
        if self.block.len() == per_block::<N>() * N {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.block.resize(BLOCK_BYTES, 0);
        self.blocks.push(&self.block);
        self.block.clear();
    }

    /// Ends the file and returns how many records it has. Whether all could be written shows when
    /// it is opened.
    pub fn finish(mut self) -> u64 {
        if !self.block.is_empty() {
            self.flush();
        }
        self.blocks.finish();
        let mut fences = Vec::with_capacity(self.fences.len() * 8);
        for fence in &self.fences {
            fences.extend_from_slice(&fence.to_le_bytes());
        }
        self.files.write(&fences_name(&self.name), &fences);
        self.records
    }
}

fn fences_name(name: &str) -> String {
    format!("{name}-fences")
}

/// Removes what a writer left.
pub fn remove(files: &LocalFiles, name: &str) {
    files.remove(name);
    files.remove(&fences_name(name));
}

/// A complete file.
pub struct SortedFile<const N: usize> {
    blocks: BlockFile,
    fences: Vec<u64>,
    records: u64,
    number: u32,
}

impl<const N: usize> SortedFile<N> {
    /// Opens a file with so many records; `None` if it is not there or not as it was written.
    pub fn open(
        files: &LocalFiles,
        name: &str,
        records: u64,
        cache: &mut BlockCache,
    ) -> Option<Self> {
        let count = records.div_ceil(u64::try_from(per_block::<N>()).ok()?);
        let blocks = files.blocks(name, BLOCK_BYTES, count)?;
        let bytes = files.read(&fences_name(name))?;
        let fences: Vec<u64> = bytes
            .as_chunks::<8>()
            .0
            .iter()
            .map(|fence| u64::from_le_bytes(*fence))
            .collect();
        (u64::try_from(fences.len()).ok()? == count).then(|| Self {
            blocks,
            fences,
            records,
            number: cache.number_file(),
        })
    }

    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// How many blocks it has.
    pub fn blocks(&self) -> usize {
        self.fences.len()
    }

    /// The blocks in which a key can be: one, unless the first records of blocks begin with the
    /// same eight bytes.
    pub fn candidates(&self, key: &[u8]) -> Range<usize> {
        let wanted = fence(key);
        let first = self.fences.partition_point(|fence| *fence < wanted);
        let end = self.fences.partition_point(|fence| *fence <= wanted);
        first.saturating_sub(1)..end
    }

    /// The record in a block that begins with the key.
    pub fn find_in(
        &self,
        block: usize,
        key: &[u8],
        cache: &mut BlockCache,
    ) -> Result<Option<[u8; N]>, NotAsWritten> {
        let at = u64::try_from(block).map_err(|_| NotAsWritten)?;
        let bytes = cache.get((self.number, at), || self.blocks.read_at(at));
        let records = self.records_in(block, bytes.ok_or(NotAsWritten)?);
        let place = records.partition_point(|record| record[..key.len()] < *key);
        let found = records.get(place).filter(|found| found.starts_with(key));
        Ok(found.copied())
    }

    fn records_in<'b>(&self, block: usize, bytes: &'b [u8]) -> &'b [[u8; N]] {
        let records = &bytes.as_chunks::<N>().0[..per_block::<N>()];
        let full = per_block::<N>();
        let before = u64::try_from(block.saturating_mul(full)).unwrap_or(u64::MAX);
        let left = usize::try_from(self.records.saturating_sub(before)).unwrap_or(usize::MAX);
        &records[..left.min(full)]
    }

    /// All records in their order, past the cache.
    pub fn iter(&self) -> Records<'_, N> {
        Records {
            file: self,
            block: 0,
            bytes: Vec::new(),
            at: 0,
        }
    }
}

/// Goes through all records. Ends after a block that does not open.
pub struct Records<'f, const N: usize> {
    file: &'f SortedFile<N>,
    block: usize,
    bytes: Vec<u8>,
    at: usize,
}

impl<const N: usize> Iterator for Records<'_, N> {
    type Item = Result<[u8; N], NotAsWritten>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.bytes.is_empty() {
            if self.block >= self.file.blocks() {
                return None;
            }
            let number = u64::try_from(self.block).ok()?;
            match self.file.blocks.read_at(number) {
                Some(bytes) => (self.bytes, self.at) = (bytes, 0),
                None => {
                    self.block = self.file.blocks();
                    return Some(Err(NotAsWritten));
                }
            }
        }
        let records = self.file.records_in(self.block, &self.bytes);
        let record = records.get(self.at).copied();
        self.at += 1;
        if self.at >= records.len() {
            self.bytes.clear();
            self.block += 1;
        }
        record.map(Ok)
    }
}
