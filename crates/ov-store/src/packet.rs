//! Fields in big endian, as SFTP has them (draft-ietf-secsh-filexfer-02 section 3, RFC 4251
//! section 5) and [`crate::message`] too: numbers, and strings of bytes with their length in front.

/// Puts fields together.
#[derive(Debug, Default)]
pub(crate) struct Packing(Vec<u8>);

impl Packing {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    pub(crate) fn u32(mut self, value: u32) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    pub(crate) fn u64(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Bytes that are longer than a length can say do not occur: frames are far shorter.
    pub(crate) fn string(self, bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.u32(length).raw(bytes)
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// The other side sent what its protocol does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other side sent something that is not understood; does its shell print a greeting?")]
pub(crate) struct Malformed;

/// Takes fields apart. Refuses what ends too early.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacking<'a>(&'a [u8]);

impl<'a> Unpacking<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[byte]: [u8; 1]| byte)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn string(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed)?;
        let (string, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(string)
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (array, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*array)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_together_comes_apart_again() {
        let packed = Packing::new().u8(1).u32(2).u64(3).string("abc").raw(b"de");
        let bytes = packed.finish();
        let mut fields = Unpacking::new(&bytes);
        assert_eq!(fields.u8(), Ok(1));
        assert_eq!(fields.u32(), Ok(2));
        assert_eq!(fields.u64(), Ok(3));
        assert_eq!(fields.string(), Ok(&b"abc"[..]));
        assert_eq!(fields.end(), Err(Malformed));
        assert_eq!(fields.rest(), b"de");
    }

    #[test]
    fn a_claimed_length_beyond_the_end_is_refused() {
        let bytes = Packing::new().u32(u32::MAX).raw(b"abc").finish();
        assert_eq!(Unpacking::new(&bytes).string(), Err(Malformed));
        assert_eq!(Unpacking::new(&[1, 2, 3]).u32(), Err(Malformed));
    }
}
