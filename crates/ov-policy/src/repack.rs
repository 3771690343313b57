//! Which packs are deleted whole, which are copied and gathered, which stay.

use std::collections::BTreeSet;

/// What a pack holds, for whoever plans a prune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackUse<I> {
    /// Which one.
    pub id: I,
    /// Its length on the target.
    pub stored_bytes: u64,
    /// Of these, what kept snapshots use.
    pub live_bytes: u64,
    /// Whether a record names it.
    pub published: Published,
    /// How long it has been there, in hours of the keeper's clocks.
    pub age_hours: u64,
}

/// Whether a record names a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// A commit or a keeper's places name it.
    Yes,
    /// Nobody does: it belongs to a run under way, or to one that died.
    NotYet,
}

/// How much unused data may remain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxUnused {
    /// This share of what is stored after the prune, in percent.
    Percent(u8),
    /// So many bytes.
    Bytes(u64),
    /// Any amount: only packs without live data go.
    Unlimited,
}

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepackOptions {
    /// How much unused data may remain.
    pub max_unused: MaxUnused,
    /// Packs smaller than this are gathered.
    pub small_bytes: u64,
    /// But only where at least so many are small: each gathering costs a copy.
    pub small_packs_min: usize,
    /// And at most so many bytes of them in one prune, the smallest first.
    pub gather_bytes_max: u64,
    /// Unpublished packs older than this go. It bounds cost only: a run that is slower stores
    /// again what it lost.
    pub unpublished_hours_min: u64,
}

impl Default for RepackOptions {
    fn default() -> Self {
        Self {
            max_unused: MaxUnused::Percent(5),
            small_bytes: 4 << 20,
            small_packs_min: 16,
            gather_bytes_max: 1 << 30,
            unpublished_hours_min: 72,
        }
    }
}

/// What a prune will do, with totals to show. All lists are in the order of the ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepackPlan<I> {
    /// Packs in which nothing is live.
    pub delete: Vec<I>,
    /// Packs whose live frames are copied to new packs, then deleted.
    pub repack: Vec<I>,
    /// Packs that stay.
    pub keep: Vec<I>,
    /// Of the kept ones, those nobody has published yet.
    pub waiting: Vec<I>,
    /// Bytes copied to new packs.
    pub copied_bytes: u64,
    /// Bytes that deletion frees, what is copied taken off.
    pub freed_bytes: u64,
    /// Bytes stored after it.
    pub stored_after_bytes: u64,
    /// Of these, unused. Packs not yet published count as used.
    pub unused_after_bytes: u64,
}

/// Sorts packs. Deterministic: the same packs in any order give the same plan.
pub fn plan<I: Ord + Clone>(packs: &[PackUse<I>], options: &RepackOptions) -> RepackPlan<I> {
    let (dead, rest): (Vec<_>, Vec<_>) = packs.iter().partition(|pack| is_dead(pack, options));
    let (waiting, live): (Vec<_>, Vec<_>) = rest
        .into_iter()
        .partition(|pack| pack.published == Published::NotYet);
    let repacked = chosen(&live, &waiting, options);
    let (repack, keep): (Vec<_>, Vec<_>) = live
        .into_iter()
        .partition(|pack| repacked.contains(&pack.id));
    let copied = sum(&repack, used);
    let gone = sum(&dead, stored) + sum(&repack, stored);
    RepackPlan {
        delete: ids(&dead),
        repack: ids(&repack),
        copied_bytes: clamp(copied),
        freed_bytes: clamp(gone.saturating_sub(copied)),
        stored_after_bytes: clamp(sum(&keep, stored) + sum(&waiting, stored) + copied),
        unused_after_bytes: clamp(sum(&keep, unused)),
        keep: ids(&[keep, waiting.clone()].concat()),
        waiting: ids(&waiting),
    }
}

fn is_dead<I>(pack: &PackUse<I>, options: &RepackOptions) -> bool {
    pack.live_bytes == 0
        && match pack.published {
            Published::Yes => true,
            Published::NotYet => pack.age_hours >= options.unpublished_hours_min,
        }
}

/// Least live share first, until what is unused fits; then small ones, where they are many.
fn chosen<I: Ord + Clone>(
    live: &[&PackUse<I>],
    waiting: &[&PackUse<I>],
    options: &RepackOptions,
) -> BTreeSet<I> {
    let used_bytes = sum(live, used) + sum(waiting, stored);
    let mut over = sum(live, unused).saturating_sub(allowed(options.max_unused, used_bytes));
    // Only packs with unused bytes: an empty one has no share, and would break the order.
    let mut order = live.to_vec();
    order.retain(|pack| unused(pack) > 0);
    order.sort_by(|a, b| share(a, b).then_with(|| a.id.cmp(&b.id)));
    let mut chosen = BTreeSet::new();
    for pack in order {
        if over == 0 {
            break;
        }
        over = over.saturating_sub(unused(pack));
        chosen.insert(pack.id.clone());
    }
    chosen.extend(gathered(live, options));
    chosen
}

/// Small packs, where there are many: the smallest first, since they are the most objects for a byte.
fn gathered<I: Ord + Clone>(live: &[&PackUse<I>], options: &RepackOptions) -> Vec<I> {
    let small = |pack: &&&PackUse<I>| pack.stored_bytes < options.small_bytes;
    let mut small: Vec<&&PackUse<I>> = live.iter().filter(small).collect();
    let least = options.small_packs_min.max(2);
    if small.len() < least {
        return Vec::new();
    }
    small.sort_by(|a, b| (a.stored_bytes, &a.id).cmp(&(b.stored_bytes, &b.id)));
    let mut left = options.gather_bytes_max;
    let within = small.into_iter().take_while(|pack| {
        let fits = pack.stored_bytes <= left;
        left = left.saturating_sub(pack.stored_bytes);
        fits
    });
    let within: Vec<I> = within.map(|pack| pack.id.clone()).collect();
    match within.len() >= 2 {
        true => within,
        // To copy a single one gathers nothing.
        false => Vec::new(),
    }
}

/// Compares live shares without division: a/b < c/d as a·d < c·b.
fn share<I>(a: &PackUse<I>, b: &PackUse<I>) -> std::cmp::Ordering {
    (used(a) * stored(b)).cmp(&(used(b) * stored(a)))
}

/// Unused bytes that may remain beside so many used ones.
fn allowed(max: MaxUnused, used_bytes: u128) -> u128 {
    match max {
        MaxUnused::Unlimited => u128::MAX,
        MaxUnused::Bytes(bytes) => bytes.into(),
        // unused ≤ p % of (used + unused)  ⇔  unused ≤ used · p / (100 − p)
        MaxUnused::Percent(percent) => match 100u128.checked_sub(percent.into()) {
            None | Some(0) => u128::MAX,
            Some(rest) => used_bytes * u128::from(percent) / rest,
        },
    }
}

fn stored<I>(pack: &PackUse<I>) -> u128 {
    pack.stored_bytes.into()
}

/// A pack that claims more live bytes than it has is all live.
fn used<I>(pack: &PackUse<I>) -> u128 {
    pack.live_bytes.min(pack.stored_bytes).into()
}

fn unused<I>(pack: &PackUse<I>) -> u128 {
    stored(pack) - used(pack)
}

fn sum<I>(packs: &[&PackUse<I>], of: fn(&PackUse<I>) -> u128) -> u128 {
    packs.iter().map(|pack| of(pack)).sum()
}

fn clamp(bytes: u128) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn ids<I: Ord + Clone>(packs: &[&PackUse<I>]) -> Vec<I> {
    let mut ids: Vec<I> = packs.iter().map(|pack| pack.id.clone()).collect();
    ids.sort();
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pack(id: u32, stored_bytes: u64, live_bytes: u64) -> PackUse<u32> {
        PackUse {
            id,
            stored_bytes,
            live_bytes,
            published: Published::Yes,
            age_hours: 1_000,
        }
    }

    fn options(max_unused: MaxUnused) -> RepackOptions {
        RepackOptions {
            max_unused,
            small_bytes: 0,
            ..RepackOptions::default()
        }
    }

    #[test]
    fn packs_without_live_data_go_whole() {
        let plan = plan(
            &[pack(1, 100, 0), pack(2, 100, 100)],
            &options(MaxUnused::Unlimited),
        );
        assert_eq!(
            (plan.delete, plan.repack, plan.keep),
            (vec![1], vec![], vec![2])
        );
        assert_eq!((plan.freed_bytes, plan.copied_bytes), (100, 0));
    }

    #[test]
    fn the_least_live_packs_are_copied_until_the_rest_fits() {
        let packs = [
            pack(1, 100, 90),
            pack(2, 100, 10),
            pack(3, 100, 50),
            pack(4, 100, 100),
        ];
        let made = plan(&packs, &options(MaxUnused::Bytes(60)));
        assert_eq!(made.repack, [2]);
        assert_eq!(made.unused_after_bytes, 60);
        let made = plan(&packs, &options(MaxUnused::Bytes(59)));
        assert_eq!((made.repack, made.unused_after_bytes), (vec![2, 3], 10));
        assert_eq!((made.copied_bytes, made.freed_bytes), (60, 140));
        let made = plan(&packs, &options(MaxUnused::Percent(0)));
        assert_eq!(made.repack, [1, 2, 3]);
    }

    #[test]
    fn packs_of_a_run_under_way_wait_and_old_orphans_go() {
        let unpublished = |id, age_hours| PackUse {
            published: Published::NotYet,
            age_hours,
            ..pack(id, 100, 0)
        };
        let made = plan(
            &[unpublished(1, 71), unpublished(2, 72)],
            &RepackOptions::default(),
        );
        assert_eq!(
            (made.delete, made.keep, made.waiting),
            (vec![2], vec![1], vec![1])
        );
    }

    #[test]
    fn small_packs_are_gathered_once_there_are_enough() {
        let packs: Vec<_> = (0..16).map(|id| pack(id, 1_000, 1_000)).collect();
        let made = plan(&packs[1..], &RepackOptions::default());
        assert_eq!(made.repack.len(), 0);
        let made = plan(&packs, &RepackOptions::default());
        assert_eq!((made.repack.len(), made.freed_bytes), (16, 0));
    }

    #[test]
    fn of_very_many_small_packs_a_prune_gathers_the_smallest_within_its_budget() {
        let packs: Vec<_> = (0..100)
            .map(|id| pack(id, 2000 - u64::from(id), 1000))
            .collect();
        let options = RepackOptions {
            gather_bytes_max: 20_000,
            max_unused: MaxUnused::Unlimited,
            ..RepackOptions::default()
        };
        let made = plan(&packs, &options);
        assert_eq!(made.repack, (90..100).collect::<Vec<_>>());
        let options = RepackOptions {
            gather_bytes_max: 3_000,
            ..options
        };
        assert_eq!(plan(&packs, &options).repack, [0u32; 0]);
    }

    prop_compose! {
        fn any_packs()(
            all in prop::collection::vec((0u64..1_000, 0u64..1_200, any::<bool>(), 0u64..200), 0..40),
        ) -> Vec<PackUse<u32>> {
            (0..).zip(all).map(|(id, (stored, live, orphan, age_hours))| PackUse {
                id,
                stored_bytes: stored,
                live_bytes: if orphan { 0 } else { live },
                published: if orphan { Published::NotYet } else { Published::Yes },
                age_hours,
            }).collect()
        }
    }

    proptest! {
        #[test]
        fn every_pack_is_sorted_once_and_the_bound_holds(
            packs in any_packs(), percent in 0u8..=100,
        ) {
            let options = options(MaxUnused::Percent(percent));
            let made = plan(&packs, &options);
            let mut all = [made.delete.clone(), made.repack.clone(), made.keep.clone()].concat();
            all.sort_unstable();
            prop_assert_eq!(all, (0..packs.len() as u32).collect::<Vec<_>>());
            let before: u64 = packs.iter().map(|pack| pack.stored_bytes).sum();
            prop_assert_eq!(before, made.stored_after_bytes + made.freed_bytes);
            prop_assert!(
                made.unused_after_bytes * 100 <= made.stored_after_bytes * u64::from(percent)
            );
            for pack in packs.iter().filter(|pack| pack.live_bytes > 0 && pack.stored_bytes > 0) {
                prop_assert!(!made.delete.contains(&pack.id));
            }
        }

        #[test]
        fn the_order_of_the_packs_changes_nothing(packs in any_packs()) {
            let mut turned = packs.clone();
            turned.reverse();
            let options = RepackOptions::default();
            prop_assert_eq!(plan(&packs, &options), plan(&turned, &options));
        }
    }
}
