//! Giving objects to a PACS, one after the other.

use std::io;

use crate::access::Access;
use crate::address::Address;
use crate::effort::Effort;
use crate::error::PacsError;
use crate::object::Object;
use crate::status::Status;
use crate::trouble::{Refusal, Trouble};
use crate::{dimse, stow};

/// What became of an object.
#[derive(Debug)]
pub enum Outcome {
    /// The PACS has it.
    Stored,
    /// The PACS has it, and said something of it.
    Warned(Status),
    /// The PACS does not have it from us.
    Refused(Refusal),
    /// Its file could not be read; no part of it was stored.
    Unread(io::Error),
}

impl Outcome {
    /// What trouble means for this object; an error if it ends everything.
    pub(crate) fn of(trouble: Trouble) -> Result<Self, PacsError> {
        match trouble {
            Trouble::Refused(refusal) | Trouble::Passing(refusal) => Ok(Self::Refused(refusal)),
            Trouble::Content(error) => Ok(Self::Unread(error)),
            Trouble::Away(error) | Trouble::Hopeless(error) => Err(error),
        }
    }
}

/// After so many objects in a row over which the connection broke each time, it is not the objects.
const BROKEN_MAX: u32 = 3;

/// Who is told what became of each.
pub(crate) struct Each<'e> {
    told: &'e mut dyn FnMut(usize, Outcome),
    broken: u32,
}

impl Each<'_> {
    pub fn tell(&mut self, at: usize, outcome: Outcome) -> Result<(), PacsError> {
        let why = match &outcome {
            Outcome::Refused(Refusal::Broken(why)) => Some(why.clone()),
            _ => None,
        };
        (self.told)(at, outcome);
        self.broken = why.as_ref().map_or(0, |_| self.broken + 1);
        match why {
            Some(why) if self.broken >= BROKEN_MAX => Err(PacsError::NoAnswer(why)),
            _ => Ok(()),
        }
    }
}

/// Gives objects to a PACS, and tells by its place in the list what became of each, in any order.
///
/// # Errors
/// If no more can be given. Objects of which nothing was told were not stored, or it is not known.
pub fn send(
    address: &Address,
    access: &Access,
    objects: &[Object<'_>],
    effort: &Effort,
    each: &mut dyn FnMut(usize, Outcome),
) -> Result<(), PacsError> {
    let mut each = Each {
        told: each,
        broken: 0,
    };
    match address {
        Address::Web(service) => {
            stow::refuse_open(address, access)?;
            stow::send(service, access, objects, effort, &mut each)
        }
        Address::Peer(peer) => dimse::send(peer, objects, effort, &mut each),
    }
}
