//! What makes the operating system call `run --due`: units of systemd, or lines of cron.
//!
//! The units let the program read everything and write only what it must. Texts come out, nothing is
//! installed here.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Component, Path, PathBuf};

use ov_store::{Place, TargetUrl};

use crate::config::{Config, Dataset};

/// Whose service it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The machine's: it may read all files.
    System,
    /// A user's: it may read what the user may.
    User,
}

/// A service.
#[derive(Clone, Debug)]
pub struct Service<'s> {
    /// Whose it is.
    pub whose: Whose,
    /// The program, absolute.
    pub program: &'s Path,
    /// The configuration file, absolute.
    pub file: &'s Path,
    /// The configuration.
    pub config: &'s Config,
    /// The folder of the local state, absolute.
    pub state: &'s Path,
    /// The folder for copies of objects, absolute.
    pub cache: &'s Path,
}

/// What cannot stand in a unit or a table of cron.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot stand in a unit: it is not plain text")]
pub struct ServiceError(String);

impl Service<'_> {
    /// The name of the units: `oncovault`, or `oncovault-NAME` for NAME.toml.
    pub fn name(file: &Path) -> String {
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let plain = |c: char| match c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') {
            true => c,
            false => '_',
        };
        match &*stem {
            "oncovault" => "oncovault".to_owned(),
            stem => format!("oncovault-{}", stem.chars().map(plain).collect::<String>()),
        }
    }

    /// The unit that does what is due.
    ///
    /// # Errors
    /// A path that is not UTF-8 or has a control character.
    pub fn unit(&self) -> Result<String, ServiceError> {
        let mut unit = String::from(
            "[Unit]\n\
             Description=OncoVault: back up and maintain what is due\n\
             Wants=network-online.target\n\
             After=network-online.target\n\
             \n\
             [Service]\n\
             Type=oneshot\n",
        );
        let words = self.command()?.into_iter().map(|word| quoted(&word));
        let _ = writeln!(unit, "ExecStart={}", words.collect::<Vec<_>>().join(" "));
        unit.push_str(GENTLE);
        unit.push_str(CONFINED);
        if self.whose == Whose::System {
            unit.push_str(CONFINED_SYSTEM);
            if !self.reads_temporary() {
                unit.push_str("PrivateTmp=yes\n");
            }
            for folder in self.written()? {
                let _ = writeln!(unit, "ReadWritePaths=-{folder}");
            }
            if self
                .config
                .dataset
                .iter()
                .any(|dataset| !dataset.hooks.is_empty())
            {
                unit.push_str(HOOKS);
            }
        }
        Ok(unit)
    }

    /// The unit that calls it.
    pub fn timer(&self) -> String {
        let tick = self.config.policy.tick.seconds();
        let spread = (tick / 10).max(1);
        format!(
            "[Unit]\n\
             Description=OncoVault: ask what is due\n\
             \n\
             [Timer]\n\
             OnStartupSec=2min\n\
             OnUnitInactiveSec={tick}s\n\
             RandomizedDelaySec={spread}s\n\
             AccuracySec=30s\n\
             \n\
             [Install]\n\
             WantedBy=timers.target\n"
        )
    }

    /// The line for cron. That of the system names a user. What goes well is not mailed.
    ///
    /// # Errors
    /// As [`Service::unit`].
    pub fn cron_line(&self) -> Result<String, ServiceError> {
        let words = self.command()?.into_iter().map(|word| shell_quoted(&word));
        let words = words.collect::<Vec<_>>().join(" ");
        // Cron ends a command at a percent sign.
        let words = words.replace('%', "\\%");
        let when = every(self.config.policy.tick.seconds() / 60);
        Ok(match self.whose {
            Whose::System => format!("{when} root {words} --quiet >/dev/null\n"),
            Whose::User => format!("{when} {words} --quiet >/dev/null\n"),
        })
    }

    fn command(&self) -> Result<Vec<String>, ServiceError> {
        Ok(vec![
            text(self.program)?,
            "--config".to_owned(),
            text(self.file)?,
            "--state-dir".to_owned(),
            text(self.state)?,
            "--cache-dir".to_owned(),
            text(self.cache)?,
            "run".to_owned(),
            "--due".to_owned(),
        ])
    }

    /// The folders that the program writes into.
    fn written(&self) -> Result<BTreeSet<String>, ServiceError> {
        let mut folders = BTreeSet::from([self.state.to_owned(), self.cache.to_owned()]);
        let copies = self.config.copy.iter().map(|copy| copy.url.value());
        for url in copies.chain([self.config.vault.url.value()]) {
            folders.extend(written_for(url));
        }
        let textfile = self.config.notify.textfile.as_deref();
        folders.extend(textfile.and_then(Path::parent).map(Path::to_owned));
        let quoted = |folder: PathBuf| Ok(quoted(&text(&without_dots(&folder))?));
        folders.into_iter().map(quoted).collect()
    }

    fn reads_temporary(&self) -> bool {
        let temporary = |path: &Path| path.starts_with("/tmp") || path.starts_with("/var/tmp");
        let sources = self.config.dataset.iter().flat_map(paths);
        let copies = self.config.copy.iter().map(|copy| copy.url.value());
        let targets = copies.chain([self.config.vault.url.value()]);
        let folders = targets.filter_map(TargetUrl::as_folder);
        let own = [self.state, self.cache, self.file, self.program];
        sources.chain(folders).chain(own).any(temporary)
    }
}

fn paths(dataset: &Dataset) -> impl Iterator<Item = &Path> {
    let lists = [&dataset.paths, &dataset.files_from, &dataset.files_from_raw];
    lists.into_iter().flatten().map(PathBuf::as_path)
}

fn written_for(url: &TargetUrl) -> Vec<PathBuf> {
    match url.place() {
        Place::Folder(folder) => vec![folder.clone()],
        // Wherever drives are mounted.
        Place::Drive { .. } => ["/media", "/mnt", "/run/media"].map(PathBuf::from).into(),
        _ => Vec::new(),
    }
}

/// A unit passes over paths with `..` (systemd.exec(5), "path is not normalized").
fn without_dots(path: &Path) -> PathBuf {
    let dots = |part: Component<'_>| part == Component::ParentDir;
    if !path.components().any(dots) {
        return path.to_owned();
    }
    std::fs::canonicalize(path).unwrap_or_else(|_| {
        let mut plain = PathBuf::new();
        for part in path.components() {
            match dots(part) {
                true => drop(plain.pop()),
                false => plain.push(part),
            }
        }
        plain
    })
}

fn text(path: &Path) -> Result<String, ServiceError> {
    let plain = path
        .to_str()
        .filter(|text| !text.chars().any(char::is_control));
    let shown = || ServiceError(format!("{path:?}"));
    plain.map(str::to_owned).ok_or_else(shown)
}

/// As systemd.syntax(7) and systemd.service(5) want it: `%` and `$` mean themselves.
fn quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=".contains(c);
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"");
    let escaped = escaped.replace('%', "%%").replace('$', "$$");
    match word.chars().all(safe) {
        true => escaped,
        false => format!("\"{escaped}\""),
    }
}

fn shell_quoted(word: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:@=".contains(c);
    match word.chars().all(safe) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Minutes and hours of cron that are at most so far apart.
fn every(minutes: i64) -> String {
    let divisors = [30, 20, 15, 10, 5, 3, 2];
    match divisors.iter().find(|divisor| **divisor <= minutes) {
        _ if minutes >= 60 => "0 * * * *".to_owned(),
        Some(divisor) => format!("*/{divisor} * * * *"),
        None => "* * * * *".to_owned(),
    }
}

/// Others come first; what was stored is not lost if it is stopped.
const GENTLE: &str = "\
Nice=10
CPUSchedulingPolicy=batch
IOSchedulingClass=best-effort
IOSchedulingPriority=7
TimeoutStartSec=infinity
TimeoutStopSec=2min
UMask=0077
";

const CONFINED: &str = "\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
";

/// It reads what others cannot, and can do nothing else that others cannot.
const CONFINED_SYSTEM: &str = "\
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
PrivateDevices=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
SystemCallFilter=@system-service
";

const HOOKS: &str = "\
# Hooks run within these limits. If one needs more, give it more: systemctl edit
";

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use super::*;

    const SITE: &str = r#"
        [vault]
        url = "/srv/vault of ours"
        [[copy]]
        name = "usb"
        url = "/mnt/usb"
        [[copy]]
        name = "cloud"
        url = "s3://hospital/oncology"
        [[dataset]]
        name = "plans"
        paths = ["/srv/plans"]
        schedule = "daily at 02:00"
        hooks.before = [{ run = ["freeze"] }]
        [notify]
        textfile = "/srv/no-such/../metrics/oncovault.prom"
    "#;

    /// A site whose files are there, so that what checks units finds them.
    struct Site {
        folder: tempfile::TempDir,
        config: Config,
    }

    impl Site {
        fn new(text: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("oncovault.toml");
            fs::write(&file, text).unwrap();
            let config = Config::read(&file).unwrap();
            Self { folder, config }
        }

        fn with<T>(&self, whose: Whose, act: impl FnOnce(&Service<'_>) -> T) -> T {
            act(&Service {
                whose,
                program: Path::new("/bin/true"),
                file: &self.folder.path().join("100% of $HOME.toml"),
                config: &self.config,
                state: Path::new("/var/lib/oncovault"),
                cache: Path::new("/var/cache/oncovault"),
            })
        }
    }

    #[test]
    fn a_system_unit_writes_only_where_it_must_and_reads_everything() {
        let unit = Site::new(SITE).with(Whose::System, |service| service.unit().unwrap());
        let written: Vec<&str> = unit
            .lines()
            .filter_map(|line| line.strip_prefix("ReadWritePaths=-"))
            .collect();
        let expected = [
            "\"/srv/vault of ours\"",
            "/mnt/usb",
            "/srv/metrics",
            "/var/cache/oncovault",
            "/var/lib/oncovault",
        ];
        assert_eq!(BTreeSet::from_iter(written), BTreeSet::from(expected));
        for line in [
            "NoNewPrivileges=yes",
            "ProtectSystem=strict",
            "CapabilityBoundingSet=CAP_DAC_READ_SEARCH",
            "IOSchedulingClass=best-effort",
        ] {
            assert!(unit.lines().any(|found| found == line), "{line}");
        }
        assert!(unit.contains("100%% of $$HOME.toml\""), "{unit}");
    }

    #[test]
    fn a_unit_sees_temporary_files_only_where_they_are_backed_up() {
        let own = |unit: &str| unit.contains("PrivateTmp=yes");
        let site = |path: &str| {
            let site = Site::new(&SITE.replace("/srv/plans", path));
            let service = Service {
                whose: Whose::System,
                program: Path::new("/bin/true"),
                file: Path::new("/etc/oncovault.toml"),
                config: &site.config,
                state: Path::new("/var/lib/oncovault"),
                cache: Path::new("/var/cache/oncovault"),
            };
            service.unit().unwrap()
        };
        assert!(own(&site("/srv/plans")));
        assert!(!own(&site("/var/tmp/plans")));
    }

    #[test]
    fn systemd_accepts_the_units() {
        if Command::new("systemd-analyze")
            .arg("--version")
            .output()
            .is_err()
        {
            return;
        }
        let site = Site::new(SITE);
        for whose in [Whose::System, Whose::User] {
            let units = site.folder.path().join(format!("{whose:?}"));
            fs::create_dir(&units).unwrap();
            let (unit, timer) = site.with(whose, |s| (s.unit().unwrap(), s.timer()));
            fs::write(units.join("oncovault.service"), unit).unwrap();
            fs::write(units.join("oncovault.timer"), timer).unwrap();
            let output = Command::new("systemd-analyze")
                .args(["verify", "--man=no", "--recursive-errors=no"])
                .arg(units.join("oncovault.service"))
                .arg(units.join("oncovault.timer"))
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{said}");
            assert!(!said.contains("oncovault"), "{said}");
        }
    }

    #[test]
    fn systemd_itself_calls_the_confinement_good() {
        let analyze = |unit: &Path| {
            Command::new("systemd-analyze")
                .args(["security", "--offline=yes", "--threshold=30", "--no-pager"])
                .arg(unit)
                .output()
        };
        let site = Site::new(SITE);
        let path = site.folder.path().join("oncovault.service");
        let unit = site.with(Whose::System, |service| service.unit().unwrap());
        fs::write(&path, unit).unwrap();
        let Ok(output) = analyze(&path) else {
            return;
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "exposure above 3.0: {said}");
    }

    #[test]
    fn cron_calls_at_least_as_often_as_the_tick() {
        let line = |tick: &str| {
            let text = format!("{SITE}\n[policy]\ntick = \"{tick}\"\n");
            Site::new(&text).with(Whose::User, |service| service.cron_line().unwrap())
        };
        let cases = [
            ("15min", "*/15 * * * * "),
            ("50min", "*/30 * * * * "),
            ("4h", "0 * * * * "),
            ("10s", "* * * * * "),
        ];
        for (tick, expected) in cases {
            assert!(line(tick).starts_with(expected), "{}", line(tick));
        }
        let line = Site::new(SITE).with(Whose::System, |service| service.cron_line().unwrap());
        assert!(line.contains(" root /bin/true --config '"), "{line}");
        assert!(line.contains("100\\% of $HOME.toml'"), "{line}");
    }

    #[test]
    fn every_vault_of_a_host_has_units_of_its_own() {
        let name = |file: &str| Service::name(Path::new(file));
        assert_eq!(name("/etc/oncovault/oncovault.toml"), "oncovault");
        assert_eq!(name("/etc/oncovault/trial 7.toml"), "oncovault-trial_7");
    }

    #[test]
    fn a_path_that_is_no_text_is_refused() {
        let site = Site::new(&SITE.replace("/mnt/usb", "/mnt/u\\nb"));
        let error = site.with(Whose::System, |service| service.unit().unwrap_err());
        assert!(
            error.to_string().contains("cannot stand in a unit"),
            "{error}"
        );
    }
}
