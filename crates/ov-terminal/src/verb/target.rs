//! `target test`: what a target really keeps.

use std::ffi::OsString;

use clap::Subcommand;
use ov_seal::entropy::{Entropy, OsEntropy};
use ov_store::{Finding, Probe, Retention, TargetUrl};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{remembered, standing};

/// What `target` takes.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    act: Act,
}

#[derive(Subcommand, Debug)]
enum Act {
    /// Try what a target allows and keeps, with small objects that are removed again
    Test {
        /// The target [default: --vault]
        #[arg(value_name = "URL")]
        url: Option<OsString>,
    },
}

/// Tries the target.
pub fn run(args: &Args, desk: &Desk) -> Result<Exit, Failure> {
    let Act::Test { url } = &args.act;
    let url = match url {
        Some(url) => TargetUrl::from_os(url)?,
        None => desk.url()?,
    };
    let store = ov_store::open(&url, &desk.options.open_options())?;
    let mut nonce = [0; 16];
    OsEntropy.fill(&mut nonce);
    let probe = ov_store::probe(&*store, nonce)?;
    desk.screen.line(probe.to_string().trim_end());
    desk.screen.document(&document(&url, &probe));
    if let Ok(key) = desk.key_file() {
        // Whoever has a key sees it in `status`.
        let state = desk.member_state(key.facts())?;
        remembered::note(&state, &url, &desk.screen, |note| {
            note.probe(standing::now(), probe.grade);
        });
    }
    Ok(Exit::Done)
}

fn document(url: &TargetUrl, probe: &Probe) -> Value {
    let answer = |finding| match finding {
        Finding::Yes => json!(true),
        Finding::No => json!(false),
        Finding::MayNotAsk => Value::Null,
    };
    json!({
        "url": url.to_string(),
        "grade": probe.grade.to_string(),
        "read": answer(probe.read),
        "ranges": answer(probe.ranges),
        "list_after_write": answer(probe.list_after_write),
        "create_only_put": answer(probe.create_only_put),
        "overwrite": answer(probe.overwrite),
        "delete": answer(probe.delete),
        "retention": match &probe.retention {
            Retention::LockedUntil(date) => format!("locked until {date}"),
            Retention::Versions => "versions".to_owned(),
            Retention::Nothing => "nothing".to_owned(),
        },
        "lock_holds": answer(probe.lock_holds),
        "may_lock": answer(probe.may_lock),
    })
}
