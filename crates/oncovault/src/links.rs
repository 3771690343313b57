//! The crosswalk of a vault: read, followed, and said.

use ov_catalog::{Crosswalk, Followed, PatientName, Question};
use ov_restore::Links;
use ov_terminal::screen::shown;
use ov_terminal::{Desk, Failure, amount};
use ov_vault::finding::short;
use serde_json::{Value, json};

use crate::reading::Reading;

/// What a key knows of who is who.
pub struct Known {
    /// The links; none if they are not known whole.
    pub crosswalk: Crosswalk,
    /// Whether all records of links that the key should open could be read.
    pub whole: bool,
}

/// Reads the crosswalk. A record that cannot be read may be one that takes a link back: then no
/// link is followed.
pub fn read(reading: &Reading, desk: &Desk) -> Result<Known, Failure> {
    let links = Links::load(reading.vault(), &reading.state, &reading.keys)?;
    for name in &links.foreign {
        desk.screen.warn(format_args!(
            "links of record {} do not count: their writer was never given the compartment",
            short(name)
        ));
    }
    for (name, error) in &links.unreadable {
        desk.screen.warn(format_args!(
            "links of record {} cannot be read: {error}; no link is followed",
            short(name)
        ));
    }
    let whole = links.unreadable.is_empty();
    let records = match whole {
        true => &links.records[..],
        false => &[],
    };
    Ok(Known {
        crosswalk: Crosswalk::of(records),
        whole,
    })
}

/// The question, asked for all identifiers to which links lead, and says so.
pub fn follow(question: Question, known: &Known, desk: &Desk) -> Question {
    match question.following(&known.crosswalk) {
        Followed::Alone(question) => question,
        Followed::Several(question) => {
            desk.screen.note(
                "Links know several people with this identifier, so none is followed: say whose it \
                 is with ID@ISSUER.",
            );
            question
        }
        Followed::Linked(question) => {
            let names: Vec<String> = question.linked().map(spelled).collect();
            desk.screen.line(format_args!(
                "By links these are one patient: {}",
                names.join(", ")
            ));
            question
        }
    }
}

/// An identifier as people write it.
pub fn spelled(name: &PatientName) -> String {
    let text = format!("{}@{}", name.id.as_str(), name.issuer.as_str());
    shown(text.as_bytes())
}

/// An identifier for programs.
pub fn document(name: &PatientName) -> Value {
    json!({"id": name.id.as_str(), "issuer": name.issuer.as_str()})
}

/// The identifiers to which links lead, for programs.
pub fn linked(question: &Question) -> Value {
    Value::Array(question.linked().map(document).collect())
}

/// Says that references between linked identifiers are no gaps.
pub fn tell_by_link(count: u64, desk: &Desk) {
    if count > 0 {
        desk.screen.note(format_args!(
            "{} from one identifier to another of the same patient, by links.",
            amount::of(count, "reference leads", "references lead")
        ));
    }
}
