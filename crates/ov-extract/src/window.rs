//! The beginning and the end of a file, gathered while it is read.

/// As much of a file as somebody wants of it.
pub(crate) struct Gathered {
    head: Vec<u8>,
    tail: Vec<u8>,
    head_most: usize,
    tail_most: usize,
}

impl Gathered {
    /// Of a file that begins with `head`, at most so many bytes of its beginning and its end.
    pub(crate) fn new(head: Vec<u8>, head_most: usize, tail_most: usize) -> Self {
        let mut gathered = Self {
            head: Vec::new(),
            tail: Vec::new(),
            head_most: head_most.max(head.len()),
            tail_most,
        };
        gathered.ends_with(&head);
        gathered.head = head;
        gathered
    }

    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    pub(crate) fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// The next bytes of the file.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = self.head_most.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        self.ends_with(bytes);
    }

    /// How many zeros of a hole make a difference here.
    pub(crate) fn zeros(&self, length: u64) -> u64 {
        let room = self.head_most.saturating_sub(self.head.len());
        let room = room.saturating_add(self.tail_most);
        length.min(u64::try_from(room).unwrap_or(u64::MAX))
    }

    fn ends_with(&mut self, bytes: &[u8]) {
        if let Some(start) = bytes.len().checked_sub(self.tail_most) {
            self.tail.clear();
            self.tail.extend_from_slice(&bytes[start..]);
            return;
        }
        self.tail.extend_from_slice(bytes);
        let more = self.tail.len().saturating_sub(self.tail_most);
        self.tail.drain(..more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_beginning_and_the_end_are_those_of_the_file(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..20), 1..9),
            head_most in 0_usize..60,
            tail_most in 0_usize..30,
        ) {
            let first = pieces[0].clone();
            let head_most = head_most.max(first.len());
            let mut gathered = Gathered::new(first, head_most, tail_most);
            pieces[1..].iter().for_each(|piece| gathered.push(piece));
            let file = pieces.concat();
            prop_assert_eq!(gathered.head(), &file[..head_most.min(file.len())]);
            prop_assert_eq!(gathered.tail(), &file[file.len() - tail_most.min(file.len())..]);
        }
    }
}
