//! The part of a file that a reader is given: its beginning, its end, its length.

/// The beginning and the end of a file.
///
/// `head` may be the whole file; then `tail` adds nothing. Offsets in warnings count from the
/// first byte of the file.
#[derive(Clone, Copy)]
pub struct Window<'a> {
    head: &'a [u8],
    tail: &'a [u8],
    length: u64,
}

/// Whether a text at hand is all there is of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Whole,
    Part,
}

/// How much of a file a reader wants, in bytes. Less is allowed: then it says less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// From the beginning.
    pub head: u64,
    /// From the end.
    pub tail: u64,
}

impl Need {
    /// Enough to identify any file.
    pub const TO_IDENTIFY: Need = Need {
        head: 64 << 10,
        tail: 4 << 10,
    };
}

impl<'a> Window<'a> {
    /// A file of which all bytes are at hand.
    #[must_use]
    pub fn whole(bytes: &'a [u8]) -> Self {
        Self {
            head: bytes,
            tail: &[],
            length: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }

    /// The first and the last bytes of a file of `length` bytes. A length that is smaller than
    /// what is shown counts as what is shown.
    #[must_use]
    pub fn parts(head: &'a [u8], tail: &'a [u8], length: u64) -> Self {
        let shown = head.len().max(tail.len());
        Self {
            head,
            tail,
            length: length.max(u64::try_from(shown).unwrap_or(u64::MAX)),
        }
    }

    /// The beginning.
    #[must_use]
    pub fn head(&self) -> &'a [u8] {
        self.head
    }

    /// The last bytes at hand: the given tail, or the end of a head that is the whole file.
    /// Nothing if the end of the file is not at hand.
    #[must_use]
    pub fn end(&self) -> &'a [u8] {
        if self.is_whole() {
            self.head
        } else {
            self.tail
        }
    }

    /// Whether the head is the whole file.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        u64::try_from(self.head.len()).is_ok_and(|head| head >= self.length)
    }

    /// The same as a value with a name.
    pub(crate) fn extent(&self) -> Extent {
        if self.is_whole() {
            Extent::Whole
        } else {
            Extent::Part
        }
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Whether the file ends with these bytes; `None` if its end is not at hand.
    #[must_use]
    pub fn ends_with(&self, marker: &[u8]) -> Option<bool> {
        let end = self.end();
        let enough = end.len() >= marker.len() || self.is_whole();
        enough.then(|| end.ends_with(marker))
    }

    /// The same file with at most `head` bytes of its beginning.
    #[must_use]
    pub fn narrowed(&self, head: usize) -> Self {
        let end = self.end();
        Self {
            head: self.head.get(..head).unwrap_or(self.head),
            tail: end.get(end.len().saturating_sub(4096)..).unwrap_or(end),
            length: self.length,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_file_is_known_only_where_it_is_at_hand() {
        assert_eq!(Window::whole(b"abc").ends_with(b"bc"), Some(true));
        assert_eq!(Window::whole(b"c").ends_with(b"bc"), Some(false));
        assert_eq!(Window::parts(b"abc", b"", 9).ends_with(b"bc"), None);
        assert_eq!(
            Window::parts(b"abc", b"xbc", 9).ends_with(b"bc"),
            Some(true)
        );
        assert_eq!(
            Window::whole(b"abcdef").narrowed(2).ends_with(b"ef"),
            Some(true)
        );
    }
}
