//! What the simulated agents say of files, so that the worlds try the catalog too: a function of
//! the bytes, so that whoever judges knows what must be said.

use ov_backup::{Extraction, Extractor, Told};

/// Files of this many bytes or more get an account that does not fit into a page.
const LONG_FROM: u64 = 2048;

/// Bytes of a long account.
const LONG: usize = 20 * 1024;

/// What is said of a file with these bytes.
pub fn account_of(bytes: &[u8]) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes);
    said(&hasher)
}

fn said(hasher: &blake3::Hasher) -> Vec<u8> {
    let mut account = vec![0; if hasher.count() < LONG_FROM { 32 } else { LONG }];
    hasher.finalize_xof().fill(&mut account);
    account
}

/// Says of every file what [`account_of`] says.
pub struct Witness;

impl Extractor for Witness {
    fn begin(&self, _: &[u8], _: Option<u64>) -> Option<Box<dyn Extraction>> {
        Some(Box::new(Seen(blake3::Hasher::new())))
    }
}

struct Seen(blake3::Hasher);

impl Extraction for Seen {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn hole(&mut self, length: u64) {
        for _ in 0..length {
            self.0.update(&[0]);
        }
    }

    fn end(self: Box<Self>) -> Told {
        match self.0.count() {
            LONG_FROM.. => Told::Now(Some(said(&self.0))),
            // Small files are shown together, later.
            _ => Told::Later(Box::new(move || Some(said(&self.0)))),
        }
    }
}
