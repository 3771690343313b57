//! States that a department knows, and what is said of them.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ov_policy::forecast::{Day, Track, outlook};
use ov_policy::schedule::{Run, Why};

use super::*;
use crate::config::Config;

const NOW: i64 = 1_795_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn ago(seconds: u64) -> Timestamp {
    before(now(), seconds)
}

fn run(seconds: u64) -> Run {
    Run {
        start: ago(seconds),
        end: ago(seconds - 60),
    }
}

fn dataset(name: &str) -> Dataset {
    Dataset {
        name: name.into(),
        rpo: Some(DAY),
        past: Past {
            good: Some(run(10 * HOUR)),
            ..Past::default()
        },
        cause: None,
        next: Some(Next {
            at: ago(0),
            why: Why::Planned,
        }),
    }
}

fn contents(seconds: u64) -> Contents {
    Contents {
        newest: [("tps-plans".to_owned(), ago(seconds))].into(),
        accepted: [("tps-plans".to_owned(), 12)].into(),
        waiting: [("tps-plans".to_owned(), 1)].into(),
        bytes: 1 << 30,
        oldest_unverified: Some(ago(5 * DAY)),
    }
}

fn place(name: &str, kind: PlaceKind) -> Place {
    Place {
        name: name.into(),
        kind,
        medium: name.into(),
        site: Site::Here,
        reach: Reach::Reached,
        offline: false,
        pulled: false,
        grade: Some((Grade::Plain, ago(DAY))),
        checked: Some(Checked {
            at: ago(DAY),
            errors: 0,
        }),
        contents: Some(contents(10 * HOUR)),
        free: None,
        outlook: None,
    }
}

fn healthy() -> Status {
    let week = PlaceKind::Copy { age_max: 7 * DAY };
    let away = Place {
        site: Site::Away,
        grade: Some((Grade::Locked, ago(DAY))),
        ..place("cloud", week)
    };
    Status {
        at: now(),
        vault: "clinic".into(),
        rule: Rule::default(),
        checked_since: ago(30 * DAY),
        checks: Checks::Here,
        datasets: vec![dataset("tps-plans")],
        places: vec![place("vault", PlaceKind::Vault), away],
        agents: Vec::new(),
        kit: Kit::Tested(ago(30 * DAY)),
    }
}

fn said(status: &Status) -> Vec<String> {
    let line = |worry: Worry| format!("{} {}: {}", worry.level, worry.about, worry.what);
    status.worries().into_iter().map(line).collect()
}

#[test]
fn a_department_in_order_has_no_worries() {
    let status = healthy();
    assert_eq!(said(&status), Vec::<String>::new());
    assert_eq!(status.level(), Level::Well);
    assert!(!status.is_short());
}

#[test]
fn a_dataset_older_than_its_rpo_is_late_and_one_never_stored_too() {
    let mut status = healthy();
    status.datasets[0].past.good = Some(run(25 * HOUR));
    status.places[0].contents = Some(contents(25 * HOUR));
    assert_eq!(
        said(&status),
        ["short tps-plans: newest snapshot is 25 h old, allowed are 24 h"]
    );
    assert!(status.is_short());
    status.datasets[0].rpo = Some(26 * HOUR);
    assert!(!status.is_short());
    let mut fresh = dataset("new");
    fresh.past = Past::default();
    status.datasets = vec![fresh];
    assert_eq!(said(&status)[0], "short new: was never backed up");
}

#[test]
fn what_was_never_backed_up_is_told_once_and_not_as_missing_copies() {
    let mut status = healthy();
    status.datasets = vec![Dataset {
        rpo: None,
        past: Past::default(),
        ..dataset("by-hand")
    }];
    assert_eq!(said(&status), ["short by-hand: was never backed up"]);
}

#[test]
fn what_another_agent_stored_does_not_make_a_dataset_younger() {
    let mut status = healthy();
    for place in &mut status.places {
        place.contents = Some(Contents {
            newest: [(ANY.to_owned(), ago(HOUR))].into(),
            ..contents(HOUR)
        });
    }
    assert_eq!(said(&status), Vec::<String>::new());
    status.datasets[0].past.good = Some(run(25 * HOUR));
    assert_eq!(
        said(&status),
        ["short tps-plans: newest snapshot is 25 h old, allowed are 24 h"]
    );
    let document = status.document();
    assert_eq!(document["datasets"][0]["accepted"], serde_json::Value::Null);
}

#[test]
fn a_machine_that_does_not_check_is_not_blamed_for_checks_that_it_does_not_know_of() {
    let mut status = healthy();
    status.places[1].checked = None;
    if let Some(contents) = &mut status.places[1].contents {
        contents.oldest_unverified = Some(ago(90 * DAY));
    }
    assert_eq!(said(&status).len(), 2);
    status.checks = Checks::Elsewhere;
    assert_eq!(said(&status), Vec::<String>::new());
}

#[test]
fn nobody_is_told_to_copy_to_the_vault_what_waits_there() {
    let mut status = healthy();
    status.places[0].contents = None;
    let worries = status.worries();
    assert_eq!(worries[0].what, "vault holds no complete snapshot");
    assert!(
        worries[0].advice.contains("oncovault accept"),
        "{worries:?}"
    );
}

#[test]
fn a_copy_that_fell_behind_or_is_gone_makes_it_short_and_says_what_to_do() {
    let mut status = healthy();
    status.places[1].contents = Some(contents(8 * DAY));
    let worries = status.worries();
    assert!(status.is_short());
    assert!(
        worries[0]
            .what
            .starts_with("cloud holds nothing newer than"),
        "{worries:?}"
    );
    assert!(worries[0].advice.contains("oncovault copy"), "{worries:?}");
    status.places.truncate(1);
    assert!(
        said(&status).contains(&"short tps-plans: 2 of 3 copies, the original among them".into())
    );
}

#[test]
fn a_copy_as_new_as_the_vault_is_not_blamed_for_a_late_dataset() {
    let mut status = healthy();
    status.datasets[0].past.good = Some(run(9 * DAY));
    for place in &mut status.places {
        place.contents = Some(contents(9 * DAY));
    }
    assert_eq!(said(&status).len(), 1, "{:?}", said(&status));
}

#[test]
fn failed_runs_and_places_out_of_reach_want_attention_but_nothing_is_short_yet() {
    let mut status = healthy();
    status.datasets[0].past.failures = 2;
    status.datasets[0].past.failed = Some(run(HOUR));
    status.datasets[0].cause = Some(Cause::Hook);
    status.places[1].reach = Reach::Unreached {
        seen: Some(ago(2 * DAY)),
        why: Cause::Unreachable,
    };
    assert_eq!(
        said(&status),
        [
            "attention tps-plans: the last run failed 59 min ago (2 in a row): a command before or \
             after it failed",
            "attention cloud: could not be looked at, last seen 2 d 0 h ago: the target is busy or \
             cannot be reached",
        ]
    );
    status.places[1].reach = Reach::Unplugged { seen: None };
    assert_eq!(said(&status).len(), 1);
    assert!(!status.is_short());
}

#[test]
fn damage_a_silent_agent_unread_bytes_and_an_untried_kit_are_told() {
    let mut status = healthy();
    status.places[0].checked = Some(Checked {
        at: ago(DAY),
        errors: 3,
    });
    if let Some(contents) = &mut status.places[1].contents {
        contents.oldest_unverified = Some(ago(61 * DAY));
    }
    status.kit = Kit::Untested;
    status.agents = vec![Heard {
        name: "linac".into(),
        last: Some(ago(27 * HOUR)),
        allowed: 26 * HOUR,
        waiting: 0,
    }];
    assert_eq!(
        said(&status),
        [
            "short tps-plans: the last check of vault found 3 errors",
            "short linac: nothing arrived for 27 h, allowed are 26 h",
            "attention cloud: some bytes were not read for 61 d 0 h",
            "attention recovery kit: was never tried",
        ]
    );
}

#[test]
fn a_place_that_will_be_full_within_a_month_is_told() {
    let mut status = healthy();
    let days = vec![
        Day {
            added: 1 << 30,
            freed: 0
        };
        100
    ];
    status.places[0].outlook = outlook(&days, &Track::default());
    status.places[0].free = Some(20 << 30);
    let said = said(&status);
    assert!(
        said[0].starts_with("attention vault: is full in 21 days, perhaps in "),
        "{said:?}"
    );
    status.places[0].free = Some(900 << 30);
    assert_eq!(status.level(), Level::Well);
}

fn full_of_everything() -> Status {
    let mut status = healthy();
    status.datasets.push(dataset("pacs"));
    status.agents = vec![Heard {
        name: "linac".into(),
        last: Some(ago(27 * HOUR)),
        allowed: 26 * HOUR,
        waiting: 2,
    }];
    let days = vec![Day { added: 7, freed: 0 }; 100];
    status.places[0].outlook = outlook(&days, &Track::default());
    status.places[0].free = Some(1 << 20);
    status
}

#[test]
fn the_document_tells_what_the_screen_does() {
    let status = full_of_everything();
    let document = status.document();
    assert_eq!(document["level"], "short");
    assert_eq!(document["datasets"][0]["age_seconds"], 10 * HOUR);
    assert_eq!(document["datasets"][0]["accepted"], 12);
    assert_eq!(document["datasets"][0]["copies_satisfied"], true);
    assert_eq!(document["datasets"][1]["copies_satisfied"], false);
    assert_eq!(document["places"][1]["grade"], "locked");
    assert_eq!(document["places"][0]["growth_month"]["middle"], 210);
    assert_eq!(document["agents"][0]["silent"], true);
    let worries = document["worries"].as_array().unwrap();
    assert_eq!(worries.len(), status.worries().len());
}

/// The Python of the test tools.
fn python() -> Option<PathBuf> {
    let tools = std::env::var_os("ONCOVAULT_TEST_TOOLS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools");
    let python = tools.unwrap_or(beside).join("venv/bin/python");
    if python.is_file() {
        return Some(python);
    }
    let strict = std::env::var_os("ONCOVAULT_TEST_STRICT").is_some();
    assert!(!strict, "no {}", python.display());
    eprintln!("skipped: no Python with Prometheus' reader (cargo xtask setup installs it)");
    None
}

#[test]
fn prometheus_own_reader_reads_the_metrics() {
    let Some(python) = python() else { return };
    let script = "import sys\n\
        from prometheus_client.parser import text_string_to_metric_families as read\n\
        for family in read(sys.stdin.read()):\n\
        \x20for sample in family.samples:\n\
        \x20 print(family.type, sample.name, sorted(sample.labels.items()), sample.value)\n";
    let mut reader = Command::new(python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = full_of_everything().metrics();
    reader
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success());
    let read = String::from_utf8(output.stdout).unwrap();
    let samples = text.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!(read.lines().count(), samples, "{read}");
    for line in [
        "gauge oncovault_rpo_seconds [('dataset', 'tps-plans'), ('vault', 'clinic')] 86400\n",
        "gauge oncovault_agent_silent [('agent', 'linac'), ('vault', 'clinic')] 1\n",
        "gauge oncovault_level [('vault', 'clinic')] 2\n",
    ] {
        assert!(read.contains(line), "{read}");
    }
    assert!(read.contains("oncovault_full_days"), "{read}");
}

#[test]
fn a_textfile_is_replaced_whole_and_readable_for_the_collector() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oncovault.prom");
    write_textfile(&file, "old 1\n").unwrap();
    write_textfile(&file, "new 1\n").unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new 1\n");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

fn asked(request: &str) -> String {
    asked_of(request, Some(full_of_everything().metrics()))
}

fn asked_of(request: &str, metrics: Option<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    answer(&listener, || metrics).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_endpoint_answers_metrics_and_nothing_else() {
    let good = asked("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        good.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"),
        "{good}"
    );
    assert!(good.ends_with(&full_of_everything().metrics()));
    assert!(asked("GET /etc/passwd HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404"));
    assert!(asked_of("GET /metrics HTTP/1.1\r\n\r\n", None).starts_with("HTTP/1.1 503"));
    assert!(asked("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405"));
    assert!(asked("\r\n").starts_with("HTTP/1.1 400"));
}

#[test]
fn a_bundle_for_strangers_holds_no_name_no_path_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("oncovault.toml");
    let config = "[vault]\nurl = \"s3://planted-bucket/planted-prefix\"\nkey = \"/planted/key\"\n\
        passphrase-command = [\"planted-program\", \"planted-secret\"]\nmedium = \"planted-medium\"\n\
        s3 = { endpoint = \"https://planted.example\", region = \"planted-region\" }\n\
        [[copy]]\nname = \"planted-copy\"\nurl = \"/planted/copy\"\nmedium = \"planted-medium\"\n\
        [[dataset]]\nname = \"planted-dataset\"\npaths = [\"/planted/Mueller^Anna\"]\n\
        exclude = [\"planted*\"]\nrpo = \"24h\"\n\
        hooks.before = [{ run = [\"planted-hook\", \"planted-argument\"] }]\n";
    std::fs::write(&file, config).unwrap();
    let config = Config::read(&file).unwrap();
    let mut status = full_of_everything();
    status.vault = "planted-vault".into();
    status.datasets[0].name = "planted-dataset".into();
    status.datasets[0].past.good = None;
    status.agents[0].name = "planted-agent".into();
    status.places[1].name = "planted-copy".into();
    status.places[1].medium = "planted-medium".into();
    status.places[1].contents = None;
    if let Some(contents) = &mut status.places[0].contents {
        contents.newest = [("planted-dataset".to_owned(), ago(DAY))].into();
        contents.accepted = [("planted-dataset".to_owned(), 3)].into();
    }
    let platform = Platform {
        program: "oncovault",
        version: "0.1.0",
    };
    let bundle = diagnose(&platform, Some(&config), &status).to_string();
    let found = bundle.to_lowercase();
    assert!(
        !found.contains("planted") && !found.contains("mueller"),
        "{bundle}"
    );
    // And it is of use: what belongs together can be seen.
    let token = crate::notify::Label::token("planted-copy").to_string();
    assert!(bundle.matches(&token).count() >= 3, "{bundle}");
    assert!(
        bundle.contains("\"rpo\":\"24h\"") && bundle.contains("\"kind\":\"s3\""),
        "{bundle}"
    );
}
