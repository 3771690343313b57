//! What is damaged is an error of the files that it touches, and of no others.

use std::cell::Cell;
use std::os::unix::fs::FileExt;

use crate::site::{Site, noise, packs};

/// What the kernel makes of an error that has no kind of its own.
const EIO: i32 = 5;

#[test]
fn a_damaged_pack_is_an_error_of_its_file_alone_and_is_named() {
    let mut site = Site::new();
    site.write("whole/small", b"a few bytes");
    site.write("hit", &noise(1, 20 << 20));
    site.run();
    // The largest pack holds the large file; its middle is none of the tree.
    let pack = packs(&site.memory)[0];
    site.memory.tamper(&pack, |bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
    });
    site.mounted(|mounted| {
        let data = mounted.data();
        for _ in 0..2 {
            let error = std::fs::read(data.join("hit")).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(EIO));
        }
        let troubles = mounted.troubles();
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert!(troubles[0].starts_with("files/2026-11-23T05-00-00Z/"));
        assert!(troubles[0].contains("/hit: "), "{troubles:?}");
        assert_eq!(
            std::fs::read(data.join("whole/small")).unwrap(),
            b"a few bytes"
        );
        assert_eq!(std::fs::read_dir(&data).unwrap().count(), 2);
        // What lies in other frames of the same file can still be had.
        let file = std::fs::File::open(data.join("hit")).unwrap();
        let mut begin = vec![0; 4096];
        file.read_exact_at(&mut begin, 0).unwrap();
        assert!(begin == noise(1, 4096));
    });
}

#[test]
fn a_listing_with_a_lost_part_shows_the_rest_and_ends_with_an_error() {
    let mut site = Site::new();
    for n in 0..20_000 {
        site.write(&format!("{n:05}"), b"");
    }
    site.run();
    // Pages alone are in this vault: no file has content. Some hold names, some lead to others.
    let pack = packs(&site.memory)[0];
    let partial = Cell::new(0);
    for eighth in 1..8 {
        let flip = || {
            site.memory.tamper(&pack, |bytes| {
                let at = bytes.len() * eighth / 8;
                bytes[at] ^= 1;
            });
        };
        flip();
        site.mounted(|mounted| {
            let Ok(entries) = std::fs::read_dir(mounted.data()) else {
                assert!(!mounted.troubles().is_empty());
                return;
            };
            let (shown, failed): (Vec<_>, Vec<_>) = entries.partition(Result::is_ok);
            if failed.is_empty() {
                return;
            }
            let codes = failed
                .iter()
                .map(|one| one.as_ref().unwrap_err().raw_os_error());
            assert_eq!(codes.collect::<Vec<_>>(), [Some(EIO)]);
            assert!(shown.len() < 20_000, "{}", shown.len());
            assert!(mounted.troubles()[0].contains("of the tree cannot be read"));
            partial.set(partial.get() + usize::from(shown.len() > 1_000));
        });
        flip();
    }
    assert!(partial.get() > 0);
}
