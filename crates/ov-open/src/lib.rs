//! Everything that takes a compartment's secret or the recovery seed, and nothing else.
//!
//! A program that is linked with this crate may open content; one that is not, cannot. So agents
//! and keepers are built without it, and a test looks at their dependencies.
//!
//! # What it must never do
//!
//! Touch a disk or a network, or decide anything: it turns sealed bytes into plain ones and says
//! whether they are what their names say. Pure, except for the randomness given to it.
//!
//! # The one path through it
//!
//! [`paper::Paper`] is what people type: a [`recovery::RecoveryKit`], or shares of one ([`slip39`]).
//!
//! A [`recovery::RecoveryKit`] or a key file gives a member's secret, that opens the bytes of a
//! [`compartment::CompartmentSecret`], that opens a segment ([`open::open_segment`]) whose frames
//! are decoded elsewhere.

pub mod compartment;
pub mod open;
pub mod paper;
pub mod recovery;
pub mod slip39;
mod typed;

#[cfg(test)]
mod vectors;
