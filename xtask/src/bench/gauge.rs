//! What one command costs: wall time, processor time and memory of the process and its children.
//!
//! The command is run by a fresh process of this very program (`xtask bench --gauge`), which waits
//! for nothing else: what the system sums up over its children is then the command's alone, and its
//! peak of memory does not begin at the size of whoever measures.

use super::place::failed;
use crate::finding::{Chore, read, write};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Ticks of `/proc/stat` in a second: `USER_HZ`, the same on all machines that Linux runs on here.
const TICKS: f64 = 100.0;

/// A command to be measured.
#[derive(Clone, Debug)]
pub struct Line {
    /// The program, then its arguments.
    pub words: Vec<OsString>,
    /// Where it runs.
    pub folder: PathBuf,
}

/// What it cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of all processors, in the program and in the system for it.
    pub cpu: f64,
    /// The largest resident set of any of its processes, in bytes.
    pub memory: u64,
    /// The share of the machine that others used meanwhile, from 0 to 1.
    pub others: f64,
}

impl Cost {
    /// One after the other.
    pub fn then(self, next: Self) -> Self {
        Self {
            wall: self.wall + next.wall,
            cpu: self.cpu + next.cpu,
            memory: self.memory.max(next.memory),
            others: self.others.max(next.others),
        }
    }
}

/// Where a measured command's answer and complaints go.
pub struct Gauge {
    /// This program.
    program: PathBuf,
    /// The figures of the last command.
    answer: PathBuf,
    /// Everything that commands say on standard error.
    complaints: PathBuf,
}

impl Gauge {
    /// Writes its files into this folder.
    pub fn new(folder: &Path) -> Result<Self, Chore> {
        let program = std::env::current_exe().map_err(|cause| failed(folder, cause))?;
        Ok(Self {
            program,
            // Two runs may share a folder, as the one over a slow link does.
            answer: folder.join(format!("gauge-{}.json", std::process::id())),
            complaints: folder.join("complaints.log"),
        })
    }

    /// Run a command with this environment and no other. One that fails is an error.
    pub fn measure(
        &self,
        line: &Line,
        environment: &[(&'static str, OsString)],
    ) -> Result<Cost, Chore> {
        let complaints = File::options()
            .create(true)
            .append(true)
            .open(&self.complaints);
        let complaints = complaints.map_err(|cause| failed(&self.complaints, cause))?;
        let mut command = Command::new(&self.program);
        command
            .args(["bench", "--gauge"])
            .arg(&self.answer)
            .args(&line.words);
        command.current_dir(&line.folder).env_clear();
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(complaints);
        let status = command
            .status()
            .map_err(|cause| failed(&self.program, cause))?;
        if !status.success() {
            let program = line.words.first().cloned().unwrap_or_default();
            let about = format!(
                "{} ended with {status}; see {}",
                Path::new(&program)
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy(),
                self.complaints.display()
            );
            return Err(Chore::Failed(about));
        }
        Ok(serde_json::from_str(&read(&self.answer)?)?)
    }
}

/// The inner side: run the command, write what it cost, and end as it ended.
pub fn run(answer: &Path, words: &[String]) -> Result<(), Chore> {
    let [program, arguments @ ..] = words else {
        return Err(Chore::Usage);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let (busy, begun) = (busy_seconds(), Instant::now());
    let status = command.status();
    let wall = begun.elapsed().as_secs_f64();
    let busy = busy_seconds() - busy;
    let status = status.map_err(|cause| crate::command::not_started(&command, cause))?;
    if !status.success() {
        let command = program.clone();
        return Err(Chore::Ended { command, status });
    }
    let cost = children(wall, busy)?;
    write(answer, &serde_json::to_vec(&cost)?)
}

fn children(wall: f64, busy: f64) -> Result<Cost, Chore> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)
        .map_err(|errno| Chore::Failed(format!("getrusage: {errno}")))?;
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    let cpu = micros as f64 / 1e6;
    let memory = u64::try_from(usage.max_rss()).unwrap_or_default() * 1024;
    let cores = std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64);
    let others = ((busy - cpu) / (wall.max(0.001) * cores)).clamp(0.0, 1.0);
    Ok(Cost {
        wall,
        cpu,
        memory,
        others,
    })
}

/// Seconds that all processors together were not idle since the machine started; 0 where the system
/// does not tell.
fn busy_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    busy_ticks(&stat) as f64 / TICKS
}

/// User, nice, system, then idle and waiting, which do not count, then interrupts and stolen time.
fn busy_ticks(stat: &str) -> u64 {
    let first = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = first
        .split_whitespace()
        .skip(1)
        .take(8)
        .filter_map(|word| word.parse().ok())
        .collect();
    let waiting: u64 = ticks.iter().skip(3).take(2).sum();
    ticks.iter().sum::<u64>() - waiting
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_is_not_busy() {
        let stat = "cpu  100 1 20 5000 300 4 5 6 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";
        assert_eq!(busy_ticks(stat), 136);
        assert_eq!(busy_ticks(""), 0);
    }

    #[test]
    fn costs_add_up_and_peaks_do_not() {
        let cost = |memory, others| Cost {
            wall: 1.0,
            cpu: 2.0,
            memory,
            others,
        };
        let both = cost(5, 0.5).then(cost(3, 0.7));
        assert_eq!((both.wall, both.cpu), (2.0, 4.0));
        assert_eq!((both.memory, both.others), (5, 0.7));
    }

    #[test]
    fn a_command_is_measured_and_a_failing_one_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let answer = folder.path().join("answer");
        let words = |line: &str| line.split('|').map(str::to_owned).collect::<Vec<_>>();
        run(
            &answer,
            &words("sh|-c|i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"),
        )
        .unwrap();
        let cost: Cost = serde_json::from_str(&read(&answer).unwrap()).unwrap();
        assert!(
            cost.wall > 0.0 && cost.cpu > 0.0 && cost.memory > 100_000,
            "{cost:?}"
        );
        assert!(run(&answer, &words("false")).is_err());
        assert!(run(&answer, &words("no-such-program-here")).is_err());
        assert!(run(&answer, &[]).is_err());
    }
}
