//! Bytes of a file that were read and not yet cut.

/// A buffer that is filled at the end and cut from the beginning. Its memory stays: to clear it
/// before each read would cost as much as the read.
#[derive(Default)]
pub struct Uncut {
    memory: Vec<u8>,
    from: usize,
    to: usize,
}

impl Uncut {
    /// What has not been cut.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.from..self.to]
    }

    /// Forgets it.
    pub fn clear(&mut self) {
        (self.from, self.to) = (0, 0);
    }

    /// Room for the next `length` bytes; what is put there counts after [`Uncut::filled`].
    pub fn room(&mut self, length: usize) -> &mut [u8] {
        if self.from > 0 {
            self.memory.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let end = self.to + length;
        if self.memory.len() < end {
            self.memory.resize(end, 0);
        }
        &mut self.memory[self.to..end]
    }

    /// So many bytes of the room were filled.
    pub fn filled(&mut self, length: usize) {
        self.to = (self.to + length).min(self.memory.len());
    }

    /// The first bytes have been cut off.
    pub fn cut(&mut self, length: usize) {
        self.from = (self.from + length).min(self.to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(uncut: &mut Uncut, bytes: &[u8]) {
        // As a read does that gives less than it was asked for.
        uncut.room(bytes.len() + 7)[..bytes.len()].copy_from_slice(bytes);
        uncut.filled(bytes.len());
    }

    #[test]
    fn bytes_come_out_in_the_order_in_which_they_went_in() {
        let mut uncut = Uncut::default();
        put(&mut uncut, b"abcdef");
        uncut.cut(4);
        put(&mut uncut, b"ghi");
        assert_eq!(uncut.bytes(), b"efghi");
        uncut.cut(5);
        assert_eq!(uncut.bytes(), b"");
        put(&mut uncut, b"j");
        assert_eq!(uncut.bytes(), b"j");
        uncut.clear();
        assert_eq!(uncut.bytes(), b"");
    }
}
