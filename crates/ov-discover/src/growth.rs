//! How much comes every month, told from the times of last change alone.

/// A month, as an estimate of growth counts it.
const MONTH: i64 = 30 * DAY;
const DAY: i64 = 24 * 3600;
/// So many months are looked at.
const MONTHS: usize = 12;
/// In fewer months with something in them, nothing is said.
const MONTHS_MIN: usize = 3;

/// How much comes every month.
///
/// Told from times of last change: files that were changed or copied look new, and those that were
/// deleted since are not seen. So it is an estimate, and none where the times say nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// The times say nothing: nearly all files are of the same few weeks, or older than a year.
    #[default]
    Unknown,
    /// So many bytes a month, the mean of the year, or of the months since the first.
    Monthly(u64),
}

impl Growth {
    /// Bytes a month, if something can be said.
    #[must_use]
    pub fn monthly(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            Self::Monthly(bytes) => Some(bytes),
        }
    }
}

/// Bytes by the month of their last change, the newest first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Months {
    bytes: [u64; MONTHS],
    earlier: u64,
}

impl Months {
    pub(crate) fn add(&mut self, modified: i64, bytes: u64, now: i64) {
        let age = now.saturating_sub(modified).max(0) / MONTH;
        let month = usize::try_from(age)
            .ok()
            .and_then(|at| self.bytes.get_mut(at));
        let sum = month.unwrap_or(&mut self.earlier);
        *sum = sum.saturating_add(bytes);
    }

    pub(crate) fn growth(&self) -> Growth {
        let used = self.bytes.iter().filter(|bytes| **bytes > 0).count();
        if used < MONTHS_MIN {
            return Growth::Unknown;
        }
        let first = self.bytes.iter().rposition(|bytes| *bytes > 0);
        let months = match self.earlier {
            0 => first.map_or(1, |at| at + 1),
            _ => MONTHS,
        };
        let sum = self
            .bytes
            .iter()
            .fold(0_u64, |sum, b| sum.saturating_add(*b));
        let months = u64::try_from(months).unwrap_or(1);
        Growth::Monthly(sum / months)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn growth(ages_in_days: &[i64]) -> Growth {
        let mut months = Months::default();
        for age in ages_in_days {
            months.add(NOW - age * DAY, 600, NOW);
        }
        months.growth()
    }

    #[test]
    fn growth_is_the_mean_of_the_months_since_the_first_file() {
        assert_eq!(growth(&[5, 35, 65]), Growth::Monthly(600));
        assert_eq!(growth(&[5, 35, 65, 155]), Growth::Monthly(400));
        // What is older than a year says that the year was a whole one.
        assert_eq!(growth(&[5, 35, 65, 4000]), Growth::Monthly(150));
    }

    #[test]
    fn files_that_were_copied_on_one_day_say_nothing_of_growth() {
        assert_eq!(growth(&[3, 3, 3, 4]), Growth::Unknown);
        assert_eq!(growth(&[]), Growth::Unknown);
        // A time in the future counts as now.
        assert_eq!(growth(&[-400, 35, 65]), Growth::Monthly(600));
    }
}
