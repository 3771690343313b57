//! Targets for sealed objects, and their contract.
//!
//! A target is a place that keeps objects: a [`Folder`], a bucket ([`S3`]), a folder of another
//! machine ([`Sftp`]), one that another machine guards ([`Served`], with [`serve()`] on the other
//! side), one of a WebDAV server (with the feature `webdav`), [`Memory`] for tests. A
//! [`mod@drive`] is a folder that is looked for.
//! [`open()`] makes one from a [`TargetUrl`]. This crate holds no keys and never looks into an
//! object; it knows names and bytes. It is the only one with network code for targets, and the
//! only one with asynchronous code, which stays inside [`s3`] and WebDAV's.
//!
//! # The contract
//!
//! Every [`Store`] keeps these promises, and [`contract`] tries each of them on any target:
//!
//! - **Names carry hashes.** An [`ov_format::name::ObjectName`] ends with the BLAKE3 hash of the
//!   stored bytes. The caller makes it from the bytes; a target takes its word.
//! - **Nothing is replaced.** [`Store::put_new`] stores what is not there. What is there with the
//!   same length stays, and counts as stored; what is there with another length, or (where reading
//!   it is cheap) with other bytes, is [`StoreError::Damaged`] and stays too, for repair to judge.
//! - **Durable when it returns.** Who gets a [`Durable`] may crash the machine. The proof comes
//!   from `put_new` and from [`confirm`] only, so the order of writing is a matter of types.
//!   A `put_new` that fails may have stored the object all the same: do it again.
//! - **Whole or absent.** A reader never sees a part of an object that is being stored. Torn
//!   objects exist only where a disk or a server lies.
//! - **Reads are raw.** [`Store::get`] returns what lies there, up to [`OBJECT_BYTES_MAX`]; the
//!   caller compares with the name. Damage can so be looked at. [`Store::get_range`] returns
//!   exactly the bytes asked for, or [`StoreError::Short`].
//! - **Absent is no error of its own.** `length` says `None`, `get` says
//!   [`StoreError::NotFound`], `delete` is content. A folder or bucket that is gone is
//!   [`StoreError::NotAStore`] and never looks like an empty one.
//! - **Listings are complete or an error**, in any order, without foreign files. An object that is
//!   stored or deleted meanwhile may or may not show. Some targets list late: `get` outranks a
//!   listing, and [`probe()`] tells.
//! - **Calls may come from many threads.** Of many writers of one object one stores it.
//! - **What passes is told apart.** [`StoreError::is_retryable`] errors have been tried again
//!   already, by the target itself.
//!
//! # Around a target
//!
//! [`Cached`] keeps copies of small objects nearby; [`Recording`], [`Flaky`] and [`Slow`] are for
//! tests and simulation. All take any target and are one.
//!
//! What a target protects from whoever has our credentials is its [`Grade`]; [`probe()`] learns it
//! by trying.

mod answer;
mod arrival;
pub mod arriving;
pub mod cached;
pub mod contract;
mod credentials;
pub mod dav_url;
pub mod drive;
pub mod durable;
mod endpoint;
pub mod error;
pub mod faulty;
mod file_system;
pub mod folder;
mod line;
pub mod lock;
pub mod memory;
mod message;
mod mount;
pub mod open;
pub mod operation;
pub mod options;
pub mod paced;
mod packet;
pub mod probe;
pub mod reach;
mod remote_url;
pub mod s3;
mod s3_lock;
pub mod serve;
pub mod served;
pub mod sftp;
mod sftp_packet;
mod sftp_session;
pub mod ssh;
pub mod store;
#[cfg(feature = "test-servers")]
pub mod testing;
pub mod url;
mod walk;
#[cfg(feature = "webdav")]
pub mod webdav;
#[cfg(feature = "webdav")]
mod webdav_listing;
mod wire;

pub use arriving::{Arriving, begin_pack};
pub use cached::Cached;
pub use dav_url::DavUrl;
pub use drive::{DriveError, DriveName, SeenDrive};
pub use durable::{Durable, Put, confirm};
pub use error::{Action, OptionsError, StoreError};
pub use faulty::{Fault, Flaky, PlannedFault, Recording, Slow};
pub use folder::Folder;
pub use lock::{LOCK_DAYS_MAX, Lock, LockDays, NotLockDays, Renewal, renew};
pub use memory::Memory;
pub use open::{create, open};
pub use operation::Operation;
pub use options::{Credentials, OpenOptions, PathStyle, PlainHttp, Retries, Secret};
pub use probe::{Finding, Grade, Probe, probe};
pub use reach::Reach;
pub use s3::S3;
pub use serve::{Permission, serve};
pub use served::Served;
pub use sftp::Sftp;
pub use ssh::{SshError, SshHost};
pub use store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Retention, Store};
pub use url::{Place, TargetUrl, UrlError};
#[cfg(feature = "webdav")]
pub use webdav::WebDav;
