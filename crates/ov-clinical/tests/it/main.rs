//! Behaviour over real files, and over broken ones.

mod facts;
mod samples;
mod truth;
