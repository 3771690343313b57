//! `cargo xtask golden`: makes the golden vault of the format's present version.
//!
//! A small vault, the owner's key without a passphrase, the recovery kit, and the files that its
//! two snapshots hold. Tests read it with this program and with the independent reader. Until
//! version 1 is frozen it is made again whenever the format changes; afterwards never.

use crate::command::{cargo, show};
use crate::finding::Chore;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where it is kept.
const FOLDER: &str = "golden/vault/v0";

/// Make it.
pub fn run(root: &Path) -> Result<(), Chore> {
    show(&mut cargo(&["build", "--package", "oncovault"], root))?;
    let folder = root.join(FOLDER);
    // Its path goes into the snapshots: one that says nothing of this machine.
    let home = std::env::temp_dir().join("oncovault-golden");
    for old in [&folder, &home] {
        if old.exists() {
            fs::remove_dir_all(old).map_err(|cause| failed(old, &cause))?;
        }
    }
    let data = home.join("golden");
    write_first(&data)?;
    let program = Program {
        root: root.to_path_buf(),
        home,
        folder: folder.clone(),
    };
    fs::create_dir_all(&folder).map_err(|cause| failed(&folder, &cause))?;
    let printed = program.run(&["init", "--compartment", "clinical", "--unprotected-key"])?;
    let kit = printed
        .split_whitespace()
        .find(|word| word.starts_with("ONCOVAULT1-"));
    let kit = kit.ok_or_else(|| Chore::Failed("init printed no kit".to_owned()))?;
    write(&folder.join("kit.txt"), format!("{kit}\n").as_bytes())?;
    program.backup(&data, "2026-01-01T08:00:00Z", "snapshot-1")?;
    write_second(&data)?;
    program.backup(&data, "2026-01-02T08:00:00Z", "snapshot-2")?;
    println!("made {FOLDER}");
    Ok(())
}

struct Program {
    root: PathBuf,
    home: PathBuf,
    folder: PathBuf,
}

impl Program {
    fn run(&self, arguments: &[&str]) -> Result<String, Chore> {
        let mut command = Command::new(self.root.join("target/debug/oncovault"));
        for kind in ["STATE", "CACHE", "CONFIG"] {
            command.env(format!("XDG_{kind}_HOME"), self.home.join(kind));
        }
        command.arg("--vault").arg(self.folder.join("vault"));
        command
            .arg("--key")
            .arg(self.folder.join("owner.key"))
            .args(arguments);
        let output = command
            .output()
            .map_err(|cause| failed(&self.root, &cause))?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            false => Err(Chore::Failed(
                String::from_utf8_lossy(&output.stderr).into_owned(),
            )),
        }
    }

    fn backup(&self, data: &Path, time: &str, keep: &str) -> Result<(), Chore> {
        let path = data.display().to_string();
        self.run(&[
            "backup",
            &path,
            "--dataset",
            "golden",
            "--host",
            "golden",
            "--time",
            time,
        ])?;
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(data).arg(self.folder.join(keep));
        show(&mut copy)
    }
}

/// Made up from the first letter to the last: nothing here stems from a person.
fn write_first(data: &Path) -> Result<(), Chore> {
    let admission = "MSH|^~\\&|ONCO|CLINIC|LAB|CLINIC|20260101||ADT^A01|1|P|2.5\r\
                     PID|1||0001^^^CLINIC||EXAMPLE^ERIKA||19700101|F\r";
    write(&data.join("hl7/admission.hl7"), admission.as_bytes())?;
    for n in 0..20 {
        let observation = format!(
            "{{\"resourceType\":\"Observation\",\"id\":\"o{n}\",\"status\":\"final\",\
             \"code\":{{\"text\":\"haemoglobin\"}},\"valueQuantity\":{{\"value\":{},\"unit\":\"g/dL\"}}}}\n",
            8 + n % 7
        );
        write(
            &data.join(format!("fhir/observation-{n:02}.json")),
            observation.as_bytes(),
        )?;
    }
    write(&data.join("dose/dose.bin"), &noise(1, 20_000))?;
    write(&data.join("dose/zeros.bin"), &[0; 10_000])?;
    write(&data.join("empty"), b"")?;
    write(
        &data.join("\u{e9}tude \u{1f9ec}.txt"),
        b"a name beyond ASCII\n",
    )?;
    let link = data.join("latest");
    std::os::unix::fs::symlink("dose/dose.bin", &link).map_err(|cause| failed(&link, &cause))
}

fn write_second(data: &Path) -> Result<(), Chore> {
    write(
        &data.join("fhir/observation-03.json"),
        b"{\"resourceType\":\"Observation\",\"status\":\"amended\"}\n",
    )?;
    write(&data.join("dose/second.bin"), &noise(2, 3_000))?;
    let gone = data.join("empty");
    fs::remove_file(&gone).map_err(|cause| failed(&gone, &cause))
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

fn write(path: &Path, bytes: &[u8]) -> Result<(), Chore> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|cause| failed(folder, &cause))?;
    fs::write(path, bytes).map_err(|cause| failed(path, &cause))
}

fn failed(path: &Path, cause: &std::io::Error) -> Chore {
    Chore::Failed(format!("{}: {cause}", path.display()))
}
