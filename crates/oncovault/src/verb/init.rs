//! `init`: a new vault, its owner's key file and its recovery kit.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ov_admin::found::{self, Founded, Founding};
use ov_open::slip39::Split;
use ov_seal::entropy::OsEntropy;
use ov_seal::keyfile::{KeyFile, Wrap};
use ov_seal::passphrase::Passphrase;
use ov_terminal::desk::keep_instance;
use ov_terminal::screen::{BOLD, GOOD};
use ov_terminal::{Desk, Exit, Failure, key_file, machine, passphrase};
use ov_vault::SystemClock;
use serde_json::json;

use crate::{explain, kit, kit_page};

/// Where nobody says more, one compartment is enough; more can be added at any time.
const COMPARTMENT: &str = "clinical";

/// What `init` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// A domain of reading with its own keys, like clinical or genomic (may be given more than
    /// once) [default: clinical]
    #[arg(long, value_name = "NAME")]
    compartment: Vec<String>,

    /// The owner's name [default: user@host]
    #[arg(long, value_name = "NAME")]
    owner: Option<String>,

    /// Write the recovery kit as a page to print; with --split-kit the folder for the pages
    #[arg(long, value_name = "FILE.html")]
    kit: Option<PathBuf>,

    /// Split the kit: so many of so many shares open everything, fewer nothing. The whole kit is
    /// then not shown
    #[arg(long, value_name = "3-of-5", requires = "kit")]
    split_kit: Option<Split>,

    /// Write the key file without a passphrase: whoever reads the file has the key
    #[arg(long)]
    unprotected_key: bool,
}

/// Founds the vault.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    desk.url()?;
    let key_path = desk.key_path()?;
    let passphrase = new_passphrase(args, desk)?;
    let file = key_file::reserve(&key_path)?;
    let founded = found(args, desk);
    let founded = match founded {
        Ok(founded) => founded,
        Err(failure) => {
            // It is empty, and nobody should take it for a key.
            let _ = std::fs::remove_file(&key_path);
            return Err(failure);
        }
    };
    let wrap = passphrase.as_ref().map_or(Wrap::None, Wrap::Passphrase);
    let key = KeyFile::new(founded.facts.clone(), &founded.secret, wrap, &OsEntropy);
    let written = key
        .map_err(Failure::from)
        .and_then(|key| key_file::write(&file, &key_path, &key));
    let pages = write_pages(args, &founded);
    // Shown even if the key file could not be written: it is then the only key there is.
    print(
        &founded,
        &key_path,
        pages.as_deref().unwrap_or_default(),
        args,
        desk,
    )?;
    written?;
    keep_instance(&desk.member_state(&founded.facts)?, founded.instance)?;
    if !pages?.is_empty() {
        desk.screen
            .note("Print what is written of the kit, then delete it here.");
    }
    Ok(Exit::Done)
}

fn found(args: &Args, desk: &Desk) -> Result<Founded, Failure> {
    let target = ov_store::create(&desk.url()?, &desk.options.open_options())?;
    let founding = Founding {
        compartments: match args.compartment.is_empty() {
            true => vec![COMPARTMENT.to_owned()],
            false => args.compartment.clone(),
        },
        owner: args.owner.clone().unwrap_or_else(machine::user_at_host),
    };
    found::init(Arc::from(target), founding, &OsEntropy, &SystemClock).map_err(explain::admin)
}

/// A key file without a passphrase is made only when asked for.
fn new_passphrase(args: &Args, desk: &Desk) -> Result<Option<Passphrase>, Failure> {
    let given = passphrase::given(&desk.options)?;
    match (given, args.unprotected_key) {
        (Some(_), true) => Err(
            Failure::usage("--unprotected-key, and a passphrase is given")
                .help("leave out one of them"),
        ),
        (None, true) => Ok(None),
        (Some(given), false) => Ok(Some(given)),
        (None, false) => match passphrase::asked_anew("the key file")? {
            Some(typed) => Ok(Some(typed)),
            None => Err(Failure::usage("no passphrase for the new key file")
                .help("give --passphrase-file FILE, or say --unprotected-key for none")),
        },
    }
}

fn write_pages(args: &Args, founded: &Founded) -> Result<Vec<PathBuf>, Failure> {
    let (kit, vault) = (&founded.kit, founded.facts.vault);
    match (&args.kit, args.split_kit) {
        (None, _) => Ok(Vec::new()),
        (Some(page), None) => kit_page::write_whole(kit, vault, page).map(|()| vec![page.clone()]),
        (Some(folder), Some(split)) => {
            let shares = kit.split(split, &OsEntropy);
            kit_page::write_shares(&shares, split, vault, folder)
        }
    }
}

/// Shows what there is now. The whole kit too, unless its shares are written.
fn print(
    founded: &Founded,
    key: &Path,
    pages: &[PathBuf],
    args: &Args,
    desk: &Desk,
) -> Result<(), Failure> {
    let (facts, screen, url) = (&founded.facts, &desk.screen, desk.url()?);
    let whole = (args.split_kit.is_none() || pages.is_empty()).then_some(&founded.kit);
    screen.line(format_args!(
        "{GOOD}The vault is ready:{GOOD:#} {BOLD}{url}{BOLD:#}"
    ));
    screen.line(format_args!("  vault  {}", facts.vault));
    screen.line(format_args!("  owner  {}", facts.name));
    screen.line(format_args!(
        "  key    {} (back it up too, or keep the kit)",
        key.display()
    ));
    for page in pages {
        screen.line(format_args!("  kit    {}", page.display()));
    }
    if let Some(kit) = whole {
        kit::print(kit, facts.vault, screen);
    }
    screen.line(format_args!(
        "\nNext: oncovault --vault {url} --key {} backup PATH…",
        key.display()
    ));
    screen.document(&json!({
        "vault_id": facts.vault.to_string(),
        "url": url.to_string(),
        "key_file": key.display().to_string(),
        "member": facts.member.to_string(),
        "owner": facts.name,
        "recovery_kit": whole.map(|kit| json!({"words": kit.words(), "text": *kit.text()})),
        "kit_pages": pages.iter().map(|page| page.display().to_string()).collect::<Vec<_>>(),
    }));
    Ok(())
}
