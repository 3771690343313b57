//! ov-sim
