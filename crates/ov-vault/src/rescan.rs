//! Finding frames again from the packs themselves, when the lists that placed them are lost.

use std::collections::{BTreeMap, BTreeSet};

use ov_format::id::{MemberId, ObjectHash};
use ov_format::list::Placement;
use ov_format::name::{ObjectName, RecordName};
use ov_format::statement::Role;

use crate::directory::read_directory;
use crate::error::VaultError;
use crate::finding::Finding;
use crate::frames::{frame_hash, head_hash};
use crate::keeper::{Keeper, Progress, Step};
use crate::mover::{is_loss, say_places};
use crate::vault::Vault;
use crate::view::View;

/// What a rescan found.
#[derive(Clone, Debug, Default)]
pub struct RescanReport {
    /// Packs whose places were unknown and stand in their own directories.
    pub packs: u64,
    /// Frames in them.
    pub frames: u64,
    /// The record that says so; `None` if there was nothing to say.
    pub record: Option<RecordName>,
    /// Packs that could not be read, or not wholly.
    pub findings: Vec<Finding>,
}

/// Reads the directories of published packs that the vault knows no places in, and publishes what
/// they hold. Frames whose bytes are not whole are left out.
pub fn rescan(vault: &mut Vault, keeper: &Keeper<'_>) -> Result<RescanReport, VaultError> {
    keeper.require(vault, "rescan")?;
    let view = View::read(vault, keeper, 0)?;
    let mut report = RescanReport::default();
    let mut placements = Vec::new();
    let unknown = unknown_packs(vault, &view);
    for (done, (pack, signers)) in (1u64..).zip(&unknown) {
        match read_pack(vault, keeper, pack, signers)? {
            Ok(found) => {
                report.packs += 1;
                let frames: usize = found.iter().map(|one| one.frames.len()).sum();
                report.frames += u64::try_from(frames).unwrap_or(u64::MAX);
                placements.extend(found);
            }
            Err(finding) => report.findings.push(finding),
        }
        keeper.monitor.progress(Progress {
            step: Step::Reading,
            done,
            total: u64::try_from(unknown.len()).unwrap_or(u64::MAX),
            bytes: 0,
        });
    }
    if !placements.is_empty() {
        let said = say_places(vault, keeper, Vec::new(), Vec::new(), placements)?;
        report.record = Some(said.name);
    }
    Ok(report)
}

/// Packs of records whose lists cannot be read, and who may have sealed their directories.
fn unknown_packs(vault: &Vault, view: &View) -> BTreeMap<ObjectHash, BTreeSet<MemberId>> {
    let mut unknown: BTreeMap<ObjectHash, BTreeSet<MemberId>> = BTreeMap::new();
    for said in vault.logs().all() {
        let (packs, _) = said.statement.published();
        for pack in packs {
            let signers = unknown.entry(pack.hash).or_default();
            signers.insert(said.name.log.member);
        }
    }
    // A record that cannot be read at all may publish what seems to be published by nobody.
    let findings = vault.logs().findings.iter();
    let unread: BTreeSet<MemberId> = findings
        .filter_map(|finding| finding.unread().map(|log| log.member))
        .collect();
    if !unread.is_empty() {
        for pack in view.packs.keys() {
            unknown.entry(*pack).or_insert_with(|| unread.clone());
        }
    }
    unknown.retain(|pack, _| {
        // What was said of it and not believed is no reason to say it again, as a keeper.
        !view.graph.was_placed(pack)
            && view.packs.contains_key(pack)
            && !view.state.deleted.contains(pack)
            && !view.condemned.names(pack)
    });
    unknown
}

fn read_pack(
    vault: &Vault,
    keeper: &Keeper<'_>,
    pack: &ObjectHash,
    signers: &BTreeSet<MemberId>,
) -> Result<Result<Vec<Placement>, Finding>, VaultError> {
    let name = ObjectName::Pack(*pack);
    let bytes = match vault.store().get(&name).map_err(VaultError::from) {
        Ok(bytes) => bytes,
        Err(error) if is_loss(&error) => {
            return Ok(Err(Finding::Unreadable(name, error.to_string())));
        }
        Err(error) => return Err(error),
    };
    let directory = signers.iter().find_map(|signer| {
        let directory = read_directory(&bytes, vault.id(), keeper.secrets, *signer)?;
        Some((*signer, directory))
    });
    let Some((signer, directory)) = directory else {
        return Ok(Err(Finding::Directory(*pack)));
    };
    let ever = vault.head().ever.get(&signer);
    let moves = ever.is_some_and(|ever| ever.contains(&Role::Keeper));
    let placements = directory.placements.into_iter();
    // An agent speaks for the segments that it made alone, in its directories too.
    let placements = placements.filter(|one| moves || one.signer == signer);
    let placed = placements.map(|placement| Placement {
        pack: *pack,
        ..placement
    });
    Ok(Ok(placed
        .filter(|placement| is_whole(&bytes, placement))
        .collect()))
}

/// Whether the head and every frame of a placement are where they should be. One that is not takes the others of
/// its placement with it: `check` tells, and a copy may have the pack whole.
fn is_whole(bytes: &[u8], placement: &Placement) -> bool {
    let part = |offset: u64, length: u32| {
        let start = usize::try_from(offset).ok()?;
        let end = start.checked_add(usize::try_from(length).ok()?)?;
        bytes.get(start..end)
    };
    let head = part(placement.offset, placement.head.length);
    let mut frames = placement.offsets();
    head.is_some_and(|head| head_hash(head) == placement.head.hash)
        && frames.all(|(offset, stored)| {
            let frame = part(offset, stored.length);
            frame.is_some_and(|frame| frame_hash(frame) == stored.hash)
        })
}
