//! `cargo xtask bench --slow`: storing and restoring over a link on which every request waits 30 ms and
//! bytes pass at 100 Mbit/s, in front of a real S3 server. Judged against the time that the bytes that
//! went over the link would have taken alone.

use super::corpus::tree;
use super::gauge::{Gauge, Line};
use super::link::{Link, Manner, Traffic};
use super::options::Options;
use super::peer::common_environment;
use super::place::{failed, make_folder};
use super::session::{our_program, out_folder, provide};
use crate::command::{cargo, not_started};
use crate::finding::{Chore, write};
use std::ffi::OsString;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

const SLOW: Manner = Manner {
    delay: Duration::from_millis(30),
    bytes_per_second: 12_500_000,
};
/// A restore may take so much of the time that its bytes alone need.
const BOUND: f64 = 1.5;
/// Below this the delays are all there is.
const FEW_BYTES: f64 = 1e6;
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// Measure, print and write `slow.md`.
pub fn run(root: &Path, options: &Options) -> Result<(), Chore> {
    let out = out_folder(root, options)?;
    let program = our_program(root, options)?;
    let server = Server::start(root)?;
    let link = Link::open(server.address()?, SLOW).map_err(|cause| failed(&out, cause))?;
    let mut text = format!(
        "# Over a slow link\n\nWritten by `cargo xtask bench --slow`: {} ms before each request, {:.1} MB/s.\n\n\
         | corpus | work | seconds | requests | MB over the link | times what the bytes need | goal |\n|---|---|---|---|---|---|---|\n",
        SLOW.delay.as_millis(),
        SLOW.bytes_per_second as f64 / 1e6
    );
    for (corpus, source, _) in provide(root, options, &out)? {
        let life = SlowLife {
            gauge: Gauge::new(&out)?,
            program: program.clone(),
            link: &link,
            server: &server,
            work: out.join("slow").join(corpus.name()),
            vault: format!("s3://bench/{}", corpus.name()),
            source,
        };
        for (work, row) in life.live(options.repetitions)? {
            println!("{} {work}: {row}", corpus.name());
            let _ = writeln!(text, "| {} | {work} | {row} |", corpus.name());
        }
    }
    let file = out.join("slow.md");
    write(&file, text.as_bytes())?;
    println!("the table is in {}", file.display());
    Ok(())
}

/// A server that ends when this is dropped.
struct Server {
    process: Child,
    variables: Vec<(String, String)>,
}

impl Server {
    fn start(root: &Path) -> Result<Self, Chore> {
        let words = [
            "run",
            "--quiet",
            "--package",
            "ov-store",
            "--features",
            "test-servers",
            "--example",
            "s3_server",
        ];
        let mut command = cargo(&words, root);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let started = command.spawn();
        let mut process = started.map_err(|cause| not_started(&command, cause))?;
        let said = process.stdout.take().map(BufReader::new);
        let lines = said
            .into_iter()
            .flat_map(|said| said.lines().map_while(Result::ok));
        let variables: Vec<(String, String)> = lines
            .map_while(|line| {
                line.split_once('=')
                    .map(|(a, b)| (a.to_owned(), b.to_owned()))
            })
            .collect();
        match variables.is_empty() {
            false => Ok(Self { process, variables }),
            true => Err(Chore::Failed("the S3 server did not start".to_owned())),
        }
    }

    fn address(&self) -> Result<SocketAddr, Chore> {
        let url = self.variables.iter().find(|(name, _)| name == ENDPOINT);
        let address = url.and_then(|(_, url)| url.strip_prefix("http://")?.parse().ok());
        address.ok_or_else(|| Chore::Failed("the S3 server did not say where it is".to_owned()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

struct SlowLife<'a> {
    gauge: Gauge,
    program: PathBuf,
    link: &'a Link,
    server: &'a Server,
    work: PathBuf,
    vault: String,
    source: PathBuf,
}

impl SlowLife<'_> {
    fn live(&self, repetitions: u32) -> Result<Vec<(String, String)>, Chore> {
        if self.work.exists() {
            std::fs::remove_dir_all(&self.work).map_err(|cause| failed(&self.work, cause))?;
        }
        make_folder(&self.work)?;
        let source = self.source.display().to_string();
        let mut rows = Vec::new();
        self.measure("first", &["init", "--unprotected-key"])?;
        rows.push((
            "full".to_owned(),
            self.measure("first", &["backup", &source])?,
        ));
        rows.push((
            "unchanged".to_owned(),
            self.measure("first", &["backup", &source])?,
        ));
        for repetition in 1..=repetitions {
            // A machine that has seen nothing of the vault yet.
            let state = format!("restore-{repetition}");
            let out = self.work.join(format!("out-{repetition}"));
            let words = ["restore", "latest", "--to", &out.display().to_string()];
            rows.push((
                format!("restore {repetition}"),
                self.measure(&state, &words)?,
            ));
            let restored = out.join(self.source.strip_prefix("/").unwrap_or(&self.source));
            if !tree::is_equal(&self.source, &restored)? {
                return Err(Chore::Failed("restored files are different".to_owned()));
            }
        }
        Ok(rows)
    }

    /// The cells of a row: what a command cost over the link.
    fn measure(&self, state: &str, words: &[&str]) -> Result<String, Chore> {
        let line = Line {
            words: std::iter::once(self.program.clone().into_os_string())
                .chain(words.iter().map(OsString::from))
                .collect(),
            folder: self.work.clone(),
        };
        let mut environment = common_environment(&self.work.join(state));
        environment.extend([
            ("ONCOVAULT_VAULT", OsString::from(&self.vault)),
            ("ONCOVAULT_KEY", self.work.join("key").into_os_string()),
            (
                ENDPOINT,
                OsString::from(format!("http://{}", self.link.address())),
            ),
        ]);
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"] {
            let value = self
                .server
                .variables
                .iter()
                .find(|(known, _)| known == name);
            environment.extend(value.map(|(_, value)| (name, OsString::from(value))));
        }
        let before = self.link.traffic();
        let cost = self.gauge.measure(&line, &environment)?;
        let after = self.link.traffic();
        let traffic = Traffic {
            requests: after.requests - before.requests,
            up: after.up - before.up,
            down: after.down - before.down,
        };
        Ok(cells(cost.wall, traffic, words))
    }
}

fn cells(wall: f64, traffic: Traffic, words: &[&str]) -> String {
    let bytes = traffic.up.max(traffic.down) as f64;
    let ratio = wall * SLOW.bytes_per_second as f64 / bytes;
    let shown = match bytes < FEW_BYTES {
        true => "–".to_owned(),
        false => format!("{ratio:.2}"),
    };
    let goal = match words.first() {
        Some(&"restore") if ratio <= BOUND => "reached",
        Some(&"restore") => "missed",
        _ => "–",
    };
    format!(
        "{wall:.2} | {} | {:.2} | {shown} | {goal}",
        traffic.requests,
        bytes / 1e6
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_is_judged_by_what_its_bytes_need() {
        let traffic = Traffic {
            requests: 40,
            up: 1000,
            down: 12_500_000,
        };
        assert_eq!(
            cells(1.4, traffic, &["restore"]),
            "1.40 | 40 | 12.50 | 1.40 | reached"
        );
        assert_eq!(
            cells(1.6, traffic, &["restore"]),
            "1.60 | 40 | 12.50 | 1.60 | missed"
        );
        let few = Traffic {
            down: 10,
            ..traffic
        };
        assert_eq!(cells(1.6, few, &["backup"]), "1.60 | 40 | 0.00 | – | –");
        assert_eq!(
            cells(1.6, traffic, &["backup"]),
            "1.60 | 40 | 12.50 | 1.60 | –"
        );
    }
}
