//! Objects given to a real PACS, both ways.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{self, Read};
use std::net::TcpListener;
use std::time::Duration;

use ov_pacs::testing::{CLASS, Orthanc, data_set, file};
use ov_pacs::{Access, Address, Content, Effort, Object, Outcome, PacsError, Refusal, send};

const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const IMPLICIT: &str = "1.2.840.10008.1.2";
const QUICK: Effort = Effort {
    tries: 2,
    pause: Duration::from_millis(10),
    patience: Duration::from_secs(30),
};

/// A file in memory, of which so much can be read.
struct File {
    bytes: Vec<u8>,
    readable: usize,
}

impl File {
    fn new(bytes: Vec<u8>) -> Self {
        let readable = bytes.len();
        Self { bytes, readable }
    }

    fn object<'f>(&'f self, instance: &'f str, syntax: Option<&'f str>) -> Object<'f> {
        Object {
            class: CLASS,
            instance,
            syntax,
            length: self.bytes.len().try_into().unwrap(),
            content: self,
        }
    }
}

impl Content for File {
    fn open(&self) -> Box<dyn Read + '_> {
        let readable = &self.bytes[..self.readable];
        match self.readable == self.bytes.len() {
            true => Box::new(readable),
            false => Box::new(readable.chain(Failing)),
        }
    }
}

struct Failing;

impl Read for Failing {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("the pack is damaged"))
    }
}

/// Gives objects, and collects what became of each.
fn give(address: &str, objects: &[Object<'_>]) -> (Vec<(usize, Outcome)>, Result<(), PacsError>) {
    let address = Address::read(address).unwrap().unwrap();
    let mut told = Vec::new();
    let sent = send(
        &address,
        &Access::default(),
        objects,
        &QUICK,
        &mut |at, outcome| told.push((at, outcome)),
    );
    (told, sent)
}

/// How many objects it has.
fn held(pacs: &Orthanc) -> usize {
    let listed = pacs.get("/instances");
    let listed = String::from_utf8(listed).unwrap();
    listed.matches('"').count() / 2
}

#[test]
fn objects_of_any_size_arrive_both_ways() {
    let Some(pacs) = Orthanc::start() else { return };
    // Lengths around those of the pieces in which they are sent.
    let lengths = [2, 16_100, 16_378, 64 << 10, 3_000_000];
    for address in [pacs.web(), pacs.peer()] {
        let names: Vec<String> = lengths
            .iter()
            .map(|length| format!("1.2.{}.{length}", address.len()))
            .collect();
        let files: Vec<File> = names
            .iter()
            .zip(lengths)
            .map(|(name, length)| File::new(file(name, length)))
            .collect();
        let objects: Vec<Object<'_>> = files
            .iter()
            .zip(&names)
            .map(|(file, name)| file.object(name, Some(EXPLICIT)))
            .collect();
        let (told, sent) = give(&address, &objects);
        sent.unwrap();
        assert_eq!(told.len(), lengths.len());
        assert!(
            told.iter()
                .all(|(_, outcome)| matches!(outcome, Outcome::Stored)),
            "{told:?}"
        );
    }
    assert_eq!(held(&pacs), 2 * lengths.len());
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_leaves_nothing_and_the_next_one_arrives() {
    let Some(pacs) = Orthanc::start() else { return };
    for (count, address) in [(1, pacs.web()), (2, pacs.peer())] {
        let whole_name = format!("1.9.{count}");
        let whole = File::new(file(&whole_name, 1000));
        let mut torn = File::new(file("1.8", 500_000));
        torn.readable = 300_000;
        let objects = [
            torn.object("1.8", Some(EXPLICIT)),
            whole.object(&whole_name, Some(EXPLICIT)),
        ];
        let (told, sent) = give(&address, &objects);
        sent.unwrap();
        assert!(
            matches!(&told[..], [(0, Outcome::Unread(_)), (1, Outcome::Stored)]),
            "{told:?}"
        );
        assert_eq!(held(&pacs), count);
    }
}

#[test]
fn a_data_set_without_header_goes_by_c_store_and_not_by_stow_rs() {
    let Some(pacs) = Orthanc::start() else { return };
    let bare = File::new(data_set("1.7", 10));
    let objects = [bare.object("1.7", None)];
    let (told, _) = give(&pacs.web(), &objects);
    assert!(matches!(
        &told[..],
        [(0, Outcome::Refused(Refusal::NoHeader))]
    ));
    let (told, _) = give(&pacs.peer(), &objects);
    assert!(matches!(&told[..], [(0, Outcome::Stored)]), "{told:?}");
}

#[test]
fn what_the_pacs_does_not_take_is_named_and_the_rest_arrives() {
    let accepted = format!("\"AcceptedTransferSyntaxes\":[\"{EXPLICIT}\"]");
    let Some(pacs) = Orthanc::start_with(&accepted) else {
        return;
    };
    let (one, other) = (File::new(file("1.6", 10)), File::new(file("1.5", 10)));
    let lying = one.object("1.6", Some(IMPLICIT));
    let (told, sent) = give(&pacs.peer(), &[lying, other.object("1.5", Some(EXPLICIT))]);
    sent.unwrap();
    let fates: Vec<&Outcome> = told.iter().map(|(_, outcome)| outcome).collect();
    assert!(matches!(
        fates[..],
        [Outcome::Refused(Refusal::OtherSyntax), Outcome::Stored]
    ));
    let mut jpeg = file("1.4", 10);
    let at = jpeg.windows(19).position(|at| at == EXPLICIT.as_bytes());
    // A syntax of the same length that is not taken.
    jpeg[at.unwrap()..][..19].copy_from_slice(b"1.2.840.10008.1.2.5");
    let jpeg = File::new(jpeg);
    let rle = Some("1.2.840.10008.1.2.5");
    let objects = [jpeg.object("1.4", rle), other.object("1.5", Some(EXPLICIT))];
    let (mut told, sent) = give(&pacs.peer(), &objects);
    sent.unwrap();
    told.sort_by_key(|(at, _)| *at);
    assert!(
        matches!(
            &told[..],
            [
                (0, Outcome::Refused(Refusal::Syntax { .. })),
                (1, Outcome::Stored)
            ]
        ),
        "{told:?}"
    );
    // And where it takes none of all that is offered.
    let (told, sent) = give(&pacs.peer(), &[jpeg.object("1.4", rle)]);
    sent.unwrap();
    assert!(matches!(
        &told[..],
        [(0, Outcome::Refused(Refusal::Syntax { .. }))]
    ));
}

#[test]
fn what_the_pacs_cannot_understand_is_named_with_its_reason() {
    let Some(pacs) = Orthanc::start() else { return };
    let mut bytes = file("1.3", 10);
    bytes.truncate(128 + 4 + 140);
    let broken = File::new(bytes);
    let good = File::new(file("1.2", 10));
    for address in [pacs.web(), pacs.peer()] {
        let objects = [
            broken.object("1.3", Some(EXPLICIT)),
            good.object("1.2", Some(EXPLICIT)),
        ];
        let (told, sent) = give(&address, &objects);
        sent.unwrap();
        assert!(
            matches!(&told[..], [(0, Outcome::Refused(_)), (1, Outcome::Stored)]),
            "{told:?}"
        );
    }
}

#[test]
fn where_nobody_answers_it_ends_and_says_so() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let one = File::new(file("1.2", 10));
    for address in [
        format!("dicomweb+http://127.0.0.1:{port}/dicom-web"),
        format!("dimse://ONCO@127.0.0.1:{port}"),
    ] {
        let (told, sent) = give(&address, &[one.object("1.2", Some(EXPLICIT))]);
        assert!(told.is_empty());
        assert!(matches!(sent, Err(PacsError::NoAnswer(_))), "{sent:?}");
    }
}

#[test]
fn an_account_that_is_missing_is_said_before_a_long_file_is_on_its_way() {
    let closed = "\"AuthenticationEnabled\":true,\"RegisteredUsers\":{\"ada\":\"hunter2\"}";
    let Some(pacs) = Orthanc::start_with(closed) else {
        return;
    };
    let long = File::new(file("1.2", 30_000_000));
    let (told, sent) = give(&pacs.web(), &[long.object("1.2", Some(EXPLICIT))]);
    assert!(told.is_empty());
    assert!(matches!(sent, Err(PacsError::Account(401))), "{sent:?}");
}

#[test]
fn a_wrong_title_and_a_wrong_path_end_it_with_their_reason() {
    let Some(pacs) = Orthanc::start() else { return };
    let one = File::new(file("1.2", 10));
    let objects = [one.object("1.2", Some(EXPLICIT))];
    let (_, sent) = give(&pacs.peer().replace("ONCO@", "WRONG@"), &objects);
    assert!(matches!(sent, Err(PacsError::Rejected(_))), "{sent:?}");
    let (_, sent) = give(&pacs.web().replace("dicom-web", "nothing"), &objects);
    assert!(
        matches!(sent, Err(PacsError::NoService(404 | 405))),
        "{sent:?}"
    );
    assert_eq!(held(&pacs), 0);
}
