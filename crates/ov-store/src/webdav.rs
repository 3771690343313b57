//! A target in a folder of a server that speaks WebDAV (RFC 4918).
//!
//! An object is stored under a temporary name and then moved to its own, with the word that nothing
//! may be replaced: so whoever reads sees it whole or not at all. That it is synced when the server
//! has answered is the server's own affair; the protocol has no word for it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse,
};
use object_store::{HeaderMap, HeaderValue};
use ov_format::name::ObjectName;
use reqwest::Method;
use tokio::runtime::Runtime;

use crate::answer::Answer;
use crate::dav_url::DavUrl;
use crate::durable::{Durable, Put};
use crate::endpoint::Endpoint;
use crate::error::{Action, Cause, OptionsError, StoreError};
use crate::memory::{check_length, width};
use crate::options::{OpenOptions, Retries};
use crate::s3::client_options;
use crate::store::{Listed, Listing, OBJECT_BYTES_MAX, Overwrite, Store};
use crate::webdav_listing::{Member, members};
use crate::wire::{Connector, Patience};

/// Objects up to this length are compared byte by byte when they are there already.
const COMPARED_BYTES_MAX: u64 = 64 << 10;
/// Longer listings of one folder are not read.
const LISTING_BYTES_MAX: u64 = 64 << 20;
/// Objects lie at most this many folders below the folder of their kind.
const DEPTH_MAX: usize = 3;
const ASKED_FOR: &str = "<?xml version=\"1.0\"?><propfind xmlns=\"DAV:\"><prop><resourcetype/>\
     <getcontentlength/><getlastmodified/></prop></propfind>";
/// Where the account comes from.
const USER_VARIABLE: &str = "ONCOVAULT_WEBDAV_USER";
const PASSWORD_VARIABLE: &str = "ONCOVAULT_WEBDAV_PASSWORD";

/// A target on a server that speaks WebDAV.
pub struct WebDav {
    http: HttpClient,
    runtime: Runtime,
    /// Scheme, host and port.
    server: String,
    /// The folder, without slashes at the ends, decoded.
    root: String,
    account: Option<HeaderValue>,
    shown: String,
    retries: Retries,
    /// Held while an object gets its name: some servers look and move in two steps.
    turns: Mutex<()>,
}

/// What the server said beyond its status.
struct Said {
    headers: HeaderMap,
    body: Vec<u8>,
}

impl WebDav {
    /// Opens a folder.
    ///
    /// # Errors
    /// If the options make no sense, the server does not answer, or [`StoreError::NotAStore`] if
    /// the folder is not there.
    pub fn open(url: &DavUrl, options: &OpenOptions) -> Result<Self, StoreError> {
        let dav = Self::new(url, options)?;
        dav.check_root()?;
        Ok(dav)
    }

    /// Makes the folder, with its missing parents, and opens it. Takes one that is there.
    ///
    /// # Errors
    /// As [`WebDav::open`], or if the server refuses.
    pub fn create(url: &DavUrl, options: &OpenOptions) -> Result<Self, StoreError> {
        let dav = Self::new(url, options)?;
        let ends = dav.root.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([dav.root.len()]) {
            if end > 0 {
                dav.retries.retrying(|| dav.make_folder(&dav.root[..end]))?;
            }
        }
        dav.check_root()?;
        Ok(dav)
    }

    fn new(url: &DavUrl, options: &OpenOptions) -> Result<Self, StoreError> {
        let shown = url.to_string();
        let with_server = OpenOptions {
            endpoint: Some(url.server()),
            ..options.clone()
        };
        let endpoint = Endpoint::choose("", &with_server, &|_| None)?;
        let http = Connector {
            patience: Patience(options.retries.patience),
        }
        .connect(&client_options(options, &endpoint)?)
        .map_err(|e| OptionsError::Refused { source: e.into() })?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("ov-webdav")
            .enable_all()
            .build()
            .map_err(|e| StoreError::from_os(&shown, Action::Open, e))?;
        Ok(Self {
            http,
            runtime,
            server: url.server(),
            root: url.path().trim_matches('/').to_owned(),
            account: account(&|name| std::env::var(name).ok()),
            shown,
            retries: options.retries,
            turns: Mutex::default(),
        })
    }

    fn path(&self, name: &ObjectName) -> String {
        self.below(&name.to_string())
    }

    fn below(&self, path: &str) -> String {
        match self.root.as_str() {
            "" => path.to_owned(),
            root => format!("{root}/{path}"),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{}", self.server, encoded(path))
    }

    /// One request. `limit` bounds the answer's body.
    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        limit: u64,
    ) -> Result<Said, Answer> {
        let answered = self.runtime.block_on(async {
            let mut request = HttpRequest::new(body.into());
            *request.method_mut() = Method::from_bytes(method.as_bytes()).map_err(generic)?;
            *request.uri_mut() = self.url(path).parse().map_err(generic)?;
            for (name, value) in headers {
                let value = HeaderValue::from_str(value).map_err(generic)?;
                request.headers_mut().insert(*name, value);
            }
            if let Some(account) = &self.account {
                request
                    .headers_mut()
                    .insert("authorization", account.clone());
            }
            let response = self.http.execute(request).await.map_err(generic)?;
            self.collect(response, limit).await
        });
        answered.map_err(Answer::sort)
    }

    async fn collect(&self, response: HttpResponse, limit: u64) -> object_store::Result<Said> {
        let (head, body) = response.into_parts();
        let mut stream = body.bytes_stream();
        let mut body = Vec::new();
        let patience = Patience(self.retries.patience);
        let silent = |silence| generic(HttpError::new(HttpErrorKind::Timeout, silence));
        while let Some(part) = patience.wait(stream.next()).await.map_err(silent)? {
            let part = part.map_err(generic)?;
            if width(&body) + width(&part) > limit {
                return Err(generic(std::io::Error::other(TooMuch)));
            }
            body.extend_from_slice(&part);
        }
        Ok(Said {
            headers: head.headers,
            body,
        })
    }

    fn failed(&self, action: Action, answer: Answer) -> StoreError {
        answer.into_failure(&self.shown, action)
    }

    /// A folder that is not there must not look like an empty vault.
    fn check_root(&self) -> Result<(), StoreError> {
        self.retries
            .retrying(|| match self.properties(&self.root, "0") {
                Ok(_) => Ok(()),
                Err(answer) => Err(self.failed(Action::Open, answer)),
            })
    }

    fn properties(&self, path: &str, depth: &str) -> Result<Said, Answer> {
        let headers = [
            ("depth", depth.to_owned()),
            ("content-type", "application/xml".to_owned()),
        ];
        let folder = format!("{path}/");
        self.ask(
            "PROPFIND",
            &folder,
            &headers,
            ASKED_FOR.into(),
            LISTING_BYTES_MAX,
        )
    }

    /// One that is there is fine.
    fn make_folder(&self, path: &str) -> Result<(), StoreError> {
        match self.ask(
            "MKCOL",
            &format!("{path}/"),
            &[],
            Vec::new(),
            LISTING_BYTES_MAX,
        ) {
            // 405: it is there (RFC 4918 section 9.3.1).
            Ok(_) | Err(Answer::Unsupported(_) | Answer::Exists) => Ok(()),
            Err(answer) => Err(self.failed(Action::Create, answer)),
        }
    }

    fn look(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.length_at(name, &self.path(name))
    }

    fn length_at(&self, name: &ObjectName, path: &str) -> Result<Option<u64>, StoreError> {
        match self.ask("HEAD", path, &[], Vec::new(), 0) {
            Ok(said) => match content_length(&said.headers) {
                Some(length) => Ok(Some(length)),
                None => Err(StoreError::Damaged { name: *name }),
            },
            Err(answer) => match answer.into_error(&self.shown, Action::Look, name) {
                StoreError::NotFound { .. } => self.check_root().map(|()| None),
                e => Err(e),
            },
        }
    }

    fn read(&self, name: &ObjectName, range: Option<(u64, usize)>) -> Result<Vec<u8>, StoreError> {
        let (offset, wanted) = range.unwrap_or_default();
        let short = || StoreError::Short {
            name: *name,
            offset,
            wanted,
        };
        let mut headers = Vec::new();
        let mut limit = OBJECT_BYTES_MAX;
        if range.is_some() {
            limit = u64::try_from(wanted).unwrap_or(u64::MAX);
            let last = offset
                .checked_add(limit)
                .and_then(|end| end.checked_sub(1))
                .ok_or_else(short)?;
            headers.push(("range", format!("bytes={offset}-{last}")));
        }
        match self.ask("GET", &self.path(name), &headers, Vec::new(), limit) {
            Ok(said) if range.is_none() || said.body.len() == wanted => Ok(said.body),
            Ok(_) | Err(Answer::OutOfRange) => Err(short()),
            Err(answer) => match answer.into_error(&self.shown, Action::Get, name) {
                StoreError::NotFound { .. } => {
                    self.check_root()?;
                    Err(StoreError::NotFound { name: *name })
                }
                e => Err(e),
            },
        }
    }

    fn store(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        if self.look(name)?.is_some() {
            return self.accept_existing(name, bytes);
        }
        let path = self.path(name);
        let temporary = self.write_temporary(name, &path, bytes)?;
        // What the server kept of it may be less than was sent.
        if self.length_at(name, &temporary)? != Some(width(bytes)) {
            self.forget(&temporary);
            return Err(Answer::vanished(&self.shown));
        }
        let headers = [
            ("destination", self.url(&path)),
            ("overwrite", "F".to_owned()),
        ];
        let moved = {
            let _turn = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            self.ask("MOVE", &temporary, &headers, Vec::new(), LISTING_BYTES_MAX)
        };
        match moved {
            Ok(_) => Ok(Put::Created),
            Err(Answer::Exists) => {
                self.forget(&temporary);
                self.accept_existing(name, bytes)
            }
            Err(answer) => {
                self.forget(&temporary);
                Err(self.failed(Action::Put, answer))
            }
        }
    }

    /// Stores the bytes beside `path`, making the folder first if needed.
    fn write_temporary(
        &self,
        name: &ObjectName,
        path: &str,
        bytes: &[u8],
    ) -> Result<String, StoreError> {
        // A server may still be at work on a request whose connection ended, so no name is used
        // twice.
        let put = || {
            let temporary = temporary(path);
            let new = [("if-none-match", "*".to_owned())];
            let sent = self.ask("PUT", &temporary, &new, bytes.to_vec(), LISTING_BYTES_MAX);
            sent.map(|_| temporary)
        };
        let sent = match put() {
            // 409: the folder is missing (RFC 4918 section 9.7.1); some say 404.
            Err(Answer::Passing(_) | Answer::Absent(_)) => {
                self.make_folders(path)?;
                put()
            }
            other => other,
        };
        match sent {
            Ok(temporary) => Ok(temporary),
            // It says nothing about the object.
            Err(Answer::Exists) => Err(Answer::vanished(&self.shown)),
            Err(answer) => Err(answer.into_error(&self.shown, Action::Put, name)),
        }
    }

    fn make_folders(&self, path: &str) -> Result<(), StoreError> {
        self.check_root()?;
        let ends = path.match_indices('/').map(|(at, _)| at);
        ends.filter(|end| *end > self.root.len())
            .try_for_each(|end| self.make_folder(&path[..end]))
    }

    fn accept_existing(&self, name: &ObjectName, bytes: &[u8]) -> Result<Put, StoreError> {
        let length = match self.look(name)? {
            Some(length) => length,
            // Deleted meanwhile: try again.
            None => return Err(Answer::vanished(&self.shown)),
        };
        let same = length == width(bytes)
            && (length > COMPARED_BYTES_MAX || self.read(name, None)? == bytes);
        match same {
            true => Ok(Put::AlreadyThere),
            false => Err(StoreError::Damaged { name: *name }),
        }
    }

    /// If that fails, [`Store::sweep`] will find it.
    fn forget(&self, temporary: &str) {
        let _ = self.ask("DELETE", temporary, &[], Vec::new(), LISTING_BYTES_MAX);
    }

    /// What vanished meanwhile is empty.
    fn folder(&self, path: &str) -> Result<Vec<Member>, StoreError> {
        self.retries.retrying(|| {
            let said = match self.properties(path, "1") {
                Ok(said) => said,
                Err(Answer::Absent(_)) => return Ok(Vec::new()),
                Err(answer) => return Err(self.failed(Action::List, answer)),
            };
            let strange = |source: Cause| StoreError::Io {
                target: self.shown.clone(),
                action: Action::List,
                source,
            };
            let xml = String::from_utf8(said.body).map_err(|e| strange(e.into()))?;
            members(&xml, path).map_err(|e| strange(e.into()))
        })
    }

    /// Shows every file below a folder, with its path below the root.
    fn walk(
        &self,
        folder: &str,
        start: Option<&str>,
        visit: &mut dyn FnMut(&str, &Member) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut level = vec![folder.to_owned()];
        for _ in 0..=DEPTH_MAX {
            let mut next = Vec::new();
            for folder in level {
                for member in self.folder(&self.below(&folder))? {
                    let path = format!("{folder}/{}", member.leaf);
                    if start.is_some_and(|s| path.as_str() < s && !s.starts_with(&path)) {
                        continue;
                    }
                    match member.is_folder {
                        true => next.push(path),
                        false => visit(&path, &member)?,
                    }
                }
            }
            level = next;
        }
        self.check_root()
    }
}

impl Store for WebDav {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        check_length(name, width(bytes))?;
        let put = self.retries.retrying(|| self.store(name, bytes))?;
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
        let there = self.length(name)?;
        let there = there.ok_or(StoreError::NotFound { name: *name })?;
        let end = u64::try_from(length)
            .ok()
            .and_then(|l| offset.checked_add(l));
        if end.is_none_or(|end| end > there) {
            return Err(StoreError::Short {
                name: *name,
                offset,
                wanted: length,
            });
        }
        // HTTP knows no empty range.
        match length {
            0 => Ok(Vec::new()),
            _ => self
                .retries
                .retrying(|| self.read(name, Some((offset, length)))),
        }
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.retries.retrying(|| self.look(name))
    }

    fn list(
        &self,
        what: Listing,
        visit: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.walk(
            &what.folder(),
            what.start().as_deref(),
            &mut |path, member| {
                let name = ObjectName::parse(path).filter(|name| what.takes(name));
                match (name, member.length) {
                    (Some(name), Some(length)) => visit(Listed {
                        name,
                        length,
                        modified: member.modified,
                    }),
                    _ => Ok(()),
                }
            },
        )
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        let path = self.path(name);
        self.retries.retrying(|| {
            match self.ask("DELETE", &path, &[], Vec::new(), LISTING_BYTES_MAX) {
                Ok(_) => Ok(()),
                Err(Answer::Absent(_)) => self.check_root(),
                Err(answer) => Err(self.failed(Action::Delete, answer)),
            }
        })
    }

    fn describe(&self) -> String {
        self.shown.clone()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        let path = self.path(name);
        self.retries.retrying(|| {
            let sent = self.ask("PUT", &path, &[], bytes.to_vec(), LISTING_BYTES_MAX);
            match sent {
                Ok(_) => Ok(Overwrite::Done),
                Err(Answer::Exists | Answer::Denied(_) | Answer::Unsupported(_)) => {
                    Ok(Overwrite::Refused)
                }
                Err(answer) => Err(self.failed(Action::Put, answer)),
            }
        })
    }

    fn sweep(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age);
        let mut old = Vec::new();
        for kind in ["pack", "table", "log", "target", "probe"] {
            self.walk(kind, None, &mut |path, member| {
                let is_old = member
                    .modified
                    .is_some_and(|at| before.is_some_and(|before| at < before));
                if is_old && member.leaf.starts_with('.') && member.leaf.ends_with(".tmp") {
                    old.push(self.below(path));
                }
                Ok(())
            })?;
        }
        let gone = old
            .iter()
            .filter(|path| {
                self.ask("DELETE", path, &[], Vec::new(), LISTING_BYTES_MAX)
                    .is_ok()
            })
            .count();
        Ok(u64::try_from(gone).unwrap_or(u64::MAX))
    }
}

/// More than was asked for, or than any answer may hold.
#[derive(Debug, thiserror::Error)]
#[error("the answer is longer than it may be")]
struct TooMuch;

fn generic(error: impl std::error::Error + Send + Sync + 'static) -> object_store::Error {
    object_store::Error::Generic {
        store: "WebDAV",
        source: Box::new(error),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get("content-length")?.to_str().ok()?.parse().ok()
}

/// RFC 7617.
fn account(environment: &dyn Fn(&str) -> Option<String>) -> Option<HeaderValue> {
    let user = environment(USER_VARIABLE)?;
    let password = environment(PASSWORD_VARIABLE).unwrap_or_default();
    let both = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
    let mut value = HeaderValue::from_str(&format!("Basic {both}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// RFC 3986 section 2.1; slashes stay.
fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        match plain {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A name beside `path` that nobody else takes.
fn temporary(path: &str) -> String {
    let mut chance = [0; 8];
    // Without chance, names that are taken show as such: they are made exclusively.
    let _ = rustix::rand::getrandom(&mut chance, rustix::rand::GetRandomFlags::empty());
    let (folder, leaf) = path.rsplit_once('/').unwrap_or(("", path));
    format!("{folder}/.{leaf}.{:016x}.tmp", u64::from_le_bytes(chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_comes_from_the_environment_and_is_not_shown() {
        let environment = |name: &str| match name {
            USER_VARIABLE => Some("ada".to_owned()),
            PASSWORD_VARIABLE => Some("hunter2".to_owned()),
            _ => None,
        };
        let account = account(&environment).unwrap();
        assert_eq!(account.to_str().unwrap(), "Basic YWRhOmh1bnRlcjI=");
        assert!(!format!("{account:?}").contains("YWRh"));
    }

    #[test]
    fn paths_are_encoded_and_slashes_stay() {
        assert_eq!(encoded("a b/ü%.tmp"), "a%20b/%C3%BC%25.tmp");
    }
}
