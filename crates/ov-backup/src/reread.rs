//! Which unchanged files are read again all the same, against silent poisoning of the local state.

use ov_format::entry::Time;
use ov_seal::compartment::{IdKey, chunk_id};

/// Draws from a share of files so that each has the same chance, whatever was drawn before. The
/// draw depends on a secret and on the run, so nobody can tell which file is safe from it.
pub struct Drawing {
    key: IdKey,
    began: Time,
    share: f64,
    /// Draws so far.
    drawn: u64,
    /// Files that are spared before the next one is drawn.
    spared: u64,
}

impl Drawing {
    /// For a run that began then: `share` of the files, from 0 to 1.
    pub fn new(key: IdKey, began: Time, share: f64) -> Self {
        let mut drawing = Self {
            key,
            began,
            share,
            drawn: 0,
            spared: 0,
        };
        drawing.spared = drawing.next_gap();
        drawing
    }

    /// Whether the next file is drawn.
    pub fn draws(&mut self) -> bool {
        if !self.spares(1) {
            self.spared = self.next_gap();
            return true;
        }
        false
    }

    /// Whether none of the next so many files is drawn. If so they count as asked for; else none
    /// of them does.
    pub fn spares(&mut self, files: u64) -> bool {
        match self.spared.checked_sub(files) {
            Some(left) => {
                self.spared = left;
                true
            }
            None => false,
        }
    }

    /// How many files come before the next that is drawn: each is drawn with the same chance, so
    /// gaps of any length follow from one number (the geometric distribution).
    fn next_gap(&mut self) -> u64 {
        if self.share >= 1.0 {
            return 0;
        }
        if self.share <= 0.0 {
            return u64::MAX;
        }
        let text = [
            &b"oncovault read again\0"[..],
            &self.began.seconds.to_le_bytes(),
            &self.began.nanos.to_le_bytes(),
            &self.drawn.to_le_bytes(),
        ]
        .concat();
        self.drawn += 1;
        let hash = chunk_id(&self.key, &text);
        let number = u32::from_le_bytes([hash.0[0], hash.0[1], hash.0[2], hash.0[3]]);
        // From above 0 to 1.
        let chance = (f64::from(number) + 1.0) / (f64::from(u32::MAX) + 1.0);
        let gap = chance.ln() / (-self.share).ln_1p();
        whole(gap)
    }
}

/// A number that is not negative, rounded down.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "floats convert to integers by nothing else, and what is too large becomes the largest"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(share: f64) -> Drawing {
        let secret =
            ov_seal::compartment::AgentSecret::from_bytes(ov_seal::kdf::Key32::new([7; 32]));
        let began = Time {
            seconds: 5,
            nanos: 0,
        };
        Drawing::new(secret.id_key(), began, share)
    }

    #[test]
    fn the_share_is_drawn_whether_files_are_asked_for_alone_or_many_at_once() {
        for share in [0.01, 0.3, 0.9] {
            let (mut alone, mut together) = (drawing(share), drawing(share));
            let (mut drawn, mut again) = (Vec::new(), Vec::new());
            for number in 0..20_000u64 {
                if alone.draws() {
                    drawn.push(number);
                }
            }
            for page in 0..2_000u64 {
                if together.spares(10) {
                    continue;
                }
                again.extend((0..10).map(|n| page * 10 + n).filter(|_| together.draws()));
            }
            assert_eq!(drawn, again);
            let found = f64::from(u32::try_from(drawn.len()).unwrap()) / 20_000.0;
            assert!((found - share).abs() < share / 10.0, "{found} of {share}");
        }
    }

    #[test]
    fn none_is_drawn_from_nothing_and_all_from_everything() {
        let mut none = drawing(0.0);
        assert!((0..1000).all(|_| !none.draws()) && none.spares(1 << 40));
        let mut all = drawing(1.1);
        assert!((0..1000).all(|_| all.draws()));
    }
}
