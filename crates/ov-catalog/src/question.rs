//! What is asked of catalogs, and whether a file answers.

use std::collections::{BTreeMap, BTreeSet};

use ov_clinical::{Account, Domain, Facts, Ident};

use crate::crosswalk::{Crosswalk, PatientName};
use crate::term::Term;
use crate::unassigned::Unassigned;

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Files of a patient.
    Patient {
        /// The identifier.
        id: Ident,
        /// Whose identifier it is.
        issuer: Issuer,
        /// All identifiers of this patient that links lead to, this one among them; empty where
        /// no link is followed.
        linked: BTreeSet<PatientName>,
    },
    /// DICOM objects of a study.
    Study(Ident),
    /// Sequencing files of a sample.
    Sample(Ident),
    /// Files of a subject of a trial.
    Subject {
        /// The trial.
        trial: Ident,
        /// The subject's key in it.
        subject: Ident,
    },
    /// Files with any of these FHIR resources, as `Type/id`.
    Resources(BTreeSet<Ident>),
    /// All files but those that name a patient.
    Unassigned,
}

/// A question, and what became of the links that might lead it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// No link names the identifier.
    Alone(Question),
    /// It is asked for all identifiers of the person.
    Linked(Question),
    /// Links know several people with this identifier, of several issuers: none is followed.
    Several(Question),
}

/// Whose identifier is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Issuer {
    /// Anybody's: each issuer's patient is another, and they are told apart.
    Any,
    /// Of whom nobody said who issued it.
    Unknown,
    /// This issuer's.
    Named(Ident),
}

/// A patient as files name him: the same digits of two issuers are two people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Identity {
    /// The identifier.
    pub id: Ident,
    /// The kind of identifier.
    pub domain: Domain,
    /// Who issued it: as the file says, else as the dataset is configured; `None` if nobody does.
    pub issuer: Option<Ident>,
}

/// How a file answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The patients that were meant, if one was asked for.
    pub identities: BTreeSet<Identity>,
    /// Whether the file holds data of others too: it cannot be given out as this one's.
    pub holds_others: bool,
    /// Why it is no patient's, if that was asked.
    pub unassigned: Option<Unassigned>,
}

impl Question {
    /// A patient, as `ID`, `ID@ISSUER`, or `ID@` for one whose issuer is not known. `None` if the
    /// identifier is empty or too long.
    pub fn patient(text: &str) -> Option<Self> {
        let (id, issuer) = match text.rsplit_once('@') {
            None => (text, Issuer::Any),
            Some((id, "")) => (id, Issuer::Unknown),
            Some((id, issuer)) => (id, Issuer::Named(Ident::new(issuer)?)),
        };
        let id = Ident::new(id)?;
        let linked = BTreeSet::new();
        Some(Self::Patient { id, issuer, linked })
    }

    /// The same question, asked for every identifier to which links lead. An identifier without an
    /// issuer is followed if it is one person's by all links that name it; otherwise it is not said
    /// which, and nothing is followed.
    pub fn following(self, crosswalk: &Crosswalk) -> Followed {
        let Self::Patient { id, issuer, .. } = self else {
            return Followed::Alone(self);
        };
        let mut people = match &issuer {
            Issuer::Unknown => BTreeSet::new(),
            Issuer::Any => crosswalk.people(&id),
            Issuer::Named(named) => {
                let name = PatientName {
                    id: id.clone(),
                    issuer: named.clone(),
                };
                BTreeSet::from([crosswalk.person(&name)])
            }
        };
        let several = people.len() > 1;
        let linked = people.pop_first().filter(|linked| linked.len() > 1);
        let linked = linked.filter(|_| !several).unwrap_or_default();
        let alone = linked.is_empty();
        let question = Self::Patient { id, issuer, linked };
        match (several, alone) {
            (true, _) => Followed::Several(question),
            (false, true) => Followed::Alone(question),
            (false, false) => Followed::Linked(question),
        }
    }

    /// The identifiers to which links lead, the one that was asked for among them.
    pub fn linked(&self) -> impl Iterator<Item = &PatientName> {
        let linked = match self {
            Self::Patient { linked, .. } => Some(linked),
            _ => None,
        };
        linked.into_iter().flatten()
    }

    /// A FHIR resource, as `Type/id`.
    pub fn resource(text: &str) -> Option<Self> {
        let (kind, id) = text.split_once('/')?;
        let sound = !kind.is_empty() && !id.is_empty() && !id.contains('/');
        let whole = Ident::new(text).filter(|_| sound)?;
        Some(Self::Resources(BTreeSet::from([whole])))
    }

    /// Under which terms the files that may answer stand; `None` if no term leads to them.
    pub fn terms(&self) -> Option<Vec<Term<'_>>> {
        Some(match self {
            Self::Patient { id, linked, .. } => {
                let ids = linked.iter().map(|name| &name.id).chain([id]);
                let ids: BTreeSet<&Ident> = ids.collect();
                ids.into_iter()
                    .map(|id| Term::Patient(id.as_str()))
                    .collect()
            }
            Self::Study(uid) => vec![Term::Study(uid.as_str())],
            Self::Sample(name) => vec![Term::Sample(name.as_str())],
            Self::Subject { subject, .. } => vec![Term::Subject(subject.as_str())],
            Self::Resources(all) => all
                .iter()
                .filter_map(|one| one.as_str().split_once('/'))
                .map(|(kind, id)| Term::Resource(kind, id))
                .collect(),
            Self::Unassigned => return None,
        })
    }

    /// Whether a file would answer if its identifiers were those of the right issuer.
    pub fn may_answer(&self, account: &Account) -> bool {
        match self {
            Self::Patient { id, linked, .. } => match account {
                Account::Read(said) => said.facts.patients.iter().any(|patient| {
                    patient.id == *id || linked.iter().any(|name| name.id == patient.id)
                }),
                Account::Opaque(_) => false,
            },
            _ => self.answer(account, None).is_some(),
        }
    }

    /// Whether a file answers. `issuer` is whose identifiers are those for which the file names no
    /// issuer.
    pub fn answer(&self, account: &Account, issuer: Option<&Ident>) -> Option<Answer> {
        let said = match account {
            Account::Read(said) => said,
            Account::Opaque(_) if *self == Self::Unassigned => return Answer::nobodys(account),
            Account::Opaque(_) => return None,
        };
        let facts = &said.facts;
        match self {
            Self::Patient {
                id,
                issuer: whose,
                linked,
            } => of_patient(facts, id, whose, linked, issuer),
            Self::Study(uid) => {
                let own = facts.dicom.as_ref()?.study.as_ref()?;
                (own == uid).then(Answer::default)
            }
            Self::Sample(name) => {
                let samples = &facts.sequencing.as_ref()?.samples;
                samples.contains(name).then(|| Answer {
                    holds_others: samples.iter().any(|sample| sample != name),
                    ..Answer::default()
                })
            }
            Self::Subject { trial, subject } => {
                let is = |one: &ov_clinical::Subject| {
                    one.trial.as_ref() == Some(trial) && one.subject.as_ref() == Some(subject)
                };
                let mut named = facts.subjects.iter().filter(|one| one.subject.is_some());
                facts.subjects.iter().any(is).then(|| Answer {
                    holds_others: named.any(|one| !is(one)),
                    ..Answer::default()
                })
            }
            Self::Resources(all) => of_resources(facts, all),
            Self::Unassigned => Answer::nobodys(account),
        }
    }
}

impl Answer {
    fn nobodys(account: &Account) -> Option<Self> {
        Unassigned::of(account).map(Self::from)
    }
}

impl From<Unassigned> for Answer {
    fn from(reason: Unassigned) -> Self {
        Self {
            unassigned: Some(reason),
            ..Self::default()
        }
    }
}

fn of_patient(
    facts: &Facts,
    id: &Ident,
    whose: &Issuer,
    linked: &BTreeSet<PatientName>,
    default: Option<&Ident>,
) -> Option<Answer> {
    let mut identities = BTreeSet::new();
    for patient in &facts.patients {
        let issuer = patient.issuer.as_ref().or(default);
        let named = match whose {
            Issuer::Any => true,
            Issuer::Unknown => issuer.is_none(),
            Issuer::Named(named) => issuer == Some(named),
        };
        if named && patient.id == *id || is_linked(linked, &patient.id, issuer) {
            identities.insert(Identity {
                id: patient.id.clone(),
                domain: patient.domain,
                issuer: issuer.cloned(),
            });
        }
    }
    (!identities.is_empty()).then(|| Answer {
        identities,
        holds_others: holds_several(facts, linked, default),
        unassigned: None,
    })
}

fn is_linked(linked: &BTreeSet<PatientName>, id: &Ident, issuer: Option<&Ident>) -> bool {
    linked
        .iter()
        .any(|name| name.id == *id && Some(&name.issuer) == issuer)
}

/// Whether a file names several patients: several identifiers of one kind and issuer. Where a file
/// has FHIR patients these decide, since one of them may have many identifiers.
fn holds_several(facts: &Facts, linked: &BTreeSet<PatientName>, default: Option<&Ident>) -> bool {
    // All identifiers that are linked stand as one, `None`.
    let mut ids: BTreeMap<(Domain, Option<&Ident>), BTreeSet<Option<&Ident>>> = BTreeMap::new();
    let domains: BTreeSet<Domain> = facts.patients.iter().map(|one| one.domain).collect();
    let decides = |domain| match domain {
        Domain::FhirIdentifier => !domains.contains(&Domain::FhirPatient),
        _ => true,
    };
    for patient in facts.patients.iter().filter(|one| decides(one.domain)) {
        let of_one = (patient.domain, patient.issuer.as_ref());
        let issuer = patient.issuer.as_ref().or(default);
        let same = is_linked(linked, &patient.id, issuer);
        let id = (!same).then_some(&patient.id);
        ids.entry(of_one).or_default().insert(id);
    }
    ids.values().any(|ids| ids.len() > 1)
}

fn of_resources(facts: &Facts, all: &BTreeSet<Ident>) -> Option<Answer> {
    let name = |resource: &ov_clinical::Resource| {
        let id = resource.id.as_ref()?;
        Ident::new(&format!("{}/{}", resource.kind, id.as_str()))
    };
    let is = |resource: &ov_clinical::Resource| name(resource).is_some_and(|n| all.contains(&n));
    facts.resources.iter().any(is).then(|| Answer {
        holds_others: facts.resources.iter().any(|resource| !is(resource)),
        ..Answer::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_clinical::{Patient, Window};

    fn ident(text: &str) -> Ident {
        Ident::new(text).unwrap()
    }

    fn asked(text: &str) -> Question {
        Question::patient(text).unwrap()
    }

    fn fhir(text: &str) -> Account {
        Account::of("bundle.json", &Window::whole(text.as_bytes()))
    }

    const ONE: &str = r#"{"resourceType":"Bundle","entry":[
        {"resource":{"resourceType":"Patient","id":"p1","identifier":[
            {"system":"urn:a","value":"7"},{"system":"urn:b","value":"8"},
            {"system":"urn:a","value":"9"}]}},
        {"resource":{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/p1"}}}
        ]}"#;

    #[test]
    fn an_identifier_is_its_issuers_alone() {
        let one = fhir(ONE);
        assert!(asked("7").answer(&one, None).is_some());
        assert!(asked("7@urn:a").answer(&one, None).is_some());
        assert!(asked("7@urn:b").answer(&one, None).is_none());
        assert!(asked("7@").answer(&one, None).is_none());
        assert!(asked("77").answer(&one, None).is_none());
    }

    #[test]
    fn a_file_that_names_no_issuer_takes_the_datasets() {
        let one = fhir(ONE);
        let site = ident("urn:site");
        assert!(asked("p1@").answer(&one, None).is_some());
        assert!(asked("p1@").answer(&one, Some(&site)).is_none());
        let answer = asked("p1").answer(&one, Some(&site)).unwrap();
        let issuers: Vec<_> = answer
            .identities
            .into_iter()
            .map(|one| one.issuer)
            .collect();
        assert_eq!(issuers, [Some(site.clone())]);
        let named = asked("7").answer(&one, Some(&site)).unwrap();
        let issuers: Vec<_> = named.identities.into_iter().map(|one| one.issuer).collect();
        assert_eq!(issuers, [Some(ident("urn:a"))], "what the file says wins");
    }

    #[test]
    fn many_identifiers_of_one_are_one_and_two_patients_are_two() {
        let one = asked("p1").answer(&fhir(ONE), None).unwrap();
        assert!(!one.holds_others);
        let two = ONE.replace("Patient/p1", "Patient/p2");
        let both = asked("p1").answer(&fhir(&two), None).unwrap();
        assert!(both.holds_others);
    }

    #[test]
    fn who_is_asked_for_by_resource_is_found_by_its_whole_name() {
        let asked = |text: &str| Question::resource(text).unwrap();
        assert!(asked("Observation/o1").answer(&fhir(ONE), None).is_some());
        assert!(asked("Condition/o1").answer(&fhir(ONE), None).is_none());
        for bad in ["", "Observation", "/o1", "Observation/", "a/b/c"] {
            assert_eq!(Question::resource(bad), None, "{bad}");
        }
    }

    #[test]
    fn nobodys_is_what_names_nobody() {
        let nobody = |account: &Account| Question::Unassigned.answer(account, None).is_some();
        assert!(nobody(&fhir(r#"{"resourceType":"Organization","id":"x"}"#)));
        assert!(!nobody(&fhir(ONE)));
        assert!(nobody(&Account::Opaque(ov_clinical::Opaque::Crashed)));
    }

    #[test]
    fn a_subject_without_its_trial_is_never_guessed() {
        let mut account = fhir(ONE);
        let Account::Read(said) = &mut account else {
            panic!("it was read");
        };
        said.facts.patients = Vec::<Patient>::new();
        said.facts.subjects = vec![ov_clinical::Subject {
            trial: None,
            site: None,
            subject: Some(ident("01")),
        }];
        let asked = Question::Subject {
            trial: ident("T"),
            subject: ident("01"),
        };
        assert!(asked.answer(&account, None).is_none());
        let Account::Read(said) = &mut account else {
            panic!("it was read");
        };
        said.facts.subjects[0].trial = Some(ident("T"));
        assert!(asked.answer(&account, None).is_some());
    }
}
