//! Giving objects by C-STORE (PS3.4 annex B).

use std::collections::BTreeMap;

use crate::address::Peer;
use crate::association::{Association, CONTEXTS_MAX, Sort};
use crate::effort::Effort;
use crate::error::PacsError;
use crate::object::{Object, Opened};
use crate::send::{Each, Outcome};
use crate::status::{Status, Verdict};
use crate::trouble::{Refusal, Trouble};

/// Gives all objects, those of a kind together.
pub(crate) fn send(
    peer: &Peer,
    objects: &[Object<'_>],
    effort: &Effort,
    each: &mut Each<'_>,
) -> Result<(), PacsError> {
    let mut sorts: BTreeMap<Sort, Vec<usize>> = BTreeMap::new();
    for (at, object) in objects.iter().enumerate() {
        match sort(object) {
            Ok(sort) => sorts.entry(sort).or_default().push(at),
            Err(trouble) => each.tell(at, Outcome::of(trouble)?)?,
        }
    }
    let sorts: Vec<(Sort, Vec<usize>)> = sorts.into_iter().collect();
    for group in sorts.chunks(CONTEXTS_MAX) {
        let mut line = Line {
            peer,
            sorts: group.iter().map(|(sort, _)| sort.clone()).collect(),
            effort,
            state: State::Closed,
        };
        for (sort, members) in group {
            for (at, object) in members
                .iter()
                .filter_map(|at| Some((*at, objects.get(*at)?)))
            {
                let told = effort.spend(|| line.store(sort, object));
                let outcome = told.or_else(Outcome::of)?;
                each.tell(at, outcome)?;
            }
        }
        line.close();
    }
    Ok(())
}

/// Which kind of object it is.
fn sort(object: &Object<'_>) -> Result<Sort, Trouble> {
    object.check()?;
    let syntax = match object.syntax {
        Some(syntax) => syntax.to_owned(),
        None => {
            let opening = object.opened()?.opening;
            opening.syntax.ok_or(Refusal::NoObject)?.into()
        }
    };
    Ok((object.class.to_owned(), syntax))
}

/// A conversation that begins anew after it broke.
struct Line<'p> {
    peer: &'p Peer,
    sorts: Vec<Sort>,
    effort: &'p Effort,
    state: State,
}

enum State {
    Closed,
    Open(Association),
    /// The other side takes none of these kinds.
    Refused,
}

impl Line<'_> {
    fn store(&mut self, sort: &Sort, object: &Object<'_>) -> Result<Outcome, Trouble> {
        let file = object.opened()?;
        check_syntax(sort, &file)?;
        let State::Open(association) = self.opened()? else {
            return Err(Trouble::Refused(Refusal::Syntax {
                class: sort.0.clone(),
                syntax: sort.1.clone(),
            }));
        };
        match association.store(sort, object.instance, file) {
            Ok(status) => outcome(status),
            Err(trouble @ Trouble::Refused(_)) => Err(trouble),
            Err(trouble) => {
                self.abort();
                Err(trouble)
            }
        }
    }

    fn opened(&mut self) -> Result<&mut State, Trouble> {
        if let State::Closed = self.state {
            let opened = Association::open(self.peer, &self.sorts, self.effort);
            self.state = match opened.map_err(away)? {
                Some(association) => State::Open(association),
                None => State::Refused,
            };
        }
        Ok(&mut self.state)
    }

    fn abort(&mut self) {
        if let State::Open(association) = std::mem::replace(&mut self.state, State::Closed) {
            association.abort();
        }
    }

    fn close(self) {
        if let State::Open(association) = self.state {
            association.close();
        }
    }
}

/// Who does not answer may answer later; who does not want us will not.
fn away(error: PacsError) -> Trouble {
    match error {
        PacsError::NoAnswer(_) => Trouble::Away(error),
        error => Trouble::Hopeless(error),
    }
}

fn check_syntax(sort: &Sort, file: &Opened<'_>) -> Result<(), Refusal> {
    match file.opening.syntax.as_deref() == Some(sort.1.as_str()) {
        true => Ok(()),
        false => Err(Refusal::OtherSyntax),
    }
}

fn outcome(status: Status) -> Result<Outcome, Trouble> {
    match status.verdict() {
        Verdict::Stored => Ok(Outcome::Stored),
        Verdict::Warned => Ok(Outcome::Warned(status)),
        Verdict::Later => Err(Trouble::Passing(Refusal::Status(status))),
        Verdict::Refused => Err(Trouble::Refused(Refusal::Status(status))),
    }
}
