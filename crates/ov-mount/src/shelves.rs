//! The folders above the snapshots: datasets, hosts where there are several, times.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use ov_format::entry::Time;
use ov_restore::SnapshotInfo;

use crate::node::Node;

/// The link beside the snapshots that leads to the newest.
const LATEST: &[u8] = b"latest";

/// Longest name that file systems take, in bytes, less what makes it unique.
const NAME_MAX: usize = 200;

/// A folder or a link above the snapshots.
pub(crate) struct Shelf {
    /// Its name; empty for the top.
    pub name: Vec<u8>,
    /// The number of the shelf that it is in; the top is in itself.
    pub parent: usize,
    /// The moment of the newest snapshot below it.
    pub time: Time,
    /// What it holds.
    pub kind: ShelfKind,
}

/// What a shelf holds.
pub(crate) enum ShelfKind {
    /// Names, in order.
    Folder(BTreeMap<Vec<u8>, Node>),
    /// Where it leads.
    Link(Vec<u8>),
}

/// Where a snapshot stands.
pub(crate) struct Home {
    /// The shelf that holds it.
    pub shelf: usize,
    /// Its name there.
    pub name: Vec<u8>,
}

/// All of them; number 0 is the top.
pub(crate) struct Shelves {
    shelves: Vec<Shelf>,
    homes: Vec<Home>,
}

impl Shelves {
    /// Arranges snapshots, which come with the oldest first.
    pub fn of(snapshots: &[&SnapshotInfo]) -> Self {
        let mut shelves = Self {
            shelves: vec![Shelf::folder(Vec::new(), 0)],
            homes: Vec::new(),
        };
        shelves.homes.extend(snapshots.iter().map(|_| Home {
            shelf: 0,
            name: Vec::new(),
        }));
        let mut datasets: BTreeMap<Vec<u8>, Vec<usize>> = BTreeMap::new();
        for (number, info) in snapshots.iter().enumerate() {
            let name = clean(&info.snapshot.dataset);
            datasets.entry(name).or_default().push(number);
        }
        for (dataset, numbers) in datasets {
            let shelf = shelves.add(0, dataset);
            let host = |number: &usize| clean(&snapshots[*number].snapshot.host);
            let hosts: BTreeSet<Vec<u8>> = numbers.iter().map(host).collect();
            if hosts.len() < 2 {
                shelves.fill(shelf, &numbers, snapshots);
                continue;
            }
            for name in hosts {
                let of_host = numbers.iter().filter(|number| host(number) == name);
                let of_host: Vec<usize> = of_host.copied().collect();
                let below = shelves.add(shelf, name);
                shelves.fill(below, &of_host, snapshots);
            }
        }
        shelves
    }

    pub fn get(&self, number: usize) -> Option<&Shelf> {
        self.shelves.get(number)
    }

    /// Where a snapshot stands.
    pub fn home(&self, snapshot: usize) -> Option<&Home> {
        self.homes.get(snapshot)
    }

    /// The path of a shelf below the mount.
    pub fn path(&self, number: usize) -> Vec<u8> {
        let mut path = Vec::new();
        let mut at = number;
        while let Some(shelf) = self.shelves.get(at).filter(|_| at != 0) {
            let rest = std::mem::take(&mut path);
            path.clone_from(&shelf.name);
            if !rest.is_empty() {
                path.push(b'/');
                path.extend(rest);
            }
            at = shelf.parent;
        }
        path
    }

    /// Adds an empty folder.
    fn add(&mut self, parent: usize, name: Vec<u8>) -> usize {
        let number = self.shelves.len();
        self.shelves.push(Shelf::folder(name.clone(), parent));
        self.insert(parent, name, Node::Shelf(number));
        number
    }

    /// Puts snapshots of one dataset and host into a folder, and the link to the newest.
    fn fill(&mut self, shelf: usize, numbers: &[usize], snapshots: &[&SnapshotInfo]) {
        let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for number in numbers {
            *times.entry(moment(snapshots[*number])).or_default() += 1;
        }
        let mut newest = None;
        for number in numbers {
            let info = snapshots[*number];
            let mut name = moment(info);
            if times.get(&name).is_some_and(|count| *count > 1) {
                name.push(b'-');
                name.extend(info.short_id().into_bytes());
            }
            self.insert(shelf, name.clone(), Node::Snapshot(*number));
            self.homes[*number] = Home {
                shelf,
                name: name.clone(),
            };
            newest = Some((name, info.moment()));
        }
        if let Some((target, time)) = newest {
            self.link(shelf, target, time);
        }
    }

    fn link(&mut self, shelf: usize, target: Vec<u8>, time: Time) {
        let number = self.shelves.len();
        self.shelves.push(Shelf {
            name: LATEST.to_vec(),
            parent: shelf,
            time,
            kind: ShelfKind::Link(target),
        });
        self.insert(shelf, LATEST.to_vec(), Node::Shelf(number));
        let mut at = shelf;
        loop {
            let above = &mut self.shelves[at];
            above.time = above.time.max(time);
            match at {
                0 => return,
                _ => at = above.parent,
            }
        }
    }

    fn insert(&mut self, shelf: usize, name: Vec<u8>, node: Node) {
        if let ShelfKind::Folder(names) = &mut self.shelves[shelf].kind {
            names.insert(name, node);
        }
    }
}

impl Shelf {
    fn folder(name: Vec<u8>, parent: usize) -> Self {
        Self {
            name,
            parent,
            time: Time::default(),
            kind: ShelfKind::Folder(BTreeMap::new()),
        }
    }
}

/// A name as agents give it, as a name of a folder: agents are not trusted to give good ones.
fn clean(name: &str) -> Vec<u8> {
    let mut short = String::new();
    for c in name.chars() {
        if short.len() + c.len_utf8() > NAME_MAX {
            break;
        }
        short.push(if c == '/' || c.is_control() { '_' } else { c });
    }
    match short.as_str() {
        "" | "." | ".." => format!("{short}_").into_bytes(),
        _ => short.into_bytes(),
    }
}

/// The moment of a snapshot in UTC, so that names sort by time, and without colons, which mean a
/// host to some programs.
fn moment(info: &SnapshotInfo) -> Vec<u8> {
    let Time { seconds, .. } = info.moment();
    let name = match Timestamp::from_second(seconds) {
        Ok(moment) => {
            let moment = moment.to_zoned(TimeZone::UTC);
            moment.strftime("%Y-%m-%dT%H-%M-%SZ").to_string()
        }
        Err(_) => format!("@{seconds}"),
    };
    name.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_no_names_of_folders_become_some() {
        for (given, name) in [
            ("plans", "plans"),
            ("", "_"),
            (".", "._"),
            ("..", ".._"),
            ("../../etc", ".._.._etc"),
            ("a\0b\nc", "a_b_c"),
            ("Pläne", "Pläne"),
        ] {
            assert_eq!(clean(given), name.as_bytes());
        }
        assert_eq!(clean(&"ä".repeat(300)).len(), NAME_MAX);
    }
}
