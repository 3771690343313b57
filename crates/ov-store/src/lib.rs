//! Targets for sealed objects, and their contract.
mod answer;
pub mod cached;
pub mod contract;
mod credentials;
pub mod durable;
mod endpoint;
pub mod error;
pub mod faulty;
pub mod folder;
pub mod memory;
pub mod open;
pub mod operation;
pub mod options;
pub mod probe;
pub mod s3;
pub mod store;
#[cfg(feature = "test-servers")]
pub mod testing;
pub mod url;
mod walk;
mod wire;

pub use cached::Cached;
pub use durable::{Durable, Put, confirm};
pub use error::{Action, OptionsError, StoreError};
pub use faulty::{Fault, Flaky, PlannedFault, Recording, Slow};
pub use folder::Folder;
pub use memory::Memory;
pub use open::{create, open};
pub use operation::Operation;
pub use options::{Credentials, OpenOptions, PathStyle, PlainHttp, Retries, Secret};
pub use probe::{Finding, Grade, Probe, probe};
pub use s3::S3;
pub use store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Retention, Store};
pub use url::{Place, TargetUrl, UrlError};
