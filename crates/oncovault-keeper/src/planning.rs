//! What is done with a plan: shown, kept in a file, or carried out; and when a person is asked before.

use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;

use ov_format::FormatError;
use ov_format::cbor::{Reader, Wire};
use ov_format::id::{TargetId, VaultId};
use ov_terminal::screen::ask;
use ov_terminal::{Desk, Exit, Failure, amount};
use ov_vault::{Vault, VaultError};

/// What shall be done with the plan; nothing said is: show it, and carry it out.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct PlanArgs {
    /// Write the plan into a file, and do nothing
    #[arg(long, value_name = "FILE", conflicts_with_all = ["apply", "dry_run"])]
    plan: Option<PathBuf>,

    /// Carry out exactly this plan
    #[arg(long, value_name = "FILE")]
    apply: Option<PathBuf>,

    /// Show the plan, and do nothing
    #[arg(long, short = 'n')]
    dry_run: bool,

    /// Do not ask, however much it is (where there is no terminal nobody is asked)
    #[arg(long)]
    yes: bool,
}

/// Whether a plan is carried out now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carry {
    /// It is.
    Out,
    /// It was shown, or written into a file.
    Nothing,
}

impl PlanArgs {
    /// Carried out, and nobody is asked.
    pub fn decided() -> Self {
        Self {
            yes: true,
            ..Self::default()
        }
    }

    /// For a second plan of the same run: it is carried out, and asked about like the first.
    pub fn again(&self) -> Self {
        Self {
            yes: self.yes,
            ..Self::default()
        }
    }

    /// The plan that was named, if one was.
    pub fn given<P>(
        &self,
        decode: impl FnOnce(&[u8]) -> Result<P, VaultError>,
    ) -> Result<Option<P>, Failure> {
        let Some(path) = &self.apply else {
            return Ok(None);
        };
        let bytes = std::fs::read(path);
        let bytes =
            bytes.map_err(|e| Failure::usage(format!("cannot read {}: {e}", path.display())))?;
        let plan = decode(&bytes).map_err(|e| Failure::from(e).on(path.display()))?;
        Ok(Some(plan))
    }

    /// Whether the plan is carried out now.
    pub fn carry(&self) -> Carry {
        match self.dry_run || self.plan.is_some() {
            true => Carry::Nothing,
            false => Carry::Out,
        }
    }

    /// Writes the plan into its file, if it shall have one.
    pub fn keep(&self, plan: &[u8], verb: &str, desk: &Desk) -> Result<(), Failure> {
        let Some(path) = &self.plan else {
            return Ok(());
        };
        let written = std::fs::write(path, plan);
        written.map_err(|e| Failure::failed(format!("cannot write {}: {e}", path.display())))?;
        let file = path.display();
        desk.screen.note(format_args!(
            "Nothing was done. To do it: {verb} --apply {file}"
        ));
        Ok(())
    }

    /// Asks the person at the terminal where much is touched: more than a tenth of all bytes. Whoever
    /// named a plan has seen it. A run without a terminal does not wait for anybody.
    pub fn agreed(&self, what: &str, bytes: u64, of: u64) -> Result<(), Failure> {
        let decided = self.yes || self.apply.is_some();
        if decided || bytes <= of / 10 || !std::io::stdin().is_terminal() {
            return Ok(());
        }
        let (part, all) = (amount::bytes(bytes), amount::bytes(of));
        ask(&format!("{what} {part} of {all}. Go on? [y/N]"));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer);
        read.map_err(|error| Failure::failed(format!("cannot read from the terminal: {error}")))?;
        match answer.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(Failure::new(Exit::Interrupted, "nothing was done")
                .help("answer y, or say --yes; --dry-run shows the plan alone")),
        }
    }
}

/// Which vault, and which of its targets, a plan was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeFor {
    /// The vault.
    pub vault: VaultId,
    /// The target.
    pub target: TargetId,
}

impl MadeFor {
    /// This one.
    pub fn this(vault: &Vault) -> Self {
        Self {
            vault: vault.id(),
            target: vault.target(),
        }
    }

    /// Refuses a plan that was made for another.
    pub fn check(self, vault: &Vault) -> Result<(), VaultError> {
        match self == Self::this(vault) {
            true => Ok(()),
            false => Err(VaultError::PlanOutdated(
                "it was made for another vault or target",
            )),
        }
    }
}

/// Reads a plan from the bytes of a file.
pub fn decode<P: Wire>(bytes: &[u8]) -> Result<P, VaultError> {
    P::from_bytes(bytes).map_err(VaultError::NotAPlan)
}

/// Reads the name and the version with which a plan begins.
pub fn expect(r: &mut Reader<'_>, name: &str, version: u64) -> Result<(), FormatError> {
    if r.text()? != name {
        return Err(FormatError::Rule("a plan says what it is"));
    }
    let number: u64 = r.uint()?;
    match number == version {
        true => Ok(()),
        false => Err(FormatError::Unknown {
            what: "a plan of version",
            number,
        }),
    }
}
