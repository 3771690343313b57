//! The plan of a prune, in a file.

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::name::ObjectName;
use ov_vault::prune::{Fate, Going, PrunePlan};
use ov_vault::{Vault, VaultError};

use crate::planning::{MadeFor, expect};

const NAME: &str = "oncovault prune plan";
const VERSION: u64 = 1;

/// What shall go, as it was shown. What these objects hold is looked at anew when they go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneFile {
    made_for: MadeFor,
    /// Seconds between condemning and deleting.
    pub grace_seconds: u64,
    freed_bytes: u64,
    going: Vec<Kept>,
}

/// One object that shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept(Going);

impl PruneFile {
    /// What a file keeps of a plan.
    pub fn of(plan: &PrunePlan, vault: &Vault) -> Self {
        Self {
            made_for: MadeFor::this(vault),
            grace_seconds: u64::try_from(plan.options.grace_seconds).unwrap_or(0),
            freed_bytes: plan.freed_bytes,
            going: plan.going.iter().copied().map(Kept).collect(),
        }
    }

    /// Lets a plan of now name what the file names, and nothing else.
    pub fn put_into(&self, plan: &mut PrunePlan, vault: &Vault) -> Result<(), VaultError> {
        self.made_for.check(vault)?;
        plan.going = self.going.iter().map(|kept| kept.0).collect();
        plan.freed_bytes = self.freed_bytes;
        plan.copied_bytes = plan.going.iter().map(|one| one.used_bytes).sum();
        Ok(())
    }
}

impl Wire for PruneFile {
    fn write(&self, w: &mut Writer) {
        w.array(7).text(NAME).uint(VERSION);
        w.value(&self.made_for.vault).value(&self.made_for.target);
        w.uint(self.grace_seconds).uint(self.freed_bytes);
        w.list(&self.going);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(7)?;
        expect(r, NAME, VERSION)?;
        let file = Self {
            made_for: MadeFor {
                vault: r.value()?,
                target: r.value()?,
            },
            grace_seconds: r.uint()?,
            freed_bytes: r.uint()?,
            going: r.list()?,
        };
        r.skip_fields(more)?;
        Ok(file)
    }
}

impl Wire for Kept {
    fn write(&self, w: &mut Writer) {
        let fate: u64 = match self.0.fate {
            Fate::Delete => 0,
            Fate::Repack => 1,
            Fate::Unpublished => 2,
        };
        w.array(4).text(&self.0.object.to_string()).uint(fate);
        w.uint(self.0.stored_bytes).uint(self.0.used_bytes);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(4)?;
        let object = match ObjectName::parse(r.text()?) {
            Some(object @ (ObjectName::Pack(_) | ObjectName::Table(_))) => object,
            _ => return Err(FormatError::Rule("packs and tables are pruned")),
        };
        let fate = match r.uint::<u64>()? {
            0 => Fate::Delete,
            1 => Fate::Repack,
            2 => Fate::Unpublished,
            number => {
                let what = "a fate of number";
                return Err(FormatError::Unknown { what, number });
            }
        };
        let kept = Self(Going {
            object,
            fate,
            stored_bytes: r.uint()?,
            used_bytes: r.uint()?,
        });
        r.skip_fields(more)?;
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::id::{ObjectHash, TargetId, VaultId};

    fn file() -> PruneFile {
        let hash = ObjectHash([7; 32]);
        let kept = |object, fate| {
            Kept(Going {
                object,
                fate,
                stored_bytes: 1 << 40,
                used_bytes: 17,
            })
        };
        PruneFile {
            made_for: MadeFor {
                vault: VaultId([1; 32]),
                target: TargetId([2; TargetId::BYTES]),
            },
            grace_seconds: 604_800,
            freed_bytes: 12,
            going: vec![
                kept(ObjectName::Pack(hash), Fate::Repack),
                kept(ObjectName::Pack(hash), Fate::Delete),
                kept(ObjectName::Table(hash), Fate::Unpublished),
            ],
        }
    }

    #[test]
    fn a_plan_is_read_as_it_was_written() {
        let bytes = file().to_bytes();
        assert_eq!(PruneFile::from_bytes(&bytes), Ok(file()));
        for end in 0..bytes.len() {
            assert!(PruneFile::from_bytes(&bytes[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_plan_names_packs_and_tables_alone() {
        let mut file = file();
        file.going[0].0.object = ObjectName::Target(ObjectHash([7; 32]));
        assert!(PruneFile::from_bytes(&file.to_bytes()).is_err());
    }
}
