//! A status as metrics, in the text format of Prometheus
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>, version 0.0.4).

use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use jiff::Timestamp;

use crate::notify::Label;
use crate::status::{Dataset, Heard, Kit, Level, Place, Reach, Status};

impl Status {
    /// The text. Names are labels that hold no more than names.
    pub fn metrics(&self) -> String {
        let mut out = Families::new(&self.vault);
        out.all();
        self.whole(&mut out);
        for dataset in &self.datasets {
            self.dataset_metrics(&mut out, dataset);
        }
        for place in &self.places {
            place_metrics(&mut out, place);
        }
        for agent in &self.agents {
            self.agent_metrics(&mut out, agent);
        }
        out.text()
    }

    fn whole(&self, out: &mut Families) {
        out.set("status_timestamp_seconds", &[], seconds(self.at));
        let level = match self.level() {
            Level::Well => 0.0,
            Level::Attention => 1.0,
            Level::Short => 2.0,
        };
        out.set("level", &[], level);
        if let Kit::Tested(at) = self.kit {
            out.set("kit_tested_timestamp_seconds", &[], seconds(at));
        }
        let version = env!("CARGO_PKG_VERSION");
        out.set("build_info", &[("version", Tag::Fixed(version))], 1.0);
    }

    fn dataset_metrics(&self, out: &mut Families, dataset: &Dataset) {
        let name = &dataset.name;
        let label = [("dataset", Tag::name(name))];
        if let Some(newest) = self.newest(name) {
            out.set("newest_snapshot_timestamp_seconds", &label, seconds(newest));
        }
        if let Some(run) = dataset.past.good {
            out.set("last_success_timestamp_seconds", &label, seconds(run.end));
            let length = run.end.as_second() - run.start.as_second();
            out.set("last_success_duration_seconds", &label, signed(length));
        }
        if let Some(rpo) = dataset.rpo {
            out.set("rpo_seconds", &label, float(rpo));
        }
        if let Some(next) = dataset.next {
            out.set("next_run_timestamp_seconds", &label, seconds(next.at));
        }
        out.set("failures", &label, f64::from(dataset.past.failures));
        let short = match self.judge(name) {
            ov_policy::placement::Judgement::Satisfied => 0,
            ov_policy::placement::Judgement::Short(short) => short.len(),
        };
        out.set("copies_shortages", &label, short as f64);
    }

    fn agent_metrics(&self, out: &mut Families, agent: &Heard) {
        let label = [("agent", Tag::name(&agent.name))];
        if let Some(last) = agent.last {
            out.set("agent_last_seen_timestamp_seconds", &label, seconds(last));
        }
        out.set("agent_allowed_seconds", &label, float(agent.allowed));
        out.set(
            "agent_silent",
            &label,
            f64::from(u8::from(agent.is_silent(self.at))),
        );
    }
}

fn place_metrics(out: &mut Families, place: &Place) {
    let label = [("place", Tag::name(&place.name))];
    out.set(
        "place_reached",
        &label,
        f64::from(u8::from(place.reach == Reach::Reached)),
    );
    if let Some(checked) = place.checked {
        out.set("check_timestamp_seconds", &label, seconds(checked.at));
        out.set("check_errors", &label, float(checked.errors));
    }
    if let Some((grade, _)) = place.grade {
        let grade = ("grade", Tag::name(&grade.to_string()));
        out.set("place_grade", &[label[0].clone(), grade], 1.0);
    }
    if let Some(free) = place.free {
        out.set("free_bytes", &label, float(free));
    }
    if let Some(contents) = &place.contents {
        out.set("stored_bytes", &label, float(contents.bytes));
        if let Some(oldest) = contents.oldest_unverified {
            out.set(
                "oldest_unverified_timestamp_seconds",
                &label,
                seconds(oldest),
            );
        }
        for (metric, counts) in [
            ("snapshots_accepted", &contents.accepted),
            ("snapshots_waiting", &contents.waiting),
        ] {
            for (dataset, count) in counts {
                let dataset = ("dataset", Tag::name(dataset));
                out.set(metric, &[label[0].clone(), dataset], float(*count));
            }
        }
    }
    if let Some(full) = place.full() {
        for (quantile, days) in [
            ("0.05", full.soonest),
            ("0.5", full.likely),
            ("0.95", full.latest),
        ] {
            let labels = [label[0].clone(), ("quantile", Tag::Fixed(quantile))];
            out.set("full_days", &labels, days.map_or(f64::INFINITY, f64::from));
        }
    }
}

/// What there is, and what it means.
const HELP: [(&str, &str); 24] = [
    ("status_timestamp_seconds", "When this was written."),
    (
        "level",
        "0 all is well, 1 somebody should look, 2 less than the policy asks for.",
    ),
    ("build_info", "The program."),
    (
        "kit_tested_timestamp_seconds",
        "When the recovery kit was last tried.",
    ),
    (
        "newest_snapshot_timestamp_seconds",
        "The moment of the newest snapshot.",
    ),
    (
        "last_success_timestamp_seconds",
        "When a run last ended well.",
    ),
    ("last_success_duration_seconds", "How long that run took."),
    ("rpo_seconds", "How old the newest snapshot may become."),
    (
        "next_run_timestamp_seconds",
        "When the next run is planned.",
    ),
    (
        "failures",
        "Runs that failed since the last that went well.",
    ),
    (
        "copies_shortages",
        "How much the copies are short of the policy.",
    ),
    ("place_reached", "Whether the place could be looked at."),
    ("place_grade", "What the target protects."),
    (
        "check_timestamp_seconds",
        "When the place was last checked.",
    ),
    ("check_errors", "What that check found wrong."),
    (
        "oldest_unverified_timestamp_seconds",
        "When the bytes not read for longest were read.",
    ),
    ("snapshots_accepted", "Complete snapshots."),
    (
        "snapshots_waiting",
        "Snapshots that no keeper has accepted yet.",
    ),
    ("stored_bytes", "Bytes of all objects."),
    ("free_bytes", "Bytes that still fit in."),
    ("full_days", "Days until the place is full."),
    (
        "agent_last_seen_timestamp_seconds",
        "When something of the agent last arrived.",
    ),
    ("agent_allowed_seconds", "How long the agent may be silent."),
    ("agent_silent", "Whether the agent fell silent."),
];

/// The value of a label.
#[derive(Clone)]
enum Tag {
    /// Somebody's choice.
    Name(Label),
    /// Ours.
    Fixed(&'static str),
}

impl Tag {
    fn name(name: &str) -> Self {
        Self::Name(Label::of(name))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(label) => label.fmt(f),
            Self::Fixed(text) => f.write_str(text),
        }
    }
}

/// Samples, gathered by metric as the format wants them.
struct Families {
    vault: Label,
    samples: Vec<(&'static str, &'static str, Vec<String>)>,
}

impl Families {
    fn new(vault: &str) -> Self {
        Self {
            vault: Label::of(vault),
            samples: Vec::new(),
        }
    }

    fn all(&mut self) {
        let empty = |(name, help): (&'static str, &'static str)| (name, help, Vec::new());
        self.samples = HELP.into_iter().map(empty).collect();
    }

    fn set(&mut self, metric: &str, labels: &[(&str, Tag)], value: f64) {
        let vault = ("vault", Tag::Name(self.vault.clone()));
        let labels: Vec<String> = std::iter::once(&vault)
            .chain(labels)
            .map(|(key, label)| format!("{key}=\"{label}\""))
            .collect();
        let sample = format!("{{{}}} {}", labels.join(","), number(value));
        if let Some((_, _, lines)) = self.samples.iter_mut().find(|(name, ..)| *name == metric) {
            lines.push(sample);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, help, lines) in self.samples.iter().filter(|(.., lines)| !lines.is_empty()) {
            let _ = writeln!(text, "# HELP oncovault_{name} {help}");
            let _ = writeln!(text, "# TYPE oncovault_{name} gauge");
            for line in lines {
                let _ = writeln!(text, "oncovault_{name}{line}");
            }
        }
        text
    }
}

fn number(value: f64) -> String {
    match value.is_infinite() {
        true => "+Inf".to_owned(),
        false => value.to_string(),
    }
}

fn seconds(at: Timestamp) -> f64 {
    signed(at.as_second())
}

/// Metrics are 64-bit floating point numbers.
fn float(number: u64) -> f64 {
    number as f64
}

fn signed(number: i64) -> f64 {
    number as f64
}

/// Writes metrics where the textfile collector of the node exporter reads them: beside the file
/// first, so that it never reads half of it, and readable for all, since it runs as another user.
///
/// # Errors
/// If the folder takes no file.
pub fn write_textfile(file: &Path, text: &str) -> io::Result<()> {
    // The collector reads whatever ends in .prom.
    let beside = file.with_extension("new");
    let mut out = File::create(&beside)?;
    out.set_permissions(fs::Permissions::from_mode(0o644))?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(&beside, file)
}
