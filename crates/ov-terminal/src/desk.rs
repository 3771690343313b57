//! What a verb works with: the options, the screen, the target, the key and the vault.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ov_format::id::{InstanceId, VaultId};
use ov_seal::entropy::{Entropy, OsEntropy};
use ov_seal::keyfile::{KeyFacts, KeyFile, Protection};
use ov_seal::passphrase::Passphrase;
use ov_store::{Cached, Store, TargetUrl};
use ov_vault::Vault;
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;

use crate::failure::Failure;
use crate::folders;
use crate::key_file;
use crate::options::Options;
use crate::passphrase;
use crate::screen::{Form, Loudness, Screen};
use crate::seen::{Seen, is_set_back};

/// Whether small objects may come from local copies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copies {
    /// They may.
    Welcome,
    /// The target itself is asked: it is what is looked at.
    Never,
}

/// What a verb works with.
pub struct Desk {
    /// The options.
    pub options: Options,
    /// What is shown.
    pub screen: Screen,
}

/// A vault, opened by a member.
pub struct Opened {
    /// The vault.
    pub vault: Vault,
    /// The member, on this machine.
    pub writer: Writer,
    /// The folder of this member's local state.
    pub state: PathBuf,
}

impl Desk {
    /// From the options.
    pub fn new(options: Options) -> Self {
        let form = match options.json {
            true => Form::Json,
            false => Form::Text,
        };
        let loudness = match (options.quiet, options.verbose) {
            (true, _) => Loudness::Quiet,
            (false, 0) => Loudness::Normal,
            (false, _) => Loudness::Verbose,
        };
        let screen = Screen { form, loudness };
        Self { options, screen }
    }

    /// Where the vault is.
    pub fn url(&self) -> Result<TargetUrl, Failure> {
        let Some(url) = &self.options.vault else {
            return Err(Failure::usage("no vault was named")
                .help("give it with --vault URL (-r) or ONCOVAULT_VAULT"));
        };
        Ok(TargetUrl::from_os(url)?)
    }

    /// The target, as it is.
    pub fn target(&self) -> Result<Arc<dyn Store>, Failure> {
        let url = self.url()?;
        Ok(Arc::from(ov_store::open(
            &url,
            &self.options.open_options(),
        )?))
    }

    /// The target with local copies of small objects in front, where that saves requests.
    fn cached_target(&self, vault: VaultId, copies: Copies) -> Result<Arc<dyn Store>, Failure> {
        let local = self.url()?.as_folder().is_some();
        if local || copies == Copies::Never || self.options.no_cache {
            return self.target();
        }
        let folder = folders::cache(&self.options)?.join(vault.to_string());
        Ok(Arc::new(Cached::new(self.target()?, folder)))
    }

    /// Where the key file is, or will be.
    pub fn key_path(&self) -> Result<PathBuf, Failure> {
        match &self.options.key {
            Some(path) => Ok(path.clone()),
            None => folders::default_key(),
        }
    }

    /// Reads the key file.
    pub fn key_file(&self) -> Result<KeyFile, Failure> {
        key_file::read(&self.key_path()?)
    }

    /// The passphrase for a key file, if it needs one.
    pub fn passphrase(&self, file: &KeyFile) -> Result<Option<Passphrase>, Failure> {
        if file.protection() == Protection::None {
            return Ok(None);
        }
        match passphrase::given(&self.options)? {
            Some(given) => Ok(Some(given)),
            None => passphrase::asked(&format!("Passphrase of {}: ", file.facts().name)),
        }
    }

    /// Opens the vault with the key file.
    pub fn open(&self, copies: Copies) -> Result<Opened, Failure> {
        // First: nobody should type a passphrase for a target that is not there.
        self.target()?;
        let file = self.key_file()?;
        let passphrase = self.passphrase(&file)?;
        let secret = file.unlock(passphrase.as_ref());
        let secret = secret.map_err(|e| Failure::from(e).on(self.shown_key()))?;
        let facts = file.facts();
        let state = self.member_state(facts)?;
        let seen = Seen::in_state(&state);
        let store = self.cached_target(facts.vault, copies)?;
        let vault = Vault::open_knowing(store, facts.vault, |target| {
            seen.on(target).into_iter().chain([facts.head]).collect()
        })?;
        vault.head().member(facts.member)?;
        seen.remember(&vault);
        let writer = Writer {
            member: facts.member,
            secret,
            instance: instance(&state)?,
            lock: Some(state.join("append.lock")),
        };
        for finding in &vault.logs().findings {
            self.screen.warn(finding);
        }
        if is_set_back(&vault.logs().findings) {
            self.screen.warn(
                "records that were here before are gone: the target was set back to an earlier \
                 state, or somebody took them away. Look at another copy, and fetch them from there \
                 with `repair apply --from URL`",
            );
        }
        Ok(Opened {
            vault,
            writer,
            state,
        })
    }

    fn shown_key(&self) -> String {
        let path = self.key_path().unwrap_or_default();
        path.display().to_string()
    }

    /// The folder of a member's local state; made if it is not there.
    pub fn member_state(&self, facts: &KeyFacts) -> Result<PathBuf, Failure> {
        let state = folders::state(&self.options)?
            .join(facts.vault.to_string())
            .join(facts.member.to_string());
        folders::make_private(&state).map_err(|error| {
            Failure::failed(format!(
                "cannot make the folder {}: {error}",
                state.display()
            ))
            .help("local state needs a folder: --state-dir DIR")
        })?;
        Ok(state)
    }
}

impl Opened {
    /// Where it is noted when each pack of this target was last read.
    pub fn verified(&self) -> PathBuf {
        verified(&self.state, &self.vault)
    }

    /// What the member may open, content apart.
    pub fn secrets(&self) -> Result<Secrets, Failure> {
        let vault = &self.vault;
        let (member, secret) = (self.writer.member, &self.writer.secret);
        Ok(Secrets::unlock(
            &**vault.store(),
            vault.id(),
            vault.head(),
            member,
            secret,
        )?)
    }
}

/// In a folder of a member's local state, where it is noted when each pack of a target was last
/// read. That a pack is whole in one place says nothing of its twin in another.
pub fn verified(state: &Path, vault: &Vault) -> PathBuf {
    state.join(format!("verified-{}", vault.target()))
}

/// The id of this installation: drawn once, kept in the local state.
fn instance(state: &Path) -> Result<InstanceId, Failure> {
    let path = state.join("instance");
    if let Some(id) = fs::read_to_string(&path)
        .ok()
        .and_then(|text| InstanceId::parse(text.trim()))
    {
        return Ok(id);
    }
    let mut bytes = [0; InstanceId::BYTES];
    OsEntropy.fill(&mut bytes);
    let id = InstanceId(bytes);
    keep_instance(state, id)?;
    Ok(id)
}

/// Keeps the id of this installation.
pub fn keep_instance(state: &Path, id: InstanceId) -> Result<(), Failure> {
    let path = state.join("instance");
    fs::write(&path, format!("{id}\n"))
        .map_err(|error| Failure::failed(format!("cannot write {}: {error}", path.display())))
}
