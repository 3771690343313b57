//! When each pack was last read and found whole: the small local file that a check keeps.

use std::collections::BTreeMap;
use std::path::Path;

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::id::ObjectHash;

/// Reads the file: seconds since 1970 by pack. One that is missing or cannot be read knows nothing.
pub(crate) fn read(file: &Path) -> BTreeMap<ObjectHash, i64> {
    let bytes = std::fs::read(file).ok();
    let times = bytes.and_then(|bytes| Times::from_bytes(&bytes).ok());
    times.map(|times| times.0).unwrap_or_default()
}

/// As `ov_vault::check` writes it.
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
