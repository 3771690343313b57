//! Says of most chunks that a shelf does not have them, without reading its rows.
//!
//! A Bloom filter in pages: a page speaks for [`BLOCKS_PER_PAGE`] consecutive blocks of rows, which
//! the fences find. So every page but the last is equally full, pages are written as rows stream
//! by, and a look-up reads one. About 10.1 bits (1.27 bytes) per row and seven bits set for each
//! give 0.8 % of wrong "perhaps"; "no" is always right.

use crate::index::block_cache::BlockCache;
use crate::index::row::ROW_BYTES;
use crate::index::sorted_file::{BLOCK_BYTES, NotAsWritten, per_block};
use crate::local_file::{BlockFile, BlockWriter, LocalFiles};

/// Blocks of rows that one page speaks for.
pub const BLOCKS_PER_PAGE: usize = 41;

const ROWS_PER_PAGE: usize = BLOCKS_PER_PAGE * per_block::<ROW_BYTES>();

const PAGE_BITS: u64 = 8 * 8164;

const BITS_PER_ROW: u64 = 7;

/// The bits of a tag in its page: enhanced double hashing (Dillinger and Manolios 2004) of the
/// tag's last eight bytes. Tags are hashes; the rows of a page share their first bits only.
fn bits(tag: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let half = |at: usize| {
        u64::from(u32::from_le_bytes([
            tag[at],
            tag[at + 1],
            tag[at + 2],
            tag[at + 3],
        ]))
    };
    let (mut place, mut step) = (half(8), half(12));
    (1..=BITS_PER_ROW).map(move |round| {
        let bit = place % PAGE_BITS;
        place += step;
        step += round;
        let byte = usize::try_from(bit / 8).unwrap_or(0);
        (byte, 1 << (bit % 8))
    })
}

/// Writes pages as rows stream by.
pub struct FilterWriter {
    pages: BlockWriter,
    page: Vec<u8>,
    rows: usize,
}

impl FilterWriter {
    /// Starts a file; `None` if it cannot be written.
    pub fn start(files: &LocalFiles, name: &str) -> Option<Self> {
        Some(Self {
            pages: files.writer(name)?,
            page: vec![0; BLOCK_BYTES],
            rows: 0,
        })
    }

    /// Adds the tag of the next row.
    pub fn push(&mut self, tag: &[u8]) {
        for (byte, bit) in bits(tag) {
            self.page[byte] |= bit;
        }
        self.rows += 1;
        if self.rows == ROWS_PER_PAGE {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.pages.push(&self.page);
        self.page.fill(0);
        self.rows = 0;
    }

    /// Ends the file.
    pub fn finish(mut self) {
        if self.rows > 0 {
            self.flush();
        }
        self.pages.finish();
    }
}

/// A complete filter.
pub struct Filter {
    pages: BlockFile,
    number: u32,
}

/// What a filter says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// It is not among the rows.
    No,
    /// The rows must be asked.
    Perhaps,
}

impl Filter {
    /// Opens the filter of so many blocks of rows; `None` if it is not as it was written.
    pub fn open(
        files: &LocalFiles,
        name: &str,
        blocks: usize,
        cache: &mut BlockCache,
    ) -> Option<Self> {
        let pages = u64::try_from(blocks.div_ceil(BLOCKS_PER_PAGE)).ok()?;
        Some(Self {
            pages: files.blocks(name, BLOCK_BYTES, pages)?,
            number: cache.number_file(),
        })
    }

    /// Whether a tag may be in a block of rows.
    pub fn has(
        &self,
        block: usize,
        tag: &[u8],
        cache: &mut BlockCache,
    ) -> Result<Has, NotAsWritten> {
        let at = u64::try_from(block / BLOCKS_PER_PAGE).map_err(|_| NotAsWritten)?;
        let page = cache.get((self.number, at), || self.pages.read_at(at));
        let page = page.ok_or(NotAsWritten)?;
        let all = bits(tag).all(|(byte, bit)| page[byte] & bit != 0);
        Ok(if all { Has::Perhaps } else { Has::No })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ov_seal::entropy::SeededEntropy;
    use ov_seal::kdf::Key32;

    use super::*;

    fn tag(number: u64) -> [u8; 16] {
        let mut tag = [0; 16];
        tag.copy_from_slice(&blake3::hash(&number.to_le_bytes()).as_bytes()[..16]);
        tag
    }

    #[test]
    fn what_was_pushed_is_never_denied_and_less_than_a_hundredth_of_the_rest_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let entropy = Arc::new(SeededEntropy::new(1));
        let files = LocalFiles::open(Some(folder.path()), &Key32::new([1; 32]), entropy).unwrap();
        let rows = u64::try_from(ROWS_PER_PAGE).unwrap();
        let mut writer = FilterWriter::start(&files, "filter").unwrap();
        (0..rows).for_each(|number| writer.push(&tag(number)));
        writer.finish();
        let mut cache = BlockCache::new(1);
        let filter = Filter::open(&files, "filter", BLOCKS_PER_PAGE, &mut cache).unwrap();
        let mut perhaps = |number| filter.has(0, &tag(number), &mut cache) == Ok(Has::Perhaps);
        assert!((0..rows).all(&mut perhaps));
        let wrong = (rows..rows + 200_000).filter(|n| perhaps(*n)).count();
        assert!(
            (1000..2000).contains(&wrong),
            "{wrong} of 200,000 were wrong"
        );
        let bytes = std::fs::metadata(folder.path().join("filter"))
            .unwrap()
            .len();
        assert!(bytes * 2 <= rows * 3, "{bytes} bytes for {rows} rows");
    }
}
