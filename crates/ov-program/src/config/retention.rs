//! What is kept, as the options `--keep-…` of `forget` say it.

use std::num::NonZeroU32;

use ov_policy::{Rules, Span, TagList};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Worded;

/// What is kept. Every rule adds to what is kept; none takes away.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct Retention {
    /// The newest so many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<NonZeroU32>,
    /// The newest of each of so many hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hourly: Option<NonZeroU32>,
    /// The newest of each of so many days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<NonZeroU32>,
    /// The newest of each of so many weeks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weekly: Option<NonZeroU32>,
    /// The newest of each of so many months.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly: Option<NonZeroU32>,
    /// The newest of each of so many quarters of a year.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quarterly: Option<NonZeroU32>,
    /// The newest of each of so many years.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub yearly: Option<NonZeroU32>,
    /// All within this long before the newest, like 2y5m7d3h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within: Option<Worded<Span>>,
    /// The newest of each hour within this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_hourly: Option<Worded<Span>>,
    /// The newest of each day within this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_daily: Option<Worded<Span>>,
    /// The newest of each week within this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_weekly: Option<Worded<Span>>,
    /// The newest of each month within this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_monthly: Option<Worded<Span>>,
    /// The newest of each year within this long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_yearly: Option<Worded<Span>>,
    /// All with the tags of one of these lists, separated by commas; for these a key that reads is
    /// needed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Worded<TagList>>,
}

impl Retention {
    /// Rules that keep all that one of two would keep.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let longer = |one: &Option<Worded<Span>>, other: &Option<Worded<Span>>| match (one, other) {
            (Some(one), Some(other)) => Some(one.value().or_longer(*other.value()).into()),
            (one, other) => one.clone().or_else(|| other.clone()),
        };
        let tags = self.tags.iter().chain(&other.tags);
        Self {
            last: self.last.max(other.last),
            hourly: self.hourly.max(other.hourly),
            daily: self.daily.max(other.daily),
            weekly: self.weekly.max(other.weekly),
            monthly: self.monthly.max(other.monthly),
            quarterly: self.quarterly.max(other.quarterly),
            yearly: self.yearly.max(other.yearly),
            within: longer(&self.within, &other.within),
            within_hourly: longer(&self.within_hourly, &other.within_hourly),
            within_daily: longer(&self.within_daily, &other.within_daily),
            within_weekly: longer(&self.within_weekly, &other.within_weekly),
            within_monthly: longer(&self.within_monthly, &other.within_monthly),
            within_yearly: longer(&self.within_yearly, &other.within_yearly),
            tags: tags.cloned().collect(),
        }
    }

    /// As the decision takes them.
    pub fn rules(&self) -> Rules {
        let count = |number: Option<NonZeroU32>| number.map(NonZeroU32::get);
        let span = |span: &Option<Worded<Span>>| span.as_ref().map(|span| *span.value());
        Rules {
            schedule: None,
            last: count(self.last),
            hourly: count(self.hourly),
            daily: count(self.daily),
            weekly: count(self.weekly),
            monthly: count(self.monthly),
            quarterly: count(self.quarterly),
            yearly: count(self.yearly),
            within: span(&self.within),
            within_hourly: span(&self.within_hourly),
            within_daily: span(&self.within_daily),
            within_weekly: span(&self.within_weekly),
            within_monthly: span(&self.within_monthly),
            within_quarterly: None,
            within_yearly: span(&self.within_yearly),
            keep_tags: self.tags.iter().map(|list| list.value().clone()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use jiff::tz::TimeZone;
    use jiff::{SignedDuration, Timestamp};
    use ov_policy::retention::{Candidate, Terms, plan};
    use ov_policy::{Bounds, Emptying};
    use proptest::prelude::*;

    use super::*;

    fn kept(retention: &Retention, hours: &BTreeSet<i64>) -> BTreeSet<i64> {
        let now: Timestamp = "2026-11-22T08:00:00Z".parse().unwrap();
        let candidate = |hours: &i64| Candidate {
            id: *hours,
            arrival: now - SignedDuration::from_hours(*hours),
            group: String::new(),
            accepted: true,
            holds: Vec::new(),
            tags: Vec::new(),
        };
        let candidates: Vec<_> = hours.iter().map(candidate).collect();
        let terms = Terms {
            rules: &retention.rules(),
            bounds: Bounds::OWNER,
            now,
            zone: &TimeZone::UTC,
            paused: &BTreeMap::new(),
            emptying: Emptying::Allowed,
        };
        plan(&candidates, &terms).unwrap().kept().copied().collect()
    }

    fn count() -> impl Strategy<Value = Option<NonZeroU32>> {
        (0_u32..20).prop_map(NonZeroU32::new)
    }

    fn span() -> impl Strategy<Value = Option<Worded<Span>>> {
        let parts = (0..3_u32, 0..5_u32, 0..40_u32, 1..30_u32);
        let text = parts.prop_map(|(y, m, d, h)| format!("{y}y{m}m{d}d{h}h"));
        let span = text.prop_map(|text| text.parse::<Span>().unwrap().into());
        prop_oneof![Just(None), span.prop_map(Some)]
    }

    prop_compose! {
        fn retention()(
            counts in (count(), count(), count(), count()),
            spans in (span(), span(), span()),
        ) -> Retention {
            Retention {
                // At least one rule.
                last: counts.0.or(NonZeroU32::new(1)),
                daily: counts.1,
                weekly: counts.2,
                monthly: counts.3,
                within: spans.0,
                within_daily: spans.1,
                within_weekly: spans.2,
                ..Retention::default()
            }
        }
    }

    proptest! {
        #[test]
        fn rules_of_two_keep_all_that_either_keeps(
            one in retention(),
            other in retention(),
            hours in proptest::collection::btree_set(0_i64..30_000, 1..60),
        ) {
            let both = kept(&one.or(&other), &hours);
            prop_assert!(kept(&one, &hours).is_subset(&both));
            prop_assert!(kept(&other, &hours).is_subset(&both));
        }
    }
}
