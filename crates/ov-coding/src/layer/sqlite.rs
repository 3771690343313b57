//! SQLite databases: pages of one size, changed in place (SQLite's file format, §1.3).

const MAGIC: &[u8] = b"SQLite format 3\0";

/// Bytes of a page, if the file that begins with `head` is a database: 512 to 65,536.
pub(crate) fn page(head: &[u8]) -> Option<usize> {
    let size = head.strip_prefix(MAGIC)?.first_chunk()?;
    match u16::from_be_bytes(*size) {
        1 => Some(1 << 16),
        size if size >= 512 && size.is_power_of_two() => Some(usize::from(size)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_page_is_read_and_impossible_ones_are_refused() {
        let head = |size: [u8; 2]| [MAGIC, &size, &[1; 50]].concat();
        for (size, expected) in [
            ([0x10, 0], Some(4096)),
            ([2, 0], Some(512)),
            ([0, 1], Some(65_536)),
            ([0x10, 1], None),
            ([1, 0], None),
            ([0, 0], None),
        ] {
            assert_eq!(page(&head(size)), expected, "{size:?}");
        }
        assert_eq!(page(MAGIC), None);
        assert_eq!(page(b""), None);
    }
}
