//! A copy spares reading, tells nothing, and changes no answer: in a file and on a server.

use ov_catalog::{Cache, Postgres, Question, Server, Sqlite, Tables, Token, Updated};
use postgres::{Client, NoTls};

use crate::server::TestServer;
use crate::site::{Opened, Site, names, observation, patient};

const IDS: [&str; 4] = [
    "MRN-4711-X",
    "observation-of-somebody",
    "1.2.840.99.7",
    "NA12878",
];

/// What a promise is about: where a copy is kept.
#[derive(Clone, Copy)]
enum Place<'p> {
    File,
    Server(&'p Server),
}

impl Place<'_> {
    fn open(&self, site: &Site) -> Cache {
        Cache::of(self.tables(site))
    }

    fn tables(&self, site: &Site) -> Box<dyn Tables> {
        match self {
            Self::File => Box::new(Sqlite::open(&site.copy()).unwrap()),
            Self::Server(server) => Box::new(Postgres::open(server, site.id()).unwrap()),
        }
    }

    /// How many rows a table has.
    fn count(&self, site: &Site, table: &str) -> i64 {
        let count = format!("SELECT count(*) FROM {table}");
        match self {
            Self::File => {
                let database = rusqlite::Connection::open(site.copy()).unwrap();
                database.query_row(&count, [], |row| row.get(0)).unwrap()
            }
            Self::Server(server) => {
                let mut client = Client::connect(&server.url, NoTls).unwrap();
                let schema = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'oncovault%'";
                let schema: String = client.query_one(schema, &[]).unwrap().get(0);
                client
                    .batch_execute(&format!("SET search_path TO {schema}"))
                    .unwrap();
                client.query_one(&count, &[]).unwrap().get(0)
            }
        }
    }
}

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

fn update(cache: &mut Cache, opened: &Opened<'_>) -> Updated {
    let reader = opened.reader();
    let updated = cache.update(&reader, &opened.listed(), &opened.site.keys);
    updated.unwrap()
}

/// A promise, and its name on a server.
type Promise = (&'static str, fn(Place<'_>));

const PROMISES: [Promise; 5] = [
    (
        "answers",
        with_the_copy_and_without_it_the_answer_is_the_same,
    ),
    ("costs", a_new_snapshot_costs_its_new_pages),
    ("forgets", what_only_forgotten_snapshots_say_leaves_the_copy),
    (
        "partial",
        a_copy_that_does_not_know_all_snapshots_is_not_asked,
    ),
    ("busy", a_copy_that_another_changes_is_left_alone),
];

#[test]
fn with_the_local_copy_and_without_it_the_answer_is_the_same() {
    with_the_copy_and_without_it_the_answer_is_the_same(Place::File);
}

#[test]
fn a_copy_in_a_file_keeps_what_is_promised() {
    for (_, promise) in PROMISES {
        promise(Place::File);
    }
}

#[test]
fn a_copy_on_a_server_keeps_what_is_promised() {
    let Some(server) = TestServer::start() else {
        return;
    };
    for (name, promise) in PROMISES {
        promise(Place::Server(&server.database(name)));
    }
}

fn with_the_copy_and_without_it_the_answer_is_the_same(place: Place<'_>) {
    let site = filled();
    let opened = site.open();
    for question in questions() {
        let (found, pages) = opened.ask_cache(&mut place.open(&site), &question);
        assert_eq!(names(&found), names(&opened.ask(&question)));
        assert!(pages < 30, "{pages} of some hundred pages");
    }
}

fn a_new_snapshot_costs_its_new_pages(place: Place<'_>) {
    let mut site = filled();
    let first = update(&mut place.open(&site), &site.open()).pages;
    site.write("records", "300-a.json", &observation("z", IDS[0], 3));
    site.run("records", "");
    let opened = site.open();
    let mut cache = place.open(&site);
    let next = update(&mut cache, &opened).pages;
    // Names of folders are random, and with them where pages are cut.
    assert!(next > 0 && next * 3 < first, "{next} after {first}");
    assert_eq!(update(&mut cache, &opened).pages, 0);
}

fn what_only_forgotten_snapshots_say_leaves_the_copy(place: Place<'_>) {
    let site = filled();
    let opened = site.open();
    let mut cache = place.open(&site);
    update(&mut cache, &opened);
    let rows = |table| place.count(&site, table);
    let before = rows("token");
    assert_eq!(rows("root"), 2);
    let last = [opened.listed()[1]];
    cache.update(&opened.reader(), &last, &site.keys).unwrap();
    let after = rows("token");
    assert_eq!(rows("root"), 1);
    assert!(after < before && after > 600, "{after} of {before}");
    cache.update(&opened.reader(), &[], &site.keys).unwrap();
    assert_eq!(
        [rows("token"), rows("root"), rows("page"), rows("above")],
        [0; 4]
    );
}

fn a_copy_that_does_not_know_all_snapshots_is_not_asked(place: Place<'_>) {
    let site = filled();
    let opened = site.open();
    let mut cache = place.open(&site);
    let (first, all) = ([opened.listed()[0]], opened.listed());
    cache.update(&opened.reader(), &first, &site.keys).unwrap();
    let mut pages = |snapshots: &[_]| cache.pages(&questions()[2], snapshots, &site.keys).unwrap();
    assert!(pages(&first).is_some());
    assert!(pages(&all).is_none());
    // Nor one that was made under another key; the next update makes it anew.
    let mut tables = place.tables(&site);
    let compartment = first[0].compartment;
    tables.set_mark(compartment.bytes(), Token(1)).unwrap();
    assert!(pages(&first).is_none());
    assert!(update(&mut place.open(&site), &opened).pages > 20);
    assert!(pages(&all).is_some());
}

fn a_copy_that_another_changes_is_left_alone(place: Place<'_>) {
    let site = filled();
    let opened = site.open();
    let mut other = place.tables(&site);
    assert!(other.claim().unwrap());
    let mut cache = place.open(&site);
    let nothing = update(&mut cache, &opened);
    assert!(nothing.is_busy && nothing.pages == 0);
    other.release().unwrap();
    let updated = update(&mut cache, &opened);
    assert!(!updated.is_busy && updated.pages > 20);
}

#[test]
fn the_local_copy_holds_no_identifier() {
    let site = filled();
    site.open().ask_copy(&questions()[0]);
    let mut seen = false;
    for entry in std::fs::read_dir(site.copy().parent().unwrap()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        assert_no_identifier(&bytes);
        seen |= bytes.windows(6).any(|at| at == b"SQLite");
    }
    assert!(seen, "the search finds what is there");
}

#[test]
fn the_tables_of_a_server_hold_no_identifier() {
    let Some(server) = TestServer::start() else {
        return;
    };
    let database = server.database("dumped");
    let site = filled();
    update(&mut Place::Server(&database).open(&site), &site.open());
    let dump = server.dump(&database);
    assert!(dump.contains("COPY") && dump.lines().count() > 600);
    assert_no_identifier(dump.as_bytes());
    // Bytes stand there in hexadecimal digits.
    for word in words() {
        let digits: String = word.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!dump.contains(&digits), "{word}");
    }
}

fn words() -> impl Iterator<Item = &'static str> {
    let more = ["other599", "300-a.json", "records", "Observation"];
    IDS.into_iter().chain(more)
}

fn assert_no_identifier(bytes: &[u8]) {
    for word in words() {
        let found = bytes.windows(word.len()).any(|at| at == word.as_bytes());
        assert!(!found, "{word}");
    }
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
