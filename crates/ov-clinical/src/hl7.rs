//! HL7 version 2: messages, alone, in batches or framed for MLLP; patients by PID-3 and MRG-1.

use crate::collector::Collector;
use crate::facts::{Domain, Facts, Message, Patient};
use crate::warning::Warning;
use crate::window::Window;

/// Longer segments (embedded documents) are looked at only so far.
const SEGMENT_MAX: usize = 64 << 10;

/// Reads all messages.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    let mut separators = Separators::DEFAULT;
    let mut messages = 0;
    // MLLP frames: 0B before a message, 1C 0D after it.
    let segments = window
        .head()
        .split(|byte| matches!(byte, b'\r' | b'\n' | 0x0b | 0x1c));
    for segment in segments.filter(|segment| segment.len() > 3) {
        let text = String::from_utf8_lossy(segment.get(..SEGMENT_MAX).unwrap_or(segment));
        let text = text.trim_start();
        match text.get(..3) {
            Some("MSH") => {
                separators = Separators::of(text);
                messages += 1;
                message(&separators, text, &mut out);
            }
            Some("PID") => patients(&separators, text, &mut out),
            Some("MRG") => identifiers(&separators, separators.field(text, 1), &mut out),
            _ => {}
        }
    }
    if messages == 0 {
        out.malformed(0, "no message header");
    }
    if !window.is_whole() {
        out.warn(Warning::Partial);
    }
    out.finish()
}

/// MSH-1 and MSH-2.
#[derive(Clone, Copy)]
struct Separators {
    field: char,
    component: char,
    repetition: char,
}

impl Separators {
    const DEFAULT: Self = Self {
        field: '|',
        component: '^',
        repetition: '~',
    };

    fn of(header: &str) -> Self {
        let mut characters = header.chars().skip(3);
        Self {
            field: characters.next().unwrap_or('|'),
            component: characters.next().unwrap_or('^'),
            repetition: characters.next().unwrap_or('~'),
        }
    }

    /// A field by its number.
    fn field<'a>(&self, segment: &'a str, number: usize) -> &'a str {
        segment.split(self.field).nth(number).unwrap_or_default()
    }
}

/// In a header the separator itself is field 1, so numbers are one less here.
fn message(separators: &Separators, header: &str, out: &mut Collector) {
    let field = |number: usize| separators.field(header, number - 1);
    let sender = [field(3), field(4)].join("|");
    let kind: String = field(9).chars().take(64).collect();
    let message = Message {
        kind: kind.into(),
        control: out.ident(field(10), "control id"),
        sender: out.ident(sender.trim_matches('|'), "sender"),
        time: out.ident(field(7), "time"),
    };
    if out.room(header.len().min(512)) {
        out.facts().messages.push(message);
    }
}

/// PID-3; in messages before version 2.3 PID-2 instead.
fn patients(separators: &Separators, segment: &str, out: &mut Collector) {
    let list = separators.field(segment, 3);
    let list = if list.is_empty() {
        separators.field(segment, 2)
    } else {
        list
    };
    identifiers(separators, list, out);
}

/// `id^check^scheme^authority`, repeated (CX).
fn identifiers(separators: &Separators, list: &str, out: &mut Collector) {
    for repetition in list.split(separators.repetition) {
        let mut components = repetition.split(separators.component);
        let id = components.next().unwrap_or_default();
        let authority = components.nth(2).unwrap_or_default();
        if let Some(id) = out.ident(id, "patient id") {
            let issuer = out.ident(authority, "assigning authority");
            out.patient(Patient {
                domain: Domain::Hl7,
                id,
                issuer,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_identifier_of_a_patient_counts_with_its_authority() {
        let text = b"\x0bMSH|^~\\&|LAB|SITE|||20260101||ORU^R01|77|P|2.5\r\
            PID|1||4711^^^HOSP&1.2.3&ISO^MR~88^^^NAT||DOE^J\r\x1c\r\
            MSH|^~\\&|LAB|SITE|||20260102||ADT^A40|78|P|2.5\rPID|||5\rMRG|9^^^HOSP\r";
        let (facts, warnings) = read(&Window::whole(text));
        let ids: Vec<_> = facts
            .patients
            .iter()
            .map(|p| (p.id.as_str(), p.issuer.as_ref().map(|i| i.as_str())))
            .collect();
        let hospital = Some("HOSP&1.2.3&ISO");
        assert_eq!(
            ids,
            [
                ("4711", hospital),
                ("5", None),
                ("88", Some("NAT")),
                ("9", Some("HOSP"))
            ]
        );
        let controls: Vec<_> = facts.messages.iter().flat_map(|m| &m.control).collect();
        assert_eq!(controls[0].as_str(), "77");
        assert_eq!(&*facts.messages[1].kind, "ADT^A40");
        assert!(warnings.is_empty());
    }

    #[test]
    fn a_file_names_its_own_separators() {
        let (facts, _) = read(&Window::whole(b"MSH#!*\\&#A#B#####T#9\rPID###1!!!X*2\r"));
        let ids: Vec<_> = facts.patients.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
