//! When each pack was last read and found whole: a small local file that may be lost.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::entry::Time;
use ov_format::id::ObjectHash;

use crate::error::VaultError;

/// When packs were last verified.
pub struct Verified {
    path: Option<PathBuf>,
    times: BTreeMap<ObjectHash, i64>,
}

impl Verified {
    /// Reads the file; one that is missing or cannot be read knows nothing.
    pub fn open(path: Option<&Path>) -> Self {
        let bytes = path.and_then(|path| std::fs::read(path).ok());
        let times = bytes.and_then(|bytes| Times::from_bytes(&bytes).ok());
        Self {
            path: path.map(Path::to_owned),
            times: times.map(|times| times.0).unwrap_or_default(),
        }
    }

    /// When a pack was last verified, in seconds since 1970.
    pub fn last(&self, pack: &ObjectHash) -> Option<i64> {
        self.times.get(pack).copied()
    }

    /// Notes that a pack is whole.
    pub fn note(&mut self, pack: ObjectHash, now: Time) {
        self.times.insert(pack, now.seconds);
    }

    /// Drops what is not there any more.
    pub fn keep<T>(&mut self, packs: &BTreeMap<ObjectHash, T>) {
        self.times.retain(|pack, _| packs.contains_key(pack));
    }

    /// Writes the file: beside it first, so that a crash leaves the old one.
    pub fn store(&self) -> Result<(), VaultError> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let state = |source| VaultError::State {
            path: path.clone(),
            source,
        };
        let beside = path.with_extension("new");
        let mut file = std::fs::File::create(&beside).map_err(state)?;
        let bytes = Times(self.times.clone()).to_bytes();
        file.write_all(&bytes).map_err(state)?;
        std::fs::rename(&beside, path).map_err(state)
    }
}

struct Times(BTreeMap<ObjectHash, i64>);

impl Wire for Times {
    fn write(&self, w: &mut Writer) {
        w.array(self.0.len());
        for (pack, seconds) in &self.0 {
            w.array(2).value(pack).int(*seconds);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let mut times = BTreeMap::new();
        for _ in 0..r.array()? {
            let more = r.fields(2)?;
            times.insert(r.value()?, r.int()?);
            r.skip_fields(more)?;
        }
        Ok(Self(times))
    }
}
