//! Packs on their way to the target while they are filled.

use ov_format::name::ObjectName;
use ov_store::{Arriving, Durable, Store, StoreError, begin_pack};
use ov_vault::pack_writer::FinishedPack;

/// Bytes of a pack that go to the target together, or a little more. Not many: they pass through
/// memory that is used again and again.
pub const PIECE: usize = 1024 * 1024;

/// A frame of so many bytes is a piece by itself. Smaller ones are copied into one.
pub const PIECE_ALONE: usize = 256 * 1024;

/// So many steps may wait for the target.
pub const PIECES: usize = 4;

/// The packs that are filled at the same time.
#[derive(Clone, Copy)]
pub enum Filled {
    /// That of content.
    Content,
    /// That of pages.
    Pages,
}

/// What is done with a pack.
pub enum Step {
    /// Its next bytes.
    Piece(Filled, Vec<u8>),
    /// Its last bytes, and its name.
    End(Filled, FinishedPack),
}

/// What came of it.
pub enum Stepped {
    /// The bytes are with the target; this is the buffer they were in.
    Written(Vec<u8>),
    /// All of the pack is there.
    Stored(FinishedPack, Durable<ObjectName>),
    /// Nothing: a step before it failed.
    Left,
}

/// Packs of which some pieces were stored.
pub struct Storing<'w> {
    store: &'w dyn Store,
    content: Option<Box<dyn Arriving + 'w>>,
    pages: Option<Box<dyn Arriving + 'w>>,
    broken: bool,
}

impl<'w> Storing<'w> {
    /// None yet.
    pub fn at(store: &'w dyn Store) -> Self {
        Self {
            store,
            content: None,
            pages: None,
            broken: false,
        }
    }

    /// Does the next step. After one that failed nothing is done: what is left of a pack without
    /// the piece that failed must never get its name.
    pub fn step(&mut self, step: Step) -> Result<Stepped, StoreError> {
        if self.broken {
            return Ok(Stepped::Left);
        }
        let done = match step {
            Step::Piece(filled, bytes) => self.write(filled, bytes),
            Step::End(filled, pack) => self.end(filled, pack),
        };
        self.broken = done.is_err();
        done
    }

    fn write(&mut self, filled: Filled, bytes: Vec<u8>) -> Result<Stepped, StoreError> {
        let mut begun = match self.begun(filled).take() {
            Some(begun) => begun,
            None => begin_pack(self.store)?,
        };
        begun.write(&bytes)?;
        *self.begun(filled) = Some(begun);
        Ok(Stepped::Written(bytes))
    }

    fn end(&mut self, filled: Filled, pack: FinishedPack) -> Result<Stepped, StoreError> {
        let name = ObjectName::Pack(pack.object.hash);
        let durable = match self.begun(filled).take() {
            Some(mut begun) => {
                begun.write(&pack.bytes)?;
                begun.finish(&name)?
            }
            None => self.store.put_new(&name, &pack.bytes)?,
        };
        Ok(Stepped::Stored(pack, durable))
    }

    fn begun(&mut self, filled: Filled) -> &mut Option<Box<dyn Arriving + 'w>> {
        match filled {
            Filled::Content => &mut self.content,
            Filled::Pages => &mut self.pages,
        }
    }
}

#[cfg(test)]
mod tests {
    use ov_format::id::ObjectHash;
    use ov_format::statement::StoredObject;
    use ov_store::{Folder, Listing};

    use super::*;

    fn packs(store: &Folder) -> usize {
        let mut count = 0;
        let mut visit = |_| {
            count += 1;
            Ok(())
        };
        store.list(Listing::Packs, &mut visit).unwrap();
        count
    }

    fn last(rest: &[u8], whole: &[u8]) -> FinishedPack {
        let hash = ObjectHash(*blake3::hash(whole).as_bytes());
        let length = u64::try_from(whole.len()).unwrap();
        FinishedPack {
            object: StoredObject { hash, length },
            bytes: rest.to_vec(),
            placements: Vec::new(),
        }
    }

    #[test]
    fn packs_that_came_in_pieces_lie_under_their_names() {
        let place = tempfile::tempdir().unwrap();
        let store = Folder::create(&place.path().join("vault")).unwrap();
        let mut storing = Storing::at(&store);
        for (filled, piece) in [(Filled::Content, b"one"), (Filled::Pages, b"two")] {
            let written = storing.step(Step::Piece(filled, piece.to_vec())).unwrap();
            assert!(matches!(written, Stepped::Written(buffer) if buffer == piece));
        }
        assert_eq!(packs(&store), 0);
        for (filled, whole) in [(Filled::Content, b"one end"), (Filled::Pages, b"two end")] {
            let end = Step::End(filled, last(b" end", whole));
            let Ok(Stepped::Stored(pack, _)) = storing.step(end) else {
                panic!("the pack was not stored");
            };
            let name = ObjectName::Pack(pack.object.hash);
            assert_eq!(store.get(&name).unwrap(), whole);
        }
        assert_eq!(packs(&store), 2);
    }

    #[test]
    fn a_pack_of_which_a_piece_failed_never_gets_its_name() {
        let place = tempfile::tempdir().unwrap();
        let (root, away) = (place.path().join("vault"), place.path().join("away"));
        let store = Folder::create(&root).unwrap();
        let mut storing = Storing::at(&store);
        std::fs::rename(&root, &away).unwrap();
        let piece = Step::Piece(Filled::Content, b"one".to_vec());
        assert!(storing.step(piece).is_err());
        std::fs::rename(&away, &root).unwrap();
        let end = Step::End(Filled::Content, last(b" end", b"one end"));
        assert!(matches!(storing.step(end), Ok(Stepped::Left)));
        assert_eq!(packs(&store), 0);
    }

    #[test]
    fn a_pack_that_is_given_up_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let store = Folder::create(place.path()).unwrap();
        let mut storing = Storing::at(&store);
        let piece = Step::Piece(Filled::Content, b"one".to_vec());
        storing.step(piece).unwrap();
        let left = || {
            std::fs::read_dir(place.path().join("pack"))
                .unwrap()
                .count()
        };
        assert_eq!(left(), 1);
        drop(storing);
        assert_eq!(left(), 0);
    }
}
