//! The plan of a repair, in a file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::id::ObjectHash;
use ov_format::name::{ObjectName, RecordName};
use ov_store::{TargetUrl, UrlError};
use ov_vault::repair::{Fetch, RepairPlan};
use ov_vault::{Vault, VaultError};

use crate::planning::{MadeFor, expect};

const NAME: &str = "oncovault repair plan";
const VERSION: u64 = 2;

/// What shall be mended, and the copies that it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairFile {
    made_for: MadeFor,
    /// URLs of the copies, in the order in which fetches count them.
    copies: Vec<Vec<u8>>,
    fetch: Vec<Kept>,
    give_up: Vec<ObjectHash>,
    give_up_records: Vec<RecordName>,
}

/// One object that comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept(Fetch);

impl RepairFile {
    /// What a file keeps of a plan.
    pub fn of(plan: &RepairPlan, copies: &[OsString], vault: &Vault) -> Result<Self, UrlError> {
        Ok(Self {
            made_for: MadeFor::this(vault),
            copies: copies.iter().map(from_anywhere).collect::<Result<_, _>>()?,
            fetch: plan.fetch.iter().copied().map(Kept).collect(),
            give_up: plan.give_up.clone(),
            give_up_records: plan.give_up_records.iter().copied().collect(),
        })
    }

    /// Where the copies are.
    pub fn urls(&self) -> Vec<OsString> {
        let urls = self.copies.iter().cloned();
        urls.map(OsString::from_vec).collect()
    }

    /// The plan that it is.
    pub fn plan(&self, vault: &Vault) -> Result<RepairPlan, VaultError> {
        self.made_for.check(vault)?;
        Ok(RepairPlan {
            fetch: self.fetch.iter().map(|kept| kept.0).collect(),
            give_up: self.give_up.clone(),
            give_up_records: self.give_up_records.iter().copied().collect(),
            ..RepairPlan::default()
        })
    }
}

/// A URL that means the same in every folder that the plan may be carried out from.
fn from_anywhere(url: &OsString) -> Result<Vec<u8>, UrlError> {
    let folder = match TargetUrl::from_os(url)?.as_folder() {
        Some(folder) => std::path::absolute(folder).ok(),
        None => None,
    };
    Ok(folder
        .map_or_else(|| url.clone(), OsString::from)
        .into_vec())
}

impl Wire for RepairFile {
    fn write(&self, w: &mut Writer) {
        w.array(8).text(NAME).uint(VERSION);
        w.value(&self.made_for.vault).value(&self.made_for.target);
        w.list(&self.copies).list(&self.fetch).list(&self.give_up);
        w.list(&self.give_up_records);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(8)?;
        expect(r, NAME, VERSION)?;
        let file = Self {
            made_for: MadeFor {
                vault: r.value()?,
                target: r.value()?,
            },
            copies: r.list()?,
            fetch: r.list()?,
            give_up: r.list()?,
            give_up_records: r.list()?,
        };
        r.skip_fields(more)?;
        Ok(file)
    }
}

impl Wire for Kept {
    fn write(&self, w: &mut Writer) {
        let copy = u64::try_from(self.0.copy).unwrap_or(u64::MAX);
        w.array(3).text(&self.0.object.to_string());
        w.uint(copy).uint(self.0.bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let object = ObjectName::parse(r.text()?);
        let kept = Self(Fetch {
            object: object.ok_or(FormatError::Rule("a repair fetches objects"))?,
            copy: r.uint()?,
            bytes: r.uint()?,
        });
        r.skip_fields(more)?;
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::id::{MemberId, TargetId, VaultId};
    use ov_format::name::LogId;

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let hash = ObjectHash([7; 32]);
        let file = RepairFile {
            made_for: MadeFor {
                vault: VaultId([1; 32]),
                target: TargetId([2; TargetId::BYTES]),
            },
            copies: vec![b"/srv/copy".to_vec(), b"s3://b/p".to_vec()],
            fetch: vec![Kept(Fetch {
                object: ObjectName::Table(hash),
                copy: 1,
                bytes: 5,
            })],
            give_up: vec![hash],
            give_up_records: vec![RecordName {
                log: LogId {
                    member: MemberId([3; MemberId::BYTES]),
                    target: TargetId([2; TargetId::BYTES]),
                },
                number: 4,
                hash,
            }],
        };
        let bytes = file.to_bytes();
        assert_eq!(RepairFile::from_bytes(&bytes), Ok(file));
        for end in 0..bytes.len() {
            assert!(RepairFile::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
    }
}
