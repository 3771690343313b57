//! What is found, in which versions, from when to when.

use ov_catalog::{Question, as_of, find, referred_to};
use ov_clinical::Ident;
use ov_restore::Moment;

use crate::site::{Site, names, observation, patient};

fn asked(text: &str) -> Question {
    Question::patient(text).unwrap()
}

#[test]
fn all_and_only_what_is_a_patients_is_found() {
    let mut site = Site::new();
    for number in 0..40 {
        let id = format!("p{number}");
        site.write("records", &format!("{id}/patient.json"), &patient(&id));
        for resource in 0..5 {
            let name = format!("{id}/o{number}-{resource}.json");
            let text = observation(&format!("o{number}-{resource}"), &id, resource);
            site.write("records", &name, &text);
        }
    }
    site.write(
        "records",
        "lab.json",
        r#"{"resourceType":"Organization","id":"lab"}"#,
    );
    site.write(
        "records",
        "readme.txt",
        "p7 is mentioned here and it is nobody's",
    );
    site.run("records", "");
    let opened = site.open();
    let found = opened.ask(&asked("p7"));
    let expected = ["o7-0", "o7-1", "o7-2", "o7-3", "o7-4", "patient"];
    let expected: Vec<_> = expected.map(|name| (format!("{name}.json"), 1)).to_vec();
    assert_eq!(names(&found), expected);
    assert_eq!(names(&opened.ask(&asked("p"))), []);
    let nobodys = opened.ask(&Question::Unassigned);
    let nobodys: Vec<_> = names(&nobodys).into_iter().map(|(name, _)| name).collect();
    assert_eq!(nobodys, ["lab.json", "readme.txt"]);
}

#[test]
fn versions_follow_the_bytes_of_the_file_and_not_what_is_said_of_it() {
    let mut site = Site::new();
    site.write("records", "o.json", &observation("o", "p1", 1));
    site.run("records", "");
    site.run("records", "");
    // The account is the same: what it says of the file has no value in it.
    site.write("records", "o.json", &observation("o", "p1", 2));
    site.run("records", "");
    site.remove("records", "o.json");
    site.write("records", "other.json", &patient("p2"));
    site.run("records", "");
    let opened = site.open();
    let listed = opened.listed();
    let found = opened.ask(&asked("p1"));
    let [holding] = &found.holdings[..] else {
        panic!("one file")
    };
    let spans: Vec<_> = holding
        .versions
        .iter()
        .map(|one| (one.first.commit, one.last.commit, one.snapshots))
        .collect();
    let commit = |at: usize| listed[at].commit;
    let expected = [(commit(0), commit(1), 2), (commit(2), commit(2), 1)];
    assert_eq!(spans, expected);
    assert!(!holding.is_current);
    assert!(opened.ask(&asked("p2")).holdings[0].is_current);
}

#[test]
fn a_moment_is_answered_as_it_was_in_every_dataset() {
    let mut site = Site::new();
    site.write("records", "a.json", &observation("a", "p1", 1));
    site.run("records", "");
    site.write("lab", "b.json", &observation("b", "p1", 1));
    site.run("lab", "");
    site.remove("records", "a.json");
    site.write("records", "c.json", &observation("c", "p1", 1));
    site.run("records", "");
    let opened = site.open();
    let listed = opened.listed();
    let reader = opened.reader();
    let at = |at: usize| {
        let moment = jiff_text(listed[at].moment().seconds);
        let moment = Moment::parse(&moment).unwrap();
        let then = as_of(listed.iter().copied(), Some(&moment));
        let found = find(&reader, &then, &asked("p1"), None);
        let names = names(&found).into_iter().map(|(name, _)| name);
        names.collect::<Vec<_>>()
    };
    assert_eq!(at(0), ["a.json"]);
    assert_eq!(at(1), ["a.json", "b.json"]);
    assert_eq!(at(2), ["b.json", "c.json"]);
}

/// The second, as RFC 3339 has it, of days after 2096-10-02T07:06:40Z.
fn jiff_text(seconds: i64) -> String {
    let day = (seconds - 4_000_000_000) / 86_400 + 2;
    format!("2096-10-{day:02}T07:06:40Z")
}

#[test]
fn the_same_identifier_of_two_issuers_is_two_patients() {
    let mut site = Site::new();
    site.write("north", "n.json", &observation("n", "4711", 1));
    site.write("south", "s.json", &observation("s", "4711", 1));
    site.run("north", "North");
    site.run("south", "South");
    let opened = site.open();
    let found = |text: &str| names(&opened.ask(&asked(text)));
    assert_eq!(found("4711@North"), [("n.json".to_owned(), 1)]);
    assert_eq!(found("4711@South"), [("s.json".to_owned(), 1)]);
    assert_eq!(found("4711@"), []);
    let both = opened.ask(&asked("4711"));
    assert_eq!(both.holdings.len(), 2);
    assert_eq!(both.identities().len(), 2);
}

#[test]
fn a_dataset_that_names_its_issuer_later_needs_not_be_read_again() {
    let mut site = Site::new();
    site.write("north", "n.json", &observation("n", "4711", 1));
    site.run("north", "");
    site.run("north", "North");
    let opened = site.open();
    let found = opened.ask(&asked("4711@North"));
    assert_eq!(found.holdings[0].versions[0].snapshots, 1);
    assert_eq!(opened.ask(&asked("4711@")).holdings.len(), 1);
}

#[test]
fn what_a_patients_resources_refer_to_is_named() {
    let mut site = Site::new();
    site.write("records", "mine.json", &observation("o1", "p1", 1));
    let other = observation("o2", "p2", 1).replace("Organization/lab", "Practitioner/x");
    let mixed = format!(
        "{}\n{}\n",
        one_line(&observation("o3", "p1", 1)),
        one_line(&other)
    );
    site.write("records", "mixed.ndjson", &mixed);
    site.run("records", "");
    let opened = site.open();
    let question = asked("p1");
    let found = opened.ask(&question);
    assert_eq!(names(&found).len(), 2);
    let mixed = found
        .holdings
        .iter()
        .map(|one| one.versions[0].answer.holds_others);
    assert_eq!(mixed.filter(|others| *others).count(), 1);
    let named = referred_to(&found, &question);
    let named: Vec<&str> = named.iter().map(Ident::as_str).collect();
    assert_eq!(named, ["Organization/lab", "Patient/p1"]);
}

fn one_line(text: &str) -> String {
    text.replace('\n', " ")
}
