//! The local copy spares reading, tells nothing, and changes no answer.

use ov_catalog::{Cache, Question};

use crate::site::{Site, names, observation, patient};

const IDS: [&str; 4] = [
    "MRN-4711-X",
    "observation-of-somebody",
    "1.2.840.99.7",
    "NA12878",
];

fn filled() -> Site {
    let mut site = Site::new();
    for number in 0..600 {
        let id = format!("other{number}");
        site.write("records", &format!("{number:03}.json"), &patient(&id));
    }
    site.write("records", "300-a.json", &observation(IDS[1], IDS[0], 1));
    site.run("records", "");
    site.write("records", "300-a.json", &observation(IDS[1], IDS[0], 2));
    site.write("records", "900.json", &patient(IDS[0]));
    // So the first snapshot has a page that the second has not, wherever pages are cut.
    site.write("records", "450.json", &patient("another450"));
    site.run("records", "");
    site
}

fn questions() -> Vec<Question> {
    let mut questions: Vec<_> = ["other5", "nobody", IDS[0], "MRN-4711-X@", "MRN-4711-X@a"]
        .iter()
        .map(|text| Question::patient(text).unwrap())
        .collect();
    questions.push(Question::resource(&format!("Observation/{}", IDS[1])).unwrap());
    questions
}

#[test]
fn with_the_local_copy_and_without_it_the_answer_is_the_same() {
    let site = filled();
    let opened = site.open();
    for question in questions() {
        let (found, pages) = opened.ask_copy(&question);
        assert_eq!(names(&found), names(&opened.ask(&question)));
        assert!(pages < 30, "{pages} of some hundred pages");
    }
    std::fs::remove_file(site.copy()).unwrap();
    for question in questions() {
        assert_eq!(
            names(&opened.ask_copy(&question).0),
            names(&opened.ask(&question))
        );
    }
}

#[test]
fn a_new_snapshot_costs_its_new_pages() {
    let mut site = filled();
    let first = {
        let opened = site.open();
        let mut cache = Cache::open(&site.copy()).unwrap();
        cache
            .update(&opened.reader(), &opened.listed(), &site.keys)
            .unwrap()
            .pages
    };
    site.write("records", "300-a.json", &observation("z", IDS[0], 3));
    site.run("records", "");
    let opened = site.open();
    let mut cache = Cache::open(&site.copy()).unwrap();
    let next = cache
        .update(&opened.reader(), &opened.listed(), &site.keys)
        .unwrap()
        .pages;
    assert!(
        (1..=4).contains(&next) && first > 20,
        "{next} after {first}"
    );
    let again = cache
        .update(&opened.reader(), &opened.listed(), &site.keys)
        .unwrap();
    assert_eq!(again.pages, 0);
}

#[test]
fn the_local_copy_holds_no_identifier() {
    let site = filled();
    site.open().ask_copy(&questions()[0]);
    let mut files = 0;
    for entry in std::fs::read_dir(site.copy().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        files += 1;
        for secret in IDS
            .iter()
            .chain(&["other599", "300-a.json", "records", "Observation"])
        {
            let found = bytes
                .windows(secret.len())
                .any(|at| at == secret.as_bytes());
            assert!(!found, "{secret}");
        }
        assert!(
            bytes.windows(6).any(|at| at == b"SQLite"),
            "the search finds what is there"
        );
    }
    assert_eq!(files, 1);
}

#[test]
fn what_only_forgotten_snapshots_say_leaves_the_local_copy() {
    let site = filled();
    let opened = site.open();
    let resource = &questions()[5];
    opened.ask_copy(resource);
    let tokens = |cache: &str| {
        let database = rusqlite::Connection::open(cache).unwrap();
        let count = "SELECT count(*) FROM token";
        let count: i64 = database.query_row(count, [], |row| row.get(0)).unwrap();
        let roots = "SELECT count(*) FROM root";
        let roots: i64 = database.query_row(roots, [], |row| row.get(0)).unwrap();
        (count, roots)
    };
    let copy = site.copy();
    let (before, roots) = tokens(copy.to_str().unwrap());
    assert_eq!(roots, 2);
    let mut cache = Cache::open(&copy).unwrap();
    let last = [opened.listed()[1]];
    cache.update(&opened.reader(), &last, &site.keys).unwrap();
    let (after, roots) = tokens(copy.to_str().unwrap());
    assert_eq!(roots, 1);
    assert!(after < before && after > 600, "{after} of {before}");
    cache.update(&opened.reader(), &[], &site.keys).unwrap();
    assert_eq!(tokens(copy.to_str().unwrap()), (0, 0));
}

#[test]
fn what_is_no_local_copy_is_replaced() {
    let site = filled();
    std::fs::create_dir_all(site.copy().parent().unwrap()).unwrap();
    std::fs::write(
        site.copy(),
        "this is not SQLite, and long enough to be looked at".repeat(99),
    )
    .unwrap();
    let opened = site.open();
    let question = &questions()[2];
    assert_eq!(
        names(&opened.ask_copy(question).0),
        names(&opened.ask(question))
    );
}
