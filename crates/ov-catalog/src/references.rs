//! What a patient's FHIR resources refer to beside the patient: who treated, where, with what.

use std::collections::BTreeSet;

use ov_clinical::{Ident, Resource};

use crate::found::Found;
use crate::question::Question;

/// The resources, as `Type/id`, to which those of a patient refer and that are not among the files
/// found. Of files that hold several patients' resources, those count that say they are about the
/// one who was asked for. References by search, within a resource or by a temporary name lead to
/// nothing that could be looked up, and are left out.
pub fn referred_to(found: &Found<'_>, asked: &Question) -> BTreeSet<Ident> {
    let mut here = BTreeSet::new();
    let mut named = BTreeSet::new();
    for (_, version) in found.latest() {
        let Some(said) = version.said() else {
            continue;
        };
        for resource in &said.facts.resources {
            here.extend(name(resource));
            if !version.answer.holds_others || is_about(resource, asked) {
                named.extend(resource.references.iter().filter_map(target));
            }
        }
    }
    named.difference(&here).cloned().collect()
}

fn name(resource: &Resource) -> Option<Ident> {
    let id = resource.id.as_ref()?;
    Ident::new(&format!("{}/{}", resource.kind, id.as_str()))
}

fn is_about(resource: &Resource, asked: &Question) -> bool {
    let Question::Patient { id, .. } = asked else {
        return false;
    };
    let subject = resource.subject.as_ref().and_then(target);
    let Some(subject) = subject
        .as_ref()
        .and_then(|one| one.as_str().strip_prefix("Patient/"))
    else {
        return false;
    };
    let mut ids = asked.linked().map(|name| &name.id).chain([id]);
    ids.any(|id| id.as_str() == subject)
}

/// The type and id at the end of a reference, without server and version.
fn target(reference: &Ident) -> Option<Ident> {
    let text = reference.as_str();
    if text.contains(['#', '?']) || text.starts_with("urn:") {
        return None;
    }
    let text = text.split("/_history/").next().unwrap_or(text);
    let mut parts = text.rsplit('/');
    let (id, kind) = (parts.next()?, parts.next()?);
    let sound = kind.starts_with(|first: char| first.is_ascii_uppercase()) && !id.is_empty();
    Ident::new(&format!("{kind}/{id}")).filter(|_| sound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_looked_up_is_taken_from_a_reference() {
        let cases = [
            ("Practitioner/7", Some("Practitioner/7")),
            (
                "https://a.example/fhir/Organization/x/_history/3",
                Some("Organization/x"),
            ),
            ("#contained", None),
            ("urn:uuid:1", None),
            ("Practitioner?identifier=a|b", None),
            ("Practitioner", None),
        ];
        for (text, expected) in cases {
            let found = target(&Ident::new(text).unwrap());
            assert_eq!(found.as_ref().map(Ident::as_str), expected, "{text}");
        }
    }
}
