//! A bundle for asking strangers for help: what is needed to understand a trouble, and no name, no
//! path, no address, no secret.
//!
//! Nothing is struck out of a text: the bundle is made of what is known to be harmless, and names
//! are replaced by tokens that are the same all through it.

use std::collections::BTreeMap;

use ov_store::TargetUrl;
use serde_json::{Value, json};

use crate::config::{Config, CopyPlace, Dataset};
use crate::notify::{Label, Notify};
use crate::status::{Contents, Status};

/// What it runs on.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The program's name.
    pub program: &'static str,
    /// Its version.
    pub version: &'static str,
}

/// The bundle.
pub fn diagnose(platform: &Platform, config: Option<&Config>, status: &Status) -> Value {
    json!({
        "program": platform.program,
        "version": platform.version,
        "platform": {
            "system": std::env::consts::OS,
            "machine": std::env::consts::ARCH,
            "kernel": rustix::system::uname().release().to_string_lossy(),
            "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        },
        "config": config.map(shape),
        "status": status.anonymous().document(),
    })
}

fn shape(config: &Config) -> Value {
    json!({
        "vault": {
            "kind": kind(&config.vault.url),
            "medium": token(&config.vault.medium),
            "site": config.vault.site,
            "key_named": config.vault.key.is_some(),
            "passphrase_file": config.vault.passphrase_file.is_some(),
            "passphrase_command": config.vault.passphrase_command.is_some(),
            "s3": config.vault.s3.is_some(),
        },
        "policy": config.policy,
        "copies": config.copy.iter().map(copy).collect::<Vec<_>>(),
        "datasets": config.dataset.iter().map(dataset).collect::<Vec<_>>(),
        "notify": notify(&config.notify),
        "watches": config.watch.len(),
    })
}

/// The kind of a target: its scheme, without what follows it.
fn kind(url: &TargetUrl) -> &'static str {
    if url.as_folder().is_some() {
        return "folder";
    }
    let text = url.to_string();
    let known = ["s3", "sftp", "ssh", "drive"];
    let named = |scheme: &&str| text.split(':').next() == Some(*scheme);
    known.into_iter().find(named).unwrap_or("other")
}

fn copy(copy: &CopyPlace) -> Value {
    json!({
        "name": token(copy.name.as_str()),
        "kind": kind(&copy.url),
        "medium": token(&copy.medium),
        "site": copy.site,
        "offline": copy.offline,
        "by": copy.by,
        "schedule": copy.schedule,
        "max_age": copy.max_age,
        "s3": copy.s3.is_some(),
    })
}

fn dataset(dataset: &Dataset) -> Value {
    json!({
        "name": token(dataset.name.as_str()),
        "paths": dataset.paths.len(),
        "command": !dataset.command.is_empty(),
        "excludes": dataset.exclude.len() + dataset.iexclude.len(),
        "rpo": dataset.rpo,
        "schedule": dataset.schedule,
        "hooks": dataset.hooks.all().count(),
    })
}

fn notify(notify: &Notify) -> BTreeMap<&'static str, usize> {
    BTreeMap::from([
        ("ping", notify.ping.len()),
        ("mail", notify.mail.len()),
        ("webhook", notify.webhook.len()),
        ("ntfy", notify.ntfy.len()),
        ("syslog", usize::from(notify.syslog)),
        ("textfile", usize::from(notify.textfile.is_some())),
    ])
}

fn token(name: &str) -> String {
    Label::token(name).as_str().to_owned()
}

impl Status {
    /// The same with a token for each name.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        let mut status = self.clone();
        status.vault = token(&status.vault);
        for dataset in &mut status.datasets {
            dataset.name = token(&dataset.name);
        }
        for place in &mut status.places {
            place.name = token(&place.name);
            place.medium = token(&place.medium);
            place.contents = place.contents.take().map(Contents::anonymous);
        }
        for agent in &mut status.agents {
            agent.name = token(&agent.name);
        }
        status
    }
}

impl Contents {
    fn anonymous(self) -> Self {
        fn tokens<T>(names: BTreeMap<String, T>) -> BTreeMap<String, T> {
            let named = |(name, value): (String, T)| (token(&name), value);
            names.into_iter().map(named).collect()
        }
        Self {
            newest: tokens(self.newest),
            accepted: tokens(self.accepted),
            waiting: tokens(self.waiting),
            ..self
        }
    }
}
