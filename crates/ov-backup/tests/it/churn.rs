//! A long churn of small files, with a keeper who prunes: what stays stored, beside what is alive.

use std::collections::BTreeSet;

use ov_backup::{BackupReport, Threads};
use ov_format::name::{ObjectName, RecordName};
use ov_vault::forget::{self, ForgetOptions};
use ov_vault::prune::{self, Lists, PruneOptions};
use ov_vault::{Keeper, Silence};

use crate::site::Site;

/// What happens to a dataset.
#[derive(Clone, Copy)]
pub struct Churn {
    /// Small files in it.
    pub files: u64,
    /// Length of each.
    pub bytes: usize,
    /// Of these, how many are replaced before each run.
    pub replaced: u64,
}

/// What a run and the prune behind it left.
pub struct Point {
    /// The run.
    pub report: BackupReport,
    /// Bytes of packs.
    pub stored: u64,
    /// Packs.
    pub packs: usize,
}

impl Churn {
    /// Bytes that are alive.
    pub fn alive(&self) -> u64 {
        self.files * self.bytes as u64
    }

    /// So many runs, of which the last one alone is kept.
    pub fn run(&self, runs: u64, each: &mut dyn FnMut(u64, &Point)) {
        let mut site = Site::new(Threads::Count(2));
        for n in 0..self.files {
            self.write(&site, n, 0);
        }
        let mut last: Option<RecordName> = None;
        for run in 0..runs {
            for n in 0..self.replaced * u64::from(run > 0) {
                self.write(&site, draw(run * self.files + n) % self.files, run);
            }
            site.clock
                .0
                .fetch_add(3600, std::sync::atomic::Ordering::Relaxed);
            let report = site.run();
            keep_last(&mut site, last.replace(report.snapshot.unwrap()));
            let packs = site.memory.snapshot().into_iter();
            let packs = packs.filter(|(name, _)| matches!(name, ObjectName::Pack(_)));
            let lengths: Vec<u64> = packs.map(|(_, bytes)| bytes.len() as u64).collect();
            let (stored, packs) = (lengths.iter().sum(), lengths.len());
            each(
                run,
                &Point {
                    report,
                    stored,
                    packs,
                },
            );
        }
    }

    fn write(&self, site: &Site, file: u64, run: u64) {
        let mut bytes = vec![0; self.bytes];
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&file.to_le_bytes())
            .update(&run.to_le_bytes());
        hasher.finalize_xof().fill(&mut bytes);
        site.write(&format!("{}/{file}.txt", file % 16), &bytes);
    }
}

/// A number that looks drawn, the same each time.
fn draw(seed: u64) -> u64 {
    let hash = blake3::hash(&seed.to_le_bytes());
    u64::from_le_bytes(hash.as_bytes()[..8].try_into().unwrap())
}

fn keep_last(site: &mut Site, older: Option<RecordName>) {
    let Some(older) = older else { return };
    let keeper = Keeper {
        writer: &site.agent.writer,
        secrets: &site.agent.secrets,
        entropy: &*site.entropy,
        clock: &site.clock,
        monitor: &Silence,
    };
    let vault = &mut site.vault;
    let names = BTreeSet::from([older]);
    let plan = forget::plan_by_names(vault, &keeper, &names, &ForgetOptions::default()).unwrap();
    forget::apply(vault, &keeper, &plan).unwrap();
    let options = PruneOptions::usual(vault, Lists::AtOnce);
    let plan = prune::plan(vault, &keeper, &options).unwrap();
    prune::apply(vault, &keeper, &plan).unwrap();
}

#[test]
fn a_long_churn_of_small_files_stays_below_twice_what_is_alive() {
    let churn = Churn {
        files: 500,
        bytes: 6000,
        replaced: 100,
    };
    let mut worst = 0;
    churn.run(20, &mut |run, point| {
        worst = worst.max(point.stored);
        assert!(point.packs < 20, "{} packs", point.packs);
        // Each file that is stored again was read; files of frames that live are not.
        let most = 4 * churn.replaced * churn.bytes as u64;
        assert!(
            run == 0 || point.report.bytes_read < most,
            "{:?}",
            point.report
        );
        assert_eq!(point.report.unreadable, 0);
    });
    assert!(worst < 2 * churn.alive(), "{worst} of {}", churn.alive());
}

#[test]
fn what_is_stored_again_is_no_change_and_is_stored_once() {
    let mut site = Site::new(Threads::Inline);
    for n in 0..100u8 {
        site.write(&format!("{n}.txt"), &crate::site::noise(n, 5000));
    }
    site.run();
    for n in 0..60u8 {
        std::fs::remove_file(site.data().join(format!("{n}.txt"))).unwrap();
    }
    assert_eq!(
        site.run().bytes_renewed,
        0,
        "this run finds out, the next one acts"
    );
    let report = site.run();
    assert_eq!(
        (report.bytes_renewed, report.bytes_read),
        (40 * 5000, 40 * 5000)
    );
    assert_eq!((report.files_unmodified, report.files_changed), (40, 0));
    assert_eq!(report.bytes_added, 0);
    let report = site.run();
    assert_eq!((report.bytes_renewed, report.bytes_read), (0, 0));
    assert_eq!(report.objects, 1);
}

#[test]
fn a_large_file_is_not_read_for_its_last_piece() {
    let mut site = Site::new(Threads::Inline);
    for n in 0..100u8 {
        site.write(&format!("{n}.bin"), &crate::site::noise(n, 2000));
    }
    // Cut into pieces above 256 KiB, and a last one below it.
    site.write("large.bin", &crate::site::noise(101, 3_000_000));
    site.run();
    for n in 0..100u8 {
        std::fs::remove_file(site.data().join(format!("{n}.bin"))).unwrap();
    }
    site.run();
    let report = site.run();
    assert_eq!((report.bytes_renewed, report.bytes_read), (0, 0));
}
