//! Questions about real files, answered as a plain search through their bytes answers them; and a
//! series of real slices from which one goes.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::department::dumped;
use crate::patients::{found, samples};
use crate::world::{World, files};

/// A vault with one dataset of real files.
fn holding(from: &str, fits: fn(&Path) -> bool) -> Option<World> {
    let folder = samples()?.join(from);
    let world = World::new();
    for (name, content) in files(&folder).into_iter().filter(|(name, _)| fits(name)) {
        let name = Path::new("data").join(name);
        world.write(name.to_str().unwrap(), content);
    }
    world.json(["backup", "data", "--dataset", "data"]);
    Some(world)
}

fn any(_: &Path) -> bool {
    true
}

/// Files of the dataset of which this is so.
fn which(world: &World, is: impl Fn(&[u8]) -> bool) -> BTreeSet<PathBuf> {
    let all = files(&world.path("data")).into_iter();
    let fitting = all.filter(|(_, content)| is(content));
    fitting
        .map(|(name, _)| Path::new("data").join(name))
        .collect()
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|at| at == part)
}

#[test]
fn the_objects_of_a_study_are_found() {
    let Some(world) = holding("radiotherapy", any) else {
        return;
    };
    let uid = "2.16.840.1.113662.2.12.0.3057.1241703565.35";
    // (0020,000D), in implicit and in explicit little endian.
    let length = u16::try_from(uid.len() + 1).unwrap().to_le_bytes();
    let value = [uid.as_bytes(), b"\0"].concat();
    let implicit = [&b"\x20\x00\x0d\x00"[..], &length, b"\0\0", &value].concat();
    let explicit = [&b"\x20\x00\x0d\x00UI"[..], &length, &value].concat();
    let truth = which(&world, |bytes| {
        has(bytes, &implicit) || has(bytes, &explicit)
    });
    assert_eq!(truth.len(), 4, "{truth:?}");
    let document = world.json(["find", "--study", uid]);
    assert_eq!(found(&world, &document), truth);
    let document = world.json(["find", "--study", &uid[..uid.len() - 1]]);
    assert!(found(&world, &document).is_empty());
}

#[test]
fn the_reads_of_a_sample_are_found() {
    let plain = |name: &Path| name.extension().is_some_and(|end| end == "sam");
    let Some(world) = holding("genomics/samtools", plain) else {
        return;
    };
    let names = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        let groups = text.lines().filter(|line| line.starts_with("@RG\t"));
        let fields = groups.flat_map(|line| line.split('\t'));
        fields.map(str::to_owned).any(|field| field == "SM:HG00100")
    };
    let truth = which(&world, names);
    assert_eq!(truth.len(), 2, "{truth:?}");
    let document = world.json(["find", "--sample", "HG00100"]);
    assert_eq!(found(&world, &document), truth);
}

#[test]
fn the_files_of_a_subject_of_a_trial_are_found() {
    let Some(world) = holding("trials/odmlib", any) else {
        return;
    };
    for (trial, subject) in [("1001_virus", "SS_0001"), ("P2006-101", "1000")] {
        let study = format!("<ClinicalData StudyOID=\"{trial}\"");
        let key = format!("SubjectKey=\"{subject}\"");
        let truth = which(&world, |bytes| {
            has(bytes, study.as_bytes()) && has(bytes, key.as_bytes())
        });
        assert!(!truth.is_empty(), "{trial}");
        let document = world.json(["find", "--trial", trial, "--subject", subject]);
        assert_eq!(found(&world, &document), truth, "{trial}");
    }
    // The same key in another trial is somebody else.
    let document = world.json(["find", "--trial", "P2006-101", "--subject", "SS_0001"]);
    assert!(found(&world, &document).is_empty());
}

#[test]
fn the_files_with_a_resource_are_found() {
    let Some(world) = holding("fhir/mcode", any) else {
        return;
    };
    for (kind, id) in [
        ("Patient", "cancer-patient-jenny-m"),
        ("Condition", "primary-cancer-condition-jenny-m"),
    ] {
        let form = format!("\"resourceType\":\"{kind}\",\"id\":\"{id}\"");
        let truth = which(&world, |bytes| {
            let text = String::from_utf8_lossy(bytes);
            text.replace(char::is_whitespace, "").contains(&form)
        });
        assert!(!truth.is_empty(), "{form}");
        let document = world.json(["find", "--resource", &format!("{kind}/{id}")]);
        assert_eq!(found(&world, &document), truth, "{form}");
    }
}

/// A slice of a real planning CT at another place: another instance, number and position.
fn slice(real: &[u8], number: u8) -> Vec<u8> {
    let places = [
        // The instance, in the meta group and in the data set.
        (
            "3057.1241703565.44\0\x02\0\x10\0",
            16,
            format!("{}", 60 + number),
        ),
        (
            "3057.1241703565.44\0\x08\0\x20\0",
            16,
            format!("{}", 60 + number),
        ),
        ("\x20\0\x13\0\x02\0\0\x001 ", 8, format!("{number}")),
        (
            "-275\\-524\\168.5593",
            10,
            format!("{}", 165 + 3 * u32::from(number)),
        ),
    ];
    let mut bytes = real.to_vec();
    for (context, offset, value) in places {
        let context = context.as_bytes();
        let at: Vec<usize> = (0..real.len() - context.len())
            .filter(|at| real[*at..].starts_with(context))
            .collect();
        assert_eq!(at.len(), 1, "this stands there once: {value}");
        let at = at[0] + offset;
        bytes[at..at + value.len()].copy_from_slice(value.as_bytes());
    }
    bytes
}

#[test]
fn a_slice_that_is_gone_is_named_with_its_patient_and_its_place() {
    let Some(folder) = samples() else { return };
    let world = World::new();
    let real = folder.join("radiotherapy/dicompyler/example_data/ct.0.dcm");
    let real = fs::read(real).unwrap();
    for number in 1..=9 {
        world.write(&format!("ct/{number}.dcm"), slice(&real, number));
    }
    world.json(["backup", "ct", "--dataset", "ct"]);
    let whole = world.run(["check", "--closure"]);
    assert_eq!(whole.code, 0, "{} {}", whole.out, whole.err);
    fs::remove_file(world.path("ct/5.dcm")).unwrap();
    world.json(["backup", "ct", "--dataset", "ct"]);
    let said = world.run(["check", "--closure"]);
    said.fails(21, &["patient 123456"]);
    let Some(series) = dumped(&world.path("ct/4.dcm"), "0020,000e") else {
        return;
    };
    let series = series.first().unwrap();
    let missing = format!("1 of the series {series}, after number 4");
    for text in [&*missing, "4.dcm"] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    let said = world.run(["--json", "check", "--closure"]);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["gaps"][0]["series"], json!([series]));
    assert_eq!(document["gaps"][0]["missing"], json!([missing]));
}
