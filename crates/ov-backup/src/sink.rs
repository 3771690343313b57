//! Where pages of both trees go.

use ov_seal::compartment::chunk_id;

use crate::error::BackupError;
use crate::frame_writer::FrameWriter;
use crate::index::Index;
use crate::page_writer::{Novelty, PageSink, StoredPage};
use crate::read::ReadKeys;
use crate::renewal::Renewal;
use crate::used::Used;

/// Pages are chunks: found again in the index, else stored.
pub struct Sink<'a, 'w> {
    /// What the group has.
    pub index: &'a mut Index<'w>,
    /// Where new pages go.
    pub frames: &'a mut FrameWriter<'w>,
    /// Frames whose chunks are stored again.
    pub renewal: &'a Renewal,
    /// Names pages.
    pub keys: &'a ReadKeys,
    /// What the tree uses.
    pub used: &'a mut Used,
}

impl PageSink for Sink<'_, '_> {
    fn page(&mut self, encoded: Vec<u8>) -> Result<StoredPage, BackupError> {
        let id = chunk_id(&self.keys.page, &encoded);
        let length = encoded.len();
        let known = self.index.find(&id);
        let (chunk, novelty) = match known.filter(|chunk| !self.renewal.has(&chunk.at)) {
            Some(chunk) => (chunk, Novelty::Known),
            None => {
                let chunk = self.frames.add_page(id, encoded)?;
                self.index.insert(&chunk);
                (chunk, Novelty::New)
            }
        };
        self.used.add(&chunk, length);
        Ok(StoredPage { chunk, novelty })
    }
}
