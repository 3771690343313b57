//! A target in a bucket of a server that speaks S3.
//!
//! The only place with asynchronous code: its runtime is private, and every call blocks. So it
//! must not be called from a task of another runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use futures_util::StreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::client::{HttpClient, HttpConnector};
use object_store::path::Path as Key;
use object_store::{
    Certificate, ClientOptions, GetOptions, GetRange, GetResult, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMode, PutOptions, PutPayload, RetryConfig,
};
use ov_format::name::ObjectName;
use tokio::runtime::Runtime;

use crate::answer::Answer;
use crate::credentials::{self, Environment, Found, Keys};
use crate::durable::{Durable, Put};
use crate::endpoint::Endpoint;
use crate::error::{Action, Cause, OptionsError, StoreError};
use crate::lock::{Lock, LockDays};
use crate::memory::{check_length, width};
use crate::options::{Credentials, OpenOptions, Retries};
use crate::store::{Listed, Listing, Overwrite, Retention, Store};
use crate::wire::{Connector, Kept, Patience};

/// Objects up to this length are compared byte by byte when they are there already.
const COMPARED_BYTES_MAX: u64 = 64 << 10;
/// How many names of a listing are handed over at once.
const LISTED_AT_ONCE: usize = 1000;
const CONNECT_SECONDS: u64 = 10;

/// A target in a bucket.
pub struct S3 {
    /// Before the runtime, so that it is dropped while the runtime lives.
    pub(crate) client: Arc<AmazonS3>,
    /// For requests that the library does not have.
    pub(crate) http: HttpClient,
    pub(crate) runtime: Runtime,
    prefix: String,
    shown: String,
    pub(crate) retries: Retries,
    /// Every object is locked when it is stored.
    lock: Option<LockDays>,
    /// The server said that it cannot create without overwriting.
    no_conditions: AtomicBool,
}

impl S3 {
    /// Opens a bucket. Talks to no server, except to get credentials where no variable or file
    /// has them.
    ///
    /// # Errors
    /// If the options make no sense, or there are no credentials.
    pub fn open(bucket: &str, prefix: &str, options: &OpenOptions) -> Result<Self, StoreError> {
        Self::open_in(bucket, prefix, options, &credentials::process_environment)
    }

    fn open_in(
        bucket: &str,
        prefix: &str,
        options: &OpenOptions,
        environment: Environment<'_>,
    ) -> Result<Self, StoreError> {
        let endpoint = Endpoint::choose(bucket, options, environment)?;
        let shown = endpoint.show(bucket, prefix);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("ov-s3")
            .enable_all()
            .build()
            .map_err(|e| StoreError::from_os(&shown, Action::Open, e))?;
        let found = find_credentials(options, environment)?;
        let http = Connector {
            patience: Patience(options.retries.patience),
        }
        .connect(&client_options(options, &endpoint)?)
        .map_err(|e| OptionsError::Refused { source: e.into() })?;
        let builder = builder(bucket, options, environment, &endpoint)?;
        let client = match &found {
            Found::Keys(keys) => with_keys(builder, keys),
            Found::Service => credentials::name_services(builder, environment),
        }
        .build()
        .map_err(|e| OptionsError::Refused { source: e.into() })?;
        let s3 = Self {
            client: Arc::new(client),
            http,
            lock: options.lock,
            runtime,
            prefix: prefix.trim_matches('/').to_owned(),
            shown,
            retries: options.retries,
            no_conditions: AtomicBool::new(false),
        };
        if found == Found::Service {
            s3.ask_for_credentials()?;
        }
        Ok(s3)
    }

    /// Asks now, so that missing credentials are not taken for a failing server later.
    fn ask_for_credentials(&self) -> Result<(), StoreError> {
        let asked = self
            .patience()
            .wait(self.client.credentials().get_credential());
        let source: Cause = match self.runtime.block_on(asked) {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(e)) => e.into(),
            Err(e) => e.into(),
        };
        Err(StoreError::NoCredentials {
            target: self.shown.clone(),
            source,
        })
    }

    fn patience(&self) -> Patience {
        Patience(self.retries.patience)
    }

    pub(crate) fn key(&self, name: &ObjectName) -> Key {
        self.key_of(&name.to_string())
    }

    fn key_of(&self, path: &str) -> Key {
        match self.prefix.as_str() {
            "" => Key::from(path),
            prefix => Key::from(format!("{prefix}/{path}")),
        }
    }

    fn name_of(&self, key: &Key) -> Option<ObjectName> {
        let key = key.as_ref();
        let path = match self.prefix.as_str() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        ObjectName::parse(path)
    }

    fn send(&self, key: &Key, payload: PutPayload, mode: PutMode) -> Result<(), Answer> {
        let options = PutOptions {
            mode,
            ..PutOptions::default()
        };
        let sent = self.client.put_opts(key, payload, options);
        match self.runtime.block_on(sent) {
            Ok(_) => Ok(()),
            Err(e) => Err(Answer::sort(e)),
        }
    }

    /// One attempt to store an object that is not there.
    fn create(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        payload: &PutPayload,
    ) -> Result<Put, StoreError> {
        if self.no_conditions.load(Ordering::Relaxed) {
            return self.create_unconditionally(name, bytes, payload);
        }
        match self.send(&self.key(name), payload.clone(), PutMode::Create) {
            Ok(()) => Ok(Put::Created),
            Err(Answer::Exists) => self.accept_existing(name, bytes),
            Err(Answer::Unsupported(_)) => {
                self.no_conditions.store(true, Ordering::Relaxed);
                self.create_unconditionally(name, bytes, payload)
            }
            Err(answer) => Err(answer.into_error(&self.shown, Action::Put, name)),
        }
    }

    /// For servers without conditions. Names carry the hash of the bytes, so whoever wins the race
    /// between the look and the put stores the same.
    fn create_unconditionally(
        &self,
        name: &ObjectName,
        bytes: &[u8],
        payload: &PutPayload,
    ) -> Result<Put, StoreError> {
        match self.head(name) {
            Ok(Some(_)) => return self.accept_existing(name, bytes),
            // Without leave to look, storing the same again is all that is left.
            Ok(None) | Err(StoreError::Denied { .. }) => {}
            Err(e) => return Err(e),
        }
        self.send(&self.key(name), payload.clone(), PutMode::Overwrite)
            .map(|()| Put::Created)
            .map_err(|answer| answer.into_error(&self.shown, Action::Put, name))
    }

    fn accept_existing(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        let length = match self.head(name) {
            Ok(Some(length)) => length.size,
            // Deleted meanwhile: try again.
            Ok(None) => return Err(Answer::vanished(&self.shown)),
            // Whoever may only store has nothing but the server's word that the name is taken. It
            // carries the hash of sealed bytes: normally it was this very call, whose answer was
            // lost.
            Err(StoreError::Denied { .. }) => return Ok(Put::AlreadyThere),
            Err(e) => return Err(e),
        };
        if length != width(bytes) {
            return Err(StoreError::Damaged { name: *name });
        }
        if length <= COMPARED_BYTES_MAX {
            match self.read(name, None) {
                Ok(there) if there != bytes => return Err(StoreError::Damaged { name: *name }),
                Ok(_) | Err(StoreError::Denied { .. }) => {}
                Err(e) => return Err(e),
            }
        }
        Ok(Put::AlreadyThere)
    }

    fn head(&self, name: &ObjectName) -> Result<Option<ObjectMeta>, StoreError> {
        let key = self.key(name);
        match self.runtime.block_on(self.client.head(&key)) {
            Ok(meta) => Ok(Some(meta)),
            Err(e) => match Answer::sort(e).into_error(&self.shown, Action::Look, name) {
                StoreError::NotFound { .. } => Ok(None),
                e => Err(e),
            },
        }
    }

    /// Which version of an object is the newest, where there are versions.
    pub(crate) fn version(&self, name: &ObjectName) -> Result<Option<String>, StoreError> {
        let meta = self.retries.retrying(|| self.head(name))?;
        Ok(meta.and_then(|meta| numbered(meta.version)))
    }

    /// One attempt to read an object or a range of it.
    fn read(&self, name: &ObjectName, range: Option<(u64, usize)>) -> Result<Vec<u8>, StoreError> {
        let (offset, wanted) = range.unwrap_or_default();
        let short = || StoreError::Short {
            name: *name,
            offset,
            wanted,
        };
        let mut options = GetOptions::default();
        if range.is_some() {
            let end = u64::try_from(wanted)
                .ok()
                .and_then(|length| offset.checked_add(length));
            options.range = Some(GetRange::Bounded(offset..end.ok_or_else(short)?));
        }
        let key = self.key(name);
        let bytes = self.runtime.block_on(async {
            match self.client.get_opts(&key, options).await {
                Ok(result) => self.collect(name, result).await,
                Err(e) => match Answer::sort(e) {
                    Answer::OutOfRange => Err(short()),
                    answer => Err(answer.into_error(&self.shown, Action::Get, name)),
                },
            }
        })?;
        if range.is_some() && bytes.len() != wanted {
            return Err(short());
        }
        Ok(bytes)
    }

    async fn collect(&self, name: &ObjectName, result: GetResult) -> Result<Vec<u8>, StoreError> {
        let announced = result.range.end.saturating_sub(result.range.start);
        check_length(name, announced)?;
        let room = usize::try_from(announced).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(room).map_err(|e| StoreError::Io {
            target: self.shown.clone(),
            action: Action::Get,
            source: e.into(),
        })?;
        let mut stream = result.into_stream();
        loop {
            match self.patience().wait(stream.next()).await {
                Ok(Some(Ok(part))) if part.len() <= room - bytes.len() => {
                    bytes.extend_from_slice(&part);
                }
                Ok(None) if bytes.len() == room => return Ok(bytes),
                Ok(Some(Err(e))) => {
                    return Err(Answer::sort(e).into_error(&self.shown, Action::Get, name));
                }
                Ok(_) => return Err(Answer::vanished(&self.shown)),
                Err(silence) => return Err(Answer::silent(&self.shown, silence)),
            }
        }
    }

    /// Lists from after `offset`, moving it along, so that the listing can be taken up again.
    fn list_on(
        &self,
        what: Listing,
        offset: &mut Option<Key>,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let folder = self.key_of(&what.folder());
        let stream = match offset.as_ref() {
            Some(offset) => self.client.list_with_offset(Some(&folder), offset),
            None => self.client.list(Some(&folder)),
        };
        let mut pages = stream.ready_chunks(LISTED_AT_ONCE);
        // `visit` runs outside the runtime, so that it may call this target.
        loop {
            let next = self
                .runtime
                .block_on(async { self.patience().wait(pages.next()).await })
                .map_err(|silence| Answer::silent(&self.shown, silence))?;
            let Some(page) = next else { return Ok(()) };
            for listed in page {
                let meta =
                    listed.map_err(|e| Answer::sort(e).into_failure(&self.shown, Action::List))?;
                let name = self.name_of(&meta.location).filter(|name| what.takes(name));
                *offset = Some(meta.location);
                if let Some(name) = name {
                    visit(Listed {
                        name,
                        length: meta.size,
                        modified: Some(SystemTime::from(meta.last_modified)),
                    })?;
                }
            }
        }
    }
}

impl Store for S3 {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        let payload = PutPayload::from(bytes.to_vec());
        let put = self
            .retries
            .retrying(|| self.create(name, bytes, &payload))?;
        // Also what was there: whoever stored it may have died before.
        if let Some(days) = self.lock {
            self.lock_new(name, days)?;
        }
        Ok(Durable::new(*name, put))
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.retries.retrying(|| self.read(name, None))
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        if length > 0 {
            return self
                .retries
                .retrying(|| self.read(name, Some((offset, length))));
        }
        // HTTP knows no empty range.
        match self.length(name)? {
            Some(there) if offset <= there => Ok(Vec::new()),
            Some(_) => Err(StoreError::Short {
                name: *name,
                offset,
                wanted: 0,
            }),
            None => Err(StoreError::NotFound { name: *name }),
        }
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        let meta = self.retries.retrying(|| self.head(name))?;
        Ok(meta.map(|meta| meta.size))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut offset = what.start().map(|start| self.key_of(&start));
        // What `visit` says must not start the listing again, even if it sounds retryable.
        let mut ended = None;
        self.retries.retrying(|| {
            let listed = self.list_on(what, &mut offset, &mut |listed| match visit(listed) {
                Ok(()) => Ok(()),
                Err(e) => {
                    ended = Some(e);
                    Err(StoreError::Stopped)
                }
            });
            match listed {
                Err(StoreError::Stopped) => Ok(()),
                other => other,
            }
        })?;
        ended.map_or(Ok(()), Err)
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let key = self.key(name);
        self.retries
            .retrying(|| match self.runtime.block_on(self.client.delete(&key)) {
                Ok(()) => Ok(()),
                Err(e) => match Answer::sort(e).into_error(&self.shown, Action::Delete, name) {
                    StoreError::NotFound { .. } => Ok(()),
                    e => Err(e),
                },
            })
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        let payload = PutPayload::from(bytes.to_vec());
        let put = || match self.send(&self.key(name), payload.clone(), PutMode::Overwrite) {
            Ok(()) => Ok(Overwrite::Done),
            Err(Answer::Exists) => Ok(Overwrite::Refused),
            Err(answer) => match answer.into_error(&self.shown, Action::Put, name) {
                StoreError::Denied { .. } => Ok(Overwrite::Refused),
                e => Err(e),
            },
        };
        self.retries.retrying(put)
    }

    fn lock_until(&self, name: &ObjectName, until: SystemTime) -> Result<Lock, StoreError> {
        self.lock_for(name, until)
    }

    fn try_unlock(&self, name: &ObjectName) -> Result<Overwrite, StoreError> {
        self.break_lock(name)
    }

    fn retention(&self, name: &ObjectName) -> Result<Retention, StoreError> {
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let key = self.key(name);
        let result = self
            .runtime
            .block_on(self.client.get_opts(&key, options))
            .map_err(|e| Answer::sort(e).into_error(&self.shown, Action::Look, name))?;
        let until = result
            .extensions
            .get::<Kept>()
            .and_then(|kept| kept.until.clone());
        Ok(match (until, numbered(result.meta.version)) {
            (Some(until), _) => Retention::LockedUntil(until),
            (None, Some(_)) => Retention::Versions,
            (None, None) => Retention::Nothing,
        })
    }
}

/// A bucket whose versioning was suspended numbers everything "null".
fn numbered(version: Option<String>) -> Option<String> {
    version.filter(|version| version != "null")
}

fn find_credentials(
    options: &OpenOptions,
    environment: Environment<'_>,
) -> Result<Found, OptionsError> {
    match &options.credentials {
        Credentials::Usual => credentials::find(environment),
        Credentials::Given {
            access_key_id,
            secret_access_key,
            session_token,
        } => Ok(Found::Keys(Keys {
            access_key_id: access_key_id.clone(),
            secret_access_key: secret_access_key.clone(),
            session_token: session_token.clone(),
        })),
    }
}

fn with_keys(builder: AmazonS3Builder, keys: &Keys) -> AmazonS3Builder {
    let builder = builder
        .with_access_key_id(&keys.access_key_id)
        .with_secret_access_key(keys.secret_access_key.expose());
    match &keys.session_token {
        Some(token) => builder.with_token(token.expose()),
        None => builder,
    }
}

fn builder(
    bucket: &str,
    options: &OpenOptions,
    environment: Environment<'_>,
    endpoint: &Endpoint,
) -> Result<AmazonS3Builder, OptionsError> {
    let region = options
        .region
        .clone()
        .or_else(|| credentials::region(environment));
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.unwrap_or_else(|| "us-east-1".into()))
        .with_virtual_hosted_style_request(endpoint.names_bucket)
        .with_http_connector(Connector {
            patience: Patience(options.retries.patience),
        })
        .with_client_options(client_options(options, endpoint)?)
        .with_retry(RetryConfig {
            max_retries: 0,
            ..RetryConfig::default()
        })
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Buckets with object lock demand a checksum; every server that knows it verifies it.
        .with_checksum_algorithm(Checksum::SHA256)
        .with_disable_bulk_delete(true);
    if let Some(url) = &endpoint.url {
        builder = builder.with_endpoint(url);
    }
    Ok(builder)
}

/// Timeouts are ours ([`crate::wire`]): the library's would cut off a long upload.
pub(crate) fn client_options(
    options: &OpenOptions,
    endpoint: &Endpoint,
) -> Result<ClientOptions, OptionsError> {
    let mut client = ClientOptions::new()
        .with_timeout_disabled()
        .with_connect_timeout(std::time::Duration::from_secs(CONNECT_SECONDS))
        .with_allow_http(endpoint.is_plain());
    if let Some(file) = &options.ca_file {
        let unreadable = |source: Cause| OptionsError::Certificates {
            file: file.clone(),
            source,
        };
        let pem = std::fs::read(file).map_err(|e| unreadable(e.into()))?;
        let certificates = Certificate::from_pem_bundle(&pem).map_err(|e| unreadable(e.into()))?;
        if certificates.is_empty() {
            return Err(unreadable(
                std::io::Error::from(std::io::ErrorKind::InvalidData).into(),
            ));
        }
        for certificate in certificates {
            client = client.with_root_certificate(certificate);
        }
    }
    Ok(client)
}
