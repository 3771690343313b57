//! Targets for sealed objects, and their contract.
pub mod durable;
pub mod error;
pub mod memory;
pub mod store;

pub use durable::{Durable, Put, confirm};
pub use error::{Action, OptionsError, StoreError};
pub use memory::Memory;
pub use store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Retention, Store};
