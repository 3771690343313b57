//! What a coder splits plain bytes into: parts of different kinds, each of which zstd codes by
//! itself, as no one table of frequencies suits them all.

/// Some bytes that stay as they are, and parts. Used again for frame after frame.
#[derive(Default)]
pub(crate) struct Parts {
    head: Vec<u8>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Parts {
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.bytes.clear();
        self.ends.clear();
    }

    /// What stays as it is, and stands before the parts.
    pub(crate) const fn head(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    /// Where bytes of the next part are put.
    pub(crate) const fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Ends the next part: all bytes put since the last one.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn read_head(&self) -> &[u8] {
        &self.head
    }

    /// All parts, one behind the other.
    pub(crate) fn read_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends).map(|(start, end)| *start..*end);
        ranges.filter_map(|range| self.bytes.get(range))
    }
}
