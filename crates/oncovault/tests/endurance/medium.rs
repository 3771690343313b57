//! A disk in memory that remembers what was synced, and loses the rest when its power is cut.
//!
//! It promises as little as POSIX does: the sync of a file makes its bytes stay, the sync of a folder
//! its names, and neither does the other's. Of what was not synced a power cut keeps any part, in any
//! order: single names, single blocks, any length.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use fuser::Errno;

/// The number of the root.
pub const ROOT: u64 = 1;

/// Bytes that are written or lost together.
const BLOCK: usize = 512;

/// Names of a folder, with the numbers of what they name.
pub type Names = BTreeMap<OsString, u64>;

/// What a file or folder holds.
#[derive(Clone, Debug)]
pub enum Body {
    Bytes(Vec<u8>),
    Names(Names),
}

/// A file or folder.
#[derive(Clone, Debug)]
pub struct Node {
    pub body: Body,
    pub mode: u16,
    /// What of it stays: what it held when it was synced last.
    durable: Body,
}

impl Node {
    fn new(body: Body, mode: u16) -> Self {
        let durable = match body {
            Body::Bytes(_) => Body::Bytes(Vec::new()),
            Body::Names(_) => Body::Names(Names::new()),
        };
        Self {
            body,
            mode,
            durable,
        }
    }

    pub fn length(&self) -> u64 {
        match &self.body {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Names(_) => 0,
        }
    }
}

/// A stream of numbers that a seed decides.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.roll() % (limit.max(1) as u64)).unwrap()
    }
}

/// The disk.
pub struct Medium {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// Changes and syncs so far.
    pub steps: u64,
    /// Before which of them its power is cut.
    pub cut_at: Option<u64>,
}

impl Medium {
    pub fn new() -> Self {
        let root = Node::new(Body::Names(Names::new()), 0o755);
        Self {
            nodes: BTreeMap::from([(ROOT, root)]),
            next: ROOT + 1,
            steps: 0,
            cut_at: None,
        }
    }

    pub fn is_off(&self) -> bool {
        self.cut_at.is_some_and(|cut| self.steps >= cut)
    }

    /// Everything on it stays as it is now: how a test begins.
    pub fn settle(&mut self) {
        for node in self.nodes.values_mut() {
            node.durable = node.body.clone();
        }
    }

    /// What it holds, to be put back later.
    pub fn image(&self) -> BTreeMap<u64, Node> {
        self.nodes.clone()
    }

    /// Holds what it held.
    pub fn put_back(&mut self, image: &BTreeMap<u64, Node>) {
        self.nodes.clone_from(image);
        (self.steps, self.cut_at) = (0, None);
    }

    /// The power comes back: what was synced is there, and any part of the rest.
    pub fn power_on(&mut self, seed: u64) {
        let mut dice = Dice(seed);
        // Some disks lose all that they can, some hardly anything.
        let keeps = [0, 25, 50, 90][dice.below(4)];
        for node in self.nodes.values_mut() {
            let left = match (&node.durable, &node.body) {
                (Body::Bytes(durable), Body::Bytes(bytes)) => {
                    Body::Bytes(torn(durable, bytes, keeps, &mut dice))
                }
                (Body::Names(durable), Body::Names(names)) => {
                    Body::Names(partly(durable, names, keeps, &mut dice))
                }
                (durable, _) => durable.clone(),
            };
            (node.body, node.durable) = (left.clone(), left);
        }
        self.drop_unnamed();
        (self.steps, self.cut_at) = (0, None);
    }

    fn drop_unnamed(&mut self) {
        let mut named = vec![ROOT];
        let mut at = 0;
        while let Some(number) = named.get(at) {
            if let Some(Body::Names(names)) = self.nodes.get(number).map(|node| &node.body) {
                let new: Vec<u64> = names.values().copied().collect();
                named.extend(new.iter().filter(|n| self.nodes.contains_key(*n)));
            }
            at += 1;
        }
        self.nodes.retain(|number, _| named.contains(number));
    }

    /// Before every change and every sync.
    pub fn step(&mut self) -> Result<(), Errno> {
        if self.is_off() {
            return Err(Errno::EIO);
        }
        self.steps += 1;
        match self.is_off() {
            true => Err(Errno::EIO),
            false => Ok(()),
        }
    }

    pub fn node(&self, number: u64) -> Result<&Node, Errno> {
        if self.is_off() {
            return Err(Errno::EIO);
        }
        self.nodes.get(&number).ok_or(Errno::ENOENT)
    }

    pub fn node_mut(&mut self, number: u64) -> Result<&mut Node, Errno> {
        self.nodes.get_mut(&number).ok_or(Errno::ENOENT)
    }

    pub fn names(&self, folder: u64) -> Result<&Names, Errno> {
        match &self.node(folder)?.body {
            Body::Names(names) => Ok(names),
            Body::Bytes(_) => Err(Errno::ENOTDIR),
        }
    }

    fn names_mut(&mut self, folder: u64) -> Result<&mut Names, Errno> {
        match &mut self.node_mut(folder)?.body {
            Body::Names(names) => Ok(names),
            Body::Bytes(_) => Err(Errno::ENOTDIR),
        }
    }

    pub fn bytes_mut(&mut self, file: u64) -> Result<&mut Vec<u8>, Errno> {
        match &mut self.node_mut(file)?.body {
            Body::Bytes(bytes) => Ok(bytes),
            Body::Names(_) => Err(Errno::EISDIR),
        }
    }

    pub fn find(&self, folder: u64, name: &OsStr) -> Result<u64, Errno> {
        self.names(folder)?.get(name).copied().ok_or(Errno::ENOENT)
    }

    pub fn make(&mut self, folder: u64, name: &OsStr, body: Body, mode: u16) -> Result<u64, Errno> {
        self.step()?;
        if self.names(folder)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        let number = self.next;
        self.next += 1;
        self.nodes.insert(number, Node::new(body, mode));
        self.names_mut(folder)?.insert(name.to_owned(), number);
        Ok(number)
    }

    pub fn link(&mut self, number: u64, folder: u64, name: &OsStr) -> Result<(), Errno> {
        self.step()?;
        if self.names(folder)?.contains_key(name) {
            return Err(Errno::EEXIST);
        }
        self.names_mut(folder)?.insert(name.to_owned(), number);
        Ok(())
    }

    pub fn remove(&mut self, folder: u64, name: &OsStr) -> Result<(), Errno> {
        self.step()?;
        let number = self.find(folder, name)?;
        if let Body::Names(names) = &self.node(number)?.body
            && !names.is_empty()
        {
            return Err(Errno::ENOTEMPTY);
        }
        self.names_mut(folder)?.remove(name);
        Ok(())
    }

    pub fn rename(&mut self, from: (u64, &OsStr), to: (u64, &OsStr)) -> Result<(), Errno> {
        self.step()?;
        let number = self.find(from.0, from.1)?;
        self.names_mut(from.0)?.remove(from.1);
        self.names_mut(to.0)?.insert(to.1.to_owned(), number);
        Ok(())
    }

    pub fn write(&mut self, file: u64, offset: usize, new: &[u8]) -> Result<(), Errno> {
        self.step()?;
        let bytes = self.bytes_mut(file)?;
        let end = offset + new.len();
        if bytes.len() < end {
            bytes.resize(end, 0);
        }
        bytes[offset..end].copy_from_slice(new);
        Ok(())
    }

    pub fn sync(&mut self, number: u64) -> Result<(), Errno> {
        self.step()?;
        let node = self.node_mut(number)?;
        node.durable = node.body.clone();
        Ok(())
    }
}

/// Of bytes that were not synced, any blocks and any length stay.
fn torn(durable: &[u8], bytes: &[u8], keeps: usize, dice: &mut Dice) -> Vec<u8> {
    if durable == bytes {
        return bytes.to_vec();
    }
    let (short, long) = (
        durable.len().min(bytes.len()),
        durable.len().max(bytes.len()),
    );
    let length = match dice.below(100) < keeps {
        true => bytes.len(),
        false => short + dice.below(long - short + 1),
    };
    let mut left = durable.to_vec();
    left.resize(length, 0);
    for (at, block) in left.chunks_mut(BLOCK).enumerate() {
        let new = bytes.get(at * BLOCK..).unwrap_or_default();
        if dice.below(100) < keeps {
            let known = new.len().min(block.len());
            block[..known].copy_from_slice(&new[..known]);
        }
    }
    left
}

/// Of names that came, went or changed without a sync, any stay.
fn partly(durable: &Names, names: &Names, keeps: usize, dice: &mut Dice) -> Names {
    let mut left = durable.clone();
    for name in durable.keys().chain(names.keys()) {
        if durable.get(name) != names.get(name) && dice.below(100) < keeps {
            match names.get(name) {
                Some(number) => left.insert(name.clone(), *number),
                None => left.remove(name),
            };
        }
    }
    left
}
