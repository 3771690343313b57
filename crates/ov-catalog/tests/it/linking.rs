//! Links between identifiers: who may say them, and what follows.

use ov_catalog::{Crosswalk, Followed, Pair, PatientName, Question, gaps};
use ov_clinical::Gap;
use ov_format::crosswalk::{CrosswalkChange, Retraction};
use ov_format::name::RecordName;

use crate::real::samples;
use crate::site::{Opened, Site, names, observation, patient};

fn pair(one: &str, other: &str) -> Pair {
    let name = |text| PatientName::parse(text).unwrap();
    Pair::new(name(one), name(other)).unwrap()
}

fn linking(pairs: &[Pair]) -> CrosswalkChange {
    CrosswalkChange {
        linked: pairs.iter().map(Pair::link).collect(),
        reason: "letter".to_owned(),
        ..CrosswalkChange::default()
    }
}

fn taking_back(record: RecordName, pair: &Pair) -> CrosswalkChange {
    let link = pair.link();
    CrosswalkChange {
        retracted: vec![Retraction { record, link }],
        ..CrosswalkChange::default()
    }
}

fn crosswalk(opened: &Opened<'_>) -> Crosswalk {
    let links = opened.links();
    assert!(links.unreadable.is_empty() && links.closed == 0);
    Crosswalk::of(&links.records)
}

/// What is asked, with the links that lead on from it.
fn asked(opened: &Opened<'_>, text: &str) -> Question {
    match Question::patient(text)
        .unwrap()
        .following(&crosswalk(opened))
    {
        Followed::Alone(question) | Followed::Linked(question) | Followed::Several(question) => {
            question
        }
    }
}

/// The files of a patient, by way of the local copy; without it they are the same.
fn files(site: &Site, text: &str) -> Vec<String> {
    let opened = site.open();
    let question = asked(&opened, text);
    let (found, _) = opened.ask_copy(&question);
    assert_eq!(names(&found), names(&opened.ask(&question)));
    names(&found).into_iter().map(|(name, _)| name).collect()
}

/// Three systems, which know the same number of different people.
fn three() -> Site {
    let mut site = Site::new();
    for (dataset, id) in [("clinic", "4711"), ("registry", "r9"), ("trial", "4711")] {
        site.write(dataset, &format!("{dataset}.json"), &patient(id));
        site.run(dataset, dataset);
    }
    site
}

#[test]
fn links_lead_to_the_files_of_the_other_systems() {
    let mut site = three();
    assert_eq!(files(&site, "4711@clinic"), ["clinic.json"]);
    site.say(&linking(&[pair("4711@clinic", "r9@registry")]));
    for one in ["4711@clinic", "r9@registry", "r9"] {
        assert_eq!(files(&site, one), ["clinic.json", "registry.json"], "{one}");
    }
    assert_eq!(files(&site, "4711@trial"), ["trial.json"]);
    assert_eq!(files(&site, "r9@clinic"), Vec::<String>::new());
}

#[test]
fn a_link_that_is_taken_back_leads_nowhere() {
    let mut site = three();
    let link = pair("4711@clinic", "r9@registry");
    let record = site.say(&linking(std::slice::from_ref(&link)));
    site.say(&taking_back(record, &link));
    assert_eq!(files(&site, "4711@clinic"), ["clinic.json"]);
    let opened = site.open();
    let crosswalk = crosswalk(&opened);
    let [said] = crosswalk.said() else {
        panic!("it stays on record")
    };
    assert_eq!(said.by.change.reason, "letter");
    assert!(said.retracted.is_some());
}

#[test]
fn an_identifier_without_issuer_is_followed_only_while_it_is_one_persons() {
    let mut site = three();
    site.say(&linking(&[pair("4711@clinic", "r9@registry")]));
    let all = ["clinic.json", "registry.json", "trial.json"];
    assert_eq!(files(&site, "4711"), all);
    site.say(&linking(&[pair("4711@trial", "r10@registry")]));
    assert_eq!(files(&site, "4711"), ["clinic.json", "trial.json"]);
    let opened = site.open();
    let question = Question::patient("4711").unwrap();
    let followed = question.following(&crosswalk(&opened));
    assert!(matches!(followed, Followed::Several(_)));
}

#[test]
fn a_link_for_a_compartment_that_was_never_given_does_not_count() {
    let mut site = three();
    site.say_from_outside(&linking(&[pair("4711@clinic", "r9@registry")]));
    assert_eq!(site.open().links().foreign.len(), 1);
    assert_eq!(files(&site, "4711@clinic"), ["clinic.json"]);
}

#[test]
fn a_file_with_two_numbers_of_one_person_holds_nobody_else() {
    let mut site = Site::new();
    let both = format!(
        "{}\n{}\n",
        observation("a", "p1", 1).replace('\n', ""),
        observation("b", "p2", 2).replace('\n', "")
    );
    site.write("records", "both.ndjson", &both);
    site.run("records", "clinic");
    let holds_others = |site: &Site| {
        let opened = site.open();
        let found = opened.ask(&asked(&opened, "p1@clinic"));
        found.holdings[0].versions[0].answer.holds_others
    };
    assert!(holds_others(&site));
    // Two numbers that one issuer gave to one person by mistake.
    site.say(&linking(&[pair("p1@clinic", "p2@clinic")]));
    assert!(!holds_others(&site));
}

#[test]
fn a_plan_that_refers_to_the_same_person_under_another_number_has_no_gap() {
    let Some(folder) = samples() else { return };
    let folder = folder.join("radiotherapy/dicompyler/example_data");
    let mut site = Site::new();
    for name in ["ct.0.dcm", "rtdose.dcm", "rtplan.dcm"] {
        site.write_bytes("plans", name, &std::fs::read(folder.join(name)).unwrap());
    }
    site.run("plans", "planning");
    let mut bytes = std::fs::read(folder.join("rtss.dcm")).unwrap();
    let own: Vec<usize> = (0..bytes.len() - 6)
        .filter(|at| bytes[*at..].starts_with(b"123456"))
        .collect();
    assert_eq!(own.len(), 1, "the identifier stands there once");
    bytes[own[0]..own[0] + 6].copy_from_slice(b"654321");
    site.write_bytes("contours", "rtss.dcm", &bytes);
    site.run("contours", "contouring");
    let others = |site: &Site| {
        let opened = site.open();
        let closure = gaps(&opened.reader(), &opened.listed(), &crosswalk(&opened));
        let gaps = closure.gaps.iter();
        let others = gaps.filter(|one| one.gap == Gap::OtherPatient).count();
        (others, closure.by_link)
    };
    let (before, by_link) = others(&site);
    assert!(before > 0 && by_link == 0);
    site.say(&linking(&[pair("123456@planning", "654321@contouring")]));
    assert_eq!(others(&site), (0, before as u64));
}
