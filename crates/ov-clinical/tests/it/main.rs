//! Behaviour over real files, and over broken ones.

mod facts;
mod gaps;
mod hostile;
mod samples;
mod truth;
