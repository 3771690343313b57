//! A mounted snapshot looks like what was backed up.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use crate::site::{Site, look, noise, silent};

fn run(program: &str, arguments: &[&str], path: &Path) {
    let status = Command::new(program).args(arguments).arg(path).status();
    assert!(status.unwrap().success(), "{program}");
}

/// Some of everything that a file system can hold.
fn fill(site: &Site) {
    let data = site.data();
    site.write("empty", b"");
    site.write("small", b"a few bytes");
    site.write("folder/medium", &noise(1, 200_000));
    site.write("folder/deep/er/large", &noise(2, 9 << 20));
    site.write("folder-beside", b"sorts between a folder and what is in it");
    std::fs::create_dir(data.join("empty folder")).unwrap();
    let odd = OsString::from_vec(b"not \xff UTF-8 \n".to_vec());
    std::fs::write(data.join(odd), b"odd").unwrap();
    symlink("folder/medium", data.join("link")).unwrap();
    symlink("/nowhere/at all", data.join("dangling")).unwrap();
    std::fs::hard_link(data.join("small"), data.join("folder/same as small")).unwrap();
    std::fs::hard_link(data.join("small"), data.join("a third name")).unwrap();
    let sparse = std::fs::File::create(data.join("sparse")).unwrap();
    sparse.write_all_at(b"island", 5 << 20).unwrap();
    sparse.set_len(16 << 20).unwrap();
    run("mkfifo", &[], &data.join("pipe"));
    let secret = data.join("secret");
    std::fs::write(&secret, b"for the owner").unwrap();
    std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o4600)).unwrap();
    run("setfattr", &["-n", "user.note", "-v", "seen"], &secret);
    run("setfacl", &["-m", "u:12345:r"], &data.join("small"));
    if is_root() {
        std::os::unix::fs::chown(&secret, Some(1234), Some(4321)).unwrap();
        std::fs::set_permissions(&secret, PermissionsExt::from_mode(0o4600)).unwrap();
        let status = Command::new("mknod")
            .arg(data.join("device"))
            .args(["c", "259", "70000"])
            .status();
        assert!(status.unwrap().success());
    }
    let old = SystemTime::UNIX_EPOCH - Duration::new(3_600, 123_456_789);
    let file = std::fs::File::open(data.join("folder/medium")).unwrap();
    file.set_modified(old).unwrap();
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout == b"0\n"
}

#[test]
fn a_mounted_tree_is_as_it_was() {
    let mut site = Site::new();
    fill(&site);
    site.run();
    site.mounted(|mounted| {
        let (was, is) = (site.data(), mounted.data());
        assert_eq!(look(&was), look(&is));
        let number = |name: &str| std::fs::symlink_metadata(is.join(name)).unwrap().ino();
        assert_eq!(number("small"), number("a third name"));
        assert_eq!(number("small"), number("folder/same as small"));
        assert_ne!(number("small"), number("empty"));
        // diff says of pipes and devices that they are some, and no more.
        let arguments = ["-r", "--no-dereference", "-x", "pipe", "-x", "device"];
        let mut arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
        arguments.extend([was.as_os_str(), is.as_os_str()]);
        silent("diff", &arguments);
        assert!(std::fs::metadata(is.join("nothing")).is_err());
        assert_eq!(mounted.troubles(), [""; 0]);
    });
}

#[test]
fn numbers_in_a_listing_are_those_of_the_files() {
    use std::os::unix::fs::DirEntryExt;
    let mut site = Site::new();
    fill(&site);
    site.run();
    site.mounted(|mounted| {
        for entry in std::fs::read_dir(mounted.data()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.ino(), entry.metadata().unwrap().ino());
        }
    });
}

#[test]
fn any_part_of_a_large_file_is_read_by_many_at_once() {
    let mut site = Site::new();
    let bytes = noise(7, 48 << 20);
    site.write("large", &bytes);
    site.run();
    site.mounted(|mounted| {
        let file = std::fs::File::open(mounted.data().join("large")).unwrap();
        let (file, bytes) = (&file, &bytes);
        std::thread::scope(|scope| {
            for thread in 1..=4u64 {
                scope.spawn(move || {
                    let mut buffer = vec![0; 4096];
                    for n in 1..=200u64 {
                        let random = (thread << 32 | n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                        let offset = (random >> 20) % ((48 << 20) - 4096);
                        file.read_exact_at(&mut buffer, offset).unwrap();
                        let from = usize::try_from(offset).unwrap();
                        assert!(buffer == bytes[from..from + 4096]);
                    }
                });
            }
        });
        let mut end = vec![0; 100];
        assert_eq!(file.read_at(&mut end, (48 << 20) - 10).unwrap(), 10);
        assert_eq!(file.read_at(&mut end, 48 << 20).unwrap(), 0);
    });
}

#[test]
fn a_hundred_thousand_files_in_one_folder_are_listed_within_seconds() {
    let mut site = Site::new();
    std::fs::create_dir(site.data().join("many")).unwrap();
    for n in 0..100_000 {
        std::fs::File::create(site.data().join(format!("many/{n:06}"))).unwrap();
    }
    site.run();
    site.mounted(|mounted| {
        let many = mounted.data().join("many");
        let begun = Instant::now();
        let mut names: Vec<OsString> = std::fs::read_dir(&many)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        let listed = begun.elapsed();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 100_000);
        let sizes = names
            .iter()
            .map(|name| many.join(name).metadata().unwrap().len());
        assert_eq!(sizes.sum::<u64>(), 0);
        let looked = begun.elapsed() - listed;
        eprintln!("listed in {listed:?}, looked at in {looked:?}");
        assert!(listed < Duration::from_secs(10) && looked < Duration::from_secs(60));
    });
}

#[test]
fn datasets_are_folders_and_snapshots_are_named_by_their_time() {
    let mut site = Site::new();
    site.write("file", b"one");
    site.run_as("plans", "console", 86_400);
    site.write("file", b"two");
    site.run_as("plans", "console", 3_600);
    site.run_as("notes/of all", "console", 60);
    site.run_as("notes/of all", "laptop", 0);
    site.run_as("notes/of all", "laptop", 0);
    site.mounted(|mounted| {
        let names = |folder: &str| {
            let found = std::fs::read_dir(mounted.top.join(folder)).unwrap();
            let mut names: Vec<String> = found
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            names.sort();
            names
        };
        assert_eq!(names(""), ["notes_of all", "plans"]);
        let plans = ["2026-11-23T05-00-00Z", "2026-11-23T06-00-00Z", "latest"];
        assert_eq!(names("plans"), plans);
        let read = |snapshot: &str| {
            std::fs::read_to_string(mounted.in_snapshot(snapshot).join("file")).unwrap()
        };
        assert_eq!(read("plans/2026-11-23T05-00-00Z"), "one");
        assert_eq!(read("plans/latest"), "two");
        let latest = std::fs::read_link(mounted.top.join("plans/latest")).unwrap();
        assert_eq!(latest, Path::new("2026-11-23T06-00-00Z"));
        assert_eq!(names("notes_of all"), ["console", "laptop"]);
        let laptop = names("notes_of all/laptop");
        assert_eq!(laptop.len(), 3);
        // Two of the same second have their ids behind the time.
        assert!(laptop[0].starts_with("2026-11-23T06-01-00Z-"));
        assert!(laptop[1].starts_with("2026-11-23T06-01-00Z-"));
    });
}

#[test]
fn the_real_files_are_as_they_were() {
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/testdata/dicom");
    let Ok(real) = real.canonicalize() else {
        eprintln!("skipped: no sample files (cargo xtask data fetches them)");
        return;
    };
    let mut site = Site::new();
    site.back_up(&real, "files", "host", 60);
    site.mounted(|mounted| {
        let is = mounted
            .top
            .join("files/latest")
            .join(real.strip_prefix("/").unwrap());
        silent(
            "diff",
            &[OsStr::new("-r"), real.as_os_str(), is.as_os_str()],
        );
    });
}
