//! BGZF (SAM specification §4.1): gzip in blocks of at most 64 KiB, as in BAM and indexed VCF.

use crate::shape::Shape;

/// What every block begins with: gzip with an extra field, whose first part is the block's size.
const MAGIC: [u8; 4] = [0x1F, 0x8B, 8, 4];
const EXTRA: [u8; 4] = *b"BC\x02\0";
const EXTRA_AT: usize = 12;
const DEFLATE_AT: usize = 18;

/// Whether a block begins here.
pub(crate) fn begins(bytes: &[u8]) -> bool {
    let extra = bytes.get(EXTRA_AT..);
    bytes.starts_with(&MAGIC) && extra.is_some_and(|extra| extra.starts_with(&EXTRA))
}

/// How far the next block is, if one begins in these bytes.
pub(crate) fn next_block(bytes: &[u8]) -> Option<usize> {
    let mut starts = bytes.windows(EXTRA_AT + EXTRA.len());
    starts.position(begins)
}

/// What bytes look like that begin with a block: compressed already, unless its first piece is
/// stored as it is (RFC 1951 §3.2.4).
pub(crate) fn shape(bytes: &[u8]) -> Shape {
    let stored = bytes
        .get(DEFLATE_AT)
        .is_none_or(|first| first >> 1 & 3 == 0);
    match begins(bytes) && !stored {
        true => Shape::Packed,
        false => Shape::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(kind: u8) -> Vec<u8> {
        let header = [
            0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 0xFF, 6, 0, b'B', b'C', 2, 0, 9, 0,
        ];
        [&header[..], &[kind; 30]].concat()
    }

    #[test]
    fn the_next_block_is_found_and_nothing_is_taken_for_one() {
        let bytes = [&[0x1F, 0x8B, 8, 4][..], &[7; 50], &block(5)].concat();
        assert_eq!(next_block(&bytes), Some(54));
        assert_eq!(next_block(&bytes[54..]), Some(0));
        assert_eq!(next_block(&bytes[55..]), None);
        assert_eq!(next_block(&bytes[..60]), None);
        assert_eq!(next_block(&[]), None);
    }

    #[test]
    fn blocks_that_are_not_compressed_are_not_taken_for_packed() {
        assert_eq!(shape(&block(5)), Shape::Packed);
        assert_eq!(shape(&block(1)), Shape::Unknown);
        assert_eq!(shape(&block(5)[..18]), Shape::Unknown);
        assert_eq!(shape(&[7; 100]), Shape::Unknown);
        assert_eq!(shape(&[]), Shape::Unknown);
    }
}
