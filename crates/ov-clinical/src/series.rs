//! Series of slices: fewer than they say, or with a gap between neighbours.

use std::collections::{BTreeMap, BTreeSet};

use crate::closure::is_slice;
use crate::facts::Dicom;
use crate::finding::{Finding, Gap, Member, Missing};
use crate::ident::Ident;

/// Neighbours further apart than this many usual distances have a gap between them.
const GAP_FACTOR: f64 = 1.5;
/// Slices nearer than this, in millimetres, lie at one place (several echoes or times).
const SAME_PLACE: f64 = 0.01;

/// A slice, and its place in the set.
type Slice<'a> = (usize, &'a Dicom);

/// Gaps in the series of a set.
pub(crate) fn find(set: &[Member]) -> Vec<Finding> {
    let mut series: BTreeMap<&Ident, Vec<(usize, &Dicom)>> = BTreeMap::new();
    for (at, member) in set
        .iter()
        .enumerate()
        .filter(|(_, member)| is_slice(member.kind))
    {
        let Some(object) = member.facts.dicom.as_deref() else {
            continue;
        };
        if let Some(uid) = &object.series {
            series.entry(uid).or_default().push((at, object));
        }
    }
    series
        .into_iter()
        .flat_map(|(uid, slices)| short(uid, &slices).or_else(|| gap(uid, &slices)))
        .collect()
}

/// (0020,1209) says how many instances there should be.
fn short(series: &Ident, slices: &[Slice]) -> Option<Finding> {
    let said = slices
        .iter()
        .filter_map(|(_, object)| object.series_instances)
        .max()?;
    let there: BTreeSet<_> = slices
        .iter()
        .filter_map(|(_, o)| o.instance.as_ref())
        .collect();
    let there = u32::try_from(there.len()).unwrap_or(u32::MAX);
    let count = said.checked_sub(there).filter(|count| *count > 0)?;
    let missing = vec![Missing::Slices {
        series: series.clone(),
        count,
        after: None,
    }];
    Some(Finding::new(Gap::SeriesShort, first(slices), missing))
}

fn first(slices: &[Slice]) -> Vec<usize> {
    slices.iter().map(|(at, _)| *at).take(1).collect()
}

/// Slices of one orientation should lie at even distances.
fn gap(series: &Ident, slices: &[Slice]) -> Option<Finding> {
    let mut stacks: BTreeMap<[i32; 6], Vec<(f64, &Slice)>> = BTreeMap::new();
    for slice in slices {
        if let (Some(position), Some(orientation)) = (slice.1.position, slice.1.orientation) {
            let place = along_normal(position, orientation);
            stacks
                .entry(orientation.map(rounded))
                .or_default()
                .push((place, slice));
        }
    }
    let mut missing = Vec::new();
    let mut member = None;
    for stack in stacks.into_values() {
        for (before, count) in gaps_of(stack) {
            missing.push(Missing::Slices {
                series: series.clone(),
                count,
                after: before.1.number,
            });
            member.get_or_insert(before.0);
        }
    }
    let member = member?;
    Some(Finding::new(Gap::SeriesGap, vec![member], missing))
}

/// The slices after which some are missing, and how many.
fn gaps_of<'a>(mut stack: Vec<(f64, &'a Slice<'a>)>) -> Vec<(&'a Slice<'a>, u32)> {
    stack.sort_by(|a, b| a.0.total_cmp(&b.0));
    stack.dedup_by(|a, b| (a.0 - b.0).abs() < SAME_PLACE);
    let mut distances: Vec<f64> = stack.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    distances.sort_by(f64::total_cmp);
    let Some(usual) = distances
        .get(distances.len() / 2)
        .filter(|_| distances.len() >= 2)
    else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for pair in stack.windows(2) {
        let [(low, before), (high, after)] = pair else {
            continue;
        };
        let times = (high - low) / usual;
        if times > GAP_FACTOR && !are_neighbours(before.1, after.1) {
            let earlier = if before.1.number <= after.1.number {
                before
            } else {
                after
            };
            found.push((*earlier, whole(times - 1.0)));
        }
    }
    found
}

/// Consecutive numbers say that an uneven distance was meant.
fn are_neighbours(one: &Dicom, other: &Dicom) -> bool {
    matches!((one.number, other.number), (Some(a), Some(b)) if a.abs_diff(b) == 1)
}

/// The place of a slice along the normal of its plane (PS3.3 §C.7.6.2.1.1).
fn along_normal(position: [f64; 3], [a, b, c, d, e, f]: [f64; 6]) -> f64 {
    let normal = [b * f - c * e, c * d - a * f, a * e - b * d];
    position.iter().zip(normal).map(|(p, n)| p * n).sum()
}

fn rounded(cosine: f64) -> i32 {
    i32::try_from(whole_signed(cosine * 100.0)).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to what fits before the cast"
)]
fn whole_signed(number: f64) -> i64 {
    number.round().clamp(-1e9, 1e9) as i64
}

fn whole(number: f64) -> u32 {
    u32::try_from(whole_signed(number).max(1)).unwrap_or(u32::MAX)
}
