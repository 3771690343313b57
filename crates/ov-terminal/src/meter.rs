//! Progress: a line that moves at a terminal, JSON lines where a program asked for them, nothing
//! elsewhere; the status once when USR1 asks.

use std::io::Write;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};

use crate::amount;
use crate::desk::Desk;
use crate::options::ProgressForm;
use crate::screen::{WARNING, shown};
use crate::signals::Signals;

/// How far something has come. Totals are 0 while nobody knows.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// Files done.
    pub files: u64,
    /// Files there are.
    pub files_total: u64,
    /// Bytes done.
    pub bytes: u64,
    /// Bytes there are.
    pub bytes_total: u64,
    /// What else to say.
    pub also: String,
    /// The path that is being worked on.
    pub current: Vec<u8>,
}

/// Shows how far something has come. May be told from several threads.
pub struct Meter {
    form: ProgressForm,
    bar: ProgressBar,
    signals: Signals,
    began: Instant,
    pause: Duration,
    last: Mutex<Option<Instant>>,
}

impl Meter {
    /// Begins now.
    pub fn new(desk: &Desk, signals: Signals) -> Self {
        let fps = desk.options.progress_fps.max(1);
        let form = desk.options.progress;
        let bar = match form == ProgressForm::Auto && desk.screen.is_lively() {
            true => lively(fps),
            false => ProgressBar::hidden(),
        };
        Self {
            form,
            bar,
            signals,
            began: Instant::now(),
            pause: Duration::from_secs(1) / u32::from(fps),
            last: Mutex::new(None),
        }
    }

    /// Tells how far it has come.
    pub fn show(&self, status: impl FnOnce() -> Status) {
        if self.signals.take_status() {
            self.say(&self.said(&status()));
            return;
        }
        let silent = self.bar.is_hidden() && self.form == ProgressForm::Auto;
        if silent || !self.is_due() {
            return;
        }
        let status = status();
        if self.form == ProgressForm::Json {
            self.say(&self.said(&status));
            return;
        }
        let line = self.line(&status);
        match status.bytes_total {
            0 => self.bar.set_message(line),
            total => {
                self.bar.set_length(total);
                self.bar.set_position(status.bytes.min(total));
                self.bar.set_message(line);
            }
        }
        self.bar.tick();
    }

    /// Whether somebody asked to stop.
    pub fn interrupted(&self) -> bool {
        self.signals.interrupted()
    }

    /// Something that needs attention, above the moving line.
    pub fn warn(&self, text: &str) {
        self.say(&format!("{WARNING}warning:{WARNING:#} {text}"));
    }

    /// Takes the moving line away.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// How long it took so far.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        });
    }

    fn is_due(&self) -> bool {
        // Another thread is showing just now.
        let Ok(mut last) = self.last.try_lock() else {
            return false;
        };
        let due = last.is_none_or(|at| at.elapsed() >= self.pause);
        if due {
            *last = Some(Instant::now());
        }
        due
    }

    fn said(&self, status: &Status) -> String {
        match self.form {
            ProgressForm::Auto => self.line(status),
            ProgressForm::Json => document(status, self.began.elapsed()).to_string(),
        }
    }

    fn line(&self, status: &Status) -> String {
        let seconds = self.began.elapsed().as_secs().max(1);
        let files = match status.files_total {
            0 => format!("{} files", status.files),
            total => format!("{}/{total} files", status.files),
        };
        let bytes = match status.bytes_total {
            0 => amount::bytes(status.bytes),
            total => format!(
                "{} of {}",
                amount::bytes(status.bytes),
                amount::bytes(total)
            ),
        };
        let rate = amount::bytes(status.bytes / seconds);
        let mut line = format!("{files}, {bytes}, {rate}/s");
        if let Some(left) = seconds_left(status, seconds).map(time) {
            line.push_str(&format!(", {left} left"));
        }
        for part in [&status.also, &shortened(&shown(&status.current))] {
            if !part.is_empty() {
                line.push_str("  ");
                line.push_str(part);
            }
        }
        line
    }
}

fn lively(fps: u8) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(fps);
    let bar = ProgressBar::with_draw_target(None, target);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed} {wide_msg}") {
        bar.set_style(style.tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "));
    }
    bar
}

/// For programs. Without the path: what a program reads ends in logs.
fn document(status: &Status, elapsed: Duration) -> Value {
    let seconds = elapsed.as_secs();
    let known = |total: u64| (total != 0).then_some(total);
    json!({"progress": {
        "files": status.files,
        "files_total": known(status.files_total),
        "bytes": status.bytes,
        "bytes_total": known(status.bytes_total),
        "rate": status.bytes / seconds.max(1),
        "seconds": seconds,
        "seconds_left": seconds_left(status, seconds.max(1)),
        "step": status.also,
    }})
}

fn seconds_left(status: &Status, seconds: u64) -> Option<u64> {
    let left = status.bytes_total.checked_sub(status.bytes)?;
    if status.bytes == 0 || status.bytes_total == 0 {
        return None;
    }
    let product = u128::from(left) * u128::from(seconds) / u128::from(status.bytes);
    u64::try_from(product).ok()
}

fn time(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{}:{:02} min", seconds / 60, seconds % 60),
        _ => format!("{}:{:02} h", seconds / 3600, seconds / 60 % 60),
    }
}

/// The end of a long path says more than its beginning.
fn shortened(path: &str) -> String {
    const MAX: usize = 60;
    let length = path.chars().count();
    match length > MAX {
        true => format!(
            "…{}",
            path.chars().skip(length - MAX + 1).collect::<String>()
        ),
        false => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_from_what_is_done() {
        let status = |bytes, bytes_total| Status {
            bytes,
            bytes_total,
            ..Status::default()
        };
        assert_eq!(seconds_left(&status(0, 100), 1), None);
        assert_eq!(seconds_left(&status(50, 0), 1), None);
        assert_eq!(seconds_left(&status(50, 100), 10), Some(10));
        assert_eq!(seconds_left(&status(1, 7201), 1), Some(7200));
        assert_eq!(time(10), "10 s");
        assert_eq!(time(99), "1:39 min");
        assert_eq!(time(7200), "2:00 h");
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        let path = format!("{}/end.dcm", "a".repeat(100));
        let short = shortened(&path);
        assert_eq!(short.chars().count(), 60);
        assert!(short.starts_with('…') && short.ends_with("/end.dcm"));
    }
}
