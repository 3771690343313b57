//! ODM and define.xml: the trial, its subjects and sites, its datasets.

use crate::collector::Collector;
use crate::facts::{Document, Facts, Subject};
use crate::ident::Ident;
use crate::warning::Warning;
use crate::window::Window;
use crate::xml::{self, Attributes};

/// Reads ODM 1.3 or 2.0, or define.xml, which is ODM with metadata only.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut events = Events {
        out: Collector::new(),
        study: None,
        subject: None,
    };
    let outcome = xml::walk(window.head(), &mut events);
    events.close_subject();
    xml::note(outcome, window, &mut events.out);
    events.out.finish()
}

struct Events {
    out: Collector,
    study: Option<Ident>,
    subject: Option<Subject>,
}

impl xml::Sink for Events {
    fn enter(&mut self, name: &str, attributes: &Attributes) {
        let ident = |name: &str| attributes.get(name).and_then(|text| Ident::new(&text));
        match name {
            "ODM" => self.file(ident("FileOID"), ident("PriorFileOID")),
            "Study" => self.trial(ident("OID")),
            "ClinicalData" => {
                self.study = ident("StudyOID");
                self.trial(ident("StudyOID"));
            }
            "SubjectData" => {
                let trial = self.study.clone();
                self.subject = Some(Subject {
                    trial,
                    site: None,
                    subject: ident("SubjectKey"),
                });
            }
            "SiteRef" => {
                if let Some(subject) = &mut self.subject {
                    subject.site = ident("LocationOID");
                }
            }
            "ItemGroupDef" => {
                if let Some(table) = attributes.get("Name") {
                    self.out.table(&table);
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, name: &str) {
        if name == "SubjectData" {
            self.close_subject();
        }
    }
}

impl Events {
    /// A transactional file names the one before it.
    fn file(&mut self, id: Option<Ident>, prior: Option<Ident>) {
        let document = Document {
            id,
            set: prior,
            version: None,
            code: None,
            templates: vec![],
        };
        self.out.document(document);
    }

    fn trial(&mut self, trial: Option<Ident>) {
        self.out.subject(Subject {
            trial,
            site: None,
            subject: None,
        });
    }

    fn close_subject(&mut self) {
        if let Some(subject) = self.subject.take() {
            self.out.subject(subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_belong_to_their_trial_and_site() {
        let xml = br#"<ODM FileOID="F2" PriorFileOID="F1"><ClinicalData StudyOID="ONC-1">
            <SubjectData SubjectKey="007"><SiteRef LocationOID="S3"/></SubjectData>
            <SubjectData SubjectKey="008"/></ClinicalData></ODM>"#;
        let (facts, warnings) = read(&Window::whole(xml));
        let found: Vec<_> = facts
            .subjects
            .iter()
            .map(|s| [&s.trial, &s.site, &s.subject].map(|i| i.as_ref().map(|i| i.as_str())))
            .collect();
        assert!(found.contains(&[Some("ONC-1"), Some("S3"), Some("007")]));
        assert!(found.contains(&[Some("ONC-1"), None, Some("008")]));
        assert!(warnings.is_empty());
    }
}
