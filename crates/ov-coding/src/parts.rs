//! What a coder splits plain bytes into: parts of different kinds, each of which zstd codes by
//! itself, as no one table of frequencies suits them all.

/// Some bytes that stay as they are, and parts. Used again for frame after frame: what memory held
/// before is not cleared, as that would cost as much as a copy.
#[derive(Default)]
pub(crate) struct Parts {
    head: Vec<u8>,
    memory: Vec<u8>,
    used: usize,
    ends: Vec<usize>,
}

impl Parts {
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.used = 0;
        self.ends.clear();
    }

    /// What stays as it is, and stands before the parts.
    pub(crate) const fn head(&mut self) -> &mut Vec<u8> {
        &mut self.head
    }

    /// The next so many bytes of the part, whatever they hold: all of them count.
    pub(crate) fn room(&mut self, length: usize) -> &mut [u8] {
        let start = self.used;
        self.used += length;
        if self.memory.len() < self.used {
            self.memory.resize(self.used, 0);
        }
        &mut self.memory[start..self.used]
    }

    /// Adds to the part.
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
    }

    /// Ends the part: all bytes put since the last one.
    pub(crate) fn end(&mut self) {
        self.ends.push(self.used);
    }

    /// So many more parts of one length, one behind the other, whatever they hold.
    pub(crate) fn equal(&mut self, parts: usize, length: usize) -> &mut [u8] {
        let start = self.used;
        self.ends
            .extend((1..=parts).map(|part| start + part * length));
        self.room(parts * length)
    }

    pub(crate) fn read_head(&self) -> &[u8] {
        &self.head
    }

    /// All parts, one behind the other.
    pub(crate) fn read_bytes(&self) -> &[u8] {
        &self.memory[..self.used]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        let ranges = starts.zip(&self.ends).map(|(start, end)| *start..*end);
        ranges.filter_map(|range| self.read_bytes().get(range))
    }
}
