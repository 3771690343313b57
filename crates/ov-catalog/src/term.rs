//! Words under which files are looked up, and the tokens that stand for them in a local copy.

use ov_clinical::{Account, Facts};
use ov_seal::kdf::Key32;

/// A word under which a file is looked up. Issuers are left out: they are compared once the page
/// is open.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Term<'t> {
    /// The identifier of a patient, of any kind and issuer.
    Patient(&'t str),
    /// A DICOM study.
    Study(&'t str),
    /// A sample.
    Sample(&'t str),
    /// The key of a subject, in any trial.
    Subject(&'t str),
    /// A FHIR resource: its type and id.
    Resource(&'t str, &'t str),
}

impl std::fmt::Debug for Term<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Term(hidden)")
    }
}

/// What stands for a term in a local copy of the catalogs: a keyed hash. Different terms may, very
/// rarely, have the same; that costs a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub i64);

/// Makes tokens of one compartment.
#[derive(Clone, Debug)]
pub struct TokenKey(Key32);

impl TokenKey {
    /// From the compartment's key for its catalog.
    pub fn new(key: Key32) -> Self {
        Self(key)
    }

    /// The token of a term.
    pub fn token(&self, term: &Term<'_>) -> Token {
        let (number, parts): (u8, [&str; 2]) = match term {
            Term::Patient(id) => (1, [id, ""]),
            Term::Study(uid) => (2, [uid, ""]),
            Term::Sample(name) => (3, [name, ""]),
            Term::Subject(key) => (4, [key, ""]),
            Term::Resource(kind, id) => (5, [kind, id]),
        };
        self.hash(number, parts)
    }

    /// What tells this key from others without telling the key.
    pub fn mark(&self) -> Token {
        self.hash(0, ["", ""])
    }

    fn hash(&self, number: u8, parts: [&str; 2]) -> Token {
        let mut hasher = blake3::Hasher::new_keyed(self.0.bytes());
        hasher.update(&[number]);
        for part in parts {
            let length = u64::try_from(part.len()).unwrap_or(u64::MAX);
            hasher.update(&length.to_le_bytes()).update(part.as_bytes());
        }
        let mut bytes = [0; 8];
        hasher.finalize_xof().fill(&mut bytes);
        Token(i64::from_le_bytes(bytes))
    }
}

/// Gives every term under which a file is looked up.
pub(crate) fn each_term(account: &Account, visit: &mut dyn FnMut(Term<'_>)) {
    let Account::Read(said) = account else { return };
    let facts: &Facts = &said.facts;
    for patient in &facts.patients {
        visit(Term::Patient(patient.id.as_str()));
    }
    if let Some(study) = facts.dicom.as_ref().and_then(|dicom| dicom.study.as_ref()) {
        visit(Term::Study(study.as_str()));
    }
    for sample in facts.sequencing.iter().flat_map(|one| &one.samples) {
        visit(Term::Sample(sample.as_str()));
    }
    for subject in facts.subjects.iter().filter_map(|one| one.subject.as_ref()) {
        visit(Term::Subject(subject.as_str()));
    }
    for resource in &facts.resources {
        if let Some(id) = &resource.id {
            visit(Term::Resource(&resource.kind, id.as_str()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(byte: u8) -> TokenKey {
        TokenKey::new(Key32::new([byte; 32]))
    }

    #[test]
    fn a_token_stands_for_one_term_under_one_key() {
        let terms = [
            Term::Patient("1"),
            Term::Study("1"),
            Term::Sample("1"),
            Term::Subject("1"),
            Term::Resource("1", ""),
            Term::Resource("", "1"),
            Term::Patient("2"),
        ];
        let mut tokens: Vec<Token> = terms.iter().map(|term| key(1).token(term)).collect();
        tokens.push(key(2).token(&terms[0]));
        tokens.push(key(1).mark());
        let distinct: std::collections::BTreeSet<_> = tokens.iter().collect();
        assert_eq!(distinct.len(), tokens.len());
        assert_eq!(key(1).token(&terms[0]), tokens[0]);
    }

    #[test]
    fn terms_do_not_show() {
        assert_eq!(format!("{:?}", Term::Patient("MRN7")), "Term(hidden)");
    }
}
