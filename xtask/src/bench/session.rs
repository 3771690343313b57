//! One run of the benchmark, from finding the engines to the report.

use super::corpus::{Corpus, Scale};
use super::gauge::Gauge;
use super::life::{Comparison, Life};
use super::options::{Begin, Options, Rates};
use super::peer::{self, Peer, Place, Role};
use super::phase::Phase;
use super::place::{failed, make_folder};
use super::render;
use super::results::{About, Engine, Machine, Results, Run};
use super::source::Source;
use crate::command::{cargo, command, is_installed, show, text};
use crate::finding::Chore;
use crate::sample_data;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

const OUT: &str = "target/bench";
/// Below this much room on the disk, stores and restored files of earlier lives go at once.
const ROOM: u64 = 12 << 30;
/// ext4 does not use the inodes of files again that were deleted within this time, and looks at each
/// of them whenever it makes a file: what follows a large deletion would look many times dearer.
const AFTER_DELETION: Duration = Duration::from_secs(70);
/// What a million files are measured with: one run changes nothing, the rest would say nothing new.
const SHORT: &[Phase] = &[Phase::Start, Phase::Init, Phase::Full, Phase::Unchanged];

/// Measure and report.
pub fn run(root: &Path, options: &Options) -> Result<(), Chore> {
    let out = out_folder(root, options)?;
    let mut session = Session {
        gauge: Gauge::new(&out)?,
        engines: engines(root, options)?,
        results: Results::default(),
        out,
        lives: 0,
    };
    session.load(options)?;
    session.results.machine = Machine::here();
    for engine in &session.engines {
        engine.introduce(&mut session.results)?;
    }
    let corpora = session.provide(root, options)?;
    if options.rates == Rates::Measured {
        session.measure_rates(root)?;
    }
    session.ready_work()?;
    for repetition in 0..options.repetitions {
        for (corpus, folder) in &corpora {
            session.round(repetition, corpus, folder)?;
        }
    }
    session.clear_work()?;
    render(&session.results, &session.out)?;
    println!(
        "\nresults are in {}; for the documents:",
        session.out.display()
    );
    println!("cargo xtask bench --report {}", session.file().display());
    Ok(())
}

struct Session {
    gauge: Gauge,
    engines: Vec<Found>,
    results: Results,
    out: PathBuf,
    lives: u32,
}

/// An engine and its program.
struct Found {
    peer: Box<dyn Peer>,
    program: PathBuf,
}

impl Session {
    fn file(&self) -> PathBuf {
        self.out.join("results.json")
    }

    /// What was measured before, if it was measured with this very program.
    fn load(&mut self, options: &Options) -> Result<(), Chore> {
        if options.begin == Begin::Afresh {
            return Ok(());
        }
        let Some(before) = Results::load(&self.file())? else {
            return Ok(());
        };
        for engine in &self.engines {
            let known = before.peers.get(engine.peer.name());
            if known.is_some_and(|known| known.build != engine.build().ok().flatten()) {
                return Err(Chore::Failed(
                    "these results are of another build of our program; say --fresh, or another --out"
                        .to_owned(),
                ));
            }
        }
        println!("going on after {} lives", before.runs.len());
        self.results = before;
        Ok(())
    }

    /// Make the corpora that are wanted, unless the results are of others.
    fn provide(&mut self, root: &Path, options: &Options) -> Result<Vec<(Corpus, PathBuf)>, Chore> {
        let mut provided = Vec::new();
        for (corpus, path, about) in provide(root, options, &self.out)? {
            let name = corpus.name();
            let before = self.results.corpora.insert(name.clone(), about.clone());
            if before.is_some_and(|before| before != about) {
                let other = format!(
                    "these results are of other files of {name}; say --fresh, or another --out"
                );
                return Err(Chore::Failed(other));
            }
            provided.push((corpus, path));
        }
        Ok(provided)
    }

    /// What the primitives reach, once for all results.
    fn measure_rates(&mut self, root: &Path) -> Result<(), Chore> {
        if !self.results.rates.is_empty() || !self.results.corpora.contains_key("random") {
            return Ok(());
        }
        let example = [
            "run",
            "--release",
            "--quiet",
            "--package",
            "ov-backup",
            "--example",
            "primitives",
        ];
        println!("building what measures the primitives (--without-rates leaves it out)");
        self.results.rates = parse_rates(&text(&mut cargo(&example, root))?);
        Ok(())
    }

    /// Every engine once on one corpus.
    fn round(&mut self, repetition: u32, corpus: &Corpus, folder: &Path) -> Result<(), Chore> {
        let count = self.engines.len();
        let first = usize::try_from(repetition).unwrap_or_default() * 3;
        for turn in 0..count {
            let index = (first + turn) % count;
            let name = self.engines[index].peer.name();
            if !self.results.has(repetition, &corpus.name(), name) {
                self.life(index, repetition, corpus, folder)?;
            }
        }
        Ok(())
    }

    fn life(
        &mut self,
        index: usize,
        repetition: u32,
        corpus: &Corpus,
        folder: &Path,
    ) -> Result<(), Chore> {
        let Found { peer, program } = &self.engines[index];
        let (source, phases) = match corpus {
            Corpus::Million => (Source::Still(folder.to_path_buf()), SHORT),
            _ => (Source::open(folder)?, &Phase::ALL[..]),
        };
        self.lives += 1;
        println!(
            "{}, {}, repetition {}",
            corpus.name(),
            peer.name(),
            repetition + 1
        );
        let place = Place {
            program: program.clone(),
            work: self.work().join(self.lives.to_string()),
            source: source.path().to_path_buf(),
            backups: 0,
        };
        let mut run = Run {
            repetition,
            corpus: corpus.name(),
            peer: peer.name().to_owned(),
            steps: BTreeMap::new(),
            equal: None,
            failure: None,
        };
        let life = Life {
            peer: peer.as_ref(),
            place,
            source: &source,
            gauge: &self.gauge,
            comparison: match repetition {
                0 => Comparison::Whole,
                _ => Comparison::None,
            },
        };
        life.live(phases, &mut run)?;
        self.results.runs.push(run);
        self.results.save(&self.file())?;
        if room(&self.out) < ROOM {
            self.ready_work()?;
        }
        Ok(())
    }

    fn work(&self) -> PathBuf {
        self.out.join("work")
    }

    /// An empty folder for stores and restored files, whose making other deletions do not disturb.
    fn ready_work(&self) -> Result<(), Chore> {
        let work = self.work();
        let is_first = !work.exists();
        make_folder(&work)?;
        let is_empty = std::fs::read_dir(&work).is_ok_and(|mut entries| entries.next().is_none());
        if !is_empty {
            self.clear_work()?;
        }
        // The folder is as old as the last deletion.
        let age = std::fs::metadata(&work).and_then(|about| about.modified());
        let age = age.map_or(Duration::ZERO, |time| time.elapsed().unwrap_or_default());
        if !is_first && age < AFTER_DELETION {
            println!("waiting until the file system has forgotten what was deleted");
            std::thread::sleep(AFTER_DELETION.saturating_sub(age));
        }
        Ok(())
    }

    /// Delete what lives left behind.
    fn clear_work(&self) -> Result<(), Chore> {
        let work = self.work();
        std::fs::remove_dir_all(&work).map_err(|cause| failed(&work, cause))?;
        rustix::fs::sync();
        make_folder(&work)
    }
}

impl Found {
    fn introduce(&self, results: &mut Results) -> Result<(), Chore> {
        let peer = &self.peer;
        let engine = Engine {
            version: self.version()?,
            build: self.build()?,
            settings: peer.settings().to_owned(),
            role: peer.role(),
            key: peer.key(),
        };
        results.peers.insert(peer.name().to_owned(), engine);
        Ok(())
    }

    fn version(&self) -> Result<String, Chore> {
        if self.peer.name() == "walk" {
            return Ok(format!("xtask {}", env!("CARGO_PKG_VERSION")));
        }
        let program = self.program.to_string_lossy();
        let said = text(&mut command(
            &program,
            self.peer.version_words(),
            Path::new("/"),
        ))?;
        let first = said
            .lines()
            .find(|line| !line.trim().is_empty())
            .unwrap_or_default();
        Ok(first.trim_matches([' ', '*']).to_owned())
    }

    /// Our own program is told apart by its bytes: its version stays while we work on it.
    fn build(&self) -> Result<Option<String>, Chore> {
        if !matches!(self.peer.role(), Role::Ours | Role::Variant) {
            return Ok(None);
        }
        let bytes = std::fs::read(&self.program).map_err(|cause| failed(&self.program, cause))?;
        Ok(Some(blake3::hash(&bytes).to_hex()[..12].to_owned()))
    }
}

/// Where everything goes.
pub fn out_folder(root: &Path, options: &Options) -> Result<PathBuf, Chore> {
    let out = options.out.clone().unwrap_or_else(|| root.join(OUT));
    make_folder(&out)?;
    std::path::absolute(&out).map_err(|cause| failed(&out, cause))
}

/// Make the corpora that are wanted, or find them made.
pub fn provide(
    root: &Path,
    options: &Options,
    out: &Path,
) -> Result<Vec<(Corpus, PathBuf, About)>, Chore> {
    let mut provided = Vec::new();
    for corpus in wanted(root, options)? {
        let scale = match corpus {
            Corpus::Own(_) => Scale::FULL,
            _ => options.scale,
        };
        let folder = out.join(format!("corpora-{}", scale.0));
        make_folder(&folder)?;
        let (path, digest) = corpus.provide(&folder, scale)?;
        let about = About {
            scale: scale.0,
            files: digest.files,
            bytes: digest.bytes,
            digest: digest.hash,
        };
        let (name, megabytes) = (corpus.name(), about.bytes as f64 / 1e6);
        println!("{name}: {} files, {megabytes:.1} MB", about.files);
        provided.push((corpus, path, about));
    }
    Ok(provided)
}

/// The engines that are wanted and there.
fn engines(root: &Path, options: &Options) -> Result<Vec<Found>, Chore> {
    let mut found = Vec::new();
    for peer in peer::all() {
        let program = match (peer.role(), peer.name()) {
            (Role::Ours | Role::Variant, _) => our_program(root, options)?,
            (_, "walk") => {
                std::env::current_exe().map_err(|cause| failed(Path::new("xtask"), cause))?
            }
            _ => PathBuf::from(peer.program()),
        };
        if peer.role() != Role::Ours && !options.wants_peer(peer.name()) {
            continue;
        }
        if program.is_absolute() || is_installed(peer.program()) {
            found.push(Found { peer, program });
        } else {
            println!("{} is not installed and not measured", peer.name());
        }
    }
    Ok(found)
}

/// Our program: the one that was named, or one built now.
pub fn our_program(root: &Path, options: &Options) -> Result<PathBuf, Chore> {
    let program = match &options.program {
        Some(program) => program.clone(),
        None => {
            show(&mut cargo(
                &["build", "--release", "--package", "oncovault"],
                root,
            ))?;
            root.join("target/release/oncovault")
        }
    };
    std::fs::canonicalize(&program).map_err(|cause| failed(&program, cause))
}

fn wanted(root: &Path, options: &Options) -> Result<Vec<Corpus>, Chore> {
    let data = std::env::var_os(sample_data::VARIABLE).map(PathBuf::from);
    let data = data.unwrap_or_else(|| sample_data::default_folder(root));
    let real = data.is_dir().then_some(Corpus::Real(data));
    let own = options.also.iter().map(|folder| {
        std::fs::canonicalize(folder)
            .map(Corpus::Own)
            .map_err(|cause| failed(folder, cause))
    });
    let known = Corpus::MADE
        .into_iter()
        .chain(real)
        .chain([Corpus::Million]);
    let mut corpora: Vec<Corpus> = known
        .filter(|corpus| options.wants_corpus(&corpus.name()))
        .collect();
    let unknown = options
        .only
        .iter()
        .flatten()
        .find(|name| corpora.iter().all(|corpus| corpus.name() != **name));
    if let Some(name) = unknown {
        return Err(Chore::Failed(format!("there is no corpus {name} here")));
    }
    corpora.extend(own.collect::<Result<Vec<_>, _>>()?);
    Ok(corpora)
}

/// Lines of a name and a number.
fn parse_rates(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines
        .filter_map(|(name, rate)| Some((name.to_owned(), rate.parse().ok()?)))
        .collect()
}

/// Bytes that are free where a folder is; if that is unknown, plenty.
fn room(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(u64::MAX, |about| about.f_bavail * about.f_frsize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_line_by_line() {
        let rates = parse_rates("chunk id 2600000000\ncut 2300000000\nnothing\n");
        assert_eq!(rates["chunk id"], 2.6e9);
        assert_eq!(rates.len(), 2);
    }
}
