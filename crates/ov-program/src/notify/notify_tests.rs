//! What is told, at sinks that are real.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

fn message(event: Event, seconds: i64) -> Message {
    let line = |act, event, facts: &[Fact]| Line {
        at: at(seconds - 60),
        act,
        subject: Some(Label::of("tps-plans")),
        event,
        facts: facts.to_vec(),
    };
    Message {
        event,
        vault: Label::of("clinic"),
        subject: Label::of("tps-plans"),
        at: at(seconds),
        facts: vec![Fact::ExitCode(11), Fact::Attempts(3), Fact::Seconds(4_000)],
        log: vec![
            line(Act::Backup, Event::Started, &[]),
            line(
                Act::Backup,
                event,
                &[Fact::Files(45), Fact::BytesStored(1 << 20)],
            ),
        ],
    }
}

fn failed(seconds: i64) -> Message {
    message(Event::Failed(Cause::Unreachable), seconds)
}

fn quick() -> Patience {
    Patience {
        attempts: 3,
        pause: Duration::from_millis(1),
        timeout: Duration::from_secs(20),
    }
}

/// What one request said.
struct Heard {
    path: String,
    head: String,
    body: String,
}

/// A listener on this machine that answers each request with the next status.
struct Listener {
    url: String,
    heard: Receiver<Heard>,
}

impl Listener {
    fn answering(statuses: &'static [u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
        let (send, heard) = channel();
        thread::spawn(move || {
            for status in statuses {
                let (stream, _) = listener.accept().unwrap();
                send.send(hear(stream, *status)).unwrap();
            }
        });
        Self { url, heard }
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

fn hear(mut stream: TcpStream, status: u16) -> Heard {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    Heard {
        path: head.split(' ').nth(1).unwrap().to_owned(),
        head,
        body: String::from_utf8(body).unwrap(),
    }
}

fn ping(url: &str) -> Notify {
    Notify {
        ping: vec![Ping {
            url: url.parse().unwrap(),
            about: Vec::new(),
            ca_file: None,
        }],
        ..Notify::default()
    }
}

fn hook(url: &str) -> Webhook {
    Webhook {
        url: url.parse().unwrap(),
        token_file: None,
        ca_file: None,
        about: Vec::new(),
        tell: Tell::Everything,
    }
}

#[track_caller]
fn tell(notify: &Notify, state: &Path, message: &Message) {
    let failed = Notifier::new(notify, state).patience(quick()).tell(message);
    assert!(failed.is_empty(), "{failed:?}");
}

#[test]
fn a_run_is_called_out_at_its_start_and_its_end_with_the_end_of_its_log() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[200, 200, 200]);
    let notify = ping(&listener.url);
    for event in [Event::Started, Event::Done, Event::Failed(Cause::Damage)] {
        tell(&notify, state.path(), &message(event, 0));
    }
    let (start, done, fail) = (listener.next(), listener.next(), listener.next());
    assert_eq!(start.path, "/secret-path/start");
    assert_eq!(done.path, "/secret-path");
    assert!(
        done.body
            .contains("2026-11-18 11:05:40 backup tps-plans: done, 45 files"),
        "{}",
        done.body
    );
    assert_eq!(fail.path, "/secret-path/fail");
    assert!(fail.body.contains("Delete nothing"), "{}", fail.body);
}

#[test]
fn a_ping_for_one_dataset_hears_of_no_other() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[200]);
    let mut notify = ping(&listener.url);
    notify.ping[0].about = vec!["pacs".parse::<Name>().unwrap().into()];
    tell(&notify, state.path(), &message(Event::Done, 0));
    let mut other = message(Event::Done, 0);
    other.subject = Label::of("pacs");
    tell(&notify, state.path(), &other);
    assert!(listener.next().body.starts_with("pacs: done"));
}

#[test]
fn a_webhook_gets_json_and_its_token() {
    let state = tempfile::tempdir().unwrap();
    let token = state.path().join("token");
    fs::write(&token, "a secret token\n").unwrap();
    let listener = Listener::answering(&[200]);
    let webhook = Webhook {
        token_file: Some(token),
        ..hook(&listener.url)
    };
    let notify = Notify {
        webhook: vec![webhook],
        ..Notify::default()
    };
    tell(&notify, state.path(), &failed(0));
    let heard = listener.next();
    assert!(
        heard
            .head
            .to_ascii_lowercase()
            .contains("authorization: bearer a secret token\r\n")
    );
    let document: Value = serde_json::from_str(&heard.body).unwrap();
    assert_eq!(document["event"], "failed");
    assert_eq!(document["cause"], "unreachable");
    assert_eq!(document["severity"], "warning");
    assert_eq!(document["subject"], "tps-plans");
    assert_eq!(document["facts"]["attempts"], 3);
    assert_eq!(document["log"][1]["facts"]["files"], 45);
}

#[test]
fn ntfy_gets_a_title_a_priority_and_the_text() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[200]);
    let notify = Notify {
        ntfy: vec![hook(&listener.url)],
        ..Notify::default()
    };
    tell(&notify, state.path(), &message(Event::Silent, 0));
    let heard = listener.next();
    let head = heard.head.to_ascii_lowercase();
    assert!(
        head.contains("title: tps-plans: silent (vault clinic)\r\n"),
        "{head}"
    );
    assert!(head.contains("priority: 5\r\n"), "{head}");
    assert!(heard.body.contains("switched on"), "{}", heard.body);
}

#[test]
fn what_is_busy_is_tried_again_and_what_refuses_is_not() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[503, 429, 200]);
    tell(&ping(&listener.url), state.path(), &failed(0));
    assert_eq!(listener.heard.iter().count(), 3);
    let listener = Listener::answering(&[404]);
    let notify = ping(&listener.url);
    let notifier = Notifier::new(&notify, state.path()).patience(quick());
    let told = notifier.tell(&failed(0));
    assert_eq!(
        told[0].to_string(),
        "nobody was told by ping: 127.0.0.1 answered 404"
    );
    assert_eq!(listener.heard.iter().count(), 1);
}

#[test]
fn who_cannot_be_reached_is_said_without_the_address() {
    let state = tempfile::tempdir().unwrap();
    let url = {
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        format!(
            "http://{}/secret-path?key=hidden",
            gone.local_addr().unwrap()
        )
    };
    let notify = ping(&url);
    let notifier = Notifier::new(&notify, state.path()).patience(quick());
    let told = notifier.tell(&failed(0));
    let said = format!("{} {told:?} {notify:?}", told[0]);
    assert!(said.contains("127.0.0.1 cannot be reached"), "{said}");
    assert!(
        !said.contains("secret-path") && !said.contains("hidden"),
        "{said}"
    );
}

#[test]
fn lasting_trouble_is_told_once_a_day_and_its_end_once() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[200, 200, 200, 200]);
    let webhook = Webhook {
        tell: Tell::Trouble,
        ..hook(&listener.url)
    };
    let notify = Notify {
        webhook: vec![webhook],
        ..Notify::default()
    };
    let hour = 3_600;
    let damage = Event::Failed(Cause::Damage);
    tell(&notify, state.path(), &message(Event::Done, 0));
    for (seconds, message) in [
        (hour, failed(hour)),
        (2 * hour, failed(2 * hour)),
        (3 * hour, message(Event::Started, 3 * hour)),
        (3 * hour, message(damage, 3 * hour)),
        (26 * hour, message(damage, 26 * hour)),
        (27 * hour, message(damage, 27 * hour)),
        (28 * hour, message(Event::Done, 28 * hour)),
        (29 * hour, message(Event::Done, 29 * hour)),
    ] {
        assert_eq!(message.at, at(seconds));
        tell(&notify, state.path(), &message);
    }
    let heard: Vec<String> = (0..4)
        .map(|_| {
            let document: Value = serde_json::from_str(&listener.next().body).unwrap();
            format!("{} {}", document["at"], document["event"])
        })
        .collect();
    assert_eq!(
        heard,
        [
            format!("\"{}\" \"failed\"", at(hour)),
            format!("\"{}\" \"failed\"", at(3 * hour)),
            format!("\"{}\" \"failed\"", at(27 * hour)),
            format!("\"{}\" \"done\"", at(28 * hour)),
        ]
    );
}

#[test]
fn what_did_not_arrive_is_told_the_next_time() {
    let state = tempfile::tempdir().unwrap();
    let listener = Listener::answering(&[404, 200]);
    let webhook = Webhook {
        tell: Tell::Trouble,
        ..hook(&listener.url)
    };
    let notify = Notify {
        webhook: vec![webhook],
        ..Notify::default()
    };
    let notifier = Notifier::new(&notify, state.path()).patience(quick());
    assert_eq!(notifier.tell(&failed(0)).len(), 1);
    assert!(notifier.tell(&failed(1)).is_empty());
    assert_eq!(listener.heard.iter().count(), 2);
    let (vault, subject) = (Label::of("clinic"), Label::of("tps-plans"));
    assert!(notifier.troubled(&vault, &subject, Topic::Run));
    assert!(!notifier.troubled(&vault, &subject, Topic::Silence));
}

#[test]
fn the_systems_log_gets_one_line_as_syslog_writes_it() {
    let state = tempfile::tempdir().unwrap();
    let socket = state.path().join("log");
    let log = UnixDatagram::bind(&socket).unwrap();
    let notify = Notify {
        syslog: true,
        ..Notify::default()
    };
    let notifier = Notifier::new(&notify, state.path()).syslog(&socket);
    assert!(notifier.tell(&failed(0)).is_empty());
    let mut bytes = [0; 2_000];
    let length = log.recv(&mut bytes).unwrap();
    let line = std::str::from_utf8(&bytes[..length]).unwrap();
    assert!(line.starts_with("<28>"), "{line}");
    assert!(line.contains(&format!(
        " oncovault[{}]: tps-plans: failed: ",
        std::process::id()
    )));
    assert!(
        line.contains(", exit code 11, tried 3 times, took 1 h 6 min"),
        "{line}"
    );
    assert!(!line.contains('\n'));
}

/// A server of its own program, which ends with it.
struct Sink {
    server: Child,
    port: u16,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Sink {
    fn start(kind: &str, certificate: &Path) -> Option<Self> {
        let tools = std::env::var_os("ONCOVAULT_TEST_TOOLS").map(PathBuf::from);
        let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-tools");
        let python = tools.unwrap_or(beside).join("venv/bin/python");
        if !python.is_file() {
            let strict = std::env::var_os("ONCOVAULT_TEST_STRICT").is_some();
            assert!(!strict, "no {}", python.display());
            eprintln!("skipped: no Python with a mail server (cargo xtask setup installs it)");
            return None;
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/notify/sinks.py");
        let mut server = Command::new(python)
            .arg(script)
            .arg(kind)
            .arg(certificate)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        Some(Self {
            server,
            port,
            lines,
        })
    }

    fn next(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.server.stdin.take());
        let _ = self.server.wait();
    }
}

fn mail(port: u16, folder: &Path, password: &str) -> Mail {
    let secret = folder.join("password");
    fs::write(&secret, password).unwrap();
    Mail {
        server: "localhost".into(),
        port: Some(port),
        security: Security::Starttls,
        user: Some("oncovault".into()),
        password_file: Some(secret),
        ca_file: Some(folder.join("ca.pem")),
        from: from_text("OncoVault <vault@clinic.example>"),
        to: vec![
            from_text("it@clinic.example"),
            from_text("Dr. Ö <o@clinic.example>"),
        ],
        about: Vec::new(),
        tell: Tell::Trouble,
    }
}

fn from_text<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(Value::from(text)).unwrap()
}

#[test]
fn a_mail_arrives_encrypted_logged_in_and_readable() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut sink) = Sink::start("smtp", &folder.path().join("ca.pem")) else {
        return;
    };
    let notify = Notify {
        mail: vec![mail(sink.port, folder.path(), "a secret of mail\n")],
        ..Notify::default()
    };
    let silent = message(Event::Silent, 0);
    tell(&notify, folder.path(), &silent);
    let mail = sink.next();
    assert_eq!(mail["encrypted"], true);
    assert_eq!(mail["login"], "oncovault");
    assert_eq!(
        mail["to"],
        serde_json::json!(["it@clinic.example", "o@clinic.example"])
    );
    assert_eq!(
        mail["headers"]["Subject"],
        "[oncovault] tps-plans: silent (vault clinic)"
    );
    assert_eq!(mail["headers"]["Auto-Submitted"], "auto-generated");
    assert_eq!(mail["headers"]["Importance"], "high");
    let body = mail["body"].as_str().unwrap().replace("\r\n", "\n");
    assert_eq!(body.trim_end(), silent.text().trim_end());
}

#[test]
fn a_mail_server_that_is_not_trusted_or_refuses_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let Some(sink) = Sink::start("smtp", &folder.path().join("ca.pem")) else {
        return;
    };
    let said = |mail: Mail| {
        let notify = Notify {
            mail: vec![mail],
            ..Notify::default()
        };
        let notifier = Notifier::new(&notify, folder.path()).patience(quick());
        notifier.tell(&failed(0))[0].to_string()
    };
    let wrong = said(mail(sink.port, folder.path(), "wrong"));
    assert_eq!(wrong, "nobody was told by mail: localhost answered 535");
    let stranger = Mail {
        ca_file: None,
        ..mail(sink.port, folder.path(), "a secret of mail")
    };
    let said_of_stranger = said(stranger);
    assert!(
        said_of_stranger.contains("localhost cannot be reached"),
        "{said_of_stranger}"
    );
    let bare = Mail {
        server: "mail.clinic.example".into(),
        security: Security::None,
        ..mail(sink.port, folder.path(), "a secret of mail")
    };
    assert!(said(bare).contains("no secret is sent"));
}

#[test]
fn https_is_spoken_with_those_alone_whose_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    let Some(mut sink) = Sink::start("https", &ca_file) else {
        return;
    };
    let mut notify = ping(&format!("https://localhost:{}/p", sink.port));
    let notifier = Notifier::new(&notify, folder.path()).patience(quick());
    let stranger = notifier.tell(&failed(0));
    assert!(
        stranger[0]
            .to_string()
            .contains("localhost cannot be reached"),
        "{}",
        stranger[0]
    );
    notify.ping[0].ca_file = Some(ca_file);
    tell(&notify, folder.path(), &failed(0));
    assert_eq!(sink.next()["path"], "/p/fail");
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        Just(Event::Started),
        Just(Event::Done),
        Just(Event::Incomplete),
        any::<u8>().prop_map(|code| Event::Failed(Cause::of_exit(code))),
        Just(Event::Late),
        Just(Event::Silent),
        Just(Event::Short),
        Just(Event::Well(Topic::Copies)),
    ]
}

proptest! {
    /// Whatever names people gave, and whatever happened.
    #[test]
    fn nothing_that_is_told_can_hold_a_path_or_a_name_of_a_file(
        names in proptest::array::uniform3("[a-zA-Z0-9./_ @:\\\\-]{0,80}"),
        event in any_event(),
        numbers in proptest::array::uniform2(any::<u64>()),
    ) {
        let secret = format!("/srv/plans/{}/Mueller^Anna.dcm", names[0]);
        let mut message = message(event, 0);
        message.vault = Label::of(&names[1]);
        message.subject = Label::of(&secret);
        message.log[0].subject = Some(Label::of(&secret));
        message.facts = vec![Fact::Files(numbers[0]), Fact::AgeSeconds(numbers[1])];
        for told in [message.text(), message.title(), message.document().to_string()] {
            prop_assert!(!told.contains("/srv") && !told.contains("Mueller"), "{told}");
            prop_assert!(!told.contains(".dcm"), "{told}");
        }
    }
}
