//! Pruning: frees what no snapshot needs any more, without locks.
//!
//! The order is that of decision 2: copy the used frames of little-used packs and publish their
//! places; condemn; a grace later look again, rescue what is needed after all, put the delete
//! record, delete. Whatever dies in between is finished by the next prune, by whomever.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::content::FrameRef;
use ov_format::id::{ObjectHash, SegmentId, TargetId, VaultId};
use ov_format::name::ObjectName;
use ov_policy::prune::{Sight, is_safe};
use ov_policy::repack::{self, MaxUnused, PackUse, Published, RepackOptions};
use ov_store::Listed;

use crate::clock::time_of;
use crate::error::VaultError;
use crate::finding::Finding;
use crate::keeper::{Keeper, writing_members};
use crate::vault::Vault;
use crate::view::View;

pub use crate::prune_run::{PruneReport, apply};

/// Whether a target shows in listings at once what was stored (`ov_store::Probe::lists_at_once`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// It does.
    AtOnce,
    /// It may be late, or nobody knows.
    Late,
}

/// Whether unpublished objects of unknown age count as old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timeless {
    /// They are left alone: a run may be about to publish them.
    Young,
    /// They go.
    Old,
}

/// How to prune.
#[derive(Clone, Copy, Debug)]
pub struct PruneOptions {
    /// How much unused data may remain.
    pub max_unused: MaxUnused,
    /// Packs smaller than this are gathered, where there are at least `small_packs_min`.
    pub small_bytes: u64,
    /// See there.
    pub small_packs_min: usize,
    /// So many bytes of small packs are gathered in one prune at most, the smallest first.
    pub gather_bytes_max: u64,
    /// Seconds between a condemn and the deletion: at least twice the longest time by which the
    /// target's listings may lag.
    pub grace_seconds: i64,
    /// Unpublished objects older than this go.
    pub unpublished_hours: u64,
    /// Those of unknown age.
    pub timeless: Timeless,
}

impl PruneOptions {
    /// The usual: no grace for who is alone on a target that lists at once, else seven days.
    pub fn usual(vault: &Vault, lists: Lists) -> Self {
        let defaults = RepackOptions::default();
        Self {
            max_unused: defaults.max_unused,
            small_bytes: defaults.small_bytes,
            small_packs_min: defaults.small_packs_min,
            gather_bytes_max: defaults.gather_bytes_max,
            grace_seconds: match (lists, writing_members(vault)) {
                (Lists::AtOnce, 0 | 1) => 0,
                _ => 7 * 24 * 3600,
            },
            unpublished_hours: 24,
            timeless: Timeless::Young,
        }
    }

    fn repack(&self) -> RepackOptions {
        RepackOptions {
            max_unused: self.max_unused,
            small_bytes: self.small_bytes,
            small_packs_min: self.small_packs_min,
            gather_bytes_max: self.gather_bytes_max,
            unpublished_hours_min: self.unpublished_hours,
        }
    }
}

/// What becomes of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Nothing in it is used.
    Delete,
    /// Its used frames are copied first.
    Repack,
    /// No record names it, and it is old.
    Unpublished,
}

/// A pack, or a table that no record names, that shall go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Going {
    /// The object.
    pub object: ObjectName,
    /// What becomes of it.
    pub fate: Fate,
    /// Its length.
    pub stored_bytes: u64,
    /// Of these, what is copied first.
    pub used_bytes: u64,
}

/// What a prune will do.
#[derive(Clone, Debug)]
pub struct PrunePlan {
    pub(crate) vault: VaultId,
    pub(crate) target: TargetId,
    /// How.
    pub options: PruneOptions,
    /// What will be condemned.
    pub going: Vec<Going>,
    /// Condemned earlier, its grace over or not: looked at again.
    pub condemned: Vec<ObjectHash>,
    /// Packs that stay.
    pub kept: u64,
    /// Of these, packs that nobody has published yet.
    pub waiting: u64,
    /// Bytes copied to new packs.
    pub copied_bytes: u64,
    /// Bytes that are freed by what is condemned now, what is copied taken off.
    pub freed_bytes: u64,
    /// Bytes of packs stored after it.
    pub stored_after_bytes: u64,
    /// Of these, unused.
    pub unused_after_bytes: u64,
    /// Why nothing may be deleted until it is mended or given up by name.
    pub blocked: Vec<Finding>,
}

impl PrunePlan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.going.is_empty() && self.condemned.is_empty()
    }
}

/// Plans a prune. Changes nothing.
pub fn plan(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    options: &PruneOptions,
) -> Result<PrunePlan, VaultError> {
    keeper.require(vault, "prune")?;
    let view = View::read(vault, keeper, options.grace_seconds)?;
    Ok(plan_on(vault, keeper, options, &view))
}

fn plan_on(vault: &Vault, keeper: &Keeper<'_>, options: &PruneOptions, view: &View) -> PrunePlan {
    let uses: Vec<PackUse<ObjectHash>> = pack_uses(vault, view, keeper, options);
    let sorted = repack::plan(&uses, &options.repack());
    let mut going = Vec::new();
    for one in &uses {
        let fate = match one.published {
            _ if sorted.repack.contains(&one.id) => Fate::Repack,
            Published::Yes if sorted.delete.contains(&one.id) => Fate::Delete,
            Published::NotYet if sorted.delete.contains(&one.id) => Fate::Unpublished,
            _ => continue,
        };
        going.push(Going {
            object: ObjectName::Pack(one.id),
            fate,
            stored_bytes: one.stored_bytes,
            used_bytes: match fate {
                Fate::Repack => sort_bytes(view, &one.id).0,
                Fate::Delete | Fate::Unpublished => 0,
            },
        });
    }
    let tables = match view.has_all_records(vault) {
        true => unpublished_tables(view, keeper, options),
        false => Vec::new(),
    };
    let tables_bytes: u64 = tables.iter().map(|table| table.stored_bytes).sum();
    going.extend(tables);
    PrunePlan {
        vault: vault.id(),
        target: vault.target(),
        options: *options,
        condemned: open_condemns(view),
        kept: u64::try_from(sorted.keep.len()).unwrap_or(u64::MAX),
        waiting: u64::try_from(sorted.waiting.len()).unwrap_or(u64::MAX),
        copied_bytes: going.iter().map(|one| one.used_bytes).sum(),
        freed_bytes: sorted.freed_bytes.saturating_add(tables_bytes),
        stored_after_bytes: sorted.stored_after_bytes,
        unused_after_bytes: sorted.unused_after_bytes,
        blocked: view.blocking(vault),
        going,
    }
}

/// Every pack that is there, whole and uncondemned, and whose contents are known.
fn pack_uses(
    vault: &Vault,
    view: &View,
    keeper: &Keeper<'_>,
    options: &PruneOptions,
) -> Vec<PackUse<ObjectHash>> {
    let has_all = view.has_all_records(vault);
    let wanted = view.packs.iter().filter(|(pack, _)| {
        view.is_present(pack) && !view.condemned.names(pack) && view.is_known(pack)
    });
    let uses = wanted.map(|(pack, listed)| {
        let published = view.published_length(pack).is_some();
        PackUse {
            id: *pack,
            stored_bytes: listed.length,
            live_bytes: if published {
                live_bytes(view, pack, listed.length)
            } else {
                0
            },
            published: match published {
                true => Published::Yes,
                false => Published::NotYet,
            },
            // While a record cannot be read, it may be the one that publishes the pack.
            age_hours: match published || has_all {
                true => age_hours(listed, keeper, options),
                false => 0,
            },
        }
    });
    uses.collect()
}

/// Padding and heads count as used: they are not gained by copying what lies between them.
fn live_bytes(view: &View, pack: &ObjectHash, stored: u64) -> u64 {
    let (used, unused) = sort_bytes(view, pack);
    match used {
        0 => 0,
        _ => stored.saturating_sub(unused),
    }
}

/// Bytes of frames that are used here, and of those that are not. A frame that lies in several
/// packs is used in the last of them.
fn sort_bytes(view: &View, pack: &ObjectHash) -> (u64, u64) {
    let (mut used, mut unused) = (0u64, 0u64);
    let segments: BTreeSet<SegmentId> = view
        .graph
        .placements_in(pack)
        .map(|placement| placement.segment)
        .collect();
    for segment in segments {
        for (frame, (last, length)) in last_places(view, &segment, pack) {
            let at = FrameRef { segment, frame };
            match last == Some(*pack) && view.is_used(&at) {
                true => used = used.saturating_add(length),
                false => unused = unused.saturating_add(length),
            }
        }
    }
    (used, unused)
}

/// For each frame of a segment that lies in `pack`: the last pack that counts as its place, and its
/// stored length in bytes.
fn last_places(
    view: &View,
    segment: &SegmentId,
    pack: &ObjectHash,
) -> BTreeMap<u16, (Option<ObjectHash>, u64)> {
    let all = view.graph.placements(segment);
    let mut here: BTreeMap<u16, (Option<ObjectHash>, u64)> = BTreeMap::new();
    for placement in all.iter().filter(|placement| placement.pack == *pack) {
        let frames = placement.frames.iter();
        here.extend(frames.map(|frame| (frame.number, (None, u64::from(frame.length)))));
    }
    let mut missing = here.len();
    let counting = all.iter().rev();
    let counting = counting.filter(|one| ov_policy::prune::place_counts(view, &one.pack));
    for placement in counting {
        for frame in &placement.frames {
            let at = FrameRef {
                segment: *segment,
                frame: frame.number,
            };
            if let Some((last @ None, _)) = here.get_mut(&frame.number)
                && !view.is_bad(&placement.pack, &at)
            {
                *last = Some(placement.pack);
                missing -= 1;
            }
        }
        if missing == 0 {
            break;
        }
    }
    here
}

/// By the target's clock, compared with the keeper's.
fn age_hours(listed: &Listed, keeper: &Keeper<'_>, options: &PruneOptions) -> u64 {
    let Some(modified) = listed.modified else {
        return match options.timeless {
            Timeless::Young => 0,
            Timeless::Old => u64::MAX,
        };
    };
    let age = keeper
        .clock
        .now()
        .seconds
        .saturating_sub(time_of(modified).seconds);
    u64::try_from(age).unwrap_or(0) / 3600
}

fn unpublished_tables(view: &View, keeper: &Keeper<'_>, options: &PruneOptions) -> Vec<Going> {
    let tables = view.tables.iter().filter(|(table, listed)| {
        !view.state.published_tables.contains_key(table)
            && !view.condemned.names(table)
            && !view.state.deleted.contains(table)
            && age_hours(listed, keeper, options) >= options.unpublished_hours
    });
    let going = tables.map(|(table, listed)| Going {
        object: ObjectName::Table(*table),
        fate: Fate::Unpublished,
        stored_bytes: listed.length,
        used_bytes: 0,
    });
    going.collect()
}

/// Condemned, or deleted by record, and still there; or gone without a record while needed.
fn open_condemns(view: &View) -> Vec<ObjectHash> {
    let condemned = view.state.condemned.iter().map(|(_, _, one)| one.pack);
    let all: BTreeSet<ObjectHash> = condemned
        .chain(view.state.deleted.iter().copied())
        .collect();
    let is_open = |object: &ObjectHash| {
        let there = view.packs.contains_key(object) || view.tables.contains_key(object);
        let deleted = view.state.deleted.contains(object);
        let lost = || {
            let mut frames = view.graph.frames_in(object);
            frames.any(|frame| view.is_used(&frame) && !is_safe(view, &frame))
        };
        there || (!deleted && lost())
    };
    all.into_iter().filter(is_open).collect()
}
