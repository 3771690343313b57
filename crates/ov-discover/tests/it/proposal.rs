//! A proposal: whatever the folders are like, every file is in one of its datasets.

use std::path::PathBuf;

use ov_discover::{Protection, propose};
use ov_source::{Case, FileTree, Selection};
use proptest::prelude::*;

use crate::folders::{Folder, content};

/// What is left unprotected when all proposed datasets are backed up, files that came later included.
fn left_open(folder: &Folder, late: &[&[u8]]) -> (usize, u64) {
    let before = folder.survey();
    let proposal = propose(&before).unwrap();
    for name in late {
        folder.write(name, b"late");
    }
    let survey = folder.survey();
    let mut protection = Protection::none(&survey);
    let text: toml::Table = proposal.to_toml(Some("/srv/vault")).parse().unwrap();
    let datasets = text["dataset"].as_array().unwrap();
    assert_eq!(datasets.len(), proposal.datasets.len());
    for dataset in datasets {
        let texts = |key: &str| -> Vec<String> {
            let list = dataset.get(key).and_then(|list| list.as_array());
            let list = list.into_iter().flatten();
            list.map(|one| one.as_str().unwrap().to_owned()).collect()
        };
        let mut selection = Selection::builder();
        for pattern in texts("exclude") {
            selection.exclude(&pattern, Case::Sensitive).unwrap();
        }
        let paths: Vec<PathBuf> = texts("paths").into_iter().map(PathBuf::from).collect();
        let tree = FileTree::new(paths, selection.build().unwrap()).unwrap();
        protection.mark(&survey, dataset["name"].as_str().unwrap(), &tree);
    }
    (proposal.datasets.len(), protection.open(&survey).0)
}

fn name() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[a-c]{1}",
        Just("[x]*".to_owned()),
        Just("{a,b}".to_owned()),
        Just("!#q".to_owned()),
        Just("a\\b".to_owned()),
        Just("it's \"1\"".to_owned()),
    ];
    proptest::collection::vec(part, 1..5).prop_map(|parts| parts.join("/") + "/f")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn every_file_is_in_a_dataset_and_so_is_what_comes_later(
        files in proptest::collection::vec((name(), 0_usize..5, any::<u64>()), 1..40)
    ) {
        let folder = Folder::new();
        for (name, kind, salt) in files {
            folder.write(name.as_bytes(), &content(kind, salt));
        }
        let (_, open) = left_open(&folder, &[b"new/later", b"later"]);
        prop_assert_eq!(open, 0);
    }
}

#[test]
fn folders_of_different_categories_become_datasets_of_their_own() {
    let folder = Folder::new();
    for at in 0..30_u64 {
        folder.write(format!("fhir/{at}").as_bytes(), &content(2, at));
        folder.write(format!("runs/{at}/reads").as_bytes(), &content(1, at));
    }
    let survey = folder.survey();
    let proposal = propose(&survey).unwrap();
    let names: Vec<&str> = proposal.datasets.iter().map(|one| &*one.name).collect();
    assert_eq!(names.len(), 3, "{names:?}");
    assert_eq!(names[..2], ["records-fhir", "genomes-runs"]);
    assert_eq!(proposal.datasets[0].terms().compartment, "clinical");
    assert_eq!(proposal.datasets[1].terms().compartment, "genomic");
    assert!(names[2].ends_with("-rest"));
    assert_eq!(proposal.datasets[2].except.len(), 2);
}

#[test]
fn a_folder_of_patients_is_one_thing_with_the_strictest_terms() {
    let folder = Folder::new();
    for at in 0..40_u64 {
        folder.write(format!("{at}/record.json").as_bytes(), &content(2, at));
        folder.write(format!("{at}/variants.vcf").as_bytes(), &content(3, at));
    }
    let survey = folder.survey();
    let proposal = propose(&survey).unwrap();
    let [one] = &proposal.datasets[..] else {
        panic!("{:?}", proposal.datasets)
    };
    assert_eq!(one.category.label(), "records");
    assert_eq!(survey.people.patients(), 40);
}

#[test]
fn a_name_that_is_not_utf_8_is_in_the_rest() {
    let folder = Folder::new();
    for at in 0..30_u64 {
        folder.write(format!("fhir/{at}").as_bytes(), &content(2, at));
        folder.write(format!("\u{e9}\u{e9}/{at}").as_bytes(), &content(1, at));
        folder.write(
            &[b"\xff\xfe/", at.to_string().as_bytes()].concat(),
            &content(1, at),
        );
    }
    let (datasets, open) = left_open(&folder, &[]);
    assert_eq!((datasets, open), (3, 0));
}
