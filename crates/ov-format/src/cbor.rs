//! The subset of CBOR (RFC 8949) that every structure of the format is written in.
//!
//! Core deterministic encoding (§4.2.1): definite lengths, shortest heads. Only unsigned and
//! negative integers, byte strings, text strings, arrays, `false`, `true` and `null` occur. The
//! reader refuses everything else, so one value has exactly one encoding. Nothing is allocated
//! from a claimed length before the bytes are known to be there.

use crate::error::FormatError;

const UNSIGNED: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;

/// Writes values one after the other.
#[derive(Default)]
pub struct Writer {
    out: Vec<u8>,
}

impl Writer {
    /// An empty writer.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Bytes written so far.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let major = major << 5;
        let bytes = value.to_be_bytes();
        match value {
            0..=23 => self.out.push(major | bytes[7]),
            24..=0xff => self.out.extend_from_slice(&[major | 24, bytes[7]]),
            0x100..=0xffff => {
                self.out.push(major | 25);
                self.out.extend_from_slice(&bytes[6..]);
            }
            0x1_0000..=0xffff_ffff => {
                self.out.push(major | 26);
                self.out.extend_from_slice(&bytes[4..]);
            }
            _ => {
                self.out.push(major | 27);
                self.out.extend_from_slice(&bytes);
            }
        }
        self
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: impl Into<u64>) -> &mut Self {
        self.head(UNSIGNED, value.into())
    }

    /// A signed integer.
    pub fn int(&mut self, value: i64) -> &mut Self {
        match u64::try_from(value) {
            Ok(value) => self.head(UNSIGNED, value),
            // -1 - n is encoded as n, which is the bitwise complement.
            Err(_) => self.head(NEGATIVE, (!value).unsigned_abs()),
        }
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(BYTES, length(value.len()));
        self.out.extend_from_slice(value);
        self
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(TEXT, length(value.len()));
        self.out.extend_from_slice(value.as_bytes());
        self
    }

    /// The head of an array of `items` values, which the caller writes next.
    pub fn array(&mut self, items: usize) -> &mut Self {
        self.head(ARRAY, length(items))
    }

    /// `true` or `false`.
    #[expect(clippy::fn_params_excessive_bools, reason = "it writes a truth value")]
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.out.push(if value { TRUE } else { FALSE });
        self
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.out.push(NULL);
        self
    }

    /// A value that knows how to write itself.
    pub fn value<T: Wire>(&mut self, value: &T) -> &mut Self {
        value.write(self);
        self
    }

    /// An array of values.
    pub fn list<T: Wire>(&mut self, values: &[T]) -> &mut Self {
        self.array(values.len());
        for value in values {
            value.write(self);
        }
        self
    }

    /// A value, or `null` where there is none.
    pub fn option<T: Wire>(&mut self, value: Option<&T>) -> &mut Self {
        match value {
            Some(value) => value.write(self),
            None => {
                self.null();
            }
        }
        self
    }

    /// Bytes that are CBOR already.
    pub fn encoded(&mut self, bytes: &[u8]) -> &mut Self {
        self.out.extend_from_slice(bytes);
        self
    }
}

fn length(value: usize) -> u64 {
    // usize is at most 64 bits wide on every platform that Rust supports.
    value.try_into().unwrap_or(u64::MAX)
}

/// Reads values one after the other from untrusted bytes.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has read.
    pub fn position(&self) -> usize {
        self.at
    }

    fn fail<T>(&self, expected: &'static str) -> Result<T, FormatError> {
        Err(FormatError::Malformed {
            expected,
            at: self.at,
        })
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], FormatError> {
        let end = self
            .at
            .checked_add(count)
            .filter(|&end| end <= self.bytes.len());
        let Some(end) = end else {
            return Err(FormatError::Truncated { at: self.at });
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn peek(&self) -> Result<u8, FormatError> {
        self.bytes
            .get(self.at)
            .copied()
            .ok_or(FormatError::Truncated { at: self.at })
    }

    fn head(&mut self) -> Result<(u8, u64), FormatError> {
        let first = self.take(1)?[0];
        let (value, least) = match first & 0x1f {
            small @ 0..=23 => (u64::from(small), 0),
            24 => (self.big_endian(1)?, 24),
            25 => (self.big_endian(2)?, 0x100),
            26 => (self.big_endian(4)?, 0x1_0000),
            27 => (self.big_endian(8)?, 0x1_0000_0000),
            _ => return self.fail("a definite length"),
        };
        if value < least {
            return self.fail("the shortest form");
        }
        Ok((first >> 5, value))
    }

    fn big_endian(&mut self, count: usize) -> Result<u64, FormatError> {
        Ok(self
            .take(count)?
            .iter()
            .fold(0, |value, &byte| value << 8 | u64::from(byte)))
    }

    fn typed(&mut self, major: u8, expected: &'static str) -> Result<u64, FormatError> {
        if self.peek()? >> 5 != major {
            return self.fail(expected);
        }
        Ok(self.head()?.1)
    }

    /// An unsigned integer that fits `T`.
    pub fn uint<T: TryFrom<u64>>(&mut self) -> Result<T, FormatError> {
        let value = self.typed(UNSIGNED, "an unsigned integer")?;
        T::try_from(value).or_else(|_| self.fail("a smaller integer"))
    }

    /// A signed integer.
    pub fn int(&mut self) -> Result<i64, FormatError> {
        let (major, value) = match self.peek()? >> 5 {
            UNSIGNED | NEGATIVE => self.head()?,
            _ => return self.fail("an integer"),
        };
        let Ok(value) = i64::try_from(value) else {
            return self.fail("a smaller integer");
        };
        Ok(if major == UNSIGNED { value } else { !value })
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], FormatError> {
        let count = self.typed(BYTES, "a byte string")?;
        self.take(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// A byte string of exactly `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], FormatError> {
        let bytes = self.bytes()?;
        bytes
            .try_into()
            .or_else(|_| self.fail("a byte string of another length"))
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'a str, FormatError> {
        let count = self.typed(TEXT, "a text string")?;
        let bytes = self.take(usize::try_from(count).unwrap_or(usize::MAX))?;
        str::from_utf8(bytes).or_else(|_| self.fail("valid UTF-8"))
    }

    /// The head of an array: how many values follow. Bounded by the bytes that are left, since
    /// every value takes at least one.
    pub fn array(&mut self) -> Result<usize, FormatError> {
        let count = self.typed(ARRAY, "an array")?;
        let left = self.bytes.len().saturating_sub(self.at);
        usize::try_from(count)
            .ok()
            .filter(|&count| count <= left)
            .ok_or(FormatError::Truncated { at: self.at })
    }

    /// The head of a structure: an array of at least `fields` values. Returns how many more there
    /// are; [`Reader::skip_fields`] passes over them, so that later versions may add fields.
    pub fn fields(&mut self, fields: usize) -> Result<usize, FormatError> {
        match self.array()?.checked_sub(fields) {
            Some(more) => Ok(more),
            None => self.fail("more fields"),
        }
    }

    /// Passes over the fields that a later version added.
    pub fn skip_fields(&mut self, more: usize) -> Result<(), FormatError> {
        for _ in 0..more {
            self.skip()?;
        }
        Ok(())
    }

    /// Passes over one value of any kind. Iterative: nesting cannot exhaust the stack.
    pub fn skip(&mut self) -> Result<(), FormatError> {
        let mut pending: u64 = 1;
        while pending > 0 {
            pending -= 1;
            let first = self.peek()?;
            if matches!(first, FALSE | TRUE | NULL) {
                self.at += 1;
                continue;
            }
            let (major, value) = self.head()?;
            match major {
                UNSIGNED | NEGATIVE => {}
                BYTES | TEXT => {
                    self.take(usize::try_from(value).unwrap_or(usize::MAX))?;
                }
                ARRAY => pending = pending.saturating_add(value),
                _ => return self.fail("a known kind of value"),
            }
        }
        Ok(())
    }

    /// `true` or `false`.
    pub fn bool(&mut self) -> Result<bool, FormatError> {
        let value = match self.peek()? {
            TRUE => true,
            FALSE => false,
            _ => return self.fail("true or false"),
        };
        self.at += 1;
        Ok(value)
    }

    /// Whether the next value is `null`; if so it is read.
    pub fn null(&mut self) -> Result<bool, FormatError> {
        let null = self.peek()? == NULL;
        self.at += usize::from(null);
        Ok(null)
    }

    /// Whether the next value is a byte string.
    pub fn is_bytes(&self) -> Result<bool, FormatError> {
        Ok(self.peek()? >> 5 == BYTES)
    }

    /// A value that knows how to read itself.
    pub fn value<T: Wire>(&mut self) -> Result<T, FormatError> {
        T::read(self)
    }

    /// An array of values.
    pub fn list<T: Wire>(&mut self) -> Result<Vec<T>, FormatError> {
        let count = self.array()?;
        // Not `with_capacity(count)`: a value may be much larger in memory than on disk.
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(T::read(self)?);
        }
        Ok(values)
    }

    /// A value or `null`.
    pub fn option<T: Wire>(&mut self) -> Result<Option<T>, FormatError> {
        if self.null()? {
            Ok(None)
        } else {
            T::read(self).map(Some)
        }
    }

    /// Demands that everything was read.
    pub fn end(&self) -> Result<(), FormatError> {
        if self.at == self.bytes.len() {
            Ok(())
        } else {
            self.fail("the end")
        }
    }
}

/// A structure with one encoding.
pub trait Wire: Sized {
    /// Writes it.
    fn write(&self, w: &mut Writer);

    /// Reads it from untrusted bytes.
    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError>;

    /// Its encoding.
    fn to_bytes(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(&mut w);
        w.finish()
    }

    /// Reads it from bytes that hold nothing else.
    fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.end()?;
        Ok(value)
    }
}

impl Wire for u64 {
    fn write(&self, w: &mut Writer) {
        w.uint(*self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        r.uint()
    }
}

impl Wire for Vec<u8> {
    fn write(&self, w: &mut Writer) {
        w.bytes(self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(r.bytes()?.to_vec())
    }
}

impl Wire for String {
    fn write(&self, w: &mut Writer) {
        w.text(self);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        Ok(r.text()?.to_owned())
    }
}

macro_rules! wire_id {
    ($($id:ident),*) => {$(
        impl Wire for crate::id::$id {
            fn write(&self, w: &mut Writer) {
                w.bytes(&self.0);
            }

            fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
                Ok(Self(r.fixed()?))
            }
        }
    )*};
}

wire_id!(
    VaultId,
    ObjectHash,
    ChunkId,
    SegmentId,
    FrameHash,
    HeadHash,
    MemberId,
    TargetId,
    CompartmentId,
    GroupId,
    DatasetId,
    ChunkTag,
    InstanceId
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_and_strings_come_back(
            unsigned: u64, signed: i64, bytes: Vec<u8>, text: String, truth: bool
        ) {
            let mut w = Writer::new();
            w.array(6).uint(unsigned).int(signed).bytes(&bytes).text(&text).bool(truth).null();
            let encoded = w.finish();
            let mut r = Reader::new(&encoded);
            prop_assert_eq!(r.array().unwrap(), 6);
            prop_assert_eq!(r.uint::<u64>().unwrap(), unsigned);
            prop_assert_eq!(r.int().unwrap(), signed);
            prop_assert_eq!(r.bytes().unwrap(), &bytes[..]);
            prop_assert_eq!(r.text().unwrap(), text);
            prop_assert_eq!(r.bool().unwrap(), truth);
            prop_assert!(r.null().unwrap());
            r.end().unwrap();
            let mut whole = Reader::new(&encoded);
            whole.skip().unwrap();
            whole.end().unwrap();
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let mut r = Reader::new(&bytes);
            let _ = r.skip();
            prop_assert!(r.position() <= bytes.len());
        }
    }

    #[test]
    fn longer_forms_of_a_value_are_refused() {
        for encoded in [
            &[0x18, 23][..],
            &[0x19, 0, 255],
            &[0x1a, 0, 0, 255, 255],
            &[0x1b, 0, 0, 0, 0, 1, 0, 0, 0],
        ] {
            assert!(Reader::new(encoded).uint::<u64>().is_err(), "{encoded:?}");
        }
    }

    #[test]
    fn a_claimed_length_beyond_the_input_is_refused_before_allocation() {
        let claims = [0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert!(matches!(
            Reader::new(&claims).array(),
            Err(FormatError::Truncated { .. })
        ));
    }
}
