//! FHIR: resources, whose they are, what they refer to. JSON, one resource a line (NDJSON), XML.
//!
//! All three become the same events; [`Drafts`] turns them into facts.

use crate::collector::Collector;
use crate::facts::{Domain, Facts, Patient, Resource};
use crate::ident::Ident;
use crate::json::{self, Outcome, Sink};
use crate::warning::Warning;
use crate::window::Window;
use crate::xml;

/// References of one resource are kept up to this number.
const REFERENCES_MAX: usize = 65_536;
/// Identifiers of one resource are kept up to this number.
const IDENTIFIERS_MAX: usize = 1024;

/// Elements that say whom a resource is about (R4 patient compartment).
const ABOUT: &[&str] = &[
    "subject",
    "patient",
    "beneficiary",
    "policyHolder",
    "subscriber",
    "candidate",
    "individual",
    "for",
    "deliverTo",
    "individualSubject",
];

/// Reads FHIR JSON: one resource or bundle.
#[must_use]
pub fn read_json(window: &Window) -> (Facts, Vec<Warning>) {
    let mut drafts = Drafts::default();
    let outcome = json::walk(window.head(), &mut drafts);
    drafts.note(outcome, window);
    drafts.finish()
}

/// Reads a whole file that may be FHIR JSON while somebody else is told what it is: one walk, and
/// what it says if it is FHIR.
pub(crate) struct Beside(Drafts);

impl Beside {
    /// Walks through the text.
    pub(crate) fn walk(text: &str, other: &mut impl Sink) -> (Outcome, Self) {
        let mut drafts = Drafts::default();
        let outcome = json::walk_text(text, &mut json::Both(other, &mut drafts));
        drafts.note_line(outcome, 0);
        (outcome, Self(drafts))
    }

    /// What it says.
    pub(crate) fn finish(self) -> (Facts, Vec<Warning>) {
        self.0.finish()
    }
}

/// Reads FHIR NDJSON: a resource on each line.
#[must_use]
pub fn read_ndjson(window: &Window) -> (Facts, Vec<Warning>) {
    let mut drafts = Drafts::default();
    let mut at = 0;
    for line in window.head().split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.trim_ascii().is_empty() {
            continue;
        }
        let outcome = json::walk(line, &mut drafts);
        let last = at == window.head().len();
        if last && !window.is_whole() {
            drafts.note(Outcome::Short, window);
        } else {
            drafts.note_line(outcome, at - line.len());
        }
        drafts.close_all();
    }
    drafts.finish()
}

/// Reads FHIR XML.
#[must_use]
pub fn read_xml(window: &Window) -> (Facts, Vec<Warning>) {
    let mut drafts = Drafts::default();
    let outcome = xml::walk(
        window.head(),
        &mut XmlEvents {
            drafts: &mut drafts,
            path: Vec::new(),
        },
    );
    xml::note(outcome, window, &mut drafts.out);
    drafts.finish()
}

/// A resource or an element of one, still open.
#[derive(Default)]
struct Open {
    /// Its key, if anything hangs on it.
    key: &'static str,
    kind: Option<Box<str>>,
    id: Option<Ident>,
    version: Option<Ident>,
    subject: Option<Ident>,
    references: Vec<Ident>,
    /// Identifiers directly in it: system and value.
    identifiers: Vec<(Option<Ident>, Ident)>,
    system: Option<Ident>,
    value: Option<Ident>,
}

/// Turns events into resources.
#[derive(Default)]
struct Drafts {
    out: Collector,
    open: Vec<Open>,
    /// Patients of a bundle by their `fullUrl`, for references by `urn:uuid:`.
    by_url: Vec<(Ident, Ident)>,
    /// References that may be resolved by them.
    urns: Vec<Ident>,
    url: Option<Ident>,
}

impl Sink for Drafts {
    fn enter(&mut self, key: &str) {
        self.open.push(Open {
            key: known(key),
            ..Open::default()
        });
    }

    fn leave(&mut self) {
        let Some(closed) = self.open.pop() else {
            return;
        };
        if closed.kind.is_some() {
            self.resource(closed);
        } else {
            self.merge(closed);
        }
    }

    fn text(&mut self, key: &str, value: &str) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        match key {
            "resourceType" if value.len() <= 64 => open.kind = Some(value.into()),
            "id" => open.id = Ident::new(value),
            "versionId" => open.version = Ident::new(value),
            "reference" => self.reference(value),
            "system" => open.system = Ident::new(value),
            "value" => open.value = Ident::new(value),
            "fullUrl" => self.url = Ident::new(value),
            _ => {}
        }
    }
}

impl Drafts {
    fn reference(&mut self, value: &str) {
        // An anchor in the same resource leads nowhere else.
        if value.starts_with('#') {
            return;
        }
        let Some(ident) = self.out.ident(value, "reference") else {
            return;
        };
        if let Some(open) = self.open.last_mut() {
            open.references.push(ident);
        }
    }

    /// An element that is no resource: what it says belongs to the one around it.
    fn merge(&mut self, closed: Open) {
        let Some(outer) = self.open.last_mut() else {
            return;
        };
        let about = ABOUT.contains(&closed.key);
        if about && outer.subject.is_none() {
            outer.subject = closed.references.first().cloned();
        }
        outer.subject = outer.subject.take().or(closed.subject);
        let room = REFERENCES_MAX.saturating_sub(outer.references.len());
        if closed.references.len() > room {
            self.out.warn(Warning::TooMany {
                what: "references".into(),
            });
        }
        outer
            .references
            .extend(closed.references.into_iter().take(room));
        match (closed.key, closed.value) {
            ("identifier", Some(value)) if about_patient(outer.key) => {
                let issuer = closed.system;
                self.out.patient(Patient {
                    domain: Domain::FhirIdentifier,
                    id: value,
                    issuer,
                });
            }
            ("identifier", Some(_)) if outer.identifiers.len() >= IDENTIFIERS_MAX => {
                self.out.warn(Warning::TooMany {
                    what: "identifiers".into(),
                });
            }
            ("identifier", Some(value)) => outer.identifiers.push((closed.system, value)),
            ("meta", _) => outer.version = closed.version,
            _ => {}
        }
    }

    fn resource(&mut self, closed: Open) {
        let Some(kind) = closed.kind else { return };
        // What is contained has no URL of its own.
        let url = if closed.key == "contained" {
            None
        } else {
            self.url.take()
        };
        if &*kind == "Patient" {
            self.patient(closed.id.as_ref(), closed.identifiers, url);
        }
        let mut references = closed.references;
        references.sort_unstable();
        references.dedup();
        for reference in &references {
            self.about(reference);
        }
        if &*kind != "Bundle" {
            self.out.resource(Resource {
                kind,
                id: closed.id,
                version: closed.version,
                subject: closed.subject,
                references,
            });
        }
    }

    fn patient(
        &mut self,
        id: Option<&Ident>,
        identifiers: Vec<(Option<Ident>, Ident)>,
        url: Option<Ident>,
    ) {
        for (issuer, id) in identifiers {
            self.out.patient(Patient {
                domain: Domain::FhirIdentifier,
                id,
                issuer,
            });
        }
        let Some(id) = id else { return };
        if let Some(url) = url
            && self.by_url.len() < 65_536
        {
            self.by_url.push((url, id.clone()));
        }
        let id = id.clone();
        self.out.patient(Patient {
            domain: Domain::FhirPatient,
            id,
            issuer: None,
        });
    }

    /// A reference to a patient says whose the resource is.
    fn about(&mut self, reference: &Ident) {
        let text = reference.as_str();
        if text.starts_with("urn:") {
            if self.urns.len() < 65_536 {
                self.urns.push(reference.clone());
            }
            return;
        }
        let (server, id) = match text.rsplit_once("Patient/") {
            Some(("", id)) => (None, id),
            Some((server, id)) if server.ends_with('/') => (Ident::new(server), id),
            _ => return,
        };
        let id = id.split(['/', '?', '|']).next().unwrap_or_default();
        if let Some(id) = Ident::new(id) {
            self.out.patient(Patient {
                domain: Domain::FhirPatient,
                id,
                issuer: server,
            });
        }
    }

    fn note(&mut self, outcome: Outcome, window: &Window) {
        match outcome {
            Outcome::Short if !window.is_whole() => self.out.warn(Warning::Partial),
            outcome => self.note_line(outcome, 0),
        }
    }

    fn note_line(&mut self, outcome: Outcome, at: usize) {
        match outcome {
            Outcome::Whole => {}
            Outcome::Short => self.out.warn(Warning::Truncated),
            Outcome::Deep => self.out.warn(Warning::TooDeep),
            Outcome::Broken => self.out.malformed(at, "JSON"),
        }
    }

    /// What was open when the bytes ended still counts.
    fn close_all(&mut self) {
        while !self.open.is_empty() {
            self.leave();
        }
    }

    fn finish(mut self) -> (Facts, Vec<Warning>) {
        self.close_all();
        self.by_url.sort_unstable();
        for urn in std::mem::take(&mut self.urns) {
            if let Ok(found) = self.by_url.binary_search_by(|(url, _)| url.cmp(&urn))
                && let Some((_, id)) = self.by_url.get(found)
            {
                let id = id.clone();
                self.out.patient(Patient {
                    domain: Domain::FhirPatient,
                    id,
                    issuer: None,
                });
            }
        }
        self.out.finish()
    }
}

/// A key on which something hangs; nothing for all others.
fn known(key: &str) -> &'static str {
    const OTHERS: [&str; 3] = ["identifier", "meta", "contained"];
    let all = ABOUT.iter().chain(&OTHERS).copied();
    let mut found = all.filter(|known| *known == key);
    found.next().unwrap_or_default()
}

/// A reference by identifier alone, where it says whom the resource is about.
fn about_patient(key: &str) -> bool {
    matches!(key, "subject" | "patient" | "beneficiary")
}

/// XML as the same events: an attribute `value` is the text of its element.
struct XmlEvents<'a> {
    drafts: &'a mut Drafts,
    path: Vec<Box<str>>,
}

impl xml::Sink for XmlEvents<'_> {
    fn enter(&mut self, name: &str, attributes: &xml::Attributes) {
        let outer = self.path.last().map(|name| &**name);
        if let Some(value) = attributes.get("value") {
            self.drafts.text(name, &value);
        }
        let is_resource = matches!(outer, None | Some("resource" | "contained"));
        self.drafts.enter(name);
        if is_resource {
            self.drafts.text("resourceType", name);
        }
        self.path.push(name.into());
    }

    fn leave(&mut self, _: &str) {
        self.path.pop();
        self.drafts.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(facts: &Facts) -> Vec<(Domain, &str)> {
        facts
            .patients
            .iter()
            .map(|p| (p.domain, p.id.as_str()))
            .collect()
    }

    #[test]
    fn a_resource_belongs_to_the_patient_it_refers_to() {
        let json =
            br##"{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p1"},
            "performer":[{"reference":"Practitioner/x"},{"reference":"#a"}]}"##;
        let (facts, warnings) = read_json(&Window::whole(json));
        assert_eq!(ids(&facts), [(Domain::FhirPatient, "p1")]);
        let resource = &facts.resources[0];
        assert_eq!(resource.subject.as_ref().unwrap().as_str(), "Patient/p1");
        assert_eq!(resource.references.len(), 2);
        assert!(warnings.is_empty());
    }

    #[test]
    fn patients_of_a_bundle_are_found_by_urn() {
        let json = br#"{"resourceType":"Bundle","entry":[
            {"fullUrl":"urn:uuid:1","resource":{"resourceType":"Patient","id":"p1",
             "identifier":[{"system":"urn:site","value":"MRN7"}]}},
            {"fullUrl":"urn:uuid:2","resource":{"resourceType":"Condition","id":"c",
             "subject":{"reference":"urn:uuid:1"}}}]}"#;
        let (facts, _) = read_json(&Window::whole(json));
        assert_eq!(
            ids(&facts),
            [
                (Domain::FhirIdentifier, "MRN7"),
                (Domain::FhirPatient, "p1")
            ]
        );
        assert_eq!(facts.resources.len(), 2);
        assert_eq!(
            facts.resources[1].subject.as_ref().unwrap().as_str(),
            "urn:uuid:1"
        );
    }

    #[test]
    fn xml_says_the_same_as_json() {
        let xml =
            br#"<?xml version="1.0"?><Observation xmlns="http://hl7.org/fhir"><id value="o1"/>
            <identifier><system value="s"/><value value="v"/></identifier>
            <subject><reference value="http://a.example/fhir/Patient/p1/_history/2"/></subject>
            </Observation>"#;
        let (facts, warnings) = read_xml(&Window::whole(xml));
        assert_eq!(ids(&facts), [(Domain::FhirPatient, "p1")]);
        assert_eq!(&*facts.resources[0].kind, "Observation");
        assert_eq!(facts.resources[0].id.as_ref().unwrap().as_str(), "o1");
        assert!(warnings.is_empty());
    }

    #[test]
    fn every_line_of_ndjson_counts_also_after_a_broken_one() {
        let lines = b"{\"resourceType\":\"Patient\",\"id\":\"a\"}\n{]\n\n{\"resourceType\":\"Patient\",\"id\":\"b\"}\n";
        let (facts, warnings) = read_ndjson(&Window::whole(lines));
        assert_eq!(ids(&facts).len(), 2);
        assert_eq!(warnings.len(), 1);
    }
}
