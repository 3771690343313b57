//! The crosswalk: which identifiers are one patient's, because a person said so.
//!
//! Nothing here is inferred. A link holds between two identifiers with their issuers; it counts
//! while one record says it that no record takes back. So it does not matter in which order
//! records are read, or what their clocks say.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use ov_clinical::Ident;
use ov_format::crosswalk::{IssuedId, Link};
use ov_format::name::RecordName;
use ov_restore::LinkRecord;

/// An identifier of a patient that is one issuer's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientName {
    /// The identifier.
    pub id: Ident,
    /// Who issued it.
    pub issuer: Ident,
}

impl PatientName {
    /// From `ID@ISSUER`; `None` without an issuer, or if a part is empty or too long.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, issuer) = text.rsplit_once('@')?;
        Some(Self {
            id: Ident::new(id)?,
            issuer: Ident::new(issuer)?,
        })
    }

    /// As it is stored.
    pub fn issued(&self) -> IssuedId {
        IssuedId {
            id: self.id.as_str().to_owned(),
            issuer: self.issuer.as_str().to_owned(),
        }
    }

    fn of(stored: &IssuedId) -> Option<Self> {
        Some(Self {
            id: Ident::new(&stored.id)?,
            issuer: Ident::new(&stored.issuer)?,
        })
    }
}

/// Two identifiers of one patient, the lesser first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair(PatientName, PatientName);

impl Pair {
    /// `None` if both are the same.
    pub fn new(one: PatientName, other: PatientName) -> Option<Self> {
        match one.cmp(&other) {
            std::cmp::Ordering::Less => Some(Self(one, other)),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(Self(other, one)),
        }
    }

    /// Both.
    pub fn names(&self) -> [&PatientName; 2] {
        [&self.0, &self.1]
    }

    /// As it is stored.
    pub fn link(&self) -> Link {
        Link {
            one: self.0.issued(),
            other: self.1.issued(),
        }
    }

    fn of(stored: &Link) -> Option<Self> {
        Self::new(
            PatientName::of(&stored.one)?,
            PatientName::of(&stored.other)?,
        )
    }
}

/// A link, and who said it or took it back.
#[derive(Clone, Debug)]
pub struct Said {
    /// The link.
    pub pair: Pair,
    /// The record that said it.
    pub by: LinkRecord,
    /// The first record that takes it back, if any does.
    pub retracted: Option<LinkRecord>,
}

/// All links that a key knows.
#[derive(Clone, Debug, Default)]
pub struct Crosswalk {
    said: Vec<Said>,
    neighbours: BTreeMap<PatientName, BTreeSet<PatientName>>,
}

impl Crosswalk {
    /// What follows from the records.
    pub fn of(records: &[LinkRecord]) -> Self {
        let mut retracted: BTreeMap<(RecordName, Pair), &LinkRecord> = BTreeMap::new();
        for record in records {
            for one in &record.change.retracted {
                if let Some(pair) = Pair::of(&one.link) {
                    let first = retracted.entry((one.record, pair)).or_insert(record);
                    if (record.time, record.name) < (first.time, first.name) {
                        *first = record;
                    }
                }
            }
        }
        let mut crosswalk = Self::default();
        for record in records {
            let pairs: HashSet<Pair> = record.change.linked.iter().filter_map(Pair::of).collect();
            for pair in pairs {
                let back = retracted.get(&(record.name, pair.clone()));
                crosswalk.add(pair, record, back.copied());
            }
        }
        let order = |said: &Said| (said.by.time, said.by.name, said.pair.clone());
        crosswalk.said.sort_by_cached_key(order);
        crosswalk
    }

    fn add(&mut self, pair: Pair, by: &LinkRecord, retracted: Option<&LinkRecord>) {
        if retracted.is_none() {
            let [one, other] = pair.names();
            for (from, to) in [(one, other), (other, one)] {
                let near = self.neighbours.entry(from.clone()).or_default();
                near.insert(to.clone());
            }
        }
        self.said.push(Said {
            pair,
            by: without_pairs(by),
            retracted: retracted.map(without_pairs),
        });
    }

    /// Everything that was ever said, in order of time.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// The records that say a link and were not taken back.
    pub fn saying(&self, pair: &Pair) -> impl Iterator<Item = &Said> {
        let counts = move |said: &&Said| said.pair == *pair && said.retracted.is_none();
        self.said.iter().filter(counts)
    }

    /// All identifiers of the person to whom this one belongs, over as many links as lead there;
    /// without links only this one.
    pub fn person(&self, name: &PatientName) -> BTreeSet<PatientName> {
        let mut person = BTreeSet::from([name.clone()]);
        let mut next = vec![name];
        while let Some(name) = next.pop() {
            for near in self.neighbours.get(name).into_iter().flatten() {
                if person.insert(near.clone()) {
                    next.push(near);
                }
            }
        }
        person
    }

    /// The people to whom an identifier belongs, whoever issued it, as far as links know them.
    pub fn people(&self, id: &Ident) -> BTreeSet<BTreeSet<PatientName>> {
        let names = self.neighbours.keys().filter(|name| name.id == *id);
        names.map(|name| self.person(name)).collect()
    }
}

/// What a record is, without the links in it: there may be very many.
fn without_pairs(record: &LinkRecord) -> LinkRecord {
    let mut change = ov_format::crosswalk::CrosswalkChange::default();
    change.reason.clone_from(&record.change.reason);
    LinkRecord {
        name: record.name,
        time: record.time,
        compartment: record.compartment,
        change,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_format::crosswalk::{CrosswalkChange, Retraction};
    use ov_format::entry::Time;
    use ov_format::id::{CompartmentId, MemberId, ObjectHash, TargetId};
    use ov_format::name::LogId;

    fn name(text: &str) -> PatientName {
        PatientName::parse(text).unwrap()
    }

    fn pair(one: &str, other: &str) -> Pair {
        Pair::new(name(one), name(other)).unwrap()
    }

    fn record(number: u8, linked: &[Pair], retracted: &[(u8, Pair)]) -> LinkRecord {
        let at = |number: u8| RecordName {
            log: LogId {
                member: MemberId([1; 8]),
                target: TargetId([2; 8]),
            },
            number: number.into(),
            hash: ObjectHash([number; 32]),
        };
        let take_back = |(number, pair): &(u8, Pair)| Retraction {
            record: at(*number),
            link: pair.link(),
        };
        LinkRecord {
            name: at(number),
            time: Time {
                seconds: 1000 - i64::from(number),
                nanos: 0,
            },
            compartment: CompartmentId([3; 8]),
            change: CrosswalkChange {
                linked: linked.iter().map(Pair::link).collect(),
                retracted: retracted.iter().map(take_back).collect(),
                reason: String::new(),
            },
        }
    }

    fn texts(person: &BTreeSet<PatientName>) -> Vec<String> {
        let text = |name: &PatientName| format!("{}@{}", name.id.as_str(), name.issuer.as_str());
        person.iter().map(text).collect()
    }

    #[test]
    fn links_lead_on_and_only_from_the_same_issuer() {
        let links = [pair("1@a", "2@b"), pair("2@b", "3@c"), pair("2@x", "9@y")];
        let crosswalk = Crosswalk::of(&[record(0, &links, &[])]);
        let person = crosswalk.person(&name("1@a"));
        assert_eq!(texts(&person), ["1@a", "2@b", "3@c"]);
        assert_eq!(texts(&crosswalk.person(&name("1@b"))), ["1@b"]);
        assert_eq!(crosswalk.people(&Ident::new("2").unwrap()).len(), 2);
    }

    #[test]
    fn what_one_record_takes_back_another_may_still_say() {
        let link = pair("1@a", "2@b");
        let turned = pair("2@b", "1@a");
        let says = |number| record(number, std::slice::from_ref(&link), &[]);
        let back = |of| record(9, &[], &[(of, turned.clone())]);
        let linked = |records: &[LinkRecord]| {
            let crosswalk = Crosswalk::of(records);
            let count = crosswalk.saying(&link).count();
            assert_eq!(crosswalk.person(&name("1@a")).len() > 1, count > 0);
            count
        };
        assert_eq!(linked(&[says(0)]), 1);
        assert_eq!(linked(&[says(0), back(0)]), 0);
        // Clocks and the order of reading mean nothing.
        assert_eq!(linked(&[back(0), says(0)]), 0);
        assert_eq!(linked(&[says(0), back(0), says(1)]), 1);
        assert_eq!(linked(&[says(0), back(1)]), 1);
    }

    #[test]
    fn a_link_needs_two_identifiers_with_issuers() {
        assert!(PatientName::parse("1").is_none());
        assert!(PatientName::parse("1@").is_none());
        assert!(PatientName::parse("@a").is_none());
        assert!(Pair::new(name("1@a"), name("1@a")).is_none());
    }
}
