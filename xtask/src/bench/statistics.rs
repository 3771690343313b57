//! The middle of some figures and how far they lie apart.

/// Figures in order, summed up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The smallest.
    pub least: f64,
    /// The one in the middle, or the mean of the two there.
    pub median: f64,
    /// The largest.
    pub most: f64,
}

impl Spread {
    /// Sums up figures; `None` if there are none.
    pub fn of(figures: &[f64]) -> Option<Self> {
        let mut sorted = figures.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
            _ => sorted[middle],
        };
        Some(Self {
            least,
            median,
            most,
        })
    }

    /// The distance from the least to the most, as a share of the median.
    pub fn width(&self) -> f64 {
        if self.median > 0.0 {
            (self.most - self.least) / self.median
        } else {
            0.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one_or_the_mean_of_two() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]).unwrap();
        assert_eq!((odd.least, odd.median, odd.most), (1.0, 2.0, 3.0));
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn the_width_is_a_share_of_the_median() {
        assert_eq!(Spread::of(&[9.0, 10.0, 12.0]).unwrap().width(), 0.3);
        assert_eq!(Spread::of(&[5.0]).unwrap().width(), 0.0);
        assert_eq!(Spread::of(&[0.0, 0.0]).unwrap().width(), 0.0);
    }
}
