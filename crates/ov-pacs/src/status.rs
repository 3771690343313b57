//! What a PACS says of an object: the statuses of C-STORE (PS3.4 table B.2-1, PS3.7 annex C), which
//! are also the reasons in answers of STOW-RS (PS3.18 annex I).

use std::fmt;

/// A status that is not success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The number.
    pub code: u16,
    /// What the other side added, printable and short; may be empty.
    pub comment: String,
}

/// What follows from a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Stored,
    /// Stored, and something is to be said of it.
    Warned,
    /// Not stored now; perhaps later.
    Later,
    Refused,
}

impl Status {
    /// Keeps of the comment what can be shown.
    pub(crate) fn new(code: u16, comment: &str) -> Self {
        let shown = comment.chars().filter(|c| !c.is_control());
        let comment: String = shown.take(64).collect();
        Self {
            code,
            comment: comment.trim().to_owned(),
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        match self.code {
            0x0000 => Verdict::Stored,
            0x0001 | 0x0107 | 0x0116 | 0xB000..=0xBFFF => Verdict::Warned,
            0xA700..=0xA7FF => Verdict::Later,
            _ => Verdict::Refused,
        }
    }

    /// In words.
    fn meaning(&self) -> &'static str {
        match self.code {
            0x0107 => "attributes are missing or unknown",
            0x0110 => "processing failed",
            0x0111 => "it has another object of this identifier",
            0x0116 => "a value is out of range",
            0x0117 => "the object's identifier is not valid",
            0x0122 => "it does not store objects of this class",
            0x0124 => "this is not allowed to us",
            0xA700..=0xA7FF => "it is out of resources",
            0xA900..=0xA9FF => "the object does not fit its class",
            0xB000 => "it changed elements of the object",
            0xB006 => "it dropped elements of the object",
            0xB007 => "the object does not fit its class",
            0xC122 => "it does not take this transfer syntax",
            0xC000..=0xCFFF => "it cannot understand the object",
            _ => "for a reason of its own",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (status {:04X}", self.meaning(), self.code)?;
        match self.comment.as_str() {
            "" => f.write_str(")"),
            comment => write!(f, ", {comment:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_told_from_what_is_not() {
        for (code, verdict) in [
            (0x0000, Verdict::Stored),
            (0xB000, Verdict::Warned),
            (0xA700, Verdict::Later),
            (0x0111, Verdict::Refused),
            (0x0122, Verdict::Refused),
            (0xC000, Verdict::Refused),
            (0xFE00, Verdict::Refused),
        ] {
            assert_eq!(Status::new(code, "").verdict(), verdict, "{code:04X}");
        }
    }

    #[test]
    fn a_comment_cannot_write_on_the_terminal() {
        let status = Status::new(0xC000, "bad\x1b[2J\n tag ");
        assert_eq!(
            status.to_string(),
            "it cannot understand the object (status C000, \"bad[2J tag\")"
        );
    }
}
