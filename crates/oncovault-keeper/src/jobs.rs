//! What `run` can do here: accept, copy, renew locks, forget, prune and check.

use std::sync::Arc;

use clap::Parser;
use ov_format::statement::Role;
use ov_program::config::{CopyPlace, Fetched};
use ov_program::runner::Ended;
use ov_program::{Job, Jobs, Task};
use ov_store::Store;
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::verb::run::{Site, ended};
use ov_terminal::{Desk, Exit, Failure, configuration};
use ov_vault::Vault;
use ov_vault::copy::Which;
use ov_vault::forget::ForgetOptions;
use serde_json::Value;

use crate::keeping::Keeping;
use crate::{accept, check, copy, forget, lock, prune};

/// What a keeper can do.
pub struct KeeperJobs<'s> {
    site: Site<'s>,
    signals: Signals,
}

impl<'s> KeeperJobs<'s> {
    /// For a site.
    pub fn new(site: Site<'s>) -> Self {
        Self {
            site,
            signals: Signals::listen(Interruption::Asks),
        }
    }

    fn work(&self, job: &Job<'_>) -> Result<(Value, Exit), Failure> {
        let desk = self.site.desk;
        match job {
            Job::Accept => accept::accept(&parsed([])?, desk),
            Job::Copy(place) => self.copy(place),
            Job::Lock => self.lock(),
            Job::Forget => self.forget(),
            Job::Prune => prune::usual(&mut Keeping::open(desk)?, desk),
            Job::Check { percent } => check_at(desk, *percent),
            Job::CheckCopy { place, percent } => self.check_copy(place, *percent),
            Job::Backup(_) => Err(Failure::failed("this program does not back up")),
        }
    }

    /// Only to a place where the vault is already: under the name of a drive that is not plugged in
    /// lies an empty folder, and a copy there would fill the wrong disk.
    fn copy(&self, place: &CopyPlace) -> Result<(Value, Exit), Failure> {
        let there = self
            .copy_there(place)
            .map_err(|failure| match failure.exit {
                Exit::NoVault => Failure {
                    help: Some(format!(
                        "is the drive there? The first copy is made by hand: copy --to {}",
                        place.url
                    )),
                    ..failure
                },
                _ => failure,
            })?;
        let mut keeping = Keeping::open(self.site.desk)?;
        copy::copy_to(&mut keeping, there, &Which::All, self.site.desk)
    }

    fn check_copy(&self, place: &CopyPlace, percent: u8) -> Result<(Value, Exit), Failure> {
        self.copy_there(place)?;
        let mut options = configuration::for_copy(&self.site.desk.options, place.s3.as_ref());
        options.vault = Some(place.url.text().into());
        check_at(&Desk::new(options), percent)
    }

    fn copy_there(&self, place: &CopyPlace) -> Result<Arc<dyn Store>, Failure> {
        let options = configuration::for_copy(&self.site.desk.options, place.s3.as_ref());
        let there = ov_store::open(&place.url, &options.open_options())?;
        let there: Arc<dyn Store> = Arc::from(there);
        Vault::open(Arc::clone(&there), self.site.facts.vault)?;
        Ok(there)
    }

    /// In the vault and in every copy that locks. One that cannot be reached does not keep the
    /// others from theirs.
    fn lock(&self) -> Result<(Value, Exit), Failure> {
        let (config, desk) = (self.site.config, self.site.desk);
        let mut keeping = Keeping::open(desk)?;
        let mut done = Vec::new();
        if let Some(days) = config.vault.lock() {
            done.push(lock::vault(&mut keeping, days, desk));
        }
        let pushed = config.copy.iter().filter(|copy| copy.by == Fetched::Push);
        for place in pushed {
            if let Some(days) = place.lock(&config.vault) {
                let there = self.copy_there(place);
                done.push(there.and_then(|there| lock::copy(&mut keeping, there, days, desk)));
            }
        }
        let mut worst = Exit::Done;
        let mut documents = Vec::new();
        for locked in done {
            let (document, exit) = locked?;
            documents.push(document);
            worst = match worst {
                Exit::Done => exit,
                worst => worst,
            };
        }
        Ok((Value::Array(documents), worst))
    }

    /// A keeper does not tell datasets by name, so it keeps of each what the rules of any would keep.
    fn forget(&self) -> Result<(Value, Exit), Failure> {
        let config = self.site.config;
        let Some(retention) = config.retention_of_any() else {
            // Of some dataset everything is kept, and it may be any.
            return Ok((Value::Null, Exit::Done));
        };
        if !retention.tags.is_empty() {
            let message =
                "the configuration keeps snapshots by their tags, which this key cannot read";
            return Err(Failure::new(Exit::WrongKey, message)
                .help("leave forgetting to a machine whose key reads, or keep none by tags"));
        }
        let mut keeping = Keeping::open(self.site.desk)?;
        let known = ForgetOptions {
            zone: config.policy.zone(),
            ..ForgetOptions::default()
        };
        let done = forget::by_rules(&mut keeping, &retention.rules(), &known, self.site.desk)?;
        keeping.watcher.meter.clear();
        Ok((done, Exit::Done))
    }
}

/// Checks what lies where the options say, and remembers what was found.
fn check_at(desk: &Desk, percent: u8) -> Result<(Value, Exit), Failure> {
    let mut keeping = Keeping::open(desk)?;
    let args = parsed([format!("--read-data={percent}%")])?;
    let report = check::check(&args, &mut keeping)?;
    keeping.watcher.meter.clear();
    check::note(report.findings.len(), &keeping.opened.state, desk)?;
    check::print(&report, desk);
    Ok((check::document(&report), check::exit_of(&report)))
}

/// As `run` takes it.
pub fn of(site: Site<'_>) -> Box<dyn Jobs + '_> {
    Box::new(KeeperJobs::new(site))
}

impl Jobs for KeeperJobs<'_> {
    fn can(&self, task: &Task) -> bool {
        !matches!(task, Task::Dataset(_)) && self.site.facts.roles.contains(&Role::Keeper)
    }

    fn carry_out(&mut self, job: &Job<'_>) -> Ended {
        ended(self.work(job), &self.site)
    }

    fn interrupted(&self) -> bool {
        self.signals.interrupted()
    }
}

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line<A: clap::Args> {
    #[command(flatten)]
    args: A,
}

/// The arguments of a verb, with its defaults.
fn parsed<A: clap::Args, const N: usize>(words: [String; N]) -> Result<A, Failure> {
    let line = Line::<A>::try_parse_from(words);
    line.map(|line| line.args)
        .map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_understand_what_the_runner_asks_of_them() {
        parsed::<accept::Args, 0>([]).unwrap();
        for percent in [1, 4, 100] {
            parsed::<check::Args, 1>([format!("--read-data={percent}%")]).unwrap();
        }
    }
}
