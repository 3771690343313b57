//! Rectangles whose areas are as given and whose sides are nearly equal: a squarified treemap
//! (Bruls, Huizing, van Wijk 2000).

/// A rectangle; units are the caller's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rect {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

impl Rect {
    pub(crate) fn area(&self) -> f64 {
        self.width * self.height
    }

    /// Smaller by a margin on each side; never less than nothing.
    pub(crate) fn inset(&self, margin: f64, top: f64) -> Self {
        Self {
            x: self.x + margin,
            y: self.y + top,
            width: (self.width - 2.0 * margin).max(0.0),
            height: (self.height - margin - top).max(0.0),
        }
    }
}

/// One rectangle for each size, in their order, which should be falling. Sizes of zero get no area;
/// if all are zero, so do all.
pub(crate) fn squarified(sizes: &[f64], within: Rect) -> Vec<Rect> {
    let sum: f64 = sizes.iter().sum();
    let scale = match sum > 0.0 {
        true => within.area() / sum,
        false => 0.0,
    };
    let areas: Vec<f64> = sizes.iter().map(|size| size * scale).collect();
    let mut rects = Vec::with_capacity(areas.len());
    let (mut left, mut rest) = (&areas[..], within);
    while !left.is_empty() {
        let side = rest.width.min(rest.height);
        let (row, others) = left.split_at(row_length(left, side));
        rest = lay(row, rest, &mut rects);
        left = others;
    }
    rects
}

/// How many of the areas make a row whose worst rectangle is nearest to a square.
fn row_length(areas: &[f64], side: f64) -> usize {
    let mut worst = f64::INFINITY;
    for length in 1..=areas.len() {
        let row = areas.get(..length).unwrap_or(areas);
        let now = worst_ratio(row, side);
        if now > worst {
            return length - 1;
        }
        worst = now;
    }
    areas.len()
}

fn worst_ratio(row: &[f64], side: f64) -> f64 {
    let sum: f64 = row.iter().sum();
    let largest = row.iter().copied().fold(0.0, f64::max);
    let smallest = row.iter().copied().fold(f64::INFINITY, f64::min);
    if sum <= 0.0 || smallest <= 0.0 || side <= 0.0 {
        return f64::INFINITY;
    }
    let (side, sum) = (side * side, sum * sum);
    f64::max(side * largest / sum, sum / (side * smallest))
}

/// Lays a row along the shorter side, and gives what is left.
fn lay(row: &[f64], rest: Rect, rects: &mut Vec<Rect>) -> Rect {
    let sum: f64 = row.iter().sum();
    let lying = rest.width >= rest.height;
    let side = if lying { rest.height } else { rest.width };
    let depth = if side > 0.0 { sum / side } else { 0.0 };
    let mut at = 0.0;
    for area in row {
        let length = if depth > 0.0 { area / depth } else { 0.0 };
        rects.push(match lying {
            true => Rect {
                x: rest.x,
                y: rest.y + at,
                width: depth,
                height: length,
            },
            false => Rect {
                x: rest.x + at,
                y: rest.y,
                width: length,
                height: depth,
            },
        });
        at += length;
    }
    match lying {
        true => Rect {
            x: rest.x + depth,
            width: (rest.width - depth).max(0.0),
            ..rest
        },
        false => Rect {
            y: rest.y + depth,
            height: (rest.height - depth).max(0.0),
            ..rest
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const WHOLE: Rect = Rect {
        x: 0.0,
        y: 0.0,
        width: 900.0,
        height: 500.0,
    };

    proptest! {
        #[test]
        fn areas_are_as_given_and_nothing_overlaps_or_sticks_out(
            sizes in proptest::collection::vec(0.001_f64..1e12, 1..60)
        ) {
            let mut sizes = sizes;
            sizes.sort_by(|a, b| b.total_cmp(a));
            let rects = squarified(&sizes, WHOLE);
            prop_assert_eq!(rects.len(), sizes.len());
            let sum: f64 = sizes.iter().sum();
            let close = 1e-6 * WHOLE.area();
            for (rect, size) in rects.iter().zip(&sizes) {
                prop_assert!((rect.area() - size / sum * WHOLE.area()).abs() < close);
                prop_assert!(rect.x >= -1e-6 && rect.x + rect.width <= WHOLE.width + 1e-6);
                prop_assert!(rect.y >= -1e-6 && rect.y + rect.height <= WHOLE.height + 1e-6);
            }
            for (at, one) in rects.iter().enumerate() {
                for other in rects.get(at + 1..).unwrap_or_default() {
                    let wide = (one.x + one.width).min(other.x + other.width) - one.x.max(other.x);
                    let high = (one.y + one.height).min(other.y + other.height) - one.y.max(other.y);
                    prop_assert!(wide.max(0.0) * high.max(0.0) < close);
                }
            }
        }
    }

    #[test]
    fn rectangles_are_nearly_square_and_nothing_comes_of_nothing() {
        let rects = squarified(&[6.0, 6.0, 4.0, 3.0, 2.0, 2.0, 1.0], WHOLE);
        assert!(
            rects
                .iter()
                .all(|r| r.width / r.height < 4.0 && r.height / r.width < 4.0)
        );
        assert_eq!(squarified(&[], WHOLE), []);
        assert!(
            squarified(&[0.0, 0.0], WHOLE)
                .iter()
                .all(|r| r.area() == 0.0)
        );
        assert_eq!(squarified(&[1.0, 0.0], WHOLE).len(), 2);
    }
}
