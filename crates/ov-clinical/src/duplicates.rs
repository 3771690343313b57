//! The same bytes, data set or identity more than once.

use std::collections::BTreeMap;

use crate::facts::Dicom;
use crate::finding::{Finding, Gap, Member};
use crate::kind::Kind;

/// Duplicates of a set, and objects that share an identity without being the same.
pub(crate) fn find(set: &[Member]) -> Vec<Finding> {
    let mut bytes: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    let mut data_sets: BTreeMap<[u8; 32], Vec<usize>> = BTreeMap::new();
    let mut instances: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, member) in set
        .iter()
        .enumerate()
        .filter(|(_, m)| m.kind != Kind::Empty)
    {
        let object = member.facts.dicom.as_deref();
        if let Some(digest) = member.digest.or_else(|| file_digest(object)) {
            bytes.entry(digest).or_default().push(at);
        }
        if let Some(digest) = data_set(object) {
            data_sets.entry(digest).or_default().push(at);
        }
        if let Some(instance) = object.and_then(|o| o.instance.as_ref()) {
            instances.entry(instance.as_str()).or_default().push(at);
        }
    }
    let same = |members: &Vec<usize>, of: &dyn Fn(&Member) -> Option<[u8; 32]>| {
        let mut digests: Vec<_> = members.iter().filter_map(|at| of(set.get(*at)?)).collect();
        digests.sort_unstable();
        digests.dedup();
        digests.len() < 2
    };
    let file = |member: &Member| member.digest.or(file_digest(member.facts.dicom.as_deref()));
    let content = |member: &Member| data_set(member.facts.dicom.as_deref());
    let mut found = several(bytes, Gap::SameBytes);
    let headers = several(data_sets, Gap::SameDataSet);
    found.extend(
        headers
            .into_iter()
            .filter(|finding| !same(&finding.members, &file)),
    );
    let versions = several(instances, Gap::Versions);
    found.extend(
        versions
            .into_iter()
            .filter(|finding| !same(&finding.members, &content)),
    );
    found
}

fn several<K>(groups: BTreeMap<K, Vec<usize>>, gap: Gap) -> Vec<Finding> {
    let groups = groups.into_values().filter(|members| members.len() > 1);
    groups
        .map(|members| Finding::new(gap, members, vec![]))
        .collect()
}

fn file_digest(object: Option<&Dicom>) -> Option<[u8; 32]> {
    object?.digests.map(|digests| digests.file)
}

fn data_set(object: Option<&Dicom>) -> Option<[u8; 32]> {
    object?.digests?.data_set
}
