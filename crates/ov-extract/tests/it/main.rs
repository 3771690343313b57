//! Real workers, real files, and workers that are killed, stopped or replaced by liars.

// The attribute tells the lints that helpers in here are tests too.
#[cfg(test)]
mod cage;
#[cfg(test)]
mod site;
#[cfg(test)]
mod together;
#[cfg(test)]
mod told;
#[cfg(test)]
mod troubled;
