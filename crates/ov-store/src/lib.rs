//! Targets for sealed objects, and their contract.
mod answer;
mod credentials;
pub mod durable;
mod endpoint;
pub mod error;
pub mod folder;
pub mod memory;
pub mod open;
pub mod options;
pub mod s3;
pub mod store;
pub mod url;
mod walk;
mod wire;

pub use durable::{Durable, Put, confirm};
pub use error::{Action, OptionsError, StoreError};
pub use folder::Folder;
pub use memory::Memory;
pub use open::{create, open};
pub use options::{Credentials, OpenOptions, PathStyle, PlainHttp, Retries, Secret};
pub use s3::S3;
pub use store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Retention, Store};
pub use url::{Place, TargetUrl, UrlError};
