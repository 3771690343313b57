//! What is backed up, and what happens around it.

use std::path::PathBuf;

use ov_policy::{Period, Schedule};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Name, Retention, Share, Size, Worded};

/// A thing that is backed up again and again. Its keys are the options of `backup`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Dataset {
    /// Its name.
    pub name: Worded<Name>,
    /// Files and folders.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathBuf>,
    /// Files that list paths, one a line.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_from: Vec<PathBuf>,
    /// Files that list paths, separated by zero bytes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files_from_raw: Vec<PathBuf>,
    /// A program and its arguments whose output is stored, in place of files; no shell is involved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub command: Vec<String>,
    /// The path under which the output of the command is stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdin_name: Option<String>,
    /// The compartment, where the key has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compartment: Option<String>,
    /// Tags for the snapshots.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// The host's name; without it, this host's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Who issues the identifiers of patients for which its files name no issuer: such as the
    /// hospital whose archive it is. Without it they are of an unknown issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// When it is backed up. With neither schedule nor rpo it is backed up by hand alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Worded<Schedule>>,
    /// How old the newest snapshot may become. Runs start early enough that it holds, whatever the
    /// schedule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Worded<Period>>,
    /// What is kept; without it, what the policy says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// What these patterns match is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// The same, upper and lower case being equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iexclude: Vec<String>,
    /// What the patterns in these files match is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_file: Vec<PathBuf>,
    /// The same, upper and lower case being equal.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub iexclude_file: Vec<PathBuf>,
    /// The content of folders that hold a CACHEDIR.TAG is left out.
    #[serde(default)]
    pub exclude_caches: bool,
    /// The content of folders that hold a file of such a name is left out (NAME or NAME:HEADER).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude_if_present: Vec<String>,
    /// Files larger than this are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude_larger_than: Option<Worded<Size>>,
    /// What is mounted below is left out.
    #[serde(default)]
    pub one_file_system: bool,
    /// Inode numbers do not count in finding unchanged files.
    #[serde(default)]
    pub ignore_inode: bool,
    /// Change times do not count in finding unchanged files.
    #[serde(default)]
    pub ignore_ctime: bool,
    /// How much of the unchanged data to read again; without it, the time since the last run
    /// divided by 90 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reread: Option<Worded<Share>>,
    /// The memory that a backup takes at most; without it, 60 MiB and 16 for each processor, and at
    /// least 92.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Worded<Size>>,
    /// No snapshot if nothing changed.
    #[serde(default)]
    pub skip_if_unchanged: bool,
    /// What files say about themselves is kept beside them: whose they are, what they belong to.
    #[serde(default = "yes")]
    pub catalog: bool,
    /// What happens around it.
    #[serde(default, skip_serializing_if = "Hooks::is_empty")]
    pub hooks: Hooks,
}

fn yes() -> bool {
    true
}

/// Where a dataset comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'d> {
    /// Files and folders, and files that list them.
    Files {
        /// Files and folders.
        paths: &'d [PathBuf],
        /// Files that list paths, one a line.
        lists: &'d [PathBuf],
        /// Files that list paths, separated by zero bytes.
        raw_lists: &'d [PathBuf],
    },
    /// The output of a program.
    Command {
        /// The path under which it is stored.
        name: &'d str,
        /// The program and its arguments; never empty.
        command: &'d [String],
    },
}

impl Dataset {
    /// Where it comes from; `None` where that is not clear. Of a configuration that was read it is
    /// always clear.
    pub fn origin(&self) -> Option<Origin<'_>> {
        let lists = [&self.paths, &self.files_from, &self.files_from_raw];
        let no_files = lists.iter().all(|list| list.is_empty());
        match (&self.stdin_name, self.command.is_empty()) {
            (Some(name), false) if no_files => Some(Origin::Command {
                name,
                command: &self.command,
            }),
            (None, true) if !no_files => Some(Origin::Files {
                paths: &self.paths,
                lists: &self.files_from,
                raw_lists: &self.files_from_raw,
            }),
            _ => None,
        }
    }
}

/// Programs that run around a backup.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Hooks {
    /// Before it. If one fails, there is no backup.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Hook>,
    /// After one that succeeded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Hook>,
    /// After one that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Hook>,
    /// In the end, whatever happened.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<Hook>,
}

impl Hooks {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all().next().is_none()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Hook> {
        let lists = [&self.before, &self.after, &self.failed, &self.finally];
        lists.into_iter().flatten()
    }
}

/// A program that is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Hook {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// The one text in `run` is a line for /bin/sh.
    #[serde(default)]
    pub shell: bool,
    /// It is ended if it takes longer, and counts as failed.
    #[serde(default = "five_minutes")]
    pub timeout: Worded<Period>,
}

impl Hook {
    /// The program and its arguments, a shell's included; `None` where there is none. Of a
    /// configuration that was read there is always one.
    pub fn arguments(&self) -> Option<Vec<&str>> {
        match (self.shell, &self.run[..]) {
            (true, [line]) => Some(vec!["/bin/sh", "-c", line]),
            (false, [program, ..]) if !program.is_empty() => {
                Some(self.run.iter().map(String::as_str).collect())
            }
            _ => None,
        }
    }
}

fn five_minutes() -> Worded<Period> {
    Period::from_minutes(5).into()
}
