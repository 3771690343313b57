//! The record of the last time that somebody tried the recovery kit of a vault: `kit-test.json` in
//! the vault's folder of local state, for `status`.
//!
//! ```json
//! { "time": "2026-11-22T05:44:06Z", "opens_all": true, "keys": 2, "shares": null }
//! ```
//!
//! `time` is RFC 3339 in UTC; `keys` says how many keys were tried; `shares` how many shares were
//! put together, null for a whole kit. It is replaced by each test, good or bad.

use std::io;
use std::path::PathBuf;

use ov_admin::recover::KitReport;
use ov_format::id::VaultId;
use ov_terminal::{Desk, folders, moment};
use ov_vault::{Clock, SystemClock};
use serde_json::json;

use crate::kit_input::Form;

const FILE: &str = "kit-test.json";

/// Keeps the record. That it cannot be kept is said, and is no failure of the test: it may have
/// been made on a machine that is not this vault's.
pub fn keep(report: &KitReport, form: Form, vault: VaultId, desk: &Desk) {
    let record = json!({
        "time": moment::rfc3339(SystemClock.now()),
        "opens_all": report.opens_all(),
        "keys": report.keys.len(),
        "shares": match form {
            Form::Whole => None,
            Form::Shares(number) => Some(number),
        },
    });
    let kept = place(vault, desk).and_then(|path| {
        let beside = path.with_extension("json.new");
        std::fs::write(&beside, format!("{record}\n"))?;
        std::fs::rename(&beside, &path)
    });
    if let Err(error) = kept {
        desk.screen.warn(format_args!(
            "the record of this test was not kept: {error}"
        ));
    }
}

fn place(vault: VaultId, desk: &Desk) -> io::Result<PathBuf> {
    let state =
        folders::state(&desk.options).map_err(|failure| io::Error::other(failure.message))?;
    let folder = state.join(vault.to_string());
    folders::make_private(&folder)?;
    Ok(folder.join(FILE))
}
