//! What a keeper's verb works with.

use std::collections::BTreeSet;

use ov_format::name::RecordName;
use ov_seal::entropy::OsEntropy;
use ov_store::{OpenOptions, Store, StoreError, TargetUrl};
use ov_terminal::meter::{Meter, Status};
use ov_terminal::signals::{Interruption, Signals};
use ov_terminal::{Copies, Desk, Exit, Failure, Opened};
use ov_vault::finding::short;
use ov_vault::prune::Lists;
use ov_vault::secrets::Secrets;
use ov_vault::{Keeper, Monitor, Progress, State, Step, SystemClock};

/// A vault as a keeper sees it.
pub struct Keeping {
    /// The vault.
    pub opened: Opened,
    secrets: Secrets,
    /// Shows how far it has come.
    pub watcher: Watcher,
}

impl Keeping {
    /// Opens the vault. The target itself is asked: what lies there is the matter.
    pub fn open(desk: &Desk) -> Result<Self, Failure> {
        let opened = desk.open(Copies::Never)?;
        let secrets = opened.secrets()?;
        Ok(Self {
            opened,
            secrets,
            watcher: Watcher::new(desk),
        })
    }

    /// The vault, and who maintains it.
    pub fn split(&mut self) -> (&mut ov_vault::Vault, Keeper<'_>) {
        let keeper = Keeper {
            writer: &self.opened.writer,
            secrets: &self.secrets,
            entropy: &OsEntropy,
            clock: &SystemClock,
            monitor: &self.watcher,
        };
        (&mut self.opened.vault, keeper)
    }

    /// Whether listings of the target show at once what was stored.
    pub fn lists(&self, desk: &Desk) -> Result<Lists, Failure> {
        if desk.url()?.as_folder().is_some() {
            return Ok(Lists::AtOnce);
        }
        let probe = ov_store::probe(&**self.opened.vault.store(), nonce())?;
        Ok(match probe.lists_at_once() {
            true => Lists::AtOnce,
            false => Lists::Late,
        })
    }

    /// The snapshots that texts mean: beginnings of ids, `latest`, `latest~N`.
    pub fn select(&self, specs: &[String]) -> Result<BTreeSet<RecordName>, Failure> {
        let state = State::of(&self.opened.vault);
        specs.iter().map(|spec| select(&state, spec)).collect()
    }
}

fn nonce() -> [u8; 16] {
    use ov_seal::entropy::Entropy;
    let mut nonce = [0; 16];
    OsEntropy.fill(&mut nonce);
    nonce
}

fn select(state: &State, spec: &str) -> Result<RecordName, Failure> {
    let mut listed: Vec<_> = state.listed().collect();
    listed.sort_by_key(|commit| (commit.time, commit.name));
    let help = "`snapshots` lists what there is";
    let none = || Failure::failed(format!("no snapshot fits {spec:?}")).help(help);
    if let Some(rest) = spec.strip_prefix("latest") {
        let back = match rest.strip_prefix('~') {
            None if rest.is_empty() => 0,
            Some(count) => count.parse().map_err(|_| none())?,
            None => return Err(none()),
        };
        return listed
            .iter()
            .nth_back(back)
            .map(|commit| commit.name)
            .ok_or_else(none);
    }
    let prefix = spec.to_ascii_lowercase();
    let fits = |name: &RecordName| !prefix.is_empty() && name.hash.to_string().starts_with(&prefix);
    let found: Vec<RecordName> = listed.iter().map(|c| c.name).filter(fits).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(none()),
        _ => {
            let ids: Vec<String> = found.iter().map(|name| name.hash.to_string()).collect();
            Err(
                Failure::failed(format!("{spec:?} may be any of {}", ids.join(", ")))
                    .help("give more digits of its id"),
            )
        }
    }
}

/// `ov_store::open` or `ov_store::create`.
type Opening = fn(&TargetUrl, &OpenOptions) -> Result<Box<dyn Store>, StoreError>;

/// Opens another target than the vault's.
pub fn other_target(
    desk: &Desk,
    url: &std::ffi::OsStr,
    open: Opening,
) -> Result<std::sync::Arc<dyn Store>, Failure> {
    let url = TargetUrl::from_os(url)?;
    Ok(std::sync::Arc::from(open(
        &url,
        &desk.options.open_options(),
    )?))
}

/// Names for people.
pub fn ids(names: &[RecordName]) -> String {
    names.iter().map(short).collect::<Vec<_>>().join(", ")
}

/// Full names, for programs.
pub fn full_ids<'n>(names: impl IntoIterator<Item = &'n RecordName>) -> Vec<String> {
    names
        .into_iter()
        .map(|name| name.hash.to_string())
        .collect()
}

/// The exit code of work that left something undone.
pub fn exit(undone: usize) -> Exit {
    match undone {
        0 => Exit::Done,
        _ => Exit::Damage,
    }
}

/// Shows how far a keeper's work has come.
pub struct Watcher {
    /// The line.
    pub meter: Meter,
}

impl Watcher {
    /// Shows it on a desk's screen; an interruption ends the work at once.
    pub fn new(desk: &Desk) -> Self {
        Self {
            meter: Meter::new(desk, Signals::listen(Interruption::AtOnce)),
        }
    }
}

impl Monitor for Watcher {
    fn progress(&self, progress: Progress) {
        self.meter.show(|| Status {
            bytes: progress.bytes,
            also: format!(
                "{} {} of {}",
                step(progress.step),
                progress.done,
                progress.total
            ),
            ..Status::default()
        });
    }

    fn notice(&self, text: &str) {
        self.meter.warn(text);
    }
}

fn step(step: Step) -> &'static str {
    match step {
        Step::Reading => "reading",
        Step::Checking => "checking",
        Step::Moving => "moving",
        Step::Deleting => "deleting",
        Step::Copying => "copying",
        Step::Repairing => "repairing",
        Step::Locking => "locking",
    }
}
