//! `service`: let the operating system call `run --due`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Subcommand;
use ov_program::service::{Service, Whose};
use serde_json::json;

use crate::configuration;
use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::folders;

/// There where systemd runs the machine (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";
const UNITS: &str = "etc/systemd/system";
const CRON: &str = "etc/cron.d";

/// What `service` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Do what is due by itself from now on
    Install(Install),
    /// Do nothing by itself any more
    Remove {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(clap::Args, Debug)]
struct Install {
    #[command(flatten)]
    place: Place,

    /// Show what would be written, and do nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

#[derive(clap::Args, Debug)]
struct Place {
    /// For this user, not for the machine
    #[arg(long)]
    user: bool,

    /// Write below this folder, and start nothing (for images and packages)
    #[arg(long, value_name = "DIR", conflicts_with = "user")]
    root: Option<PathBuf>,
}

/// Installs or removes.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    match &args.act {
        Act::Install(args) => install(args, desk),
        Act::Remove { place } => remove(place, desk),
    }
}

/// A file that makes the service.
struct Part {
    path: PathBuf,
    text: String,
}

fn install(args: &Install, desk: &Desk) -> Result<Exit, Failure> {
    let place = &args.place;
    let (file, config) = configuration::read(&desk.options)?;
    let mut options = desk.options.clone();
    configuration::fill(&mut options, &config)?;
    let absolute = |path: PathBuf| std::path::absolute(&path).unwrap_or(path);
    let state = absolute(folders::state(&options)?);
    let cache = absolute(folders::cache(&options)?);
    let program = std::env::current_exe().map_err(|error| {
        Failure::failed(format!("cannot tell where this program lies: {error}"))
    })?;
    let service = Service {
        whose: place.whose(),
        program: &program,
        file: &file,
        config: &config,
        state: &state,
        cache: &cache,
    };
    let parts = place.parts(&service)?;
    if args.dry_run {
        for Part { path, text } in &parts {
            desk.screen
                .line(format_args!("# {}\n{text}", path.display()));
        }
        tell(&parts, desk);
        return Ok(Exit::Done);
    }
    for folder in [&state, &cache] {
        // Where it goes below another root, whoever starts it makes them.
        if place.root.is_none() {
            folders::make_private(folder).map_err(failed("make", folder))?;
        }
    }
    for Part { path, text } in &parts {
        write(path, text)?;
        desk.screen.line(format_args!("Wrote {}.", path.display()));
    }
    if place.root.is_none() && place.systemd() {
        let timer = format!("{}.timer", Service::name(&file));
        systemctl(place, &["daemon-reload"])?;
        systemctl(place, &["enable", "--now", &timer])?;
        let tick = &config.policy.tick;
        desk.screen
            .line(format_args!("It asks what is due every {tick}."));
    }
    tell(&parts, desk);
    if !place.systemd() && place.user {
        let line = service.cron_line().map_err(Failure::usage)?;
        desk.screen
            .line("There is no systemd here. Add this line with `crontab -e`:");
        desk.screen.line(line.trim_end());
    }
    Ok(Exit::Done)
}

fn tell(parts: &[Part], desk: &Desk) {
    let files = parts.iter().map(|part| part.path.display().to_string());
    desk.screen
        .document(&json!({"files": files.collect::<Vec<_>>()}));
}

fn remove(place: &Place, desk: &Desk) -> Result<Exit, Failure> {
    let Some(file) = configuration::file(&desk.options) else {
        return Err(Failure::usage("there is no configuration")
            .help("name the one whose service is to go with --config"));
    };
    let name = Service::name(&file);
    if place.root.is_none() && place.systemd() {
        let _ = systemctl(place, &["disable", "--now", &format!("{name}.timer")]);
    }
    let mut gone = Vec::new();
    for path in place.paths(&name)? {
        match fs::remove_file(&path) {
            Ok(()) => gone.push(path.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", &path)(error)),
        }
    }
    if place.root.is_none() && place.systemd() {
        systemctl(place, &["daemon-reload"])?;
    }
    for path in &gone {
        desk.screen.line(format_args!("Removed {path}."));
    }
    if gone.is_empty() {
        desk.screen.line("There was no service.");
    }
    desk.screen.document(&json!({"files": gone}));
    Ok(Exit::Done)
}

impl Place {
    fn whose(&self) -> Whose {
        match self.user {
            true => Whose::User,
            false => Whose::System,
        }
    }

    /// Below another root it is not known, and units do no harm.
    fn systemd(&self) -> bool {
        self.root.is_some() || Path::new(SYSTEMD).exists()
    }

    fn below(&self, folder: &str) -> PathBuf {
        self.root.as_deref().unwrap_or(Path::new("/")).join(folder)
    }

    /// The folder of units.
    fn units(&self) -> Result<PathBuf, Failure> {
        match self.user {
            true => Ok(folders::config()?.with_file_name("systemd").join("user")),
            false => Ok(self.below(UNITS)),
        }
    }

    /// All files that a service may have.
    fn paths(&self, name: &str) -> Result<Vec<PathBuf>, Failure> {
        let units = self.units()?;
        let mut paths = vec![
            units.join(format!("{name}.service")),
            units.join(format!("{name}.timer")),
        ];
        if !self.user {
            paths.push(self.below(CRON).join(name));
        }
        Ok(paths)
    }

    fn parts(&self, service: &Service<'_>) -> Result<Vec<Part>, Failure> {
        let name = Service::name(service.file);
        let part = |path, text| Part { path, text };
        if self.systemd() {
            let units = self.units()?;
            let unit = service.unit().map_err(Failure::usage)?;
            return Ok(vec![
                part(units.join(format!("{name}.service")), unit),
                part(units.join(format!("{name}.timer")), service.timer()),
            ]);
        }
        let line = service.cron_line().map_err(Failure::usage)?;
        Ok(match self.user {
            // A user's table belongs to `crontab`.
            true => Vec::new(),
            false => vec![part(self.below(CRON).join(name), line)],
        })
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
    }
    fs::write(path, text).map_err(failed("write", path))
}

fn failed(act: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Failure {
    let path = path.display().to_string();
    move |error| {
        Failure::failed(format!("cannot {act} {path}: {error}"))
            .help("as root for the machine, or with --user for yourself")
    }
}

fn systemctl(place: &Place, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("systemctl");
    if place.user {
        command.arg("--user");
    }
    let status = command.args(arguments).status();
    let what = arguments.join(" ");
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::failed(format!(
            "systemctl {what} failed ({status})"
        ))),
        Err(error) => Err(Failure::failed(format!("cannot start systemctl: {error}"))),
    }
}
