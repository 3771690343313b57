//! Where readers put what they find: without doubles, and never more than a bound.

use std::collections::BTreeSet;

use crate::facts::{Document, EndMarker, Facts, Patient, Resource, Sequencing, Subject};
use crate::ident::Ident;
use crate::warning::Warning;

/// Facts of one file take at most about this many bytes.
pub(crate) const FACTS_MAX: usize = 8 << 20;

/// At most this many warnings of one file are kept.
const WARNINGS_MAX: usize = 32;

/// What a list element costs beside its text.
const OVERHEAD: usize = 64;

/// Collects the facts of one file.
#[derive(Default)]
pub(crate) struct Collector {
    facts: Facts,
    warnings: Vec<Warning>,
    spent: usize,
    patients: BTreeSet<Patient>,
    subjects: BTreeSet<Subject>,
}

impl Collector {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// The facts so far, for fields that need no bound.
    pub(crate) fn facts(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// The part for sequencing.
    pub(crate) fn sequencing(&mut self) -> &mut Sequencing {
        self.facts.sequencing.get_or_insert_default()
    }

    /// Takes room for `bytes` of text; false, with a warning, when there is none left.
    pub(crate) fn room(&mut self, bytes: usize) -> bool {
        let spent = self.spent.saturating_add(bytes).saturating_add(OVERHEAD);
        if spent > FACTS_MAX {
            self.warn(Warning::TooMany {
                what: "facts".into(),
            });
            return false;
        }
        self.spent = spent;
        true
    }

    pub(crate) fn warn(&mut self, warning: Warning) {
        if self.warnings.len() < WARNINGS_MAX && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(crate) fn malformed(&mut self, at: usize, what: &'static str) {
        let at = u64::try_from(at).unwrap_or(u64::MAX);
        self.warn(Warning::Malformed {
            at,
            what: what.into(),
        });
    }

    /// An identifier, or a warning if it is too long to be kept.
    pub(crate) fn ident(&mut self, text: &str, what: &'static str) -> Option<Ident> {
        let ident = Ident::new(text);
        if ident.is_none() && text.len() > crate::ident::IDENT_MAX {
            self.warn(Warning::TooLong { what: what.into() });
        }
        ident
    }

    /// As [`Self::ident`], from bytes in UTF-8 or Latin-1.
    pub(crate) fn bytes(&mut self, bytes: &[u8], what: &'static str) -> Option<Ident> {
        let ident = Ident::from_bytes(bytes);
        if ident.is_none() && bytes.len() > crate::ident::IDENT_MAX {
            self.warn(Warning::TooLong { what: what.into() });
        }
        ident
    }

    pub(crate) fn patient(&mut self, patient: Patient) {
        let issuer = patient
            .issuer
            .as_ref()
            .map_or(0, |issuer| issuer.as_str().len());
        if self.patients.contains(&patient) || !self.room(patient.id.as_str().len() + issuer) {
            return;
        }
        self.patients.insert(patient);
    }

    pub(crate) fn subject(&mut self, subject: Subject) {
        let length = |ident: &Option<Ident>| ident.as_ref().map_or(0, |i| i.as_str().len());
        let bytes = length(&subject.trial) + length(&subject.site) + length(&subject.subject);
        if bytes == 0 || self.subjects.contains(&subject) || !self.room(bytes) {
            return;
        }
        self.subjects.insert(subject);
    }

    pub(crate) fn resource(&mut self, resource: Resource) {
        let references: usize = resource
            .references
            .iter()
            .map(|r| r.as_str().len() + 24)
            .sum();
        if self.room(resource.kind.len() + references) {
            self.facts.resources.push(resource);
        }
    }

    pub(crate) fn document(&mut self, document: Document) {
        if self.room(4 * OVERHEAD) {
            self.facts.documents.push(document);
        }
    }

    pub(crate) fn sample(&mut self, name: &str) {
        let Some(name) = self.ident(name, "sample name") else {
            return;
        };
        // The same sample stands in many read groups, mostly one after the other.
        if !self
            .sequencing()
            .samples
            .iter()
            .rev()
            .take(64)
            .any(|known| *known == name)
            && self.room(name.as_str().len())
        {
            self.sequencing().samples.push(name);
        }
    }

    pub(crate) fn table(&mut self, name: &str) {
        let name = name.trim();
        if !name.is_empty() && name.len() <= 256 && self.room(name.len()) {
            self.facts.tables.push(name.into());
        }
    }

    pub(crate) fn end_marker(&mut self, seen: Option<bool>) {
        self.facts.end = EndMarker::from(seen);
        if seen == Some(false) {
            self.warn(Warning::EndMarkerMissing);
        }
    }

    pub(crate) fn finish(mut self) -> (Facts, Vec<Warning>) {
        self.facts.patients = self.patients.into_iter().collect();
        self.facts.subjects = self.subjects.into_iter().collect();
        (self.facts, self.warnings)
    }
}
