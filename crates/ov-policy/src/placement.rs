//! Whether copies are where the policy wants them: the 3-2-1-1-0 rule.
//!
//! Three copies, the original among them; on two media; one at another site; one that is offline
//! or that nobody's credentials here can destroy; and no error at the last check. Only a copy that
//! is fresh counts: one that fell behind protects what nobody needs any more.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use thiserror::Error;

/// The medium of the original, which nobody names.
const ORIGINAL: &str = "the original's own";

/// How many copies are asked for, and where. Written `3-2-1-1-0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Copies, the original among them.
    pub copies: usize,
    /// Media that they lie on, the original's among them.
    pub media: usize,
    /// Copies at another site.
    pub off_site: usize,
    /// Copies that are offline or cannot be destroyed.
    pub guarded: usize,
    /// Errors that the last check of all copies may have found together.
    pub errors: u64,
}

impl Default for Rule {
    fn default() -> Self {
        Self {
            copies: 3,
            media: 2,
            off_site: 1,
            guarded: 1,
            errors: 0,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            copies,
            media,
            off_site,
            guarded,
            errors,
        } = self;
        write!(f, "{copies}-{media}-{off_site}-{guarded}-{errors}")
    }
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{0}' is no rule for copies: write five numbers, for example 3-2-1-1-0")]
pub struct RuleTextError(String);

impl FromStr for Rule {
    type Err = RuleTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || RuleTextError(text.to_owned());
        let numbers: Result<Vec<u8>, _> = text.split('-').map(str::parse).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [copies, media, off_site, guarded, errors] => Ok(Self {
                copies: copies.into(),
                media: media.into(),
                off_site: off_site.into(),
                guarded: guarded.into(),
                errors: errors.into(),
            }),
            _ => Err(wrong()),
        }
    }
}

/// Where a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Site {
    /// Fire and water reach it together with the original.
    Here,
    /// Elsewhere.
    Away,
}

/// What protects a copy from whoever takes over a machine here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// The credentials that write can destroy it too.
    None,
    /// The target refuses, or keeps what was there (create-only, versioned, locked).
    Refuses,
    /// It is not connected.
    Offline,
}

/// What the last check found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checked {
    /// When it ended.
    pub at: Timestamp,
    /// Errors that are not mended.
    pub errors: u64,
}

/// One copy, the original not among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Its name in the policy.
    pub name: String,
    /// What it lies on: copies that name the same medium fail together.
    pub medium: String,
    /// Where it is.
    pub site: Site,
    /// What protects it.
    pub guard: Guard,
    /// The newest snapshot that is known to be complete there.
    pub newest: Option<Timestamp>,
    /// A copy whose newest complete snapshot is older fell behind.
    pub wanted: Timestamp,
    /// The last check.
    pub checked: Option<Checked>,
}

/// Whether the rule is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is.
    Satisfied,
    /// It is not; what is short, the most urgent first. Never empty.
    Short(Vec<Shortage>),
}

/// What is short. Shown, it says what; [`Shortage::advice`] says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// A check found errors.
    Errors {
        /// The copy.
        copy: String,
        /// How many.
        errors: u64,
    },
    /// A copy fell behind.
    Behind {
        /// The copy.
        copy: String,
        /// Its newest complete snapshot.
        newest: Timestamp,
    },
    /// A copy holds no complete snapshot.
    Empty {
        /// The copy.
        copy: String,
    },
    /// Too few fresh copies, the original among them.
    Copies {
        /// How many there are.
        have: usize,
        /// How many are asked for.
        want: usize,
    },
    /// Too few at another site.
    OffSite {
        /// How many there are.
        have: usize,
        /// How many are asked for.
        want: usize,
    },
    /// Too few that are offline or cannot be destroyed.
    Guarded {
        /// How many there are.
        have: usize,
        /// How many are asked for.
        want: usize,
    },
    /// Too few media, the original's among them.
    Media {
        /// How many there are.
        have: usize,
        /// How many are asked for.
        want: usize,
    },
    /// Nobody checked a copy, or not lately.
    Unchecked {
        /// The copy.
        copy: String,
        /// The last time, if ever.
        last: Option<Timestamp>,
    },
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |at: &Timestamp| at.strftime("%Y-%m-%d").to_string();
        match self {
            Self::Errors { copy, errors } => {
                write!(f, "the last check of {copy} found {errors} errors")
            }
            Self::Behind { copy, newest } => {
                write!(f, "{copy} holds nothing newer than {}", day(newest))
            }
            Self::Empty { copy } => write!(f, "{copy} holds no complete snapshot"),
            Self::Copies { have, want } => {
                write!(f, "{have} of {want} copies, the original among them")
            }
            Self::OffSite { have, want } => write!(f, "{have} of {want} copies at another site"),
            Self::Guarded { have, want } => write!(
                f,
                "{have} of {want} copies that are offline or cannot be destroyed from here"
            ),
            Self::Media { have, want } => {
                write!(f, "{have} of {want} media, the original's among them")
            }
            Self::Unchecked { copy, last: None } => write!(f, "{copy} was never checked"),
            Self::Unchecked {
                copy,
                last: Some(at),
            } => write!(f, "{copy} was last checked on {}", day(at)),
        }
    }
}

impl Shortage {
    /// What to do about it.
    pub fn advice(&self) -> String {
        match self {
            Self::Errors { copy, .. } => {
                format!("mend {copy} from another copy: `oncovault repair`")
            }
            Self::Behind { copy, .. } | Self::Empty { copy } => {
                format!("connect {copy} and bring it up to date: `oncovault copy --to` its address")
            }
            Self::Copies { .. } => {
                "name one more place as [[copy]], bring those up to date that fell behind, or say in \
                 policy.copies what is wanted"
                    .into()
            }
            Self::OffSite { .. } => "keep one copy in another building or at a provider".into(),
            Self::Guarded { .. } => "unplug a drive after copying, lock a bucket, or let a keeper \
                                     copy to where no agent's credentials reach"
                .into(),
            Self::Media { .. } => "keep one copy on another kind of medium or system".into(),
            Self::Unchecked { copy, .. } => {
                format!("read {copy} through: `oncovault check --read-data` with its address")
            }
        }
    }
}

/// Judges the copies of one dataset, or of a vault. A check that ended before `checked_since` tells
/// nothing any more.
pub fn judge(rule: &Rule, copies: &[Copy], checked_since: Timestamp) -> Judgement {
    let mut short: Vec<Shortage> = Vec::new();
    short.extend(errors(rule, copies));
    short.extend(copies.iter().filter_map(behind));
    let fresh: Vec<&Copy> = copies
        .iter()
        .filter(|copy| behind(copy).is_none())
        .collect();
    short.extend(counts(rule, &fresh));
    short.extend(
        copies
            .iter()
            .filter_map(|copy| unchecked(copy, checked_since)),
    );
    match short.is_empty() {
        true => Judgement::Satisfied,
        false => Judgement::Short(short),
    }
}

fn errors(rule: &Rule, copies: &[Copy]) -> Vec<Shortage> {
    let found = |copy: &Copy| copy.checked.map_or(0, |checked| checked.errors);
    let sum = copies.iter().map(found).fold(0, u64::saturating_add);
    if sum <= rule.errors {
        return Vec::new();
    }
    let damaged = copies.iter().filter(|copy| found(copy) > 0);
    let name = |copy: &Copy| Shortage::Errors {
        copy: copy.name.clone(),
        errors: found(copy),
    };
    damaged.map(name).collect()
}

fn behind(copy: &Copy) -> Option<Shortage> {
    let name = || copy.name.clone();
    match copy.newest {
        None => Some(Shortage::Empty { copy: name() }),
        Some(newest) if newest < copy.wanted => Some(Shortage::Behind {
            copy: name(),
            newest,
        }),
        Some(_) => None,
    }
}

fn counts(rule: &Rule, fresh: &[&Copy]) -> Vec<Shortage> {
    let count = |fits: fn(&Copy) -> bool| fresh.iter().filter(|copy| fits(copy)).count();
    let media: BTreeSet<&str> = fresh.iter().map(|copy| copy.medium.as_str()).collect();
    let media = media.into_iter().chain([ORIGINAL]).count();
    let copies = fresh.len() + 1;
    let off_site = count(|copy| copy.site == Site::Away);
    let guarded = count(|copy| copy.guard != Guard::None);
    let short = |have: usize, want: usize, what: fn(usize, usize) -> Shortage| {
        (have < want).then(|| what(have, want))
    };
    let found = [
        short(copies, rule.copies, |have, want| Shortage::Copies {
            have,
            want,
        }),
        short(off_site, rule.off_site, |have, want| Shortage::OffSite {
            have,
            want,
        }),
        short(guarded, rule.guarded, |have, want| Shortage::Guarded {
            have,
            want,
        }),
        short(media, rule.media, |have, want| Shortage::Media {
            have,
            want,
        }),
    ];
    found.into_iter().flatten().collect()
}

fn unchecked(copy: &Copy, since: Timestamp) -> Option<Shortage> {
    let last = copy.checked.map(|checked| checked.at);
    let old = last.is_none_or(|at| at < since);
    old.then(|| Shortage::Unchecked {
        copy: copy.name.clone(),
        last,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: i64 = 1_795_000_000;
    const DAY: i64 = 86_400;

    fn ago(days: i64) -> Timestamp {
        Timestamp::from_second(NOW - days * DAY).unwrap()
    }

    fn since() -> Timestamp {
        ago(90)
    }

    fn copy(name: &str, site: Site, guard: Guard) -> Copy {
        Copy {
            name: name.into(),
            medium: name.into(),
            site,
            guard,
            newest: Some(ago(1)),
            wanted: ago(2),
            checked: Some(Checked {
                at: ago(10),
                errors: 0,
            }),
        }
    }

    fn good() -> Vec<Copy> {
        vec![
            copy("nas", Site::Here, Guard::None),
            copy("bucket", Site::Away, Guard::Refuses),
        ]
    }

    #[track_caller]
    fn short(copies: &[Copy]) -> Vec<String> {
        match judge(&Rule::default(), copies, since()) {
            Judgement::Satisfied => Vec::new(),
            Judgement::Short(short) => short.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn an_original_a_nas_and_a_locked_bucket_are_three_two_one_one_nought() {
        assert_eq!(
            judge(&Rule::default(), &good(), since()),
            Judgement::Satisfied
        );
    }

    #[test]
    fn one_copy_less_is_told_in_every_way_that_it_matters() {
        assert_eq!(
            short(&good()[..1]),
            [
                "2 of 3 copies, the original among them",
                "0 of 1 copies at another site",
                "0 of 1 copies that are offline or cannot be destroyed from here",
            ]
        );
        assert_eq!(short(&[]).len(), 4);
    }

    #[test]
    fn a_copy_that_fell_behind_does_not_count() {
        let mut copies = good();
        copies[0].newest = Some(ago(3));
        assert_eq!(
            short(&copies),
            [
                "nas holds nothing newer than 2026-11-15",
                "2 of 3 copies, the original among them",
            ]
        );
        copies[0].newest = None;
        assert_eq!(short(&copies)[0], "nas holds no complete snapshot");
    }

    #[test]
    fn a_drive_on_the_shelf_guards_like_a_lock() {
        let mut copies = good();
        copies[1].guard = Guard::None;
        assert_eq!(short(&copies).len(), 1);
        copies[0].guard = Guard::Offline;
        assert_eq!(short(&copies), Vec::<String>::new());
    }

    #[test]
    fn errors_come_first_and_are_never_counted_away() {
        let mut copies = good();
        copies.push(copy("third", Site::Here, Guard::None));
        copies[0].checked = Some(Checked {
            at: ago(1),
            errors: 2,
        });
        assert_eq!(short(&copies), ["the last check of nas found 2 errors"]);
        let forgiving = Rule {
            errors: 2,
            ..Rule::default()
        };
        assert_eq!(judge(&forgiving, &copies, since()), Judgement::Satisfied);
    }

    #[test]
    fn what_nobody_checked_is_not_known_to_be_whole() {
        let mut copies = good();
        copies[0].checked = None;
        copies[1].checked = Some(Checked {
            at: ago(91),
            errors: 0,
        });
        assert_eq!(
            short(&copies),
            [
                "nas was never checked",
                "bucket was last checked on 2026-08-19",
            ]
        );
    }

    #[test]
    fn two_copies_on_one_medium_fail_together() {
        let rule: Rule = "3-3-1-1-0".parse().unwrap();
        let mut copies = good();
        assert_eq!(judge(&rule, &copies, since()), Judgement::Satisfied);
        copies[1].medium = copies[0].medium.clone();
        let media = Shortage::Media { have: 2, want: 3 };
        assert_eq!(
            judge(&rule, &copies, since()),
            Judgement::Short(vec![media])
        );
    }

    #[test]
    fn rules_are_written_as_people_say_them() {
        assert_eq!("3-2-1-1-0".parse(), Ok(Rule::default()));
        assert_eq!(Rule::default().to_string(), "3-2-1-1-0");
        for text in ["", "3-2-1", "3-2-1-1-0-0", "3-2-x-1-0", "3-2-1-1--1"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    fn any_copy() -> impl Strategy<Value = Copy> {
        let newest = proptest::option::of(0..5_i64);
        let checked = proptest::option::of((0..200_i64, 0..3_u64));
        ("[ab]", any::<bool>(), 0..3, newest, checked).prop_map(
            |(medium, away, guard, newest, checked)| Copy {
                name: medium.clone(),
                medium,
                site: if away { Site::Away } else { Site::Here },
                guard: [Guard::None, Guard::Refuses, Guard::Offline][guard as usize],
                newest: newest.map(ago),
                wanted: ago(2),
                checked: checked.map(|(at, errors)| Checked {
                    at: ago(at),
                    errors,
                }),
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_short_says_what_to_do(copies in proptest::collection::vec(any_copy(), 0..5)) {
            if let Judgement::Short(short) = judge(&Rule::default(), &copies, since()) {
                prop_assert!(!short.is_empty());
                prop_assert!(short.iter().all(|one| !one.advice().is_empty()));
            }
        }

        #[test]
        fn a_further_good_copy_makes_nothing_worse(
            copies in proptest::collection::vec(any_copy(), 0..5),
        ) {
            let count = |copies: &[Copy]| match judge(&Rule::default(), copies, since()) {
                Judgement::Satisfied => 0,
                Judgement::Short(short) => short.len(),
            };
            let before = count(&copies);
            let mut more = copies;
            more.push(copy("more", Site::Away, Guard::Refuses));
            prop_assert!(count(&more) <= before);
        }
    }
}
