//! `patient`: the crosswalk, by which identifiers of one patient in several systems are one.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use ov_catalog::{Pair, PatientName, Said};
use ov_format::crosswalk::{CrosswalkChange, Retraction};
use ov_format::id::CompartmentId;
use ov_format::name::RecordName;
use ov_format::statement::Statement;
use ov_seal::entropy::OsEntropy;
use ov_terminal::screen::shown;
use ov_terminal::table::{Side, Table};
use ov_terminal::{Desk, Exit, Failure, amount, moment};
use ov_vault::SystemClock;
use ov_vault::finding::short;
use ov_vault::section::{SealTo, seal_section};
use serde_json::{Value, json};

use crate::links;
use crate::reading::Reading;

/// Longest list of links that is read from a file, in bytes: a record has at most 64 MiB.
const LIST_MAX: u64 = 32 << 20;

/// What `patient` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Say that identifiers of two issuers are one patient's
    Link(Link),
    /// Take a link back; that it was there stays on record
    Unlink(Unlink),
    /// List links, with who said them and when
    Links(List),
}

#[derive(clap::Args, Debug)]
struct Link {
    #[command(flatten)]
    names: Names,

    /// Read pairs from a file, or from standard input with -: two identifiers on each line, with a
    /// tab between them
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "names",
        required_unless_present = "names"
    )]
    from: Option<PathBuf>,

    /// Why; sealed like the link
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,

    /// Whose readers may know of it; needed if the key opens several
    #[arg(long, value_name = "NAME")]
    compartment: Option<String>,
}

#[derive(clap::Args, Debug)]
struct Names {
    /// Two identifiers
    #[arg(value_name = "ID@ISSUER", num_args = 2)]
    names: Vec<String>,
}

#[derive(clap::Args, Debug)]
struct Unlink {
    /// The two identifiers of the link
    #[arg(value_name = "ID@ISSUER", num_args = 2, required = true)]
    names: Vec<String>,

    /// Why; sealed like the link
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

#[derive(clap::Args, Debug)]
struct List {
    /// Only those of the patient with this identifier
    #[arg(value_name = "ID@ISSUER")]
    name: Option<String>,

    /// Those too that were taken back
    #[arg(long)]
    all: bool,
}

/// Links, unlinks or lists.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let mut reading = Reading::open(desk)?;
    reading.require_reader("work with links between patients")?;
    match &args.act {
        Act::Link(link) => add(link, &mut reading, desk)?,
        Act::Unlink(unlink) => take_back(unlink, &mut reading, desk)?,
        Act::Links(list) => return show(list, &reading, desk),
    }
    Ok(Exit::Done)
}

fn add(args: &Link, reading: &mut Reading, desk: &Desk) -> Result<(), Failure> {
    let wanted = match &args.from {
        Some(file) => pairs_in(&text_of(file)?)?,
        None => BTreeSet::from([pair(&args.names.names)?]),
    };
    let compartment = compartment(args.compartment.as_deref(), reading)?;
    let known = links::read(reading, desk)?;
    let is_new = |pair: &&Pair| {
        let mut saying = known.crosswalk.saying(pair);
        !saying.any(|said| said.by.compartment == compartment)
    };
    let new: Vec<&Pair> = wanted.iter().filter(is_new).collect();
    let mut document = json!({
        "linked": new.iter().map(|pair| pair_document(pair)).collect::<Vec<_>>(),
        "known": wanted.len() - new.len(),
        "record": null,
    });
    if !new.is_empty() {
        let change = CrosswalkChange {
            linked: new.iter().map(|pair| pair.link()).collect(),
            reason: args.reason.clone(),
            ..CrosswalkChange::default()
        };
        let record = write(reading, compartment, &change)?;
        document["record"] = record.hash.to_string().into();
    }
    let count = u64::try_from(new.len()).unwrap_or(u64::MAX);
    match count {
        0 => desk
            .screen
            .note("Nothing new: all of it is linked already."),
        _ => desk.screen.line(format_args!(
            "{} said, for who reads compartment {}.",
            amount::of(count, "link", "links"),
            shown(name_of(compartment, reading).as_bytes())
        )),
    }
    desk.screen.document(&document);
    Ok(())
}

fn take_back(args: &Unlink, reading: &mut Reading, desk: &Desk) -> Result<(), Failure> {
    let pair = pair(&args.names)?;
    let known = links::read(reading, desk)?;
    let mut records: BTreeMap<CompartmentId, Vec<RecordName>> = BTreeMap::new();
    for said in known.crosswalk.saying(&pair) {
        let of_compartment = records.entry(said.by.compartment).or_default();
        of_compartment.push(said.by.name);
    }
    if records.is_empty() {
        return Err(Failure::failed("there is no link between these two").help(
            "`oncovault patient links ID@ISSUER` lists the links that make them one patient",
        ));
    }
    let mut written = Vec::new();
    for (compartment, said) in records {
        let retract = |record| Retraction {
            record,
            link: pair.link(),
        };
        let change = CrosswalkChange {
            retracted: said.into_iter().map(retract).collect(),
            reason: args.reason.clone(),
            ..CrosswalkChange::default()
        };
        let record = write(reading, compartment, &change)?;
        written.push(record.hash.to_string());
    }
    desk.screen.line("The link is taken back.");
    desk.screen
        .document(&json!({"unlinked": pair_document(&pair), "records": written}));
    Ok(())
}

fn show(args: &List, reading: &Reading, desk: &Desk) -> Result<Exit, Failure> {
    let known = links::read(reading, desk)?;
    let name = args.name.as_deref().map(name).transpose()?;
    let person = name.map(|name| known.crosswalk.person(&name));
    let wanted = |said: &&Said| {
        let mut names = said.pair.names().into_iter();
        let of_person = person
            .as_ref()
            .is_none_or(|who| names.any(|n| who.contains(n)));
        of_person && (args.all || said.retracted.is_none())
    };
    let said: Vec<&Said> = known.crosswalk.said().iter().filter(wanted).collect();
    let mut table = Table::new(&[
        ("Since", Side::Left),
        ("Record", Side::Left),
        ("By", Side::Left),
        ("Identifier", Side::Left),
        ("Identifier", Side::Left),
        ("Taken back", Side::Left),
        ("Reason", Side::Left),
    ]);
    for said in &said {
        table.row(row(said));
    }
    table.print(&desk.screen);
    if said.is_empty() {
        desk.screen.note("No links.");
    }
    let documents = said.iter().map(|said| said_document(said, reading));
    desk.screen.document(&json!({
        "links": documents.collect::<Vec<_>>(),
        "whole": known.whole,
    }));
    match known.whole {
        true => Ok(Exit::Done),
        false => Ok(Exit::Damage),
    }
}

fn row(said: &Said) -> Vec<String> {
    let [one, other] = said.pair.names();
    let back = said.retracted.as_ref();
    vec![
        moment::local(said.by.time),
        short(&said.by.name),
        said.by.name.log.member.to_string(),
        links::spelled(one),
        links::spelled(other),
        back.map(|by| moment::local(by.time)).unwrap_or_default(),
        shown(said.by.change.reason.as_bytes()),
    ]
}

fn said_document(said: &Said, reading: &Reading) -> Value {
    let record = |record: &ov_restore::LinkRecord| {
        json!({
            "record": record.name.hash.to_string(),
            "member": record.name.log.member.to_string(),
            "time": moment::rfc3339(record.time),
            "reason": record.change.reason,
        })
    };
    json!({
        "identifiers": pair_document(&said.pair),
        "compartment": name_of(said.by.compartment, reading),
        "linked": record(&said.by),
        "retracted": said.retracted.as_ref().map(record),
    })
}

fn pair_document(pair: &Pair) -> Value {
    Value::Array(pair.names().into_iter().map(links::document).collect())
}

/// Appends a record that only readers of the compartment open.
fn write(
    reading: &mut Reading,
    compartment: CompartmentId,
    change: &CrosswalkChange,
) -> Result<RecordName, Failure> {
    let vault = &mut reading.opened.vault;
    let writer = &reading.opened.writer;
    let (epoch, key) = vault.head().compartment_key(compartment)?;
    let to = SealTo::Compartment(compartment, epoch, &key);
    let section = seal_section(change, to, vault.id(), writer.member, &OsEntropy);
    Ok(vault.append(writer, &SystemClock, Statement::Link, vec![section], &[])?)
}

/// The compartment of a name. A link from a pseudonym to a name undoes the pseudonym, so nobody
/// guesses who may know of it.
fn compartment(name: Option<&str>, reading: &Reading) -> Result<CompartmentId, Failure> {
    let all = || reading.keys.compartments.keys().copied();
    let mut fitting = all().filter(|one| name.is_none_or(|name| name_of(*one, reading) == name));
    match (fitting.next(), fitting.next()) {
        (Some(one), None) => Ok(one),
        _ => {
            let names: Vec<&str> = all().map(|one| name_of(one, reading)).collect();
            Err(
                Failure::usage("it is not said who may know of the link").help(format!(
                    "say --compartment with one of: {}",
                    shown(names.join(", ").as_bytes())
                )),
            )
        }
    }
}

fn name_of(compartment: CompartmentId, reading: &Reading) -> &str {
    let name = reading.keys.compartment_name(compartment);
    name.unwrap_or_default()
}

fn name(text: &str) -> Result<PatientName, Failure> {
    PatientName::parse(text).ok_or_else(|| {
        Failure::usage("an identifier without an issuer may be anybody's")
            .help("give each as ID@ISSUER; `issuer` of a dataset says whose its identifiers are")
    })
}

fn pair(names: &[String]) -> Result<Pair, Failure> {
    let [one, other] = names else {
        return Err(Failure::usage("a link has two identifiers"));
    };
    Pair::new(name(one)?, name(other)?)
        .ok_or_else(|| Failure::usage("both are the same identifier"))
}

fn text_of(file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin()
            .take(LIST_MAX + 1)
            .read_to_string(&mut text),
        false => std::fs::File::open(file)
            .and_then(|open| open.take(LIST_MAX + 1).read_to_string(&mut text)),
    };
    let place = file.display();
    read.map_err(|error| Failure::failed(format!("{place} cannot be read: {error}")))?;
    if u64::try_from(text.len()).unwrap_or(u64::MAX) > LIST_MAX {
        return Err(Failure::usage(format!("{place} has more than 32 MiB"))
            .help("give it in several parts"));
    }
    Ok(text)
}

/// Reads a list of pairs. Lines are named by number and never shown.
fn pairs_in(text: &str) -> Result<BTreeSet<Pair>, Failure> {
    let mut pairs = BTreeSet::new();
    for (at, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let names: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let pair = pair(&names).map_err(|failure| failure.on(format!("line {}", at + 1)))?;
        pairs.insert(pair);
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_taken_whole_or_not_at_all_and_names_no_patient() {
        let good = "1@a\t2@b\n\n2@b\t1@a\n3@a\t4@b\n";
        assert_eq!(pairs_in(good).ok().map(|pairs| pairs.len()), Some(2));
        for bad in [
            "1@a\t2@b\n4711@c",
            "1@a\t2@b\n4711\t2@b",
            "1@a\t2@b\n4711@a\t4711@a",
        ] {
            let failure = pairs_in(bad).err().unwrap();
            let said = format!("{failure:?}");
            assert!(said.contains("line 2") && !said.contains("4711"), "{said}");
        }
    }
}
