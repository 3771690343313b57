//! `demo`: the whole story on a small made-up site, with the commands that a person would type.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ov_seal::entropy::{Entropy, OsEntropy};
use ov_terminal::screen::{BOLD, DIM, GOOD};
use ov_terminal::{Desk, Exit, Failure, folders};
use serde_json::{Value, json};

/// What `demo` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The folder to play in; made anew [default: below $XDG_DATA_HOME/oncovault]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Plays it through.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let stage = Stage::new(args, desk)?;
    stage.files()?;
    stage.say("A vault, with a key and a paper kit (not shown here, since this is only a play)");
    stage.quietly(&["init"])?;
    stage.say("The first backup stores everything");
    stage.shown(&["backup", "site"])?;
    stage.say("A new plan, a corrected report; the second backup stores what is new");
    stage.change()?;
    stage.shown(&["backup", "site"])?;
    stage.shown(&["diff", "latest~1", "latest"])?;
    stage.say("A copy in a second place");
    stage.shown(&["copy", "--to", "copy"])?;
    stage.say("Bits rot in the first place, and the check finds them");
    stage.damage()?;
    stage.expect(20, &["check", "--read-data"])?;
    stage.say("The copy heals it");
    stage.shown(&["repair", "--from", "copy"])?;
    stage.shown(&["check", "--read-data"])?;
    stage.say("Everything comes back, and is compared bit for bit");
    let site = stage.folder.join("site");
    stage.shown(&[
        "restore",
        &format!("latest:{}", site.display()),
        "--to",
        "back",
        "--verify",
    ])?;
    let files = same(&site, &stage.folder.join("back"))?;
    stage.end(files);
    Ok(Exit::Done)
}

struct Stage<'d> {
    folder: PathBuf,
    desk: &'d Desk,
}

impl<'d> Stage<'d> {
    fn new(args: &Args, desk: &'d Desk) -> Result<Self, Failure> {
        let folder = match &args.dir {
            Some(dir) => dir.clone(),
            None => {
                let mut number = [0; 4];
                OsEntropy.fill(&mut number);
                let number = u32::from_le_bytes(number);
                folders::data()?.join(format!("demo-{number:08x}"))
            }
        };
        let failed =
            |error| Failure::failed(format!("cannot play in {}: {error}", folder.display()));
        if folder.exists() {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()).help("name a new folder"));
        }
        folders::make_private(&folder).map_err(failed)?;
        let folder = std::path::absolute(&folder).map_err(failed)?;
        Ok(Self { folder, desk })
    }

    fn say(&self, text: &str) {
        self.desk
            .screen
            .line(format_args!("\n{BOLD}▸ {text}{BOLD:#}"));
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), Failure> {
        let path = self.folder.join("site").join(name);
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        made.and_then(|()| std::fs::write(&path, content))
            .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
    }

    /// A small radiotherapy site: images, a plan, letters, trial data. All of it made up.
    fn files(&self) -> Result<(), Failure> {
        self.say("A small oncology site: CT slices, a plan, dose, letters, a trial's table");
        for slice in 0..40_u32 {
            self.write(
                &format!("imaging/P-0001/CT/slice-{slice:03}.dcm"),
                &image(slice),
            )?;
        }
        self.write("planning/P-0001/plan.dcm", &image(1000))?;
        self.write("planning/P-0001/dose.dcm", &image(1001).repeat(4))?;
        self.write("letters/P-0001/2026-03-02.txt", letter(1).as_bytes())?;
        let rows: String = (0..5000)
            .map(|row| format!("{row},arm {},{}\n", row % 2, row * 37 % 101))
            .collect();
        self.write("trial/outcomes.csv", rows.as_bytes())
    }

    fn change(&self) -> Result<(), Failure> {
        self.write("planning/P-0001/plan-adapted.dcm", &image(1002))?;
        self.write("letters/P-0001/2026-03-02.txt", letter(2).as_bytes())
    }

    /// One bit in the middle of the largest pack.
    fn damage(&self) -> Result<(), Failure> {
        let failed = |error| Failure::failed(format!("cannot damage the demo's vault: {error}"));
        let mut packs = Vec::new();
        walk(&self.folder.join("vault/pack"), &mut packs).map_err(failed)?;
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let Some(path) = packs.into_iter().max_by_key(size) else {
            return Err(Failure::failed("the demo's vault holds no pack"));
        };
        let mut bytes = std::fs::read(&path).map_err(failed)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        std::fs::remove_file(&path)
            .and_then(|()| std::fs::write(&path, bytes))
            .map_err(failed)
    }

    fn command(&self, verb: &[&str]) -> Result<Command, Failure> {
        let program = std::env::current_exe();
        let program = program.map_err(|e| Failure::failed(format!("cannot find myself: {e}")))?;
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        for name in ov_terminal::environment::KNOWN {
            command.env_remove(name);
        }
        command.env("ONCOVAULT_STATE_DIR", self.folder.join("state"));
        command.env("ONCOVAULT_PASSPHRASE", "only a play");
        command
            .args(["--vault", "vault", "--key", "owner.key"])
            .args(verb);
        if self.desk.options.json {
            command.stdout(Stdio::null());
        }
        Ok(command)
    }

    fn quietly(&self, verb: &[&str]) -> Result<(), Failure> {
        let mut command = self.command(verb)?;
        self.ended(command.stdout(Stdio::null()), verb, 0)
    }

    fn shown(&self, verb: &[&str]) -> Result<(), Failure> {
        self.expect(0, verb)
    }

    fn expect(&self, code: i32, verb: &[&str]) -> Result<(), Failure> {
        self.desk
            .screen
            .line(format_args!("{DIM}$ oncovault {}{DIM:#}", verb.join(" ")));
        self.ended(&mut self.command(verb)?, verb, code)
    }

    fn ended(&self, command: &mut Command, verb: &[&str], code: i32) -> Result<(), Failure> {
        let verb = verb.join(" ");
        let status = command.status();
        let status = status.map_err(|e| Failure::failed(format!("cannot run {verb}: {e}")))?;
        match status.code() == Some(code) {
            true => Ok(()),
            false => Err(Failure::failed(format!(
                "{verb} ended with {status}, not with {code}"
            ))),
        }
    }

    fn end(&self, files: usize) {
        let folder = self.folder.display();
        self.desk.screen.line(format_args!(
            "\n{GOOD}All {files} files are back, bit for bit.{GOOD:#}\n\nLook around in {folder}:\n  \
             site   the files        vault  the first place   copy  the second   back  what came \
             back\n\nNext, with your own files:\n  oncovault --vault PLACE init\n  oncovault --vault \
             PLACE backup FOLDER\n  oncovault help"
        ));
        let document: Value = json!({"folder": folder.to_string(), "files": files, "same": true});
        self.desk.screen.document(&document);
    }
}

/// Noise over a gradient: compresses a little, as images do.
fn image(number: u32) -> Vec<u8> {
    let mut state = number.wrapping_mul(2_654_435_761) | 1;
    let pixel = |at: u32| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (at / 256 + (state & 31)).to_le_bytes()
    };
    let pixels = (0..65_536)
        .map(pixel)
        .flat_map(|bytes| [bytes[0], bytes[1]]);
    b"made up, no patient"
        .iter()
        .copied()
        .chain(pixels)
        .collect()
}

fn letter(version: u32) -> String {
    format!("Made-up letter, version {version}.\nDose: 60 Gy in 30 fractions.\n").repeat(200)
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => walk(&path, found)?,
            false => found.push(path),
        }
    }
    Ok(())
}

/// How many files two folders have in common; an error if anything differs.
fn same(one: &Path, other: &Path) -> Result<usize, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot compare: {error}"));
    let (mut files, mut back) = (Vec::new(), Vec::new());
    walk(one, &mut files).map_err(failed)?;
    walk(other, &mut back).map_err(failed)?;
    for path in &files {
        let twin = other.join(path.strip_prefix(one).unwrap_or(path));
        if std::fs::read(path).map_err(failed)? != std::fs::read(&twin).map_err(failed)? {
            return Err(Failure::new(
                Exit::Damage,
                format!("{} differs", twin.display()),
            ));
        }
    }
    match files.len() == back.len() {
        true => Ok(files.len()),
        false => Err(Failure::new(
            Exit::Damage,
            "not the same number of files came back",
        )),
    }
}
