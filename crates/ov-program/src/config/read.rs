//! From files to a configuration.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use ov_store::TargetUrl;

use super::error::DatasetProblem;
use crate::notify::Notify;
use crate::status::Watch;

use super::{Config, ConfigError, CopyPlace, Dataset, File, Policy, VaultPlace, Worded};

impl Config {
    /// Reads a file and what it includes. Paths count from the folder of the file in which they
    /// stand.
    ///
    /// # Errors
    /// What cannot be read or understood, with its place.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        let mut gathered = Gathered::default();
        gathered.file(file)?;
        let Some((vault, _)) = gathered.vault else {
            let file = file.to_owned();
            return Err(ConfigError::NoVault { file });
        };
        let config = Self {
            vault,
            policy: gathered
                .policy
                .map_or_else(Policy::default, |(policy, _)| policy),
            copy: gathered.copies,
            dataset: gathered.datasets,
            notify: gathered
                .notify
                .map_or_else(Notify::default, |(notify, _)| notify),
            watch: gathered.watches,
        };
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.vault.passphrase_file.is_some() && self.vault.passphrase_command.is_some() {
            return Err(ConfigError::TwoPassphrases);
        }
        unique(
            "datasets",
            self.dataset.iter().map(|dataset| dataset.name.as_str()),
        )?;
        unique("copies", self.copy.iter().map(|copy| copy.name.as_str()))?;
        unique(
            "agents to watch",
            self.watch.iter().map(|watch| watch.name.as_str()),
        )?;
        for dataset in &self.dataset {
            if let Some(problem) = problem(dataset) {
                return Err(ConfigError::Dataset {
                    name: dataset.name.to_string(),
                    problem,
                });
            }
        }
        Ok(())
    }
}

/// What the files said so far, tables with the file in which they stood.
#[derive(Default)]
struct Gathered {
    seen: BTreeSet<PathBuf>,
    vault: Option<(VaultPlace, PathBuf)>,
    policy: Option<(Policy, PathBuf)>,
    copies: Vec<CopyPlace>,
    datasets: Vec<Dataset>,
    notify: Option<(Notify, PathBuf)>,
    watches: Vec<Watch>,
}

impl Gathered {
    fn file(&mut self, file: &Path) -> Result<(), ConfigError> {
        let unread = |source| ConfigError::Unread {
            file: file.to_owned(),
            source,
        };
        let real = fs::canonicalize(file).map_err(unread)?;
        let text = fs::read_to_string(file).map_err(unread)?;
        let mut said: File =
            toml::from_str(&text).map_err(|error| ConfigError::of(&error, file, &text))?;
        let folder = real.parent().unwrap_or(Path::new("/")).to_owned();
        if !self.seen.insert(real) {
            let file = file.to_owned();
            return Err(ConfigError::IncludedTwice { file });
        }
        resolve(&mut said, &folder);
        once("vault", &mut self.vault, said.vault, file)?;
        once("policy", &mut self.policy, said.policy, file)?;
        once("notify", &mut self.notify, said.notify, file)?;
        self.watches.append(&mut said.watch);
        self.copies.append(&mut said.copy);
        self.datasets.append(&mut said.dataset);
        for included in said.include {
            for file in listed(&included)? {
                self.file(&file)?;
            }
        }
        Ok(())
    }
}

fn once<T>(
    table: &'static str,
    place: &mut Option<(T, PathBuf)>,
    said: Option<T>,
    file: &Path,
) -> Result<(), ConfigError> {
    match (&place, said) {
        (_, None) => Ok(()),
        (None, Some(said)) => {
            *place = Some((said, file.to_owned()));
            Ok(())
        }
        (Some((_, first)), Some(_)) => Err(ConfigError::Twice {
            table,
            first: first.clone(),
            second: file.to_owned(),
        }),
    }
}

/// A file, or the files of a folder.
fn listed(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unread = |source| ConfigError::Unread {
        file: path.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unread)? {
        let file = entry.map_err(unread)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

/// Makes every path absolute.
fn resolve(said: &mut File, folder: &Path) {
    let absolute = |path: &mut PathBuf| *path = folder.join(&*path);
    said.include.iter_mut().for_each(absolute);
    if let Some(vault) = &mut said.vault {
        resolve_url(&mut vault.url, folder);
        let files = [
            &mut vault.key,
            &mut vault.passphrase_file,
            &mut vault.state_dir,
            &mut vault.cache_dir,
        ];
        files.into_iter().flatten().for_each(absolute);
        if let Some(catalog) = &mut vault.catalog {
            let files = [&mut catalog.passfile, &mut catalog.ca_file];
            files.into_iter().flatten().for_each(absolute);
        }
        let s3 = vault.s3.as_mut();
        s3.and_then(|s3| s3.ca_file.as_mut()).map(absolute);
    }
    for copy in &mut said.copy {
        resolve_url(&mut copy.url, folder);
        let s3 = copy.s3.as_mut();
        s3.and_then(|s3| s3.ca_file.as_mut()).map(absolute);
    }
    if let Some(notify) = &mut said.notify {
        notify.paths_mut().for_each(absolute);
    }
    for dataset in &mut said.dataset {
        let lists = [
            &mut dataset.paths,
            &mut dataset.files_from,
            &mut dataset.files_from_raw,
            &mut dataset.exclude_file,
            &mut dataset.iexclude_file,
        ];
        lists.into_iter().flatten().for_each(absolute);
    }
}

fn resolve_url(url: &mut Worded<TargetUrl>, folder: &Path) {
    if let Some(path) = url.as_folder() {
        *url = TargetUrl::folder(folder.join(path)).into();
    }
}

fn unique<'n>(kind: &'static str, names: impl Iterator<Item = &'n str>) -> Result<(), ConfigError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            let name = name.to_owned();
            return Err(ConfigError::NameTwice { kind, name });
        }
    }
    Ok(())
}

fn problem(dataset: &Dataset) -> Option<DatasetProblem> {
    if dataset.hooks.all().any(|hook| hook.arguments().is_none()) {
        return Some(DatasetProblem::Hook);
    }
    if dataset.origin().is_some() {
        return None;
    }
    let lists = [&dataset.paths, &dataset.files_from, &dataset.files_from_raw];
    let files = lists.iter().any(|list| !list.is_empty());
    let (command, named) = (!dataset.command.is_empty(), dataset.stdin_name.is_some());
    Some(match (files, command, named) {
        (true, true, _) => DatasetProblem::Both,
        (false, false, false) => DatasetProblem::Nothing,
        _ => DatasetProblem::Unnamed,
    })
}
