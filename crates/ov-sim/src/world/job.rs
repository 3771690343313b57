//! Pieces of work: what actors set out to do, and what came of it.

use std::collections::BTreeSet;

use ov_backup::{BackupError, BackupReport};
use ov_format::name::RecordName;
use ov_vault::check::{CheckReport, Depth};
use tempfile::TempDir;

use super::actor::{Actor, Prune};
use super::cast::Part;
use super::dice::Dice;
use super::judge::Problem;
use super::liar::Lie;
use super::machine::Machine;
use super::oracle::Contents;
use super::tally::Tally;

/// A piece of work.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Backup,
    Accept,
    Prune(usize, Prune),
    Copy,
    Forget(BTreeSet<RecordName>),
    GiveUp(BTreeSet<RecordName>),
    Check,
    Repair,
    Restore(RecordName, Contents),
    Lie(Lie, u64),
    Revoke(Part),
}

/// What came of it.
pub(super) enum Done {
    Backup(Result<BackupReport, BackupError>),
    Kept(Result<Tally, String>),
    Checked(Result<CheckReport, String>),
    Restored(Result<(), Problem>),
}

/// Does it.
pub(super) fn perform(actor: &Actor, job: &Job, machine: Option<&Machine>) -> Done {
    let told = |error: &dyn std::error::Error| error.to_string();
    match job {
        Job::Backup => {
            let files = machine
                .map(|machine| machine.files.clone())
                .unwrap_or_default();
            let state = machine.and_then(|machine| machine.state.as_ref());
            Done::Backup(actor.backup(&files, state.map(TempDir::path)))
        }
        Job::Accept => Done::Kept(actor.accept(0, ACCEPT_GRACE).map_err(|e| told(&e)).map(
            |report| Tally {
                accepted: count(report.accepted.len()),
                late: count(report.rejected.len() + report.given_up.len()),
                rescued: report.rescued_frames,
                ..Tally::default()
            },
        )),
        Job::Copy => Done::Kept(actor.copy().map_err(|e| told(&e)).map(|report| Tally {
            copied: count(report.accepted.len()),
            ..Tally::default()
        })),
        Job::Prune(disk, how) => Done::Kept(actor.prune(*disk, *how).map_err(|e| told(&e)).map(
            |report| Tally {
                condemned: report.condemned,
                deleted: report.deleted,
                rescued: report.rescued_frames,
                moved_bytes: report.copied_bytes,
                ..Tally::default()
            },
        )),
        Job::Forget(names) => {
            Done::Kept(
                actor
                    .forget(0, names)
                    .map_err(|e| told(&e))
                    .map(|()| Tally {
                        forgotten: count(names.len()),
                        ..Tally::default()
                    }),
            )
        }
        Job::GiveUp(names) => {
            let done = actor.give_up(names).map_err(|e| told(&e));
            Done::Kept(done.map(|()| Tally {
                given_up: count(names.len()),
                ..Tally::default()
            }))
        }
        Job::Repair => {
            let done = actor.repair().map_err(|e| told(&e));
            Done::Kept(done.map(|()| Tally::default()))
        }
        Job::Lie(lie, seed) => {
            let done = actor.lie(*lie, &mut Dice::new(*seed, "lie"));
            Done::Kept(done.map_err(|e| told(&e)).map(|()| Tally {
                lies: 1,
                ..Tally::default()
            }))
        }
        Job::Revoke(part) => {
            let done = actor.revoke(*part).map_err(|e| told(&e));
            Done::Kept(done.map(|()| Tally {
                revoked: 1,
                ..Tally::default()
            }))
        }
        Job::Restore(name, files) => Done::Restored(actor.restore(name, files)),
        Job::Check => Done::Checked(actor.check(0, Depth::Objects).map_err(|e| told(&e))),
    }
}

/// A deletion is believed to be seen by all after this many seconds.
const ACCEPT_GRACE: i64 = 2_400;

pub(super) fn count(length: usize) -> u64 {
    length.try_into().unwrap_or(u64::MAX)
}

pub(super) fn name_of(job: &Job) -> &'static str {
    match job {
        Job::Backup => "backup",
        Job::Accept => "accept",
        Job::Prune(..) => "prune",
        Job::Copy => "copy",
        Job::Forget(_) => "forget",
        Job::GiveUp(_) => "give up",
        Job::Repair => "repair",
        Job::Check => "check",
        Job::Restore(..) => "restore",
        Job::Lie(..) => "lie",
        Job::Revoke(_) => "revoke",
    }
}
