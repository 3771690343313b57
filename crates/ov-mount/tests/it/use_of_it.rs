//! Who may do what with a mount, what it costs, and how it ends.

use std::os::unix::fs::FileExt;
use std::process::Command;
use std::sync::atomic::Ordering;

use ov_mount::{Ending, MountError};
use ov_restore::Limits;

use crate::site::{Site, noise};

/// The error of file systems that cannot be written.
const EROFS: i32 = 30;

fn with_one_file() -> Site {
    let mut site = Site::new();
    site.write("file", b"content");
    site.run();
    site
}

#[test]
fn nothing_can_be_written() {
    with_one_file().mounted(|mounted| {
        let data = mounted.data();
        let file = data.join("file");
        for result in [
            std::fs::write(&file, b"other"),
            std::fs::write(data.join("new"), b"new"),
            std::fs::create_dir(data.join("folder")),
            std::fs::create_dir(mounted.top.join("dataset")),
            std::fs::remove_file(&file),
            std::fs::rename(&file, data.join("elsewhere")),
            std::fs::hard_link(&file, data.join("link")),
            std::os::unix::fs::symlink("x", data.join("link")),
            std::fs::set_permissions(&file, std::fs::metadata(&data).unwrap().permissions()),
        ] {
            assert_eq!(result.unwrap_err().raw_os_error(), Some(EROFS));
        }
        assert_eq!(std::fs::read(&file).unwrap(), b"content");
    });
}

#[test]
fn it_ends_when_asked() {
    with_one_file().mounted(|mounted| {
        mounted.watch.end.store(true, Ordering::Relaxed);
        mounted.wait(|| mounted.is_over());
        assert_eq!(mounted.ending().unwrap().unwrap(), Ending::Asked);
        assert_eq!(std::fs::read_dir(&mounted.top).unwrap().count(), 0);
        assert!(!mounted.watch.lingering.load(Ordering::Relaxed));
    });
}

#[test]
fn it_ends_when_it_is_unmounted_from_outside() {
    with_one_file().mounted(|mounted| {
        let mut unmount = Command::new("fusermount3");
        let status = unmount.arg("-u").arg(&mounted.top).status().unwrap();
        assert!(status.success());
        mounted.wait(|| mounted.is_over());
        assert_eq!(mounted.ending().unwrap().unwrap(), Ending::Unmounted);
    });
}

#[test]
fn an_open_file_is_served_to_its_end_after_the_mount_is_gone() {
    let mut site = Site::new();
    site.write("file", &noise(5, 3 << 20));
    site.run();
    site.mounted(|mounted| {
        let file = std::fs::File::open(mounted.data().join("file")).unwrap();
        mounted.watch.end.store(true, Ordering::Relaxed);
        mounted.wait(|| mounted.watch.lingering.load(Ordering::Relaxed));
        mounted.wait(|| std::fs::read_dir(&mounted.top).unwrap().count() == 0);
        assert!(!mounted.is_over());
        let mut bytes = vec![0; 4096];
        file.read_exact_at(&mut bytes, 2 << 20).unwrap();
        assert!(bytes == noise(5, 3 << 20)[2 << 20..][..4096]);
        drop(file);
        mounted.wait(|| mounted.is_over());
    });
}

#[test]
fn a_folder_that_holds_something_is_not_covered() {
    let site = with_one_file();
    let kept = site.data().parent().unwrap().join("mount/kept");
    std::fs::write(&kept, b"kept").unwrap();
    site.mounted(|mounted| {
        let ended = mounted.ending().unwrap();
        assert!(matches!(ended, Err(MountError::NotEmpty)));
    });
    assert_eq!(std::fs::read(kept).unwrap(), b"kept");
}

#[test]
fn a_random_read_of_an_open_file_takes_one_request_at_most() {
    let mut site = Site::new();
    site.write("large", &noise(6, 96 << 20));
    site.run();
    // No frame is kept, so that every read has to fetch.
    let limits = Limits {
        frame_bytes: 0,
        ..Limits::default()
    };
    site.mounted_with(&limits, |mounted| {
        let file = std::fs::File::open(mounted.data().join("large")).unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random).unwrap();
        mounted.requests.take();
        let mut bytes = vec![0; 4096];
        let reads = 200u64;
        for n in 1..=reads {
            let random = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
            let block = random % ((96 << 20) / 4096);
            file.read_exact_at(&mut bytes, block * 4096).unwrap();
        }
        let requests = mounted.requests.take().len();
        // A block that lies in two chunks takes two.
        let reads = usize::try_from(reads).unwrap();
        assert!(
            requests <= reads + reads / 10,
            "{requests} for {reads} reads"
        );
    });
}
