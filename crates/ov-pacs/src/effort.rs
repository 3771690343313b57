//! How hard is tried.

use std::time::Duration;

use crate::error::PacsError;
use crate::trouble::Trouble;

/// How hard is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// How often an object is sent at most; at least once.
    pub tries: u32,
    /// How long to wait before the second try; twice as long before each later one.
    pub pause: Duration,
    /// How long nothing may move while something is on its way.
    pub patience: Duration,
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            tries: 4,
            pause: Duration::from_secs(1),
            patience: Duration::from_secs(120),
        }
    }
}

impl Effort {
    /// Tries until it goes, or will never go, or was tried often enough. What is only away is
    /// given up for all.
    pub(crate) fn spend<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Trouble>,
    ) -> Result<T, Trouble> {
        let mut pause = self.pause;
        for _ in 1..self.tries {
            match attempt() {
                Err(Trouble::Passing(_) | Trouble::Away(_)) => {}
                settled => return settled,
            }
            std::thread::sleep(pause);
            pause = pause.saturating_mul(2);
        }
        match attempt() {
            Err(Trouble::Passing(refusal)) => Err(Trouble::Refused(refusal)),
            Err(Trouble::Away(error)) => Err(Trouble::Hopeless(error)),
            settled => settled,
        }
    }
}

impl From<PacsError> for Trouble {
    fn from(error: PacsError) -> Self {
        Self::Hopeless(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trouble::Refusal;

    const QUICK: Effort = Effort {
        tries: 3,
        pause: Duration::ZERO,
        patience: Duration::from_secs(1),
    };

    #[test]
    fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
        let mut tries = 0;
        let mut count = |trouble: fn() -> Trouble| {
            tries = 0;
            let told = QUICK.spend(|| -> Result<(), _> {
                tries += 1;
                Err(trouble())
            });
            (tries, told)
        };
        let (tries, told) = count(|| Trouble::Passing(Refusal::Http(503)));
        assert!(tries == 3 && matches!(told, Err(Trouble::Refused(Refusal::Http(503)))));
        let (tries, told) = count(|| Trouble::Away(PacsError::NoAnswer("x".into())));
        assert!(tries == 3 && matches!(told, Err(Trouble::Hopeless(_))));
        let (tries, told) = count(|| Trouble::Refused(Refusal::Silent));
        assert!(tries == 1 && matches!(told, Err(Trouble::Refused(_))));
    }

    #[test]
    fn what_goes_at_the_second_try_went() {
        let mut tries = 0;
        let told = QUICK.spend(|| {
            tries += 1;
            match tries {
                1 => Err(Trouble::Passing(Refusal::Silent)),
                _ => Ok(tries),
            }
        });
        assert!(matches!(told, Ok(2)));
    }
}
