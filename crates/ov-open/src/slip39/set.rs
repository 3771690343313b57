//! Several shares together: whether they belong together, and the secret behind them.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use super::cipher::{self, Settings};
use super::polynomial::{self, Point, WrongDigest};
use super::share::{Header, Kind, Share};

/// What is wrong with a set of shares, each of which is well. Positions count from 1, in the
/// order in which the shares are given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// No share was given.
    #[error("there is no share")]
    Empty,
    /// A share of another secret, or of another splitting of the same.
    #[error(
        "share {position} of those given is of another kit or another splitting of it: it begins \
         with “{}”, the others with “{}”; all shares of one splitting begin with the same two words",
        begins.join(" "), others.join(" ")
    )]
    Mixed {
        /// The odd one out.
        position: usize,
        /// Its first two words.
        begins: [&'static str; 2],
        /// Those of the others.
        others: [&'static str; 2],
    },
    /// It begins like the others and says something else about groups, numbers or length.
    #[error("share {position} of those given does not fit the others: it is of another splitting")]
    Unlike {
        /// The odd one out.
        position: usize,
    },
    /// The same share twice.
    #[error(
        "shares {first} and {second} of those given are the same one, number {number}: another \
         one is needed"
    )]
    Twice {
        /// The earlier position.
        first: usize,
        /// The later position.
        second: usize,
        /// The share's own number.
        number: u8,
    },
    /// Two shares with one number and different contents.
    #[error(
        "shares {first} and {second} of those given both say that they are number {number}, and \
         differ: they are of different splittings"
    )]
    Contradicting {
        /// The earlier position.
        first: usize,
        /// The later position.
        second: usize,
        /// The number that both claim.
        number: u8,
    },
    /// More shares are needed.
    #[error("{needed} shares are needed; there are {given}")]
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        given: usize,
    },
    /// More groups must be complete.
    #[error("{needed} groups of shares must be complete{}", list(groups))]
    TooFewGroups {
        /// How many groups are needed.
        needed: u8,
        /// The groups of which there is a share.
        groups: Vec<GroupState>,
    },
    /// They seem to fit and give nothing: one is forged, or two splittings share their first
    /// words by chance.
    #[error(
        "these shares begin alike, but are not of one splitting: try others, to find the odd one"
    )]
    Digest,
}

/// How much of a group there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupState {
    /// Which group, from 1.
    pub group: u8,
    /// How many of its shares are needed.
    pub needed: u8,
    /// How many there are.
    pub given: usize,
}

fn list(groups: &[GroupState]) -> String {
    let each = groups.iter().map(|state| {
        let GroupState {
            group,
            needed,
            given,
        } = state;
        format!("; of group {group} there are {given} of {needed} shares")
    });
    each.collect()
}

/// The secret behind `shares`, in any order; more than are needed are welcome and must fit.
pub fn combine(shares: &[Share], passphrase: &[u8]) -> Result<Zeroizing<Vec<u8>>, SetError> {
    let header = common_header(shares)?;
    let mut groups: BTreeMap<u8, Vec<(usize, &Share)>> = BTreeMap::new();
    for (at, share) in shares.iter().enumerate() {
        let group = groups.entry(share.group).or_default();
        joins(at, share, group)?;
        group.push((at, share));
    }
    enough(header, &groups)?;
    let complete = groups.iter().filter(|(_, group)| is_complete(group));
    let secrets = complete
        .map(|(&x, group)| group_secret(group).map(|y| Point { x, y }))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|WrongDigest| SetError::Digest)?;
    let sealed = polynomial::secret(&secrets, header.groups_needed)
        .map_err(|WrongDigest| SetError::Digest)?;
    let salt = header.salt();
    Ok(cipher::decrypt(&sealed, header.settings(&salt, passphrase)))
}

impl Header {
    /// What makes the cipher of a set its own: nothing, where sets are extendable.
    pub(super) fn salt(&self) -> Vec<u8> {
        match self.kind {
            Kind::Extendable => Vec::new(),
            Kind::Original => [&b"shamir"[..], &self.identifier.to_be_bytes()].concat(),
        }
    }

    pub(super) fn settings<'a>(&self, salt: &'a [u8], passphrase: &'a [u8]) -> Settings<'a> {
        Settings {
            salt,
            exponent: self.exponent,
            passphrase,
        }
    }
}

/// What most shares agree on; an error names the first that does not.
fn common_header(shares: &[Share]) -> Result<Header, SetError> {
    let votes = |one: &Share| shares.iter().filter(|other| alike(one, other)).count();
    // The last of equal maxima would win: look from the end, so that the first does.
    let usual = shares.iter().rev().max_by_key(|share| votes(share));
    let usual = usual.ok_or(SetError::Empty)?;
    let Some(odd) = shares.iter().position(|share| !alike(share, usual)) else {
        return Ok(usual.header);
    };
    let (position, begins, others) = (odd + 1, shares[odd].begins(), usual.begins());
    Err(match begins == others {
        true => SetError::Unlike { position },
        false => SetError::Mixed {
            position,
            begins,
            others,
        },
    })
}

fn alike(one: &Share, other: &Share) -> bool {
    one.header == other.header && one.value.len() == other.value.len()
}

/// Whether a share may stand beside those of its group.
fn joins(at: usize, share: &Share, group: &[(usize, &Share)]) -> Result<(), SetError> {
    if group
        .first()
        .is_some_and(|(_, first)| first.needed != share.needed)
    {
        return Err(SetError::Unlike { position: at + 1 });
    }
    let Some((before, other)) = group.iter().find(|(_, one)| one.member == share.member) else {
        return Ok(());
    };
    let (first, second, number) = (before + 1, at + 1, share.number());
    Err(match *other == share {
        true => SetError::Twice {
            first,
            second,
            number,
        },
        false => SetError::Contradicting {
            first,
            second,
            number,
        },
    })
}

fn enough(header: Header, groups: &BTreeMap<u8, Vec<(usize, &Share)>>) -> Result<(), SetError> {
    let complete = groups.values().filter(|group| is_complete(group)).count();
    if complete >= usize::from(header.groups_needed) {
        return Ok(());
    }
    let state = |(&group, shares): (&u8, &Vec<(usize, &Share)>)| GroupState {
        group: group + 1,
        needed: needed(shares),
        given: shares.len(),
    };
    let states: Vec<GroupState> = groups.iter().map(state).collect();
    Err(match (header.groups, states.as_slice()) {
        (1, [GroupState { needed, given, .. }]) => SetError::TooFew {
            needed: *needed,
            given: *given,
        },
        _ => SetError::TooFewGroups {
            needed: header.groups_needed,
            groups: states,
        },
    })
}

fn is_complete(group: &[(usize, &Share)]) -> bool {
    group.len() >= usize::from(needed(group))
}

fn needed(group: &[(usize, &Share)]) -> u8 {
    group.first().map_or(1, |(_, share)| share.needed)
}

fn group_secret(group: &[(usize, &Share)]) -> Result<Zeroizing<Vec<u8>>, WrongDigest> {
    let points: Vec<Point> = group
        .iter()
        .map(|(_, share)| Point {
            x: share.member,
            y: share.value.clone(),
        })
        .collect();
    polynomial::secret(&points, needed(group))
}
