//! Who is told, by the real program at servers that listen: pings, webhooks, ntfy, mail, the
//! system's log, and Prometheus by file and by request.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::sink::Sink;
use crate::world::{Said, World};

/// Nothing of this may leave the machine by any channel.
const CLINICAL: [&str; 5] = [
    "Mueller",
    "19570213",
    "dose of",
    "correct horse",
    "owner.key",
];

/// A vault with a dataset that works and one whose program fails.
fn world(notify: &str) -> World {
    let world = World::new();
    world.write("plans/Mueller^Anna/19570213.dcm", "dose of Anna");
    let config = r#"
[vault]
url = "vault"
key = "owner.key"
passphrase-file = "pw"
[policy]
copies = "2-1-0-0-0"
retries = 0
[[dataset]]
name = "plans"
paths = ["plans/Mueller^Anna"]
rpo = "4h"
[[dataset]]
name = "ris"
command = ["sh", "-c", "echo Mueller 19570213 >&2; exit 4"]
stdin-name = "Mueller.sql"
rpo = "4h"
"#;
    world.write("oncovault.toml", format!("{config}{notify}"));
    world
}

fn say(world: &World, args: &[&str]) -> Said {
    let mut command = world.command();
    command.args(["--config", "oncovault.toml"]).args(args);
    Said::of(command.output().unwrap())
}

#[track_caller]
fn is_not_clinical(told: &str, world: &World) {
    let folder = world.arg("");
    for word in CLINICAL.iter().chain([&folder.trim_end_matches('/')]) {
        assert!(!told.contains(word), "{word:?} was told: {told}");
    }
}

#[test]
fn pings_say_that_runs_began_ended_and_failed_with_the_end_of_their_log() {
    let sink = Sink::http();
    let url = format!("http://127.0.0.1:{}/ping/5ecret", sink.port);
    let ping = |name| format!("[[notify.ping]]\nurl = \"{url}-{name}\"\nabout = [\"{name}\"]\n");
    let world = world(&format!("{}{}", ping("plans"), ping("ris")));
    let said = say(&world, &["run", "--due"]);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(!said.err.contains("nobody was told"), "{}", said.err);
    let heard = sink.all();
    let paths: Vec<&str> = heard.iter().map(|one| one.path.as_str()).collect();
    let expected = [
        "/ping/5ecret-plans/start",
        "/ping/5ecret-plans",
        "/ping/5ecret-ris/start",
        "/ping/5ecret-ris/fail",
    ];
    assert_eq!(paths, expected);
    let (done, failed) = (&heard[1].body, &heard[3].body);
    assert!(done.contains("backup plans: started\n"), "{done}");
    assert!(done.contains("backup plans: done, took "), "{done}");
    assert!(done.contains(", 1 files, "), "{done}");
    assert!(failed.contains("backup ris: failed: "), "{failed}");
    assert!(failed.contains("exit code 1"), "{failed}");
    heard
        .iter()
        .for_each(|one| is_not_clinical(&one.body, &world));
}

#[test]
fn webhooks_and_ntfy_hear_of_trouble_when_it_begins_and_when_it_is_over() {
    let (hook, topic) = (Sink::http(), Sink::http());
    let notify = format!(
        "[[notify.webhook]]\nurl = \"http://127.0.0.1:{}/hook\"\n\
         [[notify.ntfy]]\nurl = \"http://127.0.0.1:{}/backups\"\n",
        hook.port, topic.port
    );
    let world = world(&notify.replace("/backups\"", "/backups\"\nabout = [\"ris\"]"));
    let events = |sink: &Sink| -> Vec<String> {
        let documents = sink.all().into_iter().map(|heard| {
            is_not_clinical(&heard.body, &world);
            serde_json::from_str::<Value>(&heard.body).unwrap()
        });
        documents
            .map(|told| format!("{} {} {}", told["subject"], told["event"], told["severity"]))
            .map(|told| told.replace('"', ""))
            .collect()
    };
    say(&world, &["run", "--due"]);
    assert_eq!(events(&hook), ["ris failed critical"]);
    let told = topic.all();
    assert_eq!(told.len(), 1);
    let head = told[0].head.to_ascii_lowercase();
    assert!(head.starts_with("post /backups "), "{head}");
    assert!(head.contains("title: ris: failed: "), "{head}");
    assert!(head.contains("priority: 5\r\n"), "{head}");
    is_not_clinical(&format!("{}{}", told[0].head, told[0].body), &world);

    // Nothing new, then the end of it.
    say(&world, &["run", "ris"]);
    assert_eq!(events(&hook), Vec::<String>::new());
    let config = fs::read_to_string(world.path("oncovault.toml")).unwrap();
    world.write("oncovault.toml", config.replace("exit 4", "exit 0"));
    assert_eq!(say(&world, &["run", "ris"]).code, 0);
    assert_eq!(events(&hook), ["ris done notice"]);
    assert_eq!(topic.all().len(), 1);
}

#[test]
fn copies_that_are_short_are_told_and_that_they_are_complete_again() {
    let hook = Sink::http();
    let url = format!("http://127.0.0.1:{}/hook", hook.port);
    let notify = format!("[[notify.webhook]]\nurl = \"{url}\"\nabout = [\"plans\"]\n");
    let world = world(&notify);
    let config = fs::read_to_string(world.path("oncovault.toml")).unwrap();
    world.write(
        "oncovault.toml",
        config.replace("\"2-1-0-0-0\"", "\"3-1-0-0-0\""),
    );
    let event = |args: &[&str]| -> Vec<Value> {
        say(&world, args);
        let heard = hook.all();
        heard
            .iter()
            .map(|one| serde_json::from_str(&one.body).unwrap())
            .collect()
    };
    let told = event(&["run", "plans"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        (&told[0]["event"], &told[0]["severity"]),
        (&"short".into(), &"warning".into())
    );
    assert_eq!(told[0]["facts"]["shortages"], 1);
    assert_eq!(event(&["run", "plans"]), Vec::<Value>::new());
    let config = fs::read_to_string(world.path("oncovault.toml")).unwrap();
    let copy = "[[copy]]\nname = \"nas\"\nurl = \"nas\"\n";
    world.write("oncovault.toml", format!("{config}{copy}"));
    assert_eq!(say(&world, &["copy", "--to", "nas"]).code, 0);
    let told = event(&["run", "plans"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(
        told[0]["title"].as_str().unwrap().split(" (").next(),
        Some("plans: copies are complete again")
    );
}

#[test]
fn a_mail_is_sent_when_a_run_fails() {
    let sink = Sink::smtp();
    let notify = format!(
        "[[notify.mail]]\nserver = \"127.0.0.1\"\nport = {}\nsecurity = \"none\"\n\
         from = \"OncoVault <vault@clinic.example>\"\nto = [\"it@clinic.example\"]\n",
        sink.port
    );
    let world = world(&notify);
    let said = say(&world, &["run", "--due"]);
    assert!(!said.err.contains("nobody was told"), "{}", said.err);
    let mails = sink.all();
    assert_eq!(mails.len(), 1);
    let (envelope, mail) = (&mails[0].head, &mails[0].body);
    assert!(
        envelope.contains("MAIL FROM:<vault@clinic.example>"),
        "{envelope}"
    );
    assert!(
        envelope.contains("RCPT TO:<it@clinic.example>"),
        "{envelope}"
    );
    assert!(
        mail.contains("Subject: [oncovault] ris: failed: "),
        "{mail}"
    );
    assert!(mail.contains("Auto-Submitted: auto-generated"), "{mail}");
    assert!(mail.contains("Run `oncovault status` there"), "{mail}");
    is_not_clinical(&format!("{envelope}{mail}"), &world);
}

#[test]
fn who_cannot_be_told_makes_no_run_fail_and_is_named_once() {
    let port = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        gone.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}/hook/5ecret");
    let notify = format!("[[notify.webhook]]\nurl = \"{url}\"\ntell = \"everything\"\n");
    let world = world(&notify);
    let said = say(&world, &["run", "plans"]);
    assert_eq!(said.code, 0, "{}", said.err);
    let warnings = said
        .err
        .lines()
        .filter(|line| line.contains("nobody was told"));
    assert_eq!(warnings.count(), 1, "{}", said.err);
    assert!(!said.err.contains("5ecret"), "{}", said.err);
}

#[test]
fn prometheus_finds_metrics_in_a_file_and_at_an_address() {
    let world = world("[notify]\ntextfile = \"metrics/oncovault.prom\"\n");
    say(&world, &["run", "--due"]);
    let text = fs::read_to_string(world.path("metrics/oncovault.prom")).unwrap();
    let newest = |text: &str| {
        let mut lines = text.lines();
        let mark = "oncovault_newest_snapshot_timestamp_seconds{";
        lines.any(|line| line.starts_with(mark) && line.contains("dataset=\"plans\""))
    };
    assert!(newest(&text), "{text}");
    is_not_clinical(&text, &world);

    let mut command = world.command();
    command.args([
        "--config",
        "oncovault.toml",
        "status",
        "--listen",
        "127.0.0.1:0",
    ]);
    let mut listening = Ended(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut said = String::new();
    let out = listening.0.stdout.take().unwrap();
    BufReader::new(out).read_line(&mut said).unwrap();
    let address = said.trim().strip_prefix("Metrics are at http://").unwrap();
    let address = address.strip_suffix("/metrics.").unwrap();
    let asked = |request: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {request} HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    for _ in 0..2 {
        let answer = asked("/metrics");
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(newest(&answer), "{answer}");
        is_not_clinical(&answer, &world);
    }
    assert!(asked("/../pw").starts_with("HTTP/1.1 404"));
}

/// A program that ends with the test.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// In a name space of its own, in which `/dev` holds the test's own socket.
#[test]
fn the_systems_log_gets_a_line_for_each_event() {
    let world = world("[notify]\nsyslog = true\n");
    let devices = world.path("dev");
    fs::create_dir(&devices).unwrap();
    for name in ["null", "urandom", "random", "zero", "tty"] {
        world.write(&format!("dev/{name}"), "");
    }
    let log = UnixDatagram::bind(devices.join("log")).unwrap();
    log.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let script = "for name in null urandom random zero tty; do mount --bind /dev/$name dev/$name; \
                  done && mount --rbind dev /dev && exec \"$0\" --config oncovault.toml run plans";
    let plain = world.command();
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script]);
    command.arg(plain.get_program()).current_dir(world.path(""));
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", world.path("home")).env("TZ", "UTC");
    let Ok(output) = command.output() else {
        return skipped("no program `unshare`");
    };
    let said = Said::of(output);
    if said.err.contains("unshare") || said.err.contains("mount") {
        return skipped(&said.err);
    }
    assert_eq!(said.code, 0, "{}", said.err);
    log.set_nonblocking(true).unwrap();
    let mut bytes = [0; 4_000];
    let mut lines = Vec::new();
    while let Ok(length) = log.recv(&mut bytes) {
        lines.push(String::from_utf8(bytes[..length].to_vec()).unwrap());
    }
    assert!(
        lines[0].starts_with("<30>") && lines[0].contains(": plans: started "),
        "{lines:?}"
    );
    let done = lines.iter().find(|line| line.contains(": plans: done "));
    assert!(
        done.is_some_and(|line| line.contains(", 1 files, ")),
        "{lines:?}"
    );
    lines.iter().for_each(|line| is_not_clinical(line, &world));
}

fn skipped(why: &str) {
    eprintln!("skipped: a name space of one's own is not possible here: {why}");
}
