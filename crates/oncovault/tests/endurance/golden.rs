//! The vault that was written when version 1 of the format was frozen: every later program reads it,
//! and goes on in it.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::independent::{python, recover, repository};
use crate::site::{Site, copy, demand};

struct Golden {
    site: Site,
    folder: PathBuf,
}

impl Golden {
    fn new() -> Self {
        let folder = repository("golden/vault/v1");
        let site = Site::empty();
        copy(&folder.join("vault"), &site.path("vault"));
        copy(&folder.join("copy"), &site.path("copy"));
        std::fs::copy(folder.join("owner.key"), site.owner()).unwrap();
        Self { site, folder }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// The snapshots, oldest first.
    fn snapshots(&self) -> Vec<String> {
        let snapshots = self.site.snapshots();
        assert_eq!(snapshots.len(), 3);
        snapshots
    }

    /// Where a restore into a folder puts what the snapshots hold.
    fn below(&self, to: &Path) -> PathBuf {
        let list = self.site.json(&["snapshots"]);
        let original = Path::new(list["snapshots"][0]["paths"][0].as_str().unwrap());
        to.join(original.strip_prefix("/").unwrap())
    }

    /// Names, modes, times, links and hashes are those of a snapshot when it was made.
    fn compare(&self, number: usize, to: &Path) {
        let restored = self.below(to);
        let mut manifest = Command::new("sh");
        manifest.arg(repository("golden/manifest.sh")).arg(restored);
        let printed = demand(manifest.output().unwrap(), 0, &["manifest.sh"]);
        let wanted = std::fs::read_to_string(self.file(&format!("snapshot-{number}.txt"))).unwrap();
        let differs = wanted.lines().zip(printed.lines()).find(|(a, b)| a != b);
        assert_eq!(differs, None);
        assert_eq!(wanted.lines().count(), printed.lines().count());
    }
}

#[test]
fn the_frozen_vault_and_its_copy_are_read_by_the_owner_and_a_reader() {
    let golden = Golden::new();
    let snapshots = golden.snapshots();
    for (number, id) in (1..).zip(&snapshots) {
        for place in ["vault", "copy"] {
            let to = golden.site.path(&format!("{place}-{number}"));
            let from = golden.site.path(place);
            let restore = ["restore", id, "--to", to.to_str().unwrap()];
            golden.site.ok_at(from.to_str().unwrap(), &restore);
            golden.compare(number, &to);
        }
    }
    let reader = PathBuf::from(golden.file("reader.key"));
    let to = golden.site.path("reader");
    let mut restore = golden.site.command_with(&reader, "elsewhere");
    restore.args(["--passphrase-file", &golden.file("passphrase.txt")]);
    restore.args(["restore", &snapshots[0], "--to", to.to_str().unwrap()]);
    demand(restore.output().unwrap(), 0, &["restore"]);
    golden.compare(1, &to);
}

#[test]
fn the_frozen_vault_is_read_by_the_independent_reader() {
    let Some(python) = python() else { return };
    let golden = Golden::new();
    let kit = std::fs::read_to_string(golden.file("kit.txt")).unwrap();
    for (number, id) in (1..).zip(&golden.snapshots()) {
        for place in ["vault", "copy"] {
            let to = golden.site.path(&format!("{place}-{number}"));
            let from = golden.site.path(place);
            let restore = ["restore", id, "--to", to.to_str().unwrap()];
            recover(&python, from.to_str().unwrap(), kit.trim(), &restore);
            golden.compare(number, &to);
        }
    }
}

#[test]
fn what_people_said_in_the_frozen_vault_still_holds() {
    let golden = Golden::new();
    let site = &golden.site;
    let snapshots = golden.snapshots();
    let short = |number: usize| &snapshots[number][..8];
    site.ok(&["check", "--read-data", "--with-keys"]);
    let copy = site.path("copy").display().to_string();
    site.ok_at(&copy, &["check", "--read-data", "--with-keys"]);

    let listed = site.json(&["snapshots"]);
    let tags = |number: usize| listed["snapshots"][number]["tags"].to_string();
    assert!(tags(0).contains("first") && tags(2).contains("checked"));
    let error = site.fails(30, &["forget", short(2), "--allow-empty", "--yes"]);
    assert!(error.contains("held"), "{error}");
    let held = site.json(&["hold", "list"]);
    assert_eq!(held["holds"].as_array().unwrap().len(), 1);
    let linked = site.ok(&["patient", "links"]);
    assert!(
        linked.contains("A-1") && linked.contains("consent"),
        "{linked}"
    );
    let found = site.ok(&["find", "--patient", "0001@CLINIC"]);
    assert!(
        found.contains("admission.hl7") && found.contains("patient.json"),
        "{found}"
    );

    let revoked = PathBuf::from(golden.file("agent.key"));
    let mut backup = site.command_with(&revoked, "agent");
    backup.args(["--passphrase-file", &golden.file("passphrase.txt")]);
    backup.arg("backup").arg(&golden.folder);
    assert!(!backup.output().unwrap().status.success());

    let mut share = vec!["key", "recover", "--test"];
    let pages: Vec<PathBuf> = std::fs::read_dir(golden.file("shares"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(pages.len(), 3);
    for page in &pages[1..] {
        share.extend(["--kit-file", page.to_str().unwrap()]);
    }
    site.ok(&share);
}

#[test]
fn a_frozen_vault_goes_on() {
    let golden = Golden::new();
    let site = &golden.site;
    let snapshots = golden.snapshots();
    let before = site.path("before");
    site.ok(&["restore", &snapshots[2], "--to", before.to_str().unwrap()]);
    let data = golden.below(&before);
    let data = data.to_str().unwrap();
    let backup = ["backup", data, "--compartment", "clinical"];
    site.ok(&backup);
    let again = site.json(&backup)["bytes_stored"].as_u64().unwrap();
    assert!(again < 200_000, "what was stored is found again: {again}");
    site.ok(&["forget", &snapshots[1], "--allow-empty", "--yes"]);
    site.ok(&["prune", "--grace", "0h", "--yes"]);
    let copy = site.path("copy").display().to_string();
    site.ok(&["copy", "--to", &copy]);
    site.ok(&["check", "--read-data", "--with-keys"]);
    site.ok_at(&copy, &["check", "--read-data", "--with-keys"]);
    let to = site.path("after");
    site.ok(&["restore", &snapshots[0], "--to", to.to_str().unwrap()]);
    golden.compare(1, &to);
}
