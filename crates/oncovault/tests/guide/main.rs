//! The README and the guide do what they show: every command in a block marked `console` is run
//! with the real program, in a home of its own, and must end and print as the page says.
#![allow(clippy::unwrap_used, reason = "a test may fail")]
#![allow(clippy::print_stderr, reason = "a test says why it was skipped")]

mod drive;
mod home;
mod page;
mod run;
mod wildcard;

use std::collections::BTreeSet;
use std::path::Path;

use crate::drive::Drive;
use crate::home::Home;
use crate::page::{Page, documents};

/// One test for each page, so that they run side by side and a failure names its page.
macro_rules! pages {
    ($($test:ident: $file:literal,)*) => {
        /// The pages that have a test.
        const PAGES: &[&str] = &[$($file),*];

        $(
            #[test]
            fn $test() {
                run::check($file, &Home::new());
            }
        )*
    };
}

pages! {
    the_readme_does_what_it_shows: "README.md",
    the_contents_of_the_guide_do_what_they_show: "docs/guide/README.md",
    discover_does_what_it_shows: "docs/guide/discover.md",
    automation_does_what_it_shows: "docs/guide/automation.md",
    the_first_backup_does_what_it_shows: "docs/guide/first-backup.md",
    the_first_restore_does_what_it_shows: "docs/guide/first-restore.md",
    one_patient_does_what_it_shows: "docs/guide/patients.md",
    keys_and_recovery_do_what_they_show: "docs/guide/keys-and-recovery.md",
    the_kit_on_paper_does_what_it_shows: "docs/guide/kit.md",
    status_does_what_it_shows: "docs/guide/status.md",
    being_told_does_what_it_shows: "docs/guide/notifications.md",
    two_computers_do_what_they_show: "docs/guide/two-computers.md",
    a_second_copy_does_what_it_shows: "docs/guide/second-copy.md",
    mending_damage_does_what_it_shows: "docs/guide/when-something-is-damaged.md",
    forgetting_does_what_it_shows: "docs/guide/forgetting-and-freeing.md",
    what_cannot_be_done_shows_nothing_wrong: "docs/guide/what-cannot-be-done.md",
}

/// Need a server.
const S3_PAGE: &str = "docs/guide/s3.md";
const LOCK_PAGE: &str = "docs/guide/s3-lock.md";
const NAS_PAGE: &str = "docs/guide/nas.md";
const PACS_PAGE: &str = "docs/guide/pacs.md";

/// Needs a drive.
const DRIVE_PAGE: &str = "docs/guide/drives.md";

/// Needs FUSE.
const MOUNT_PAGE: &str = "docs/guide/mount.md";

/// The pages that need something of the machine.
const APART: [&str; 6] = [
    S3_PAGE, LOCK_PAGE, NAS_PAGE, PACS_PAGE, DRIVE_PAGE, MOUNT_PAGE,
];

#[test]
fn the_s3_page_does_what_it_shows() {
    let Some(server) = ov_store::testing::Seaweed::shared() else {
        return;
    };
    server.bucket("hospital");
    let home = Home::new().with(server.environment(ov_store::testing::Identity::Admin));
    run::check(S3_PAGE, &home);
}

#[test]
fn the_page_about_locks_does_what_it_shows() {
    use ov_store::testing::{Identity, Seaweed};
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.locked_bucket("hospital-locked");
    let home = Home::new().with(server.environment(Identity::Admin));
    let station = server.environment(Identity::Station).into_iter();
    let station: String = station
        .map(|(name, value)| format!("export {name}={value}\n"))
        .collect();
    std::fs::write(home.path().join("station.env"), station).unwrap();
    run::check(LOCK_PAGE, &home);
}

#[test]
fn the_page_about_other_machines_does_what_it_shows() {
    use ov_store::testing::Sshd;
    let home = Home::new();
    let guarded = home.path().join("guarded");
    std::fs::create_dir(&guarded).unwrap();
    let guard = format!(
        "ForceCommand {} serve --put-only {}",
        env!("CARGO_BIN_EXE_oncovault"),
        guarded.display()
    );
    let (Some(nas), Some(guard)) = (Sshd::start(), Sshd::start_with(&guard)) else {
        return;
    };
    let config = home.path().join("ssh-config");
    let hosts = [nas.client("nas"), guard.client("guard")].concat();
    std::fs::write(&config, hosts).unwrap();
    let ssh = format!("ssh -F {}", config.display());
    run::check(NAS_PAGE, &home.with(vec![("ONCOVAULT_SSH", ssh)]));
}

#[test]
fn the_page_about_a_pacs_does_what_it_shows() {
    use ov_pacs::testing::{Orthanc, file};
    let Some(pacs) = Orthanc::start() else {
        return;
    };
    let home = Home::new();
    let note = br#"{"resourceType":"Patient","id":"p1",
        "identifier":[{"system":"urn:clinic","value":"4711"}]}"#;
    for (name, content) in [
        ("scans/1.dcm", file("1.2.3.1", 5000)),
        ("scans/2.dcm", file("1.2.3.2", 5000)),
        ("notes/patient.json", note.to_vec()),
    ] {
        let path = home.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let environment = vec![("PACS", pacs.web()), ("PEER", pacs.peer())];
    run::check(PACS_PAGE, &home.with(environment));
}

#[test]
fn the_page_about_drives_does_what_it_shows() {
    let home = Home::new();
    let Some(_drive) = Drive::mount(home.path(), "OVBLUE") else {
        eprintln!("skipped: a drive needs root, mkfs.ext4 and a loop device");
        return;
    };
    run::check(DRIVE_PAGE, &home);
}

#[test]
fn the_mount_page_does_what_it_shows() {
    if Path::new("/dev/fuse").exists() {
        run::check(MOUNT_PAGE, &Home::new());
    } else {
        eprintln!("skipped: no FUSE here (no /dev/fuse)");
    }
}

#[test]
fn every_page_of_the_guide_is_run() {
    let guide = documents().join("docs/guide");
    let found: BTreeSet<String> = std::fs::read_dir(guide)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| format!("docs/guide/{name}"))
        .chain(["README.md".to_owned()])
        .collect();
    let run: BTreeSet<String> = PAGES
        .iter()
        .chain(&APART)
        .map(|&page| page.to_owned())
        .collect();
    assert_eq!(found, run);
}

#[test]
fn every_page_of_the_guide_is_in_its_contents() {
    let contents = std::fs::read_to_string(documents().join("docs/guide/README.md")).unwrap();
    for page in PAGES.iter().chain(&APART) {
        let name = Path::new(page).file_name().unwrap().to_str().unwrap();
        assert!(
            name == "README.md" || contents.contains(&format!("({name})")),
            "{name}"
        );
    }
}

#[test]
#[should_panic(expected = "page.md:2")]
fn a_page_that_is_wrong_about_an_exit_code_is_found() {
    run::check_page(
        &Page::parse("page.md", "```console\n$ oncovault version # exit 3\n```\n"),
        &Home::new(),
    );
}

#[test]
#[should_panic(expected = "page.md:3")]
fn a_page_that_is_wrong_about_what_is_printed_is_found() {
    let text = "```console\n$ true\n$ oncovault version\nsomething else\n```\n";
    run::check_page(&Page::parse("page.md", text), &Home::new());
}
