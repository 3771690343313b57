//! The graph of DICOM references: what refers to something that is not there, or is not the same
//! patient's (PS3.3; first-generation radiotherapy refers by instance UID alone).

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Dicom, Geometry, Role};
use crate::finding::{Finding, Gap, Member, Missing};
use crate::ident::Ident;
use crate::kind::Kind;

/// Gaps between the objects of a set.
pub(crate) fn find(set: &[Member]) -> Vec<Finding> {
    let graph = Graph::new(set);
    let mut found = Vec::new();
    for (at, member) in set.iter().enumerate() {
        let Some(object) = &member.facts.dicom else {
            continue;
        };
        match member.kind {
            Kind::DicomRtPlan => graph.plan(at, object, &mut found),
            Kind::DicomRtStruct => graph.structure_set(at, object, &mut found),
            Kind::DicomRtDose => graph.dose(at, object, &mut found),
            Kind::DicomRtRecord => graph.record(at, object, &mut found),
            Kind::DicomSeg | Kind::DicomReg | Kind::DicomPresentation => {
                let roles = [Role::Source, Role::Evidence];
                graph.required(at, object, &roles, Gap::SourcesMissing, &mut found);
            }
            Kind::DicomSr | Kind::DicomRtSecond => {
                graph.required(
                    at,
                    object,
                    &[Role::Evidence],
                    Gap::SourcesMissing,
                    &mut found,
                );
            }
            Kind::Dicomdir => {
                graph.required(at, object, &[Role::Media], Gap::MediaIncomplete, &mut found);
            }
            _ => {}
        }
        graph.other_patient(at, object, &mut found);
    }
    found
}

struct Graph<'a> {
    set: &'a [Member<'a>],
    by_instance: BTreeMap<&'a Ident, Vec<usize>>,
    /// Frames of reference of images.
    frames: BTreeSet<&'a Ident>,
    /// Plans to which a dose refers.
    with_dose: BTreeSet<&'a Ident>,
}

impl<'a> Graph<'a> {
    fn new(set: &'a [Member<'a>]) -> Self {
        let mut graph = Self {
            set,
            by_instance: BTreeMap::new(),
            frames: BTreeSet::new(),
            with_dose: BTreeSet::new(),
        };
        for (at, member) in set.iter().enumerate() {
            let Some(object) = &member.facts.dicom else {
                continue;
            };
            if let Some(instance) = object.instance.as_ref().filter(|_| is_object(member.kind)) {
                graph.by_instance.entry(instance).or_default().push(at);
            }
            if object.position.is_some() || is_slice(member.kind) {
                graph.frames.extend(&object.frames_of_reference);
            }
            if member.kind == Kind::DicomRtDose {
                graph.with_dose.extend(referenced(object, Role::Plan));
            }
        }
        graph
    }

    fn has(&self, instance: &Ident) -> bool {
        self.by_instance.contains_key(instance)
    }

    /// What an object refers to in these roles, and is not there.
    fn missing(&self, object: &Dicom, roles: &[Role]) -> Vec<Missing> {
        let references = object.references.iter().filter(|r| roles.contains(&r.role));
        let absent = references.filter(|r| !self.has(&r.instance));
        let mut missing: Vec<Missing> = absent
            .map(|r| Missing::Instance {
                uid: r.instance.clone(),
                role: r.role,
            })
            .collect();
        missing.sort_unstable();
        missing.dedup();
        missing
    }

    fn required(
        &self,
        at: usize,
        object: &Dicom,
        roles: &[Role],
        gap: Gap,
        found: &mut Vec<Finding>,
    ) {
        let missing = self.missing(object, roles);
        if !missing.is_empty() {
            found.push(Finding::new(gap, vec![at], missing));
        }
    }

    fn plan(&self, at: usize, plan: &Dicom, found: &mut Vec<Finding>) {
        let mut structure_sets = referenced(plan, Role::StructureSet).peekable();
        let unnamed = structure_sets.peek().is_none() && plan.geometry == Some(Geometry::Patient);
        if unnamed {
            found.push(Finding::new(Gap::PlanWithoutStructureSet, vec![at], vec![]));
        }
        let roles = [Role::StructureSet];
        self.required(at, plan, &roles, Gap::PlanWithoutStructureSet, found);
        for other in structure_sets
            .flat_map(|uid| self.by_instance.get(uid))
            .flatten()
        {
            let images = self
                .object(*other)
                .map(|set| self.images(set))
                .unwrap_or_default();
            if !images.is_empty() {
                found.push(Finding::new(Gap::PlanWithoutImages, vec![at], images));
            }
        }
        let own = plan.instance.as_ref();
        let has_dose = own.is_some_and(|own| self.with_dose.contains(own))
            || referenced(plan, Role::Dose).any(|dose| self.has(dose));
        if !has_dose {
            let missing = self.missing(plan, &[Role::Dose]);
            found.push(Finding::new(Gap::PlanWithoutDose, vec![at], missing));
        }
    }

    fn structure_set(&self, at: usize, object: &Dicom, found: &mut Vec<Finding>) {
        let images = self.images(object);
        if !images.is_empty() {
            found.push(Finding::new(
                Gap::StructureSetWithoutImages,
                vec![at],
                images,
            ));
        }
    }

    /// Images of a structure set that are not there. The lists of images are optional: without
    /// them any image in the same frame of reference counts.
    fn images(&self, structure_set: &Dicom) -> Vec<Missing> {
        if referenced(structure_set, Role::Contour).next().is_some() {
            return self.missing(structure_set, &[Role::Contour]);
        }
        let frames = &structure_set.frames_of_reference;
        if frames.iter().any(|frame| self.frames.contains(frame)) {
            return Vec::new();
        }
        frames
            .iter()
            .map(|uid| Missing::Frame { uid: uid.clone() })
            .collect()
    }

    fn dose(&self, at: usize, object: &Dicom, found: &mut Vec<Finding>) {
        self.required(at, object, &[Role::Plan], Gap::DoseWithoutPlan, found);
        let roles = [Role::StructureSet];
        self.required(at, object, &roles, Gap::DoseWithoutStructureSet, found);
    }

    /// The reference to the plan may be empty (type 2): that is a gap too.
    fn record(&self, at: usize, object: &Dicom, found: &mut Vec<Finding>) {
        if referenced(object, Role::Plan).next().is_none() {
            found.push(Finding::new(Gap::RecordWithoutPlan, vec![at], vec![]));
        }
        self.required(at, object, &[Role::Plan], Gap::RecordWithoutPlan, found);
    }

    /// A reference that leads only to objects of other patients. Directories hold many patients.
    fn other_patient(&self, at: usize, object: &Dicom, found: &mut Vec<Finding>) {
        let Some(own) = self.set.get(at).filter(|own| own.kind != Kind::Dicomdir) else {
            return;
        };
        for reference in &object.references {
            let Some(targets) = self.by_instance.get(&reference.instance) else {
                continue;
            };
            let same = |other: &usize| self.set.get(*other).is_some_and(|m| share_patient(own, m));
            if !targets.iter().any(same) {
                let mut members = vec![at];
                members.extend(targets);
                let (uid, role) = (reference.instance.clone(), reference.role);
                let missing = vec![Missing::Instance { uid, role }];
                found.push(Finding::new(Gap::OtherPatient, members, missing));
            }
        }
    }

    fn object(&self, at: usize) -> Option<&'a Dicom> {
        self.set.get(at)?.facts.dicom.as_deref()
    }
}

/// Whether two files name a patient in common, or one of them names none.
fn share_patient(one: &Member, other: &Member) -> bool {
    let (one, other) = (&one.facts.patients, &other.facts.patients);
    let same = |a: &crate::Patient, b: &crate::Patient| {
        // An issuer that is absent on one side is that of the same archive.
        a.id == b.id && (a.issuer == b.issuer || a.issuer.is_none() || b.issuer.is_none())
    };
    one.is_empty() || other.is_empty() || one.iter().any(|a| other.iter().any(|b| same(a, b)))
}

fn referenced(object: &Dicom, role: Role) -> impl Iterator<Item = &Ident> {
    object
        .references
        .iter()
        .filter(move |r| r.role == role)
        .map(|r| &r.instance)
}

fn is_object(kind: Kind) -> bool {
    kind.is_dicom() && kind != Kind::Dicomdir
}

/// Images in slices.
pub(crate) fn is_slice(kind: Kind) -> bool {
    matches!(kind, Kind::DicomCt | Kind::DicomMr | Kind::DicomPt)
}
