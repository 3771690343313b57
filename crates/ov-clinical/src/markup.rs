//! Kinds of XML and JSON: by the root element and its namespace, by the keys of the first object.

use std::collections::BTreeSet;

use crate::fhir::Beside;
use crate::identify::{Along, Identification};
use crate::json::{self, Outcome};
use crate::kind::Kind;
use crate::text::Text;
use crate::xml;

/// Identifies XML, HTML and JSON.
pub(crate) fn identify(text: &Text, along: &mut Along) -> Option<Identification> {
    match text.text.as_bytes().first()? {
        b'<' => xml(text),
        b'{' | b'[' => json(text, along),
        _ => None,
    }
}

#[derive(Default)]
struct Root {
    name: String,
    namespace: String,
    begun: bool,
}

impl xml::Sink for Root {
    fn enter(&mut self, name: &str, attributes: &xml::Attributes) {
        if !self.begun {
            self.begun = true;
            self.name = name.to_owned();
            self.namespace = attributes.namespaces();
        }
    }

    fn leave(&mut self, _: &str) {}

    fn is_content(&self) -> bool {
        self.begun
    }
}

fn xml(text: &Text) -> Option<Identification> {
    let start = text
        .text
        .get(..text.text.floor_char_boundary(256))
        .unwrap_or(text.text);
    let lower = start.to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") {
        return Some(Identification::signature(
            Kind::Html,
            "document type or root html",
        ));
    }
    let mut root = Root::default();
    xml::walk(text.text.as_bytes(), &mut root);
    if !root.begun {
        return None;
    }
    let has = |namespace: &str| root.namespace.contains(namespace);
    Some(match root.name.as_str() {
        "ClinicalDocument" => Identification::signature(Kind::Cda, "root ClinicalDocument"),
        "ODM" if has("/ns/def/") => {
            Identification::signature(Kind::DefineXml, "root ODM with the namespace of define.xml")
        }
        "ODM" => Identification::signature(Kind::OdmXml, "root ODM"),
        "GIFTI" => Identification::signature(Kind::Gifti, "root GIFTI"),
        "phyloxml" => Identification::signature(Kind::PhyloXml, "root phyloxml"),
        "HL7v2xConformanceProfile" => {
            Identification::signature(Kind::Hl7Xml, "root HL7v2xConformanceProfile")
        }
        "html" => Identification::signature(Kind::Html, "root html"),
        _ if has("http://hl7.org/fhir ") => {
            Identification::signature(Kind::FhirXml, "namespace of FHIR")
        }
        _ if has("urn:hl7-org:v2xml") => {
            Identification::signature(Kind::Hl7Xml, "namespace of HL7 version 2 in XML")
        }
        _ => Identification::shape(Kind::Xml, "XML of no known root"),
    })
}

/// The keys of the outermost object, and the value of `resourceType`.
#[derive(Default)]
struct Keys {
    depth: usize,
    objects: usize,
    keys: BTreeSet<Box<str>>,
    resource: bool,
    entries: bool,
}

impl Keys {
    fn key(&mut self, key: &str) {
        let room = self.depth == 1 && self.keys.len() < 256 && key.len() <= 64;
        if room && !self.keys.contains(key) {
            self.keys.insert(key.into());
        }
    }
}

impl json::Sink for Keys {
    fn enter(&mut self, key: &str) {
        self.key(key);
        self.objects += 1;
        self.depth += 1;
    }

    fn leave(&mut self) {
        self.depth -= 1;
    }

    fn element(&mut self, key: &str) {
        self.key(key);
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        let capital = value.starts_with(|c: char| c.is_ascii_uppercase());
        let resource = key == "resourceType" && capital;
        self.resource |= self.depth == 1 && resource;
        // The type of a bundle may stand behind its entries.
        self.entries |= self.depth == 3 && resource && self.keys.contains("entry");
    }
}

/// FHIR is read on the way, if that is wanted: most JSON of a clinic is that, and one walk is enough
/// for both.
fn json(text: &Text, along: &mut Along) -> Option<Identification> {
    let mut all = Keys::default();
    if !matches!(along, Along::Wanted) {
        let outcome = json::walk_text(text.text, &mut all);
        return judged(text, outcome, &all);
    }
    let (outcome, beside) = Beside::walk(text.text, &mut all);
    let found = judged(text, outcome, &all);
    if found.is_some_and(|found| found.kind == Kind::FhirJson) {
        let (facts, warnings) = beside.finish();
        *along = Along::Read(facts, warnings);
    }
    found
}

fn judged(text: &Text, outcome: Outcome, all: &Keys) -> Option<Identification> {
    match outcome {
        Outcome::Whole => return Some(value(all)),
        Outcome::Deep => return Some(Identification::shape(Kind::Json, "JSON, nested very deep")),
        Outcome::Short if all.objects > 0 => return Some(value(all)),
        Outcome::Short | Outcome::Broken => {}
    }
    lines(text)
}

fn value(keys: &Keys) -> Identification {
    let has = |key: &str| keys.keys.contains(key);
    match () {
        () if keys.resource => Identification::signature(Kind::FhirJson, "key resourceType"),
        () if keys.entries => Identification::shape(Kind::FhirJson, "entries with resources"),
        () if has("datasetJSONVersion") => {
            Identification::signature(Kind::DatasetJson, "key datasetJSONVersion")
        }
        () if is_directory(&has) => Identification::shape(Kind::Hsds, "keys of a service in HSDS"),
        () => Identification::shape(Kind::Json, "JSON of no known schema"),
    }
}

/// HSDS 3.0: a service with its organization and what no other schema has.
fn is_directory(has: &impl Fn(&str) -> bool) -> bool {
    let service = has("name") && has("status") && (has("organization") || has("organization_id"));
    let own = [
        "service_at_locations",
        "assured_date",
        "eligibility_description",
        "service_areas",
    ];
    service && own.iter().any(|key| has(key))
}

/// One value on each line.
fn lines(text: &Text) -> Option<Identification> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut first = Keys::default();
    if json::walk_text(lines.next()?, &mut first) != Outcome::Whole {
        return None;
    }
    let second = lines.next()?.trim_start();
    if !second.starts_with(['{', '[']) {
        return None;
    }
    Some(match value(&first) {
        found if found.kind == Kind::FhirJson => {
            Identification::signature(Kind::FhirNdjson, "a resource on each line")
        }
        found if found.kind == Kind::DatasetJson => found,
        _ => Identification::shape(Kind::Json, "JSON values, one a line"),
    })
}
