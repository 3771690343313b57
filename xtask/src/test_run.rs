//! `cargo xtask test`: everything that continuous integration runs, in order.
//!
//! Every step runs even when an earlier one failed, so that one run shows all there is to repair; the
//! closing lines say what failed and what was skipped.

use crate::command::{cargo, line, not_started, show};
use crate::finding::Chore;
use crate::sample_data::{self, SampleFiles};
use crate::setup::{self, Skipped};
use crate::tidy;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Set for tests in continuous integration: what is missing is then a failure, not a skip.
const STRICT: &str = "ONCOVAULT_TEST_STRICT";

/// One run of the steps.
struct TestRun {
    root: PathBuf,
    started: Instant,
    outcomes: Vec<Outcome>,
    skipped: Vec<Skipped>,
    sample_files: Option<PathBuf>,
}

struct Outcome {
    step: &'static str,
    took: Duration,
    result: Result<String, Chore>,
}

type Step = fn(&mut TestRun) -> Result<String, Chore>;

const STEPS: &[(&str, Step)] = &[
    ("setup", TestRun::setup),
    ("sample files", TestRun::sample_files),
    ("tidy", TestRun::tidy),
    ("waiting", TestRun::waiting),
    ("cargo test", TestRun::cargo_test),
];

/// Run all steps and sum up.
pub fn run(root: &Path) -> Result<(), Chore> {
    let mut run = TestRun {
        root: root.to_path_buf(),
        started: Instant::now(),
        outcomes: Vec::new(),
        skipped: Vec::new(),
        sample_files: None,
    };
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("\n==== {} of {}: {name} ====", index + 1, STEPS.len());
        run.take(name, *step);
    }
    run.sum_up()
}

/// Kill the program at random moments, this often per verb.
pub fn crash(root: &Path, kills: &str) -> Result<(), Chore> {
    let test = [
        "test",
        "--release",
        "--package",
        "oncovault",
        "--test",
        "endurance",
        "killed",
    ];
    let mut command = cargo(&test, root);
    command.env("ONCOVAULT_TEST_KILLS", kills);
    show(&mut command)
}

/// Kill the program before each call by which it changes a disk, or before so many of them per verb.
pub fn crash_at_calls(root: &Path, points: &str) -> Result<(), Chore> {
    endurance(root, "traced", "ONCOVAULT_TEST_SYSCALLS", points)
}

/// Cut the power of the disk below the program, this often per verb.
pub fn cut_power(root: &Path, cuts: &str) -> Result<(), Chore> {
    endurance(root, "power", "ONCOVAULT_TEST_CUTS", cuts)
}

fn endurance(root: &Path, tests: &str, variable: &str, value: &str) -> Result<(), Chore> {
    let test = [
        "test",
        "--package",
        "oncovault",
        "--test",
        "endurance",
        tests,
        "--",
        "--nocapture",
    ];
    let mut command = cargo(&test, root);
    command.env(variable, value);
    show(&mut command)
}

impl TestRun {
    fn take(&mut self, name: &'static str, step: Step) {
        let started = Instant::now();
        let result = step(self);
        if let Err(error) = &result {
            println!("FAILED {name}: {error}");
        }
        self.outcomes.push(Outcome {
            step: name,
            took: started.elapsed(),
            result,
        });
    }

    fn setup(&mut self) -> Result<String, Chore> {
        let skipped = setup::install(&self.root)?;
        let missing: Vec<String> = skipped.iter().map(|Skipped(what)| what.clone()).collect();
        self.skipped.extend(skipped);
        if is_strict() && !missing.is_empty() {
            return Err(Chore::Failed(format!(
                "nothing may be missing here: {}",
                missing.join(", ")
            )));
        }
        Ok("done".to_owned())
    }

    fn sample_files(&mut self) -> Result<String, Chore> {
        match sample_data::find(&self.root) {
            SampleFiles::In(folder) => {
                let said = format!("in {}", folder.display());
                self.sample_files = Some(folder);
                Ok(said)
            }
            SampleFiles::Missing(why) => {
                self.skipped
                    .push(Skipped(format!("tests on real sample files ({why})")));
                Ok("none".to_owned())
            }
        }
    }

    fn tidy(&mut self) -> Result<String, Chore> {
        tidy::run(&self.root, &[]).map(|()| "clean".to_owned())
    }

    /// Tests of rules that wait, with programs built for a clock that tests set. Before the others, so
    /// that the programs that stay in the target folder tell the true time.
    fn waiting(&mut self) -> Result<String, Chore> {
        let test = [
            "test",
            "--package",
            "oncovault",
            "--features",
            "test-clock",
            "--test",
            "waiting",
        ];
        show(&mut cargo(&test, &self.root)).map(|()| "done".to_owned())
    }

    fn cargo_test(&mut self) -> Result<String, Chore> {
        let mut command = cargo(&["test", "--workspace", "--no-fail-fast"], &self.root);
        command
            .env(setup::VARIABLE, setup::tools_folder(&self.root))
            .stdout(Stdio::piped());
        if let Some(folder) = &self.sample_files {
            command.env(sample_data::VARIABLE, folder);
        }
        if is_strict() {
            command.env(STRICT, "1");
        }
        let mut child = command
            .spawn()
            .map_err(|cause| not_started(&command, cause))?;
        let tally = child
            .stdout
            .take()
            .map(|out| Tally::of(BufReader::new(out)))
            .unwrap_or_default();
        let status = child.wait().map_err(|cause| not_started(&command, cause))?;
        println!("\n{}: {tally}; {status}", line(&command));
        if !status.success() {
            return Err(Chore::Ended {
                command: line(&command),
                status,
            });
        }
        if tally.passed == 0 {
            return Err(Chore::Failed("no test ran".to_owned()));
        }
        Ok(tally.to_string())
    }

    fn sum_up(self) -> Result<(), Chore> {
        println!(
            "\n==== summary, {:.0} s in all ====",
            self.started.elapsed().as_secs_f64()
        );
        for Skipped(what) in &self.skipped {
            println!("SKIPPED  {what}");
        }
        let mut failed = Vec::new();
        for Outcome { step, took, result } in &self.outcomes {
            let seconds = took.as_secs_f64();
            match result {
                Ok(said) => println!("ok       {step:<14} {seconds:>6.0} s  {said}"),
                Err(error) => {
                    println!("FAILED   {step:<14} {seconds:>6.0} s  {error}");
                    failed.push(*step);
                }
            }
        }
        if failed.is_empty() {
            Ok(())
        } else {
            Err(Chore::Failed(failed.join(", ")))
        }
    }
}

fn is_strict() -> bool {
    std::env::var("CI").is_ok_and(|value| !value.is_empty() && value != "false")
}

/// The sum of the lines with which each test program ends.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    programs: u64,
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    /// Pass every line on and count the closing ones.
    fn of(output: impl BufRead) -> Self {
        let mut tally = Self::default();
        for line in output.split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            println!("{line}");
            tally.add(&line);
        }
        tally
    }

    fn add(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else {
            return;
        };
        self.programs += 1;
        for part in rest.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(count)), Some(what)) = (words.next().map(str::parse::<u64>), words.next())
            else {
                continue;
            };
            match what {
                "passed" => self.passed += count,
                "failed" => self.failed += count,
                "ignored" => self.ignored += count,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            programs,
            passed,
            failed,
            ignored,
        } = self;
        write!(
            f,
            "{passed} passed, {failed} failed, {ignored} ignored in {programs} test programs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_lines_of_all_test_programs_are_summed() {
        let output = "running 2 tests\ntest a ... ok\n\
            test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: FAILED. 3 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 1.20s\n";
        let tally = Tally::of(output.as_bytes());
        assert_eq!(
            tally,
            Tally {
                programs: 2,
                passed: 5,
                failed: 1,
                ignored: 4
            }
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(
            Tally::of(&b"5 passed; 1 failed\n\xff\n"[..]),
            Tally::default()
        );
    }
}
