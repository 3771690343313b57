//! Behaviour over real files, and over broken ones.

// The attribute tells the lints that helpers in here are tests too.
#[cfg(test)]
mod accounts;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod gaps;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod made;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod truth;
