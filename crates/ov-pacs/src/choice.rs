//! Which of many files a PACS can take, and which of them are one object.

use std::collections::BTreeMap;

use ov_clinical::{Dicom, Kind, Said, Wrapping};
use ov_format::entry::Time;

/// A file that may be given.
#[derive(Clone, Copy)]
pub struct Candidate<'a> {
    /// What was found in it; `None` if it could not be looked at.
    pub said: Option<&'a Said>,
    /// When it was last changed.
    pub changed: Time,
}

/// What is done with a file. Places are those in the list of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// It is given.
    Give {
        /// Its SOP class.
        class: &'a str,
        /// Its SOP instance UID.
        instance: &'a str,
        /// Its transfer syntax, if it says so.
        syntax: Option<&'a str>,
    },
    /// The file at this place is the same object, and is given.
    Twin(usize),
    /// The file at this place claims the same identifier with another content, was changed later,
    /// and is given. A PACS holds one object of an identifier.
    Rival(usize),
    /// It is nothing that a PACS takes.
    Unfit(Unfit),
}

/// Why a file is nothing that a PACS takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It is no DICOM object: another kind of file, or a directory of DICOM objects.
    Foreign,
    /// It is an object, compressed as a whole.
    Wrapped,
    /// It is an object without class or identifier.
    Nameless,
}

impl Unfit {
    /// Whether an object is lost that another way of restoring would bring back as one.
    #[must_use]
    pub fn is_object(self) -> bool {
        self != Self::Foreign
    }

    /// The reason in a few words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Foreign => "it is no DICOM object",
            Self::Wrapped => "it is compressed as a whole",
            Self::Nameless => "it has no class or no identifier",
        }
    }
}

/// Chooses. Of files that claim one identifier the one that was changed last is given; among equals
/// the first.
#[must_use]
pub fn choose<'a>(candidates: &[Candidate<'a>]) -> Vec<Choice<'a>> {
    let mut winners: BTreeMap<&str, usize> = BTreeMap::new();
    let mut choices: Vec<Choice<'a>> = Vec::with_capacity(candidates.len());
    for (at, candidate) in candidates.iter().enumerate() {
        let choice = alone(candidate.said);
        if let Choice::Give { instance, .. } = choice {
            let winner = winners.entry(instance).or_insert(at);
            let changed = |at: usize| candidates.get(at).map(|candidate| candidate.changed);
            if changed(at) > changed(*winner) {
                *winner = at;
            }
        }
        choices.push(choice);
    }
    for (at, choice) in choices.iter_mut().enumerate() {
        let Choice::Give { instance, .. } = choice else {
            continue;
        };
        match winners.get(*instance) {
            Some(winner) if *winner != at => {
                *choice = match is_same(candidates, at, *winner) {
                    true => Choice::Twin(*winner),
                    false => Choice::Rival(*winner),
                };
            }
            _ => {}
        }
    }
    choices
}

/// What would be done with a file if there were no other.
fn alone(said: Option<&Said>) -> Choice<'_> {
    let Some((said, object)) = said.and_then(object) else {
        return Choice::Unfit(Unfit::Foreign);
    };
    if said.wrapping != Wrapping::Plain {
        return Choice::Unfit(Unfit::Wrapped);
    }
    match (&object.class, &object.instance) {
        (Some(class), Some(instance)) => Choice::Give {
            class,
            instance: instance.as_str(),
            syntax: object.syntax.as_deref(),
        },
        _ => Choice::Unfit(Unfit::Nameless),
    }
}

fn object(said: &Said) -> Option<(&Said, &Dicom)> {
    let fits = said.kind.is_dicom() && said.kind != Kind::Dicomdir;
    Some((said, said.facts.dicom.as_ref().filter(|_| fits)?))
}

/// Whether two files have the same data set. What is not known is not the same.
fn is_same(candidates: &[Candidate<'_>], one: usize, other: usize) -> bool {
    let digest = |at: usize| {
        let (_, object) = object(candidates.get(at)?.said?)?;
        object.digests.as_ref()?.data_set
    };
    digest(one).is_some() && digest(one) == digest(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_clinical::{Account, Window};

    fn element(group: u16, number: u16, vr: &[u8; 2], value: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&group.to_le_bytes());
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(vr);
        let value = format!("{value}{}", if value.len() % 2 == 1 { "\0" } else { "" });
        bytes.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend_from_slice(value.as_bytes());
        bytes
    }

    fn said(name: &str, bytes: &[u8]) -> Said {
        match Account::of(name, &Window::whole(bytes)) {
            Account::Read(said) => *said,
            Account::Opaque(_) => panic!("it was read"),
        }
    }

    fn file(instance: &str, date: &str) -> Said {
        let mut bytes = vec![0; 128];
        bytes.extend_from_slice(b"DICM");
        bytes.extend(element(2, 0x10, b"UI", "1.2.840.10008.1.2.1"));
        bytes.extend(element(8, 0x16, b"UI", "1.2.840.10008.5.1.4.1.1.2"));
        if !instance.is_empty() {
            bytes.extend(element(8, 0x18, b"UI", instance));
        }
        bytes.extend(element(8, 0x20, b"DA", date));
        bytes.extend(element(0x10, 0x20, b"LO", "4711"));
        said("x.dcm", &bytes)
    }

    fn chosen(files: &[(Said, i64)]) -> Vec<&'static str> {
        let candidates: Vec<Candidate<'_>> = files
            .iter()
            .map(|(said, seconds)| Candidate {
                said: Some(said),
                changed: Time {
                    seconds: *seconds,
                    nanos: 0,
                },
            })
            .collect();
        let word = |choice: Choice<'_>| match choice {
            Choice::Give { .. } => "give",
            Choice::Twin(_) => "twin",
            Choice::Rival(_) => "rival",
            Choice::Unfit(unfit) => unfit.reason(),
        };
        choose(&candidates).into_iter().map(word).collect()
    }

    #[test]
    fn of_two_contents_of_one_identifier_the_later_is_given_and_the_other_named() {
        let files = [
            (file("1.2.3", "20260101"), 5),
            (file("1.2.3", "20260102"), 9),
            (file("1.2.4", "20260101"), 1),
        ];
        assert_eq!(chosen(&files), ["rival", "give", "give"]);
    }

    #[test]
    fn the_same_object_twice_is_given_once() {
        let files = [
            (file("1.2.3", "20260101"), 5),
            (file("1.2.3", "20260101"), 5),
        ];
        assert_eq!(chosen(&files), ["give", "twin"]);
    }

    #[test]
    fn what_is_no_object_is_told_from_an_object_that_cannot_be_given() {
        let patient = br#"{"resourceType":"Patient","id":"p1"}"#;
        let record = said("p.json", patient);
        let mut wrapped = file("1.2.3", "20260101");
        wrapped.wrapping = Wrapping::Gzip;
        let files = [(record, 1), (wrapped, 1), (file("", "20260101"), 1)];
        let expected = [Unfit::Foreign, Unfit::Wrapped, Unfit::Nameless];
        assert_eq!(chosen(&files), expected.map(Unfit::reason));
        assert_eq!(expected.map(Unfit::is_object), [false, true, true]);
    }
}
