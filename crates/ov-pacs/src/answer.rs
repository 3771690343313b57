//! What a service says of an object that was posted: the response module of STOW-RS (PS3.18 section
//! 10.5.3) in the JSON model of DICOM (PS3.18 annex F).

use serde_json::Value;

use crate::status::Status;

/// An answer is at most so long, in bytes.
pub(crate) const ANSWER_MAX: u64 = 1 << 20;

const INSTANCE: &str = "00081155";
const WARNING_REASON: &str = "00081196";
const FAILURE_REASON: &str = "00081197";
const FAILED: &str = "00081198";
const REFERENCED: &str = "00081199";
const OTHER_FAILURES: &str = "0008119A";

/// What is said of an object.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Stored,
    Warned(Status),
    Failed(Status),
    /// It is not spoken of.
    Nothing,
}

/// What is said of `instance`, the only one that was posted; `None` if this is no answer.
pub(crate) fn said_of(instance: &str, answer: &[u8]) -> Option<Said> {
    let answer: Value = serde_json::from_slice(answer).ok()?;
    let answers = match &answer {
        Value::Array(answers) => answers.as_slice(),
        Value::Object(_) => std::slice::from_ref(&answer),
        _ => return None,
    };
    let items = |tag: &'static str| answers.iter().flat_map(move |answer| values(answer, tag));
    // It was the only one: whatever failed is it, whether it is named or not.
    if let Some(failed) = items(FAILED).chain(items(OTHER_FAILURES)).next() {
        return Some(Said::Failed(
            status(failed, FAILURE_REASON).unwrap_or_else(|| Status::new(0x0110, "")),
        ));
    }
    let is_ours = |item: &&Value| {
        let uid = values(item, INSTANCE).first().and_then(Value::as_str);
        uid.map(|uid| uid.trim_matches(['\0', ' '])) == Some(instance)
    };
    let Some(stored) = items(REFERENCED).find(is_ours) else {
        return Some(Said::Nothing);
    };
    Some(match status(stored, WARNING_REASON) {
        Some(warning) if warning.code != 0 => Said::Warned(warning),
        _ => Said::Stored,
    })
}

fn values<'v>(item: &'v Value, tag: &str) -> &'v [Value] {
    let values = item.get(tag).and_then(|element| element.get("Value"));
    values.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn status(item: &Value, tag: &str) -> Option<Status> {
    let code = values(item, tag).first()?.as_u64()?;
    Some(Status::new(u16::try_from(code).ok()?, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(answer: &str) -> Option<Said> {
        said_of("1.2.3", answer.as_bytes())
    }

    #[test]
    fn what_is_referenced_is_stored_and_nothing_else() {
        let stored =
            r#"{"00081199":{"vr":"SQ","Value":[{"00081155":{"vr":"UI","Value":["1.2.3"]}}]}}"#;
        assert_eq!(said(stored), Some(Said::Stored));
        assert_eq!(said(&format!("[{stored}]")), Some(Said::Stored));
        assert_eq!(said(&stored.replace("1.2.3", "1.2.4")), Some(Said::Nothing));
        assert_eq!(said("{}"), Some(Said::Nothing));
        assert_eq!(said(""), None);
        assert_eq!(said("<xml/>"), None);
        assert_eq!(said("3"), None);
    }

    #[test]
    fn a_warning_and_a_failure_come_with_their_reason() {
        let warned = r#"{"00081199":{"Value":[{"00081155":{"Value":["1.2.3"]},"00081196":{"vr":"US","Value":[45056]}}]}}"#;
        assert_eq!(said(warned), Some(Said::Warned(Status::new(0xB000, ""))));
        let failed = r#"{"00081198":{"Value":[{"00081155":{"Value":["1.2.3"]},"00081197":{"Value":[273]}}]}}"#;
        assert_eq!(said(failed), Some(Said::Failed(Status::new(0x0111, ""))));
        let nameless = r#"{"0008119A":{"Value":[{"00081197":{"Value":[272]}}]}}"#;
        assert_eq!(said(nameless), Some(Said::Failed(Status::new(0x0110, ""))));
    }

    #[test]
    fn any_bytes_are_an_answer_or_refused() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let _ = said_of("1.2", bytes);
        });
    }
}
