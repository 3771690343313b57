//! Where a backup reads from, as the command line says it.

use std::ffi::OsString;
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use ov_source::{
    Case, CommandStream, FileSystems, FileTree, Selection, SelectionBuilder, Separator, Source,
    SourceError, Stream, parse_size, read_list,
};
use ov_terminal::Failure;
use ov_terminal::screen::shown;

use crate::explain;

/// Where a backup reads from.
#[derive(clap::Args, Debug)]
pub struct SourceArgs {
    /// Files and folders
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// A program whose output is stored under --stdin-name; if it fails there is no snapshot
    #[arg(last = true, value_name = "COMMAND", requires = "stdin_name")]
    command: Vec<OsString>,

    /// Store what is read from standard input, under --stdin-name
    #[arg(long, requires = "stdin_name", conflicts_with_all = ["paths", "command"])]
    stdin: bool,

    /// The path under which a stream is stored
    #[arg(long, value_name = "NAME", conflicts_with = "paths")]
    stdin_name: Option<OsString>,

    /// Paths from a file, one a line (may be given more than once; - is standard input)
    #[arg(long, value_name = "FILE", conflicts_with = "stdin_name")]
    files_from: Vec<PathBuf>,

    /// Paths from a file, separated by zero bytes (may be given more than once)
    #[arg(long, value_name = "FILE", conflicts_with = "stdin_name")]
    files_from_raw: Vec<PathBuf>,

    #[command(flatten)]
    leave_out: LeaveOut,
}

/// What is left out.
#[derive(clap::Args, Debug)]
#[command(next_help_heading = "What is left out")]
pub struct LeaveOut {
    /// What this pattern matches (may be given more than once)
    #[arg(long, short = 'e', value_name = "GLOB")]
    exclude: Vec<String>,

    /// The same, upper and lower case being equal
    #[arg(long, value_name = "GLOB")]
    iexclude: Vec<String>,

    /// What the patterns in this file match, one a line (may be given more than once)
    #[arg(long, value_name = "FILE")]
    exclude_file: Vec<PathBuf>,

    /// The same, upper and lower case being equal
    #[arg(long, value_name = "FILE")]
    iexclude_file: Vec<PathBuf>,

    /// The content of folders that hold a CACHEDIR.TAG
    #[arg(long)]
    exclude_caches: bool,

    /// The content of folders that hold a file of this name (NAME or NAME:HEADER)
    #[arg(long, value_name = "NAME")]
    exclude_if_present: Vec<String>,

    /// Files larger than this, like 500M
    #[arg(long, value_name = "SIZE")]
    exclude_larger_than: Option<String>,

    /// What is mounted below
    #[arg(long, short = 'x')]
    one_file_system: bool,
}

/// What a backup reads.
pub struct Origin {
    /// The source.
    pub source: Box<dyn Source>,
    /// The paths that were asked for.
    pub paths: Vec<Vec<u8>>,
    /// Paths that do not exist.
    pub missing: Vec<PathBuf>,
    tree: Option<std::sync::Arc<FileTree>>,
}

/// A tree that is looked at while it is read.
struct Shared(std::sync::Arc<FileTree>);

impl Source for Shared {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<ov_source::Item, SourceError>> + Send + '_> {
        self.0.walk()
    }

    fn walk_briefly(
        &self,
    ) -> Box<dyn Iterator<Item = Result<ov_source::Item, SourceError>> + Send + '_> {
        self.0.walk_briefly()
    }

    fn look_closer(&self, item: &mut ov_source::Item) {
        self.0.look_closer(item);
    }

    fn open(&self, item: &ov_source::Item) -> Result<Box<dyn ov_source::OpenFile>, SourceError> {
        self.0.open(item)
    }
}

impl SourceArgs {
    /// What is to be read.
    pub fn origin(&self) -> Result<Origin, Failure> {
        match &self.stdin_name {
            Some(name) if self.stdin => {
                let stream = Stream::standard_input(name.as_bytes()).map_err(explain::source)?;
                Ok(Origin::named(name.as_bytes(), Box::new(stream)))
            }
            Some(name) if !self.command.is_empty() => {
                let stream = CommandStream::new(name.as_bytes(), self.command.clone())
                    .map_err(explain::source)?;
                Ok(Origin::named(name.as_bytes(), Box::new(stream)))
            }
            Some(_) => Err(Failure::usage("--stdin-name, and no stream to store")
                .help("say --stdin, or give a program after --")),
            None => self.tree(),
        }
    }

    /// The same files, to be counted beside the backup; streams cannot be counted.
    pub fn scan(&self) -> Option<Box<dyn Source>> {
        let lists_standard_input = self.lists().any(|(list, _)| list == Path::new("-"));
        match self.stdin_name.is_some() || lists_standard_input {
            true => None,
            false => Some(self.tree().ok()?.source),
        }
    }

    fn tree(&self) -> Result<Origin, Failure> {
        let mut wanted = self.paths.clone();
        for (list, separator) in self.lists() {
            wanted.extend(read_list(&read(list)?, separator));
        }
        if wanted.is_empty() {
            return Err(Failure::usage("nothing to back up was named")
                .help("name files or folders: oncovault backup PATH…"));
        }
        let (there, missing): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|path| path.symlink_metadata().is_ok_or_other());
        if there.is_empty() {
            let names: Vec<_> = missing.iter().map(|p| p.display().to_string()).collect();
            let names = shown(names.join(", ").as_bytes());
            return Err(
                Failure::failed(format!("nothing to back up: {names} does not exist"))
                    .help("look at the path; nothing was stored"),
            );
        }
        let paths = there.iter().map(|path| absolute(path)).collect();
        let tree = FileTree::new(there, self.leave_out.selection()?).map_err(explain::source)?;
        let tree = std::sync::Arc::new(tree);
        Ok(Origin {
            source: Box::new(Shared(std::sync::Arc::clone(&tree))),
            paths,
            missing,
            tree: Some(tree),
        })
    }

    fn lists(&self) -> impl Iterator<Item = (&PathBuf, Separator)> {
        let lines = self.files_from.iter().map(|list| (list, Separator::Line));
        lines.chain(
            self.files_from_raw
                .iter()
                .map(|list| (list, Separator::Nul)),
        )
    }
}

impl LeaveOut {
    /// As a walk takes it.
    ///
    /// # Errors
    /// A pattern, a size or a file of patterns that cannot be read.
    pub fn selection(&self) -> Result<Selection, Failure> {
        let mut selection = Selection::builder();
        self.add_patterns(&mut selection)?;
        if self.exclude_caches {
            selection.exclude_caches();
        }
        for marker in &self.exclude_if_present {
            let added = selection.exclude_if_present(marker);
            added.map_err(explain::selection)?;
        }
        if let Some(size) = &self.exclude_larger_than {
            selection.exclude_larger_than(parse_size(size).map_err(explain::selection)?);
        }
        selection.file_systems(match self.one_file_system {
            true => FileSystems::One,
            false => FileSystems::All,
        });
        selection.build().map_err(explain::selection)
    }

    fn add_patterns(&self, selection: &mut SelectionBuilder) -> Result<(), Failure> {
        let cases = [
            (Case::Sensitive, &self.exclude, &self.exclude_file),
            (Case::Ignored, &self.iexclude, &self.iexclude_file),
        ];
        for (case, patterns, files) in cases {
            for pattern in patterns {
                let added = selection.exclude(pattern, case);
                added.map_err(explain::selection)?;
            }
            for file in files {
                let lines = selection.exclude_lines(&read(file)?, case);
                lines.map_err(|error| explain::selection(error).on(file.display()))?;
            }
        }
        Ok(())
    }
}

impl Origin {
    /// A stream, recorded as one file of this name.
    pub(crate) fn named(name: &[u8], source: Box<dyn Source>) -> Self {
        let slash: &[u8] = match name.starts_with(b"/") {
            true => b"",
            false => b"/",
        };
        Self {
            source,
            paths: vec![[slash, name].concat()],
            missing: Vec::new(),
            tree: None,
        }
    }

    /// The name of a dataset that nobody named.
    pub fn name(&self) -> String {
        let paths = self.paths.iter().map(|path| String::from_utf8_lossy(path));
        paths.collect::<Vec<_>>().join(", ")
    }

    /// How many items were left out.
    pub fn excluded(&self) -> u64 {
        self.tree
            .as_ref()
            .map_or(0, |tree| tree.selection().excluded())
    }

    /// Patterns that matched nothing.
    pub fn unmatched(&self) -> Vec<&str> {
        self.tree
            .as_ref()
            .map_or_else(Vec::new, |tree| tree.selection().unmatched())
    }
}

/// What is there but cannot be looked at is the source's business, and recorded.
trait Presence {
    fn is_ok_or_other(&self) -> bool;
}

impl<T> Presence for std::io::Result<T> {
    fn is_ok_or_other(&self) -> bool {
        use std::io::ErrorKind::{NotADirectory, NotFound};
        !matches!(self, Err(error) if matches!(error.kind(), NotFound | NotADirectory))
    }
}

fn absolute(path: &Path) -> Vec<u8> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut bytes = absolute.into_os_string().into_vec();
    while bytes.len() > 1 && bytes.last() == Some(&b'/') {
        bytes.pop();
    }
    bytes
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let read = match path == Path::new("-") {
        true => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
        }
        false => std::fs::read(path),
    };
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}
