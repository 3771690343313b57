//! What a forget will do: to show, to keep in a file, to carry out.

use std::collections::BTreeSet;

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire, Writer};
use ov_format::id::{TargetId, VaultId};
use ov_format::name::RecordName;
use ov_policy::retention::{GroupPlan, Verdict};

use crate::error::VaultError;
use crate::forget::Group;
use crate::state::State;
use crate::vault::Vault;

/// Version of the bytes of a plan.
const VERSION: u64 = 1;

/// What a forget will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForgetPlan {
    vault: VaultId,
    target: TargetId,
    seen: Vec<RecordName>,
    groups: Vec<GroupPlan<RecordName, Group>>,
    forget: BTreeSet<RecordName>,
    keep: BTreeSet<RecordName>,
}

impl ForgetPlan {
    pub(crate) fn new(
        vault: &Vault,
        seen: Vec<RecordName>,
        groups: Vec<GroupPlan<RecordName, Group>>,
    ) -> Self {
        let all = || groups.iter().flat_map(|group| &group.verdicts);
        let names = |keep: bool| {
            let wanted = all().filter(|(_, verdict)| verdict.is_keep() == keep);
            wanted.map(|(name, _)| *name).collect()
        };
        Self {
            vault: vault.id(),
            target: vault.target(),
            seen,
            forget: names(false),
            keep: names(true),
            groups,
        }
    }

    /// Each group, its snapshots newest first, with the reasons of those that stay. Empty in a
    /// plan read from bytes.
    pub fn groups(&self) -> &[GroupPlan<RecordName, Group>] {
        &self.groups
    }

    /// The snapshots that go.
    pub fn forgotten(&self) -> impl Iterator<Item = &RecordName> {
        self.forget.iter()
    }

    /// The snapshots of the same groups that stay.
    pub fn kept(&self) -> impl Iterator<Item = &RecordName> {
        self.keep.iter()
    }

    /// Whether nothing goes.
    pub fn is_empty(&self) -> bool {
        self.forget.is_empty()
    }

    /// The reasons why a snapshot stays.
    pub fn verdict(&self, name: &RecordName) -> Option<&Verdict> {
        let mut all = self.groups.iter().flat_map(|group| &group.verdicts);
        Some(&all.find(|(one, _)| one == name)?.1)
    }

    /// The plan as bytes, for a file: without the reasons.
    pub fn encode(&self) -> Vec<u8> {
        self.to_bytes()
    }

    /// Reads what [`ForgetPlan::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, VaultError> {
        Self::from_bytes(bytes).map_err(VaultError::NotAPlan)
    }

    /// Whether the vault still is as the plan takes it to be.
    pub(crate) fn check(&self, vault: &Vault, state: &State) -> Result<(), VaultError> {
        if self.vault != vault.id() || self.target != vault.target() {
            let why = "it was made for another vault or target";
            return Err(VaultError::PlanOutdated(why));
        }
        let gone = |name: &RecordName| {
            vault
                .logs()
                .tips
                .get(&name.log)
                .is_none_or(|tips| tips.iter().all(|tip| tip.number < name.number))
        };
        if self.seen.iter().any(gone) {
            return Err(VaultError::PlanOutdated(
                "records that it saw are not there",
            ));
        }
        if self.forget.iter().any(|name| state.held(name)) {
            return Err(VaultError::PlanOutdated(
                "a snapshot that it forgets is held now",
            ));
        }
        if !self
            .forget
            .iter()
            .all(|name| state.commits.contains_key(name))
        {
            return Err(VaultError::PlanOutdated(
                "it names a snapshot that is not there",
            ));
        }
        let forgotten = |name: &RecordName| state.commits.get(name).is_none_or(|one| one.forgotten);
        match self.keep.iter().any(forgotten) {
            true => Err(VaultError::PlanOutdated(
                "a snapshot that it keeps was forgotten",
            )),
            false => Ok(()),
        }
    }
}

impl Wire for ForgetPlan {
    fn write(&self, w: &mut Writer) {
        let list = |names: &BTreeSet<RecordName>| names.iter().copied().collect::<Vec<_>>();
        w.array(7).text("oncovault forget plan").uint(VERSION);
        w.value(&self.vault).value(&self.target).list(&self.seen);
        w.list(&list(&self.forget)).list(&list(&self.keep));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(7)?;
        if r.text()? != "oncovault forget plan" {
            return Err(FormatError::Rule("a plan says what it is"));
        }
        let number: u64 = r.uint()?;
        if number != VERSION {
            let what = "a forget plan of version";
            return Err(FormatError::Unknown { what, number });
        }
        let plan = Self {
            vault: r.value()?,
            target: r.value()?,
            seen: r.list()?,
            groups: Vec::new(),
            forget: r.list()?.into_iter().collect(),
            keep: r.list()?.into_iter().collect(),
        };
        r.skip_fields(more)?;
        Ok(plan)
    }
}
