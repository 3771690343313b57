//! `cargo xtask golden`: makes the golden vault of the format's present version, once.
//!
//! A vault and a copy of it, with every kind of statement, audience, coder and content that the
//! format has; key files, the recovery kit whole and in shares; and what its snapshots hold, as
//! names, modes, times and hashes. Tests read it with this program and with the independent
//! reader. A version that is frozen is never made again: that old vaults are read is what it shows.

use crate::bench::corpus;
use crate::command::{cargo, show};
use crate::finding::Chore;
use crate::frozen;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where it is kept.
const FOLDER: &str = "golden/vault/v1";
/// Of the agent's key file.
const PASSPHRASE: &str = "read for ever";

/// Make it.
pub fn run(root: &Path) -> Result<(), Chore> {
    let folder = root.join(FOLDER);
    if folder.exists() {
        let text = format!("{FOLDER} is frozen: old programs wrote it, and it is never made again");
        return Err(Chore::Failed(text));
    }
    show(&mut cargo(&["build", "--package", "oncovault"], root))?;
    // Its path goes into the snapshots: one that says nothing of this machine.
    let home = std::env::temp_dir().join("oncovault-golden");
    for fresh in [&home.join("data"), &folder] {
        fs::create_dir_all(fresh).map_err(|cause| failed(fresh, &cause))?;
    }
    let story = Story {
        program: root.join("target/debug/oncovault"),
        manifest: root.join("golden/manifest.sh"),
        home: home.clone(),
        folder,
    };
    story.tell()?;
    fs::remove_dir_all(&home).map_err(|cause| failed(&home, &cause))?;
    frozen::freeze(root)?;
    println!("made {FOLDER}, and froze it");
    Ok(())
}

struct Story {
    program: PathBuf,
    manifest: PathBuf,
    home: PathBuf,
    folder: PathBuf,
}

impl Story {
    fn tell(&self) -> Result<(), Chore> {
        self.found()?;
        self.leave_something_to_prune()?;
        self.fill()?;
        self.back_up("owner", "2026-01-01T08:00:00Z", 1, &["--tag", "first"])?;
        self.owner(&["forget", &self.snapshot(0)?, "--prune", "--yes"])?;
        self.appoint()?;
        self.change()?;
        self.back_up("agent", "2026-01-02T08:00:00Z", 2, &[])?;
        self.say("keeper", &["accept"])?;
        self.owner(&["key", "rotate", "--ids"])?;
        self.change_again()?;
        self.back_up("agent", "2026-01-03T08:00:00Z", 3, &["--issuer", "CLINIC"])?;
        self.say_the_rest()?;
        self.owner(&["copy", "--to", &self.kept("copy")])?;
        self.owner(&["key", "revoke", "agent"])
    }

    fn found(&self) -> Result<(), Chore> {
        let printed = self.say(
            "owner",
            &["init", "--compartment", "clinical", "--unprotected-key"],
        )?;
        let kit = printed
            .split_whitespace()
            .find(|word| word.starts_with("ONCOVAULT1-"));
        let kit = kit.ok_or_else(|| Chore::Failed("init printed no kit".to_owned()))?;
        write(&self.folder.join("kit.txt"), format!("{kit}\n").as_bytes())?;
        let (kit, shares) = (self.kept("kit.txt"), self.kept("shares"));
        self.owner(&[
            "key",
            "kit",
            "--kit-file",
            &kit,
            "--split",
            "2-of-3",
            "--out",
            &shares,
        ])
    }

    /// Most of this pack goes with its snapshot, so a prune moves the rest and says where.
    fn leave_something_to_prune(&self) -> Result<(), Chore> {
        write(&self.data("passing/noise.bin"), &noise(3, 400_000))?;
        self.lasting_files()?;
        self.backup("owner", "2025-12-31T08:00:00Z", &[])?;
        let passing = self.data("passing");
        fs::remove_dir_all(&passing).map_err(|cause| failed(&passing, &cause))
    }

    fn lasting_files(&self) -> Result<(), Chore> {
        let admission = "MSH|^~\\&|ONCO|CLINIC|LAB|CLINIC|20260101||ADT^A01|1|P|2.5\r\
                         PID|1||0001^^^CLINIC||EXAMPLE^ERIKA||19700101|F\r";
        write(&self.data("hl7/admission.hl7"), admission.as_bytes())?;
        write(
            &self.data("\u{e9}tude \u{1f9ec}.txt"),
            b"a name beyond ASCII\n",
        )?;
        write(&self.data("dose/dose.bin"), &noise(1, 20_000))?;
        write(&self.data("empty"), b"")
    }

    /// Made up from the first letter to the last: nothing here stems from a person.
    fn fill(&self) -> Result<(), Chore> {
        corpus::write_golden(&self.home.join("data"))?;
        write(&self.data("registry.sqlite"), &database(1 << 21))?;
        let sparse = self.data("dose/sparse.bin");
        write(&sparse, &noise(4, 10_000))?;
        let file = File::options().append(true).open(&sparse);
        file.and_then(|file| file.set_len(1 << 20))
            .map_err(|cause| failed(&sparse, &cause))?;
        let (link, other) = (self.data("latest"), self.data("dose/other name.bin"));
        std::os::unix::fs::symlink("dose/dose.bin", &link)
            .and_then(|()| fs::hard_link(self.data("dose/dose.bin"), &other))
            .map_err(|cause| failed(&link, &cause))
    }

    fn change(&self) -> Result<(), Chore> {
        write(&self.data("dose/second.bin"), &noise(2, 3_000))?;
        let gone = self.data("empty");
        fs::remove_file(&gone).map_err(|cause| failed(&gone, &cause))
    }

    fn change_again(&self) -> Result<(), Chore> {
        let patient = r#"{"resourceType":"Patient","id":"p1","identifier":[{"value":"0001"}]}"#;
        write(&self.data("fhir/patient.json"), patient.as_bytes())
    }

    fn appoint(&self) -> Result<(), Chore> {
        write(&self.folder.join("passphrase.txt"), PASSPHRASE.as_bytes())?;
        let passphrase = self.kept("passphrase.txt");
        for name in ["agent", "keeper", "reader"] {
            let key = self.kept(&format!("{name}.key"));
            let mut appoint = vec!["key", "add", "--role", name, "--name", name, "--out", &key];
            appoint.extend(["--new-passphrase-file", &passphrase]);
            self.owner(&appoint)?;
        }
        self.owner(&["key", "add-compartment", "research"])
    }

    fn say_the_rest(&self) -> Result<(), Chore> {
        let (first, last) = (self.snapshot(0)?, self.snapshot(2)?);
        self.owner(&["tag", "add", &last, "checked"])?;
        self.owner(&[
            "patient",
            "link",
            "0001@CLINIC",
            "A-1@TRIAL",
            "--reason",
            "consent",
            "--compartment",
            "clinical",
        ])?;
        self.owner(&["hold", "add", &first, "--reason", "trial"])?;
        self.owner(&["hold", "add", &last, "--reason", "audit"])?;
        let holds = self.say("owner", &["hold", "list", "--json"])?;
        let id = holds
            .split("\"id\":")
            .nth(1)
            .and_then(|rest| rest.split('"').nth(1));
        let id = id.ok_or_else(|| Chore::Failed(format!("no hold in {holds}")))?;
        self.owner(&["hold", "release", id])
    }

    /// The short name of a snapshot, oldest first.
    fn snapshot(&self, number: usize) -> Result<String, Chore> {
        let listed = self.say("owner", &["snapshots", "--json"])?;
        let ids = listed.split("\"id\":").skip(1);
        let mut ids = ids.filter_map(|rest| rest.split('"').nth(1));
        let id = ids.nth(number).map(|id| id[..8].to_owned());
        id.ok_or_else(|| Chore::Failed(format!("no snapshot {number} in {listed}")))
    }

    /// Backs up, and keeps what the snapshot holds.
    fn back_up(&self, who: &str, time: &str, number: u32, more: &[&str]) -> Result<(), Chore> {
        self.backup(who, time, more)?;
        let mut manifest = Command::new("sh");
        manifest.arg(&self.manifest).arg(self.home.join("data"));
        let printed = demand(
            manifest
                .output()
                .map_err(|cause| failed(&self.manifest, &cause))?,
        )?;
        write(
            &self.folder.join(format!("snapshot-{number}.txt")),
            printed.as_bytes(),
        )
    }

    fn backup(&self, who: &str, time: &str, more: &[&str]) -> Result<(), Chore> {
        let data = self.home.join("data").display().to_string();
        let mut backup = vec!["backup", &data, "--dataset", "golden", "--host", "golden"];
        backup.extend(["--time", time]);
        backup.extend(more);
        self.say(who, &backup).map(|_| ())
    }

    fn owner(&self, arguments: &[&str]) -> Result<(), Chore> {
        self.say("owner", arguments).map(|_| ())
    }

    fn say(&self, who: &str, arguments: &[&str]) -> Result<String, Chore> {
        let mut command = Command::new(&self.program);
        for kind in ["STATE", "CACHE", "CONFIG"] {
            let folder = self.home.join(who).join(kind);
            command.env(format!("XDG_{kind}_HOME"), folder);
        }
        command.args(["--vault", &self.kept("vault")]);
        command.args(["--key", &self.kept(&format!("{}.key", who))]);
        if who != "owner" {
            command.args(["--passphrase-file", &self.kept("passphrase.txt")]);
        }
        command.args(arguments);
        demand(
            command
                .output()
                .map_err(|cause| failed(&self.program, &cause))?,
        )
    }

    fn data(&self, name: &str) -> PathBuf {
        self.home.join("data").join(name)
    }

    fn kept(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }
}

/// A database of pages of 4 KiB, most of them empty, and none of it that an engine would open.
fn database(bytes: usize) -> Vec<u8> {
    let mut database = vec![0; bytes];
    database[..16].copy_from_slice(b"SQLite format 3\0");
    database[16..18].copy_from_slice(&4096_u16.to_be_bytes());
    database[18..24].copy_from_slice(&[1, 1, 0, 64, 32, 32]);
    for (number, page) in database.chunks_mut(16 << 10).enumerate().step_by(3) {
        page[100..108].copy_from_slice(&(number as u64).to_be_bytes());
    }
    database
}

/// Bytes that do not compress, the same for one seed.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let key = blake3::hash(&seed.to_le_bytes());
    let mut bytes = vec![0; length];
    blake3::Hasher::new_keyed(key.as_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}

fn demand(output: Output) -> Result<String, Chore> {
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(Chore::Failed(
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )),
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Chore> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|cause| failed(folder, &cause))?;
    fs::write(path, bytes).map_err(|cause| failed(path, &cause))
}

fn failed(path: &Path, cause: &std::io::Error) -> Chore {
    Chore::Failed(format!("{}: {cause}", path.display()))
}
