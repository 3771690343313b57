//! From a URL to a target.

use crate::drive;
#[cfg(not(feature = "webdav"))]
use crate::error::OptionsError;
use crate::error::StoreError;
use crate::folder::Folder;
use crate::options::OpenOptions;
use crate::paced::{Limits, Paced};
use crate::s3::S3;
use crate::served::Served;
use crate::sftp::Sftp;
use crate::store::Store;
use crate::url::{Place, TargetUrl};
#[cfg(feature = "webdav")]
use crate::webdav::WebDav;

/// Opens a target that is there.
///
/// # Errors
/// [`StoreError::NotAStore`] if a folder is not there, here or on another machine; a missing bucket
/// shows at the first call.
pub fn open(url: &TargetUrl, options: &OpenOptions) -> Result<Box<dyn Store>, StoreError> {
    Ok(paced(open_unlimited(url, options)?, options.limits))
}

fn paced(store: Box<dyn Store>, limits: Limits) -> Box<dyn Store> {
    match limits.is_none() {
        true => store,
        false => Box::new(Paced::new(store, limits)),
    }
}

fn open_unlimited(url: &TargetUrl, options: &OpenOptions) -> Result<Box<dyn Store>, StoreError> {
    match url.place() {
        Place::Folder(path) => Ok(Box::new(Folder::open(path)?)),
        Place::S3 { bucket, prefix } => Ok(Box::new(S3::open(bucket, prefix, options)?)),
        Place::Sftp { host, path } => Ok(Box::new(Sftp::open(host, path, options)?)),
        Place::Ssh { host, path } => Ok(Box::new(Served::open(host, path, options)?)),
        #[cfg(feature = "webdav")]
        Place::WebDav(place) => Ok(Box::new(WebDav::open(place, options)?)),
        #[cfg(not(feature = "webdav"))]
        Place::WebDav(_) => Err(OptionsError::NotBuilt { scheme: "davs" }.into()),
        Place::Drive { name, path } => {
            let folder = drive::find(name, path, options.drives.as_deref())?;
            Ok(Box::new(Folder::open(&folder)?))
        }
    }
}

/// Makes the place if it is a folder, and opens it. Buckets are made by whoever runs the server.
///
/// # Errors
/// If the folder cannot be made, or as [`open`].
pub fn create(url: &TargetUrl, options: &OpenOptions) -> Result<Box<dyn Store>, StoreError> {
    Ok(paced(create_unlimited(url, options)?, options.limits))
}

fn create_unlimited(url: &TargetUrl, options: &OpenOptions) -> Result<Box<dyn Store>, StoreError> {
    match url.place() {
        Place::Folder(path) => Ok(Box::new(Folder::create(path)?)),
        #[cfg(feature = "webdav")]
        Place::WebDav(place) => Ok(Box::new(WebDav::create(place, options)?)),
        #[cfg(not(feature = "webdav"))]
        Place::WebDav(_) => open_unlimited(url, options),
        Place::S3 { .. } => open_unlimited(url, options),
        Place::Sftp { host, path } => Ok(Box::new(Sftp::create(host, path, options)?)),
        Place::Ssh { host, path } => Ok(Box::new(Served::create(host, path, options)?)),
        Place::Drive { name, path } => {
            let folder = drive::find_new(name, path, options.drives.as_deref())?;
            Ok(Box::new(Folder::create(&folder)?))
        }
    }
}
