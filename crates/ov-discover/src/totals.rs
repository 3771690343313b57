//! Sums: how much there is, of what, and from when.

use ov_clinical::{Category, Kind};

use crate::category::{CATEGORIES, place};
use crate::file::FoundFile;
use crate::growth::{Growth, Months};

/// How much there is of something.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Total {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// The oldest time of last change, in seconds since 1970.
    pub oldest: Option<i64>,
    /// The newest.
    pub newest: Option<i64>,
    /// How it grows.
    pub growth: Growth,
}

/// How much there is of everything.
#[derive(Clone, Debug)]
pub struct Totals {
    /// Everything together.
    pub all: Total,
    /// Of each category, in the order of [`CATEGORIES`].
    pub categories: [Total; 9],
    /// Of each kind that is there, in the order of [`Kind::ALL`].
    pub kinds: Vec<(Kind, Total)>,
}

#[derive(Clone, Default)]
struct Sum {
    total: Total,
    months: Months,
}

impl Sum {
    fn add(&mut self, file: &FoundFile, now: i64) {
        let total = &mut self.total;
        total.files += 1;
        total.bytes = total.bytes.saturating_add(file.size);
        total.oldest = Some(total.oldest.map_or(file.modified, |t| t.min(file.modified)));
        total.newest = Some(total.newest.map_or(file.modified, |t| t.max(file.modified)));
        self.months.add(file.modified, file.size, now);
    }

    fn total(&self) -> Total {
        Total {
            growth: self.months.growth(),
            ..self.total
        }
    }
}

impl Totals {
    /// Of files, as seen at a moment in seconds since 1970.
    pub(crate) fn of(files: &[FoundFile], now: i64) -> Self {
        let mut all = Sum::default();
        let mut categories = vec![Sum::default(); CATEGORIES.len()];
        let mut kinds = vec![Sum::default(); Kind::ALL.len()];
        for file in files {
            all.add(file, now);
            if let Some(sum) = categories.get_mut(place(file.category())) {
                sum.add(file, now);
            }
            let at = file
                .kind()
                .and_then(|kind| Kind::ALL.binary_search(&kind).ok());
            if let Some(sum) = at.and_then(|at| kinds.get_mut(at)) {
                sum.add(file, now);
            }
        }
        let there = Kind::ALL.iter().copied().zip(&kinds);
        let mut totals = [Total::default(); 9];
        for (total, sum) in totals.iter_mut().zip(&categories) {
            *total = sum.total();
        }
        Self {
            all: all.total(),
            categories: totals,
            kinds: there
                .filter(|(_, sum)| sum.total.files > 0)
                .map(|(kind, sum)| (kind, sum.total()))
                .collect(),
        }
    }

    /// Of a category.
    #[must_use]
    pub fn category(&self, category: Category) -> Total {
        self.categories
            .get(place(category))
            .copied()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_in_order_so_that_they_can_be_searched() {
        assert!(Kind::ALL.is_sorted());
    }
}
