use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use ov_policy::Period;
use serde_json::Value;

use super::*;
use crate::history::Measures;
use crate::notify::{Notify, Tell, Webhook};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + seconds).unwrap()
}

/// A webhook that keeps the documents that are posted.
fn webhook(tell: Tell) -> (Notify, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (send, heard) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                lines.read_line(&mut head).unwrap();
            }
            let head = head.to_ascii_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap();
            let mut body = vec![0; length.split("\r\n").next().unwrap().parse().unwrap()];
            lines.read_exact(&mut body).unwrap();
            send.send(serde_json::from_slice(&body).unwrap()).unwrap();
            let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer).unwrap();
        }
    });
    let hook = Webhook {
        url: url.parse().unwrap(),
        token_file: None,
        ca_file: None,
        about: Vec::new(),
        tell,
    };
    let notify = Notify {
        webhook: vec![hook],
        ..Notify::default()
    };
    (notify, heard)
}

fn ended(task: &str, seconds: i64, exit: u8, over_rpo_seconds: Option<i64>) -> Entry {
    Entry {
        task: task.parse().unwrap(),
        start: at(seconds - 60),
        end: at(seconds),
        outcome: Outcome::of_exit(exit),
        exit,
        attempts: 1,
        over_rpo_seconds,
        measures: Measures::default(),
    }
}

/// What a webhook hears of what happens, as `subject: event`, with the last document.
fn told(tell: Tell, happenings: &[Happening<'_>]) -> (Vec<String>, Option<Value>) {
    let state = tempfile::tempdir().unwrap();
    let (notify, heard) = webhook(tell);
    let notifier = Notifier::new(&notify, state.path());
    let failed = |failed: &NotTold| panic!("{failed}");
    let mut teller = Teller::new(notifier, Label::of("clinic"), || at(0), failed);
    for happening in happenings {
        teller.event(happening);
    }
    let documents: Vec<Value> = heard.try_iter().collect();
    let said = |told: &Value| format!("{}: {}", told["subject"], told["event"]).replace('"', "");
    (
        documents.iter().map(said).collect(),
        documents.last().cloned(),
    )
}

#[test]
fn the_end_of_a_run_is_told_with_what_happened_on_the_way() {
    let task: Task = "dataset:plans".parse().unwrap();
    let entry = ended("dataset:plans", 100, 0, None);
    let wait = Period::from_minutes(1);
    let (said, last) = told(
        Tell::Everything,
        &[
            Happening::Started {
                task: &task,
                why: None,
            },
            Happening::Retrying {
                task: &task,
                exit: 11,
                wait,
            },
            Happening::Ended {
                entry: &entry,
                before: None,
            },
        ],
    );
    assert_eq!(said, ["plans: started", "plans: done"]);
    let log = last.unwrap()["log"].clone();
    let lines = log.as_array().unwrap().iter();
    let lines: Vec<_> = lines
        .map(|line| format!("{} {}", line["event"], line["cause"]))
        .collect();
    let expected = [
        "\"started\" null",
        "\"failed\" \"unreachable\"",
        "\"done\" null",
    ];
    assert_eq!(lines, expected);
}

#[test]
fn a_dataset_that_is_late_is_told_once_and_so_is_that_it_is_late_no_more() {
    let dataset = "plans".parse().unwrap();
    let late = || Happening::RpoMissed {
        dataset: &dataset,
        age_seconds: 100_000,
        rpo: Period::from_days(1),
    };
    let (missed, good) = (
        ended("dataset:plans", 100, 0, Some(13_600)),
        ended("dataset:plans", 200, 0, None),
    );
    let end = |entry| Happening::Ended {
        entry,
        before: None,
    };
    let (said, _) = told(
        Tell::Trouble,
        &[late(), late(), end(&missed), end(&good), end(&good)],
    );
    assert_eq!(said, ["plans: late", "plans: well"]);
}

#[test]
fn a_drive_on_the_shelf_is_no_trouble_and_a_copy_that_fails_is_one_of_its_own() {
    let away = Entry {
        outcome: Outcome::Away,
        ..ended("copy:drive", 100, 10, None)
    };
    let (copy, check) = (
        ended("copy:nas", 100, 11, None),
        ended("check:nas", 100, 20, None),
    );
    let checked = ended("check:nas", 200, 0, None);
    let all = [&away, &copy, &check, &checked];
    let happenings = all.map(|entry| Happening::Ended {
        entry,
        before: None,
    });
    let (said, _) = told(Tell::Trouble, &happenings);
    // That the check goes well again does not say so of the copying.
    assert_eq!(
        said,
        ["nas: failed", "check-nas: failed", "check-nas: done"]
    );
}
