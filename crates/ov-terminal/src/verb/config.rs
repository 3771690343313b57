//! `config`: whether the configuration is sound, and what holds.

use std::fs;
use std::path::Path;

use clap::Subcommand;
use jiff::Timestamp;
use ov_policy::placement::{self, Checked, Copy, Guard, Judgement};
use ov_program::Config;
use ov_program::config::{Dataset, Site};
use serde_json::json;

use crate::amount;
use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::GOOD;
use crate::standing;

/// What `config` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Tell whether the configuration is sound
    Check,
    /// Show what is backed up and when
    Show {
        /// Show all that holds, includes followed and defaults filled in; secrets never
        #[arg(long)]
        resolved: bool,
    },
    /// Print the JSON schema of the file, for editors
    Schema,
}

/// Checks or shows.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    match args.act {
        Act::Check => check(desk),
        Act::Show { resolved: true } => resolved(desk),
        Act::Show { resolved: false } => show(desk),
        Act::Schema => {
            let schema = Config::schema();
            desk.screen.line(format_args!("{schema:#}"));
            desk.screen.document(&schema);
            Ok(Exit::Done)
        }
    }
}

fn check(desk: &Desk) -> Result<Exit, Failure> {
    let (file, config) = configuration::read(&desk.options)?;
    let doubts = doubts(&config);
    for doubt in &doubts {
        desk.screen.warn(doubt);
    }
    let shown = file.display();
    desk.screen.line(format_args!(
        "{GOOD}{shown} is sound{GOOD:#}: {}, {}.",
        amount::of(config.dataset.len() as u64, "dataset", "datasets"),
        amount::of(config.copy.len() as u64, "copy", "copies"),
    ));
    desk.screen.document(&json!({
        "file": shown.to_string(),
        "datasets": config.dataset.len(),
        "copies": config.copy.len(),
        "warnings": doubts,
    }));
    Ok(Exit::Done)
}

/// What is sound and may still not be meant.
fn doubts(config: &Config) -> Vec<String> {
    let mut doubts = Vec::new();
    for dataset in &config.dataset {
        let name = &dataset.name;
        if dataset.schedule.is_none() && dataset.rpo.is_none() {
            doubts.push(format!(
                "dataset {name} has neither schedule nor rpo: it is backed up by hand alone"
            ));
        }
        doubts.extend(gap(dataset, config).map(|doubt| format!("dataset {name}: {doubt}")));
        let missing = dataset.paths.iter().filter(|path| is_missing(path));
        doubts.extend(missing.map(|path| {
            let path = path.display();
            format!("dataset {name}: {path} does not exist")
        }));
    }
    if config.policy.retention.is_none() && config.dataset.iter().any(|d| d.retention.is_none()) {
        doubts.push("[policy.retention] says nothing: some snapshots are kept for ever".to_owned());
    }
    doubts.extend(few_places(config));
    doubts
}

/// Copies that the policy asks for and that these places cannot be, however well all goes.
fn few_places(config: &Config) -> Option<String> {
    let now = Timestamp::now();
    let at_best = |name: &str, medium: &str, site: Site| Copy {
        name: name.to_owned(),
        medium: medium.to_owned(),
        site: standing::sited(site),
        guard: Guard::Refuses,
        newest: Some(now),
        wanted: now,
        checked: Some(Checked { at: now, errors: 0 }),
    };
    let vault = at_best("vault", &config.vault.medium, config.vault.site);
    let copies = config.copy.iter();
    let copies = copies.map(|copy| at_best(copy.name.as_str(), &copy.medium, copy.site));
    let copies: Vec<Copy> = std::iter::once(vault).chain(copies).collect();
    let rule = &config.policy.copies;
    let Judgement::Short(short) = placement::judge(rule.value(), &copies, now) else {
        return None;
    };
    let short: Vec<String> = short.iter().map(ToString::to_string).collect();
    Some(format!(
        "policy.copies is {rule}, and these places are {}: `status` will end with 21 until there are \
         more, or policy.copies says what is wanted instead",
        short.join(", ")
    ))
}

/// A schedule whose RPO makes it run more often than it says.
fn gap(dataset: &Dataset, config: &Config) -> Option<String> {
    let (schedule, rpo) = (dataset.schedule.as_ref()?, dataset.rpo.as_ref()?);
    let gap = schedule.longest_gap(Timestamp::now(), &config.policy.zone());
    (gap >= rpo.seconds()).then(|| {
        format!(
            "its schedule leaves up to {} h between two runs, its rpo is {rpo}: it will run more \
             often than scheduled",
            gap / 3600
        )
    })
}

fn is_missing(path: &Path) -> bool {
    matches!(fs::symlink_metadata(path), Err(error) if error.kind() == std::io::ErrorKind::NotFound)
}

fn resolved(desk: &Desk) -> Result<Exit, Failure> {
    let (_, config) = configuration::read(&desk.options)?;
    let text = config
        .to_toml()
        .map_err(|error| Failure::failed(error.to_string()))?;
    desk.screen.line(text.trim_end());
    let document =
        serde_json::to_value(&config).map_err(|error| Failure::failed(error.to_string()))?;
    desk.screen.document(&document);
    Ok(Exit::Done)
}

fn show(desk: &Desk) -> Result<Exit, Failure> {
    let (file, config) = configuration::read(&desk.options)?;
    let screen = &desk.screen;
    screen.line(format_args!("Vault: {}", config.vault.url));
    for dataset in &config.dataset {
        let when = when(dataset);
        screen.line(format_args!("Dataset {}: {when}", dataset.name));
    }
    for copy in &config.copy {
        let when = match &copy.schedule {
            Some(schedule) => schedule.to_string(),
            None => "after every run".to_owned(),
        };
        screen.line(format_args!("Copy {}: {} ({when})", copy.name, copy.url));
    }
    let datasets = config.dataset.iter().map(|dataset| {
        json!({
            "name": dataset.name.text(),
            "schedule": dataset.schedule.as_ref().map(|schedule| schedule.text()),
            "rpo_seconds": dataset.rpo.as_ref().map(|rpo| rpo.seconds()),
        })
    });
    let copies = config.copy.iter();
    let copies = copies.map(|copy| json!({"name": copy.name.text(), "url": copy.url.text()}));
    screen.document(&json!({
        "file": file.display().to_string(),
        "vault": config.vault.url.text(),
        "datasets": datasets.collect::<Vec<_>>(),
        "copies": copies.collect::<Vec<_>>(),
    }));
    Ok(Exit::Done)
}

fn when(dataset: &Dataset) -> String {
    match (&dataset.schedule, &dataset.rpo) {
        (Some(schedule), Some(rpo)) => format!("{schedule}, never older than {rpo}"),
        (Some(schedule), None) => schedule.to_string(),
        (None, Some(rpo)) => format!("never older than {rpo}"),
        (None, None) => "by hand".to_owned(),
    }
}
