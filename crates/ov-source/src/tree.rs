//! File trees.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ov_format::entry::{EntryKey, Kind};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::beneath::{self, REACH};
use crate::error::SourceError;
use crate::look;
use crate::names::Names;
use crate::recent_folders::RecentFolders;
use crate::roots::{RootNode, components};
use crate::selection::Selection;
use crate::shown::ShownPath;
use crate::source::{Item, ItemHandle, OpenFile, Rest, Source};
use crate::tree_file::{TreeFile, open_regular};
use crate::walk::{Looks, Walk};
use crate::xattrs::Reach;

/// How many folders of files are held open: several threads open files side by side.
const OPEN_MAX: usize = 16;

/// One or more folders or files of this machine.
///
/// Keys are absolute paths without the leading slash. The folders above a root are items too,
/// once each and with their metadata; their other content is not. The top folder `/` itself is
/// the tree's nameless root, and no item. A root that is a symbolic link is recorded as the
/// link; links on the way to a root are followed, since the user wrote them, and recorded as
/// the folders they lead to. Below the roots no link is ever followed.
pub struct FileTree {
    pub(crate) top: Arc<OwnedFd>,
    pub(crate) roots: RootNode,
    pub(crate) selection: Selection,
    pub(crate) names: Names,
    pub(crate) reach: Reach,
    /// Folders of files that were opened lately. The walk has long gone on when they are.
    recent: RecentFolders,
}

impl FileTree {
    /// A tree of these roots, absolute or relative to the working directory. A root that does
    /// not exist is an error that names it.
    pub fn new(roots: Vec<PathBuf>, selection: Selection) -> Result<Self, SourceError> {
        let mut merged = RootNode::default();
        for root in &roots {
            let parts = components(root)?;
            check_exists(root, &parts)?;
            merged.add(&parts);
        }
        let top = openat(CWD, "/", REACH, Mode::empty())
            .map_err(|errno| SourceError::of_listed(ShownPath::new(*b"/"), errno))?;
        Ok(Self {
            top: Arc::new(top),
            roots: merged,
            selection,
            names: Names::of_system(),
            reach: Reach::of_system(),
            recent: RecentFolders::up_to(OPEN_MAX),
        })
    }

    /// What is left out; counts what was left out so far.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Opens the folder of this key's path: freely along components that lead to roots, then
    /// without following any link.
    pub(crate) fn open_folder(&self, path: &[u8]) -> Result<Arc<OwnedFd>, Errno> {
        let mut current = Arc::clone(&self.top);
        let mut node = Some(&self.roots);
        let mut rest = path;
        while !rest.is_empty() {
            let end = rest.iter().position(|&b| b == b'/').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            node = node.and_then(|node| node.children.get(name));
            if !node.is_some_and(RootNode::leads_on) {
                return beneath::open_folder(current.as_fd(), rest).map(Arc::new);
            }
            let follow = REACH.difference(OFlags::NOFOLLOW);
            current = Arc::new(openat(&current, name, follow, Mode::empty())?);
            rest = after.strip_prefix(b"/").unwrap_or(after);
        }
        Ok(current)
    }

    /// Opens a regular file to be read anywhere in it, where only parts of it are of interest.
    /// Reading it leaves the source as it is. A handle of the file's item is a short cut; the
    /// default one means that there is none.
    ///
    /// # Errors
    /// It vanished, is no regular file (any more), or cannot be read.
    pub fn open_plain(&self, key: &EntryKey, handle: &ItemHandle) -> Result<File, SourceError> {
        let folder = self
            .folder_of(key, handle)
            .map_err(|errno| SourceError::of_listed(ShownPath::absolute(key), errno))?;
        let (file, _) = open_regular(folder.as_fd(), key)?;
        Ok(File::from(file))
    }

    fn folder_of(&self, key: &EntryKey, handle: &ItemHandle) -> Result<Arc<OwnedFd>, Errno> {
        if let Some(folder) = self.recent.recall(&key.parent) {
            return Ok(folder);
        }
        let folder = match handle.folder.upgrade() {
            Some(folder) => folder,
            None => self.open_folder(&key.parent)?,
        };
        Ok(self.recent.keep(&key.parent, folder))
    }
}

impl Source for FileTree {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(Walk::new(self, Looks::Closely))
    }

    fn walk_briefly(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        Box::new(Walk::new(self, Looks::Briefly))
    }

    fn look_closer(&self, item: &mut Item) {
        if item.handle.rest == Rest::There {
            return;
        }
        let folder = match item.handle.folder.upgrade() {
            Some(folder) => Ok(folder),
            None => self.folder_of(&item.key, &item.handle),
        };
        match folder {
            Ok(folder) => look::look_closer(self.reach, folder.as_fd(), item),
            Err(errno) => item.problem = Some(look::reason("its extended attributes", errno)),
        }
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        let shown = |key: &EntryKey| ShownPath::absolute(key);
        if item.meta.kind != Kind::File {
            return Err(SourceError::NotAFile {
                path: shown(&item.key),
            });
        }
        let folder = self
            .folder_of(&item.key, &item.handle)
            .map_err(|errno| SourceError::of_listed(shown(&item.key), errno))?;
        Ok(Box::new(TreeFile::open(folder.as_fd(), &item.key)?))
    }
}

fn check_exists(given: &Path, parts: &[Vec<u8>]) -> Result<(), SourceError> {
    let path = ShownPath::new(given.as_os_str().as_bytes());
    let absolute = [b"/", &parts.join(&b'/')[..]].concat();
    match statat(CWD, &absolute[..], AtFlags::SYMLINK_NOFOLLOW) {
        Ok(_) => Ok(()),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(SourceError::Missing { path }),
        Err(errno) => Err(SourceError::Unreadable {
            path,
            source: errno.into(),
        }),
    }
}
