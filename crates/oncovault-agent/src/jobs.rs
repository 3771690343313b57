//! What `run` can do here: back datasets up.

use std::ffi::{OsStr, OsString};

use clap::Parser;
use ov_format::statement::Role;
use ov_program::config::{Dataset, Origin};
use ov_program::runner::Ended;
use ov_program::{Job, Jobs, Task};
use ov_terminal::Failure;
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::verb::run::{Site, ended};

use crate::backup;

/// What an agent can do.
pub struct AgentJobs<'s> {
    site: Site<'s>,
    signals: Signals,
}

impl<'s> AgentJobs<'s> {
    /// For a site.
    pub fn new(site: Site<'s>) -> Self {
        Self {
            site,
            signals: Signals::listen(Interruption::Asks),
        }
    }
}

/// As `run` takes it.
pub fn of(site: Site<'_>) -> Box<dyn Jobs + '_> {
    Box::new(AgentJobs::new(site))
}

impl Jobs for AgentJobs<'_> {
    fn can(&self, task: &Task) -> bool {
        matches!(task, Task::Dataset(_)) && self.site.facts.roles.contains(&Role::Agent)
    }

    fn carry_out(&mut self, job: &Job<'_>) -> Ended {
        let done = match job {
            Job::Backup(dataset) => {
                arguments(dataset).and_then(|args| backup::store(&args, self.site.desk))
            }
            _ => Err(Failure::failed("this program does nothing but back up")),
        };
        ended(done, &self.site)
    }

    fn interrupted(&self) -> bool {
        self.signals.interrupted()
    }
}

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(flatten)]
    args: backup::Args,
}

/// The arguments of `backup` that a dataset stands for.
fn arguments(dataset: &Dataset) -> Result<backup::Args, Failure> {
    let line = Line::try_parse_from(words(dataset));
    line.map(|line| line.args).map_err(|error| {
        Failure::usage(error.to_string().trim_end()).on(format!("dataset {}", dataset.name))
    })
}

/// What a backup of a dataset would read, without reading it.
///
/// # Errors
/// Nothing of it exists, or its options cannot be understood.
pub fn source_of(dataset: &Dataset) -> Result<crate::source::Origin, Failure> {
    arguments(dataset)?.origin()
}

/// The words that a person would write after `backup`.
fn words(dataset: &Dataset) -> Vec<OsString> {
    let mut words = Words::default();
    words.option("dataset", dataset.name.text());
    words.options("compartment", &dataset.compartment);
    words.options("tag", &dataset.tags);
    words.options("host", &dataset.host);
    words.options("issuer", &dataset.issuer);
    words.options("exclude", &dataset.exclude);
    words.options("iexclude", &dataset.iexclude);
    words.options("exclude-file", &dataset.exclude_file);
    words.options("iexclude-file", &dataset.iexclude_file);
    words.options("exclude-if-present", &dataset.exclude_if_present);
    let larger = dataset.exclude_larger_than.as_ref();
    words.options("exclude-larger-than", larger.map(|size| size.text()));
    words.options("reread", dataset.reread.as_ref().map(|share| share.text()));
    words.options("memory", dataset.memory.as_ref().map(|size| size.text()));
    let flags = [
        ("exclude-caches", dataset.exclude_caches),
        ("one-file-system", dataset.one_file_system),
        ("ignore-inode", dataset.ignore_inode),
        ("ignore-ctime", dataset.ignore_ctime),
        ("skip-if-unchanged", dataset.skip_if_unchanged),
        ("no-catalog", !dataset.catalog),
    ];
    let set = flags.into_iter().filter(|(_, set)| *set);
    words
        .0
        .extend(set.map(|(flag, _)| format!("--{flag}").into()));
    match dataset.origin() {
        Some(Origin::Files {
            paths,
            lists,
            raw_lists,
        }) => {
            words.options("files-from", lists);
            words.options("files-from-raw", raw_lists);
            // They are absolute, so none looks like an option.
            words.0.extend(paths.iter().map(OsString::from));
        }
        Some(Origin::Command { name, command }) => {
            words.option("stdin-name", name);
            words.0.push("--".into());
            words.0.extend(command.iter().map(OsString::from));
        }
        // `backup` then says that nothing was named.
        None => {}
    }
    words.0
}

#[derive(Default)]
struct Words(Vec<OsString>);

impl Words {
    /// With an equals sign: a value may begin with a dash.
    fn option(&mut self, name: &str, value: impl AsRef<OsStr>) {
        let mut word = OsString::from(format!("--{name}="));
        word.push(value);
        self.0.push(word);
    }

    fn options(&mut self, name: &str, values: impl IntoIterator<Item = impl AsRef<OsStr>>) {
        for value in values {
            self.option(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_program::Config;

    const ALL: &str = r#"
        [vault]
        url = "/srv/vault"

        [[dataset]]
        name = "plans"
        paths = ["/srv/plans"]
        files-from = ["/etc/list"]
        files-from-raw = ["/etc/raw"]
        compartment = "clinical"
        tags = ["gold", "-dash"]
        host = "tps"
        issuer = "St Elsewhere"
        exclude = ["*.tmp"]
        iexclude = ["*.BAK"]
        exclude-file = ["/etc/exclude"]
        iexclude-file = ["/etc/iexclude"]
        exclude-caches = true
        exclude-if-present = [".nobackup"]
        exclude-larger-than = "20G"
        one-file-system = true
        ignore-inode = true
        ignore-ctime = true
        reread = "5%"
        memory = "64M"
        skip-if-unchanged = true
        catalog = false

        [[dataset]]
        name = "trial"
        command = ["pg_dump", "--format=custom", "trial"]
        stdin-name = "trial.dump"
    "#;

    fn config() -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("oncovault.toml");
        std::fs::write(&file, ALL).unwrap();
        Config::read(&file).unwrap()
    }

    fn line(dataset: &str) -> String {
        let config = config();
        let words = words(config.dataset(dataset).unwrap());
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn a_dataset_is_what_a_person_would_write_after_backup() {
        assert_eq!(
            line("plans"),
            "--dataset=plans --compartment=clinical --tag=gold --tag=-dash --host=tps \
             --issuer=St Elsewhere --exclude=*.tmp --iexclude=*.BAK --exclude-file=/etc/exclude \
             --iexclude-file=/etc/iexclude --exclude-if-present=.nobackup \
             --exclude-larger-than=20G --reread=5% --memory=64M --exclude-caches --one-file-system \
             --ignore-inode --ignore-ctime --skip-if-unchanged --no-catalog --files-from=/etc/list \
             --files-from-raw=/etc/raw /srv/plans"
        );
        assert_eq!(
            line("trial"),
            "--dataset=trial --stdin-name=trial.dump -- pg_dump --format=custom trial"
        );
    }

    #[test]
    fn backup_understands_what_a_dataset_stands_for() {
        let config = config();
        for dataset in &config.dataset {
            arguments(dataset).unwrap();
        }
    }

    /// So that a new option of `backup` is not forgotten in the configuration.
    #[test]
    fn every_option_of_backup_that_a_policy_may_set_is_a_key_of_a_dataset() {
        use clap::CommandFactory;
        // These are for one run by hand.
        let by_hand = [
            "help", "time", "force", "dry-run", "stdin", "dataset", "tag", "nice",
        ];
        let schema = Config::schema();
        let known = schema["$defs"]["Dataset"]["properties"]
            .as_object()
            .unwrap();
        for option in Line::command().get_arguments() {
            let Some(name) = option.get_long().filter(|name| !by_hand.contains(name)) else {
                continue;
            };
            // What an option turns off is a key that is true without it.
            let key = name.strip_prefix("no-").unwrap_or(name);
            assert!(known.contains_key(key), "--{name}");
        }
    }
}
