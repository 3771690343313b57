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
