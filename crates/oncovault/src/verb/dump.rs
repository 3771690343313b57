//! `dump`: one file, or a folder as an archive, to standard output or into a file.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ov_restore::{Filter, Part, Tree, Wanted, dump_file, dump_tar, dump_zip};
use ov_terminal::{Desk, Exit, Failure};
use serde_json::json;

use crate::explain;
use crate::reading::{Reading, Which, part, snapshot_path};

/// What `dump` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A file, or with --archive a folder, of a snapshot
    #[arg(value_name = "SNAP:PATH")]
    snapshot: OsString,

    /// The file to write; it must not be there yet [default: standard output]
    #[arg(long, short = 't', value_name = "FILE")]
    to: Option<PathBuf>,

    /// As an archive
    #[arg(long, short, value_name = "KIND")]
    archive: Option<Archive>,

    #[command(flatten)]
    which: Which,
}

/// Kinds of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Archive {
    /// With all metadata.
    Tar,
    /// For every machine; without owners and links.
    Zip,
}

/// Writes the content.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let wanted = snapshot_path(&args.snapshot)?;
    let reading = Reading::open(desk)?;
    reading.require_reader("dump files")?;
    let info = reading.select(&wanted.spec, &args.which)?;
    let graph = reading.graph()?;
    let reader = reading.reader(&graph);
    let tree = Tree::of(&reader, &info.snapshot);
    let part = part(&tree, info, &wanted.path)?;
    let filter = Filter::default();
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .max(4);
    let everything = Wanted {
        tree,
        part: &part,
        filter: &filter,
        roots: &info.snapshot.paths,
    };
    let write = |out: &mut dyn Write| -> Result<u64, Failure> {
        match (args.archive, &part) {
            (Some(Archive::Tar), _) => Ok(dump_tar(&everything, workers, out)
                .map_err(explain::archive)?
                .count),
            (Some(Archive::Zip), _) => Ok(dump_zip(&everything, workers, out)
                .map_err(explain::archive)?
                .count),
            (None, Part::One(entry)) => {
                dump_file(&reader, entry, workers, out).map_err(explain::dump)?;
                Ok(0)
            }
            (None, _) => Err(Failure::usage("this is a folder")
                .help("say --archive tar or --archive zip, or name a file")),
        }
    };
    let left_out = match &args.to {
        Some(path) => to_file(path, &write)?,
        None => to_standard_output(args, &write)?,
    };
    if let Some(path) = &args.to {
        desk.screen.document(&json!({
            "snapshot_id": info.id(),
            "to": path.display().to_string(),
            "left_out": left_out,
        }));
    }
    match left_out {
        0 => Ok(Exit::Done),
        count => {
            let things = ov_terminal::amount::of(count, "thing is", "things are");
            desk.screen.warn(format_args!("{things} not in the archive: it cannot hold them, or the backup could not read them"));
            Ok(Exit::SourceUnread)
        }
    }
}

type Writing<'w> = &'w dyn Fn(&mut dyn Write) -> Result<u64, Failure>;

/// A file that is not whole does not stay under its name.
fn to_file(path: &Path, write: Writing<'_>) -> Result<u64, Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(failed)?;
    let mut out = BufWriter::new(file);
    let written = write(&mut out).and_then(|count| {
        out.flush()
            .and_then(|()| out.get_ref().sync_all())
            .map_err(failed)?;
        Ok(count)
    });
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written
}

fn to_standard_output(args: &Args, write: Writing<'_>) -> Result<u64, Failure> {
    let out = std::io::stdout().lock();
    if args.archive.is_some() && out.is_terminal() {
        return Err(Failure::usage("an archive is not for a terminal")
            .help("name a file with --to, or send it to another program"));
    }
    let mut out = BufWriter::new(out);
    let count = write(&mut out)?;
    let failed = |error| Failure::failed(format!("cannot write to standard output: {error}"));
    out.flush().map_err(failed)?;
    Ok(count)
}
