//! `cargo xtask bench`: what our engine costs beside its peers, on the same files, machine and day.
//!
//! Every engine that is found lives through the same phases on every corpus, again and again, in an
//! order that rotates. Results are kept after every life, so a run that was stopped goes on where it
//! was. Tables, verdicts and the plot are drawn from the results alone.

mod change;
pub mod corpus;
mod figure;
mod gauge;
mod goal;
mod goals;
mod life;
mod link;
mod options;
mod peer;
mod phase;
mod place;
mod plot;
mod random;
mod report;
mod results;
mod session;
mod slow;
mod source;
mod statistics;
mod walk;

use crate::finding::{Chore, write};
use options::Options;
use results::Results;
use std::path::Path;

/// Where a report for readers goes.
const PUBLISHED: &str = "docs/performance";

/// Everything after `bench`.
pub fn run(root: &Path, words: &[&str]) -> Result<(), Chore> {
    match words {
        ["--gauge", answer, line @ ..] => {
            let line: Vec<String> = line.iter().map(|word| (*word).to_owned()).collect();
            gauge::run(Path::new(answer), &line)
        }
        ["--walk", folder] => walk::run(Path::new(folder)),
        ["--report", results] => publish(root, Path::new(results)),
        ["--slow", rest @ ..] => slow::run(root, &Options::parse(rest)?),
        _ => session::run(root, &Options::parse(words)?),
    }
}

/// Render results into the documents.
fn publish(root: &Path, file: &Path) -> Result<(), Chore> {
    let Some(results) = Results::load(file)? else {
        let missing = format!("there is no {}", file.display());
        return Err(Chore::Failed(missing));
    };
    let folder = root.join(PUBLISHED);
    place::make_folder(&folder)?;
    results.save(&folder.join("results.json"))?;
    render(&results, &folder)?;
    println!("the report is in {PUBLISHED}");
    Ok(())
}

/// Write the tables and the plot.
fn render(results: &Results, folder: &Path) -> Result<(), Chore> {
    write(
        &folder.join("results.md"),
        report::markdown(results).as_bytes(),
    )?;
    write(&folder.join("results.svg"), plot::svg(results).as_bytes())
}
