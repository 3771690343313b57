//! Properties of cutting and coding, and the frozen vectors.

// The attribute tells the lints that helpers in here are tests too.
#[cfg(test)]
mod cutting;
#[cfg(test)]
mod framing;
#[cfg(test)]
mod vectors;
