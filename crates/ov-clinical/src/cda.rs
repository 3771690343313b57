//! Clinical documents (CDA R2, C-CDA): the document's identity and type, and whose it is.

use crate::collector::Collector;
use crate::facts::{Document, Domain, Facts, Patient};
use crate::ident::Ident;
use crate::warning::Warning;
use crate::window::Window;
use crate::xml::{self, Attributes};

const TEMPLATES_MAX: usize = 64;

/// Reads a clinical document.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut events = Events::default();
    let outcome = xml::walk(window.head(), &mut events);
    let Events {
        mut out, document, ..
    } = events;
    xml::note(outcome, window, &mut out);
    out.document(document);
    out.finish()
}

struct Events {
    out: Collector,
    document: Document,
    path: Vec<Box<str>>,
}

impl Default for Events {
    fn default() -> Self {
        let document = Document {
            id: None,
            set: None,
            version: None,
            code: None,
            templates: vec![],
        };
        Self {
            out: Collector::new(),
            document,
            path: Vec::new(),
        }
    }
}

impl xml::Sink for Events {
    fn enter(&mut self, name: &str, attributes: &Attributes) {
        let path: Vec<&str> = self.path.iter().map(|name| &**name).collect();
        match (path.as_slice(), name) {
            (["ClinicalDocument"], "id") => self.document.id = instance(attributes),
            (["ClinicalDocument"], "setId") => self.document.set = instance(attributes),
            (["ClinicalDocument"], "versionNumber") => {
                self.document.version = attributes.get("value").and_then(|v| Ident::new(&v));
            }
            (["ClinicalDocument"], "code") => {
                let code = attributes.get("code").filter(|code| code.len() <= 64);
                self.document.code = code.map(String::into_boxed_str);
            }
            (["ClinicalDocument"], "templateId") => self.template(attributes),
            (["ClinicalDocument", "recordTarget", "patientRole"], "id") => self.patient(attributes),
            _ => {}
        }
        self.path.push(name.into());
    }

    fn leave(&mut self, _: &str) {
        self.path.pop();
    }
}

impl Events {
    fn template(&mut self, attributes: &Attributes) {
        let root = attributes.get("root").filter(|root| root.len() <= 128);
        if let Some(root) = root.filter(|_| self.document.templates.len() < TEMPLATES_MAX) {
            self.document.templates.push(root.into());
        }
    }

    /// An extension issued under a root; a root alone is the identifier itself (II data type).
    fn patient(&mut self, attributes: &Attributes) {
        let part = |name: &str| attributes.get(name).and_then(|text| Ident::new(&text));
        let (id, issuer) = match (part("extension"), part("root")) {
            (Some(id), root) => (id, root),
            (None, Some(root)) => (root, None),
            (None, None) => return,
        };
        self.out.patient(Patient {
            domain: Domain::Cda,
            id,
            issuer,
        });
    }
}

/// Root and extension as one text.
fn instance(attributes: &Attributes) -> Option<Ident> {
    let part = |name: &str| attributes.get(name).unwrap_or_default();
    Ident::new(
        [part("root"), part("extension")]
            .join("^")
            .trim_matches('^'),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patients_and_the_identity_of_the_document_are_read() {
        let xml = br#"<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="2.16"/>
            <id root="1.2" extension="D1"/><code code="34133-9"/><setId root="9"/>
            <recordTarget><patientRole><id root="1.9" extension="P1"/><id root="u-u"/>
            <id nullFlavor="UNK"/></patientRole></recordTarget>
            <author><assignedAuthor><id root="1.9" extension="A"/></assignedAuthor></author>
            </ClinicalDocument>"#;
        let (facts, warnings) = read(&Window::whole(xml));
        let ids: Vec<_> = facts.patients.iter().map(|p| p.id.as_str()).collect();
        assert_eq!(ids, ["P1", "u-u"]);
        let document = &facts.documents[0];
        assert_eq!(document.id.as_ref().unwrap().as_str(), "1.2^D1");
        assert_eq!(document.code.as_deref(), Some("34133-9"));
        assert!(warnings.is_empty());
    }
}
