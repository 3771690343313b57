//! `debug show`: what anybody can see of one object, without a key.

use clap::Subcommand;
use ov_format::name::ObjectName;
use ov_format::object::HEADER_BYTES;
use ov_format::record::SignedRecord;
use ov_store::{Listed, Listing, Store};
use ov_terminal::{Desk, Exit, Failure, moment};
use serde_json::{Value, json};

/// What `debug` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Show one object
    Show {
        /// Its name, like pack/ab/abcd…, or the first digits of its hash
        #[arg(value_name = "OBJECT")]
        object: String,
    },
}

/// Shows an object.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let Act::Show { object } = &args.act;
    let store = desk.target()?;
    let name = match ObjectName::parse(object) {
        Some(name) => name,
        None => by_prefix(&*store, object)?,
    };
    let bytes = store.get(&name)?;
    let whole = name.matches(&bytes);
    let mut document = json!({
        "name": name.to_string(),
        "length": bytes.len(),
        "whole": whole,
        "header": header(&bytes),
    });
    if matches!(name, ObjectName::Record(_)) {
        document["record"] = match SignedRecord::decode(&bytes) {
            Ok(signed) => record(&signed),
            Err(error) => json!({"unreadable": error.to_string()}),
        };
    }
    desk.screen.document(&document);
    desk.screen.line(format_args!("{document:#}"));
    match whole {
        true => Ok(Exit::Done),
        false => {
            desk.screen.warn(format_args!(
                "{name} is damaged: its bytes do not have its hash"
            ));
            Ok(Exit::Damage)
        }
    }
}

fn by_prefix(store: &dyn Store, prefix: &str) -> Result<ObjectName, Failure> {
    let prefix = prefix.to_ascii_lowercase();
    if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(
            Failure::usage(format!("{prefix:?} is no name of an object"))
                .help("give it as pack/ab/abcd…, or the first digits of its hash"),
        );
    }
    let mut found = Vec::new();
    for listing in [
        Listing::Logs,
        Listing::Packs,
        Listing::Tables,
        Listing::Targets,
    ] {
        store.list(listing, &mut |Listed { name, .. }| {
            if name.hash().to_string().starts_with(&prefix) {
                found.push(name);
            }
            Ok(())
        })?;
    }
    match found[..] {
        [name] => Ok(name),
        [] => Err(Failure::failed(format!("no object begins with {prefix}"))),
        _ => Err(
            Failure::failed(format!("{} objects begin with {prefix}", found.len()))
                .help("give more digits"),
        ),
    }
}

fn header(bytes: &[u8]) -> Value {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else {
        return json!({"unreadable": "the object is shorter than a header"});
    };
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    json!({
        "magic": String::from_utf8_lossy(&header[..8]).trim_end(),
        "kind": header[8],
        "version": u16::from_le_bytes([header[9], header[10]]),
        "suite": header[11],
        "vault_id": hex(&header[12..]),
    })
}

fn record(signed: &SignedRecord) -> Value {
    let record = &signed.record;
    let sections = record.sections.iter().map(|section| {
        json!({
            "audience": format!("{:?}", section.audience),
            "epoch": section.epoch,
            "length": section.sealed.len(),
        })
    });
    json!({
        "log": record.log.to_string(),
        "number": record.number,
        "previous": record.previous.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "seen": record.seen.len(),
        "instance": record.instance.to_string(),
        "time": moment::rfc3339(record.time),
        "kind": record.statement.name(),
        "statement": shortened(&format!("{:?}", record.statement)),
        "sections": sections.collect::<Vec<_>>(),
    })
}

/// Public keys are long and tell nobody anything.
fn shortened(text: &str) -> String {
    const MAX: usize = 2000;
    match text.char_indices().nth(MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}
