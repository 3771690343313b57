//! The real program, from the outside.

mod backup;
mod bad_input;
mod json;
mod keys;
mod maintenance;
mod restore;
mod world;
