//! Whoever takes facts out of files sees what is stored, and what he says comes with the file.

use std::io::Read;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use ov_backup::read::{Buffers, Ending, Flow, Piece, ReadKeys, read_file};
use ov_backup::spares::Spares;
use ov_backup::{Extraction, Extractor, Threads, Told};
use ov_source::{FileTree, Item, OpenFile, Selection, Source, SourceError};

use crate::site::{Site, noise};

/// Says of a file what it was shown: its name, its bytes with holes as zeros.
#[derive(Default)]
struct Echo {
    begun: Mutex<Vec<(Vec<u8>, Option<u64>)>>,
}

impl Extractor for Echo {
    fn begin(&self, name: &[u8], size: Option<u64>) -> Option<Box<dyn Extraction>> {
        self.begun.lock().unwrap().push((name.to_vec(), size));
        Some(Box::new(Seen(Vec::new())))
    }
}

struct Seen(Vec<u8>);

impl Extraction for Seen {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn hole(&mut self, length: u64) {
        let end = self.0.len() + usize::try_from(length).unwrap();
        self.0.resize(end, 0);
    }

    fn end(self: Box<Self>) -> Told {
        Told::Now((!self.0.is_empty()).then_some(self.0))
    }
}

fn read(site: &Site, source: &dyn Source, echo: &Echo) -> Box<Ending> {
    let keys = ReadKeys::new(&site.agent.secret);
    let mut ending = None;
    for item in source.walk() {
        let item = item.unwrap();
        if item.key.name != b"file" {
            continue;
        }
        let mut emit = |piece| {
            if let Piece::End(end) = piece {
                ending = Some(end);
            }
            Flow::Go
        };
        let spares = Spares::up_to(0);
        let mut buffers = Buffers::new(&spares);
        read_file(source, &item, &keys, Some(echo), &mut buffers, &mut emit);
    }
    ending.unwrap()
}

fn tree(site: &Site) -> FileTree {
    FileTree::new(vec![site.data()], Selection::everything()).unwrap()
}

#[test]
fn every_byte_of_a_file_is_shown_once_and_in_order() {
    let site = Site::new(Threads::Inline);
    for length in [1, 4096, 100_000, 9_000_000] {
        let content = noise(1, length);
        site.write("file", &content);
        let echo = Echo::default();
        let ending = read(&site, &tree(&site), &echo);
        assert!(ending.told.account() == Some(content), "{length}");
        let size = Some(u64::try_from(length).unwrap());
        assert_eq!(*echo.begun.lock().unwrap(), [(b"file".to_vec(), size)]);
    }
    site.write("file", b"");
    let ending = read(&site, &tree(&site), &Echo::default());
    assert_eq!(ending.told.account(), None);
}

#[test]
fn holes_are_shown_as_holes() {
    use std::os::unix::fs::FileExt;
    let site = Site::new(Threads::Inline);
    let file = std::fs::File::create(site.data().join("file")).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"end", 3_000_000).unwrap();
    let ending = read(&site, &tree(&site), &Echo::default());
    let account = ending.told.account().unwrap();
    assert_eq!(account.len(), 3_000_003);
    assert!(account.starts_with(b"begin\0") && account.ends_with(b"\0end"));
}

/// A tree whose file grows while it is read for the first time.
struct Growing<'s>(FileTree, &'s Site, AtomicBool);

impl Source for Growing<'_> {
    fn walk(&self) -> Box<dyn Iterator<Item = Result<Item, SourceError>> + Send + '_> {
        self.0.walk()
    }

    fn open(&self, item: &Item) -> Result<Box<dyn OpenFile>, SourceError> {
        let file = self.0.open(item)?;
        let first = !self.2.swap(true, Ordering::Relaxed);
        match first {
            true => Ok(Box::new(Grows(file, self.1.data()))),
            false => Ok(file),
        }
    }
}

struct Grows(Box<dyn OpenFile>, std::path::PathBuf);

impl OpenFile for Grows {
    fn stat_now(&self) -> Result<ov_source::FileStat, SourceError> {
        self.0.stat_now()
    }

    fn next_segment(&mut self) -> Result<Option<ov_source::Segment>, SourceError> {
        self.0.next_segment()
    }
}

impl Read for Grows {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let got = self.0.read(buffer);
        std::fs::write(self.1.join("file"), b"of another length")?;
        got
    }
}

#[test]
fn a_file_that_is_read_again_is_shown_again_from_its_beginning() {
    let site = Site::new(Threads::Inline);
    site.write("file", &noise(2, 50_000));
    let growing = Growing(tree(&site), &site, AtomicBool::new(false));
    let echo = Echo::default();
    let ending = read(&site, &growing, &echo);
    assert_eq!(
        ending.told.account().as_deref(),
        Some(&b"of another length"[..])
    );
    assert_eq!(echo.begun.lock().unwrap().len(), 2);
}
