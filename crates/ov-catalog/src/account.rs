//! An account, out of its entry in a catalog.

use std::io::{self, Write};

use ov_clinical::{ACCOUNT_MAX, Account};
use ov_format::entry::Entry;
use ov_restore::{FrameReader, dump_file};

/// Reads what an entry of a catalog says; `None` if it cannot be read, or is of no form that this
/// program knows.
pub(crate) fn read_account(reader: &FrameReader<'_>, entry: &Entry) -> Option<Account> {
    let mut bytes = Bounded(Vec::new());
    dump_file(reader, entry, 1, &mut bytes).ok()?;
    Account::decode(&bytes.0).ok()
}

/// Takes no more than an account may have: catalogs are written by agents, which may be hostile.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > ACCOUNT_MAX {
            return Err(io::Error::from(io::ErrorKind::FileTooLarge));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
