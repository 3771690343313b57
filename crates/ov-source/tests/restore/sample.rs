//! A folder with one of everything that a file system can hold.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{CWD, FileType, Mode, XattrFlags, lsetxattr, mknodat, setxattr};

use crate::round_trip::is_root;

/// One of everything that a file system can hold.
pub fn fill(base: &Path) {
    let at = |name: &[u8]| base.join(OsStr::from_bytes(name));
    for name in [
        &b"new\nline"[..],
        b"\xff\xfe",
        b" ",
        b"-rf *",
        &[b'n'; 255],
        b"{a}",
    ] {
        fs::write(at(name), name).unwrap();
    }
    fs::create_dir_all(at(b"dir/sub/empty")).unwrap();
    fs::write(at(b"empty"), b"").unwrap();
    fs::write(at(b"large"), vec![0x5a; 300_000]).unwrap();
    let sparse = File::create(at(b"sparse")).unwrap();
    sparse.set_len(5 << 20).unwrap();
    sparse.write_all_at(b"middle", 2 << 20).unwrap();
    fs::hard_link(at(b"large"), at(b"dir/hard")).unwrap();
    symlink("../nowhere", at(b"dir/dangling")).unwrap();
    symlink("/etc/passwd", at(b"absolute")).unwrap();
    fs::hard_link(at(b"absolute"), at(b"dir/hard link of a link")).unwrap();
    mknodat(
        CWD,
        at(b"pipe"),
        FileType::Fifo,
        Mode::from_raw_mode(0o620),
        0,
    )
    .unwrap();
    let _listener = std::os::unix::net::UnixListener::bind(at(b"socket")).unwrap();
    for (name, content) in [("user.note", &b"text\0\xff"[..]), ("user.z", b"")] {
        for path in [&b"large"[..], b"dir"] {
            // Where the file system holds none, there is none to compare.
            let _ = setxattr(at(path), name, content, XattrFlags::empty());
        }
    }
    for (path, name) in [
        (&b"empty"[..], "system.posix_acl_access"),
        (b"dir/sub", "system.posix_acl_default"),
    ] {
        let _ = setxattr(at(path), name, &access_list(), XattrFlags::empty());
    }
    if is_root() {
        fill_as_root(base);
    }
    for (path, seconds) in [(&b"empty"[..], -1), (b"large", 1), (b"dir/sub", -86_400)] {
        let moment = match u64::try_from(seconds) {
            Ok(after) => SystemTime::UNIX_EPOCH + Duration::new(after, 123_456_789),
            Err(_) => SystemTime::UNIX_EPOCH - Duration::new(86_400, 1),
        };
        File::open(at(path)).unwrap().set_modified(moment).unwrap();
    }
    let mode = |path: &[u8], mode| fs::set_permissions(at(path), fs::Permissions::from_mode(mode));
    mode(b"dir/sub/empty", 0o1777).unwrap();
    mode(b" ", 0o4711).unwrap();
    if is_root() {
        mode(b"sparse", 0o000).unwrap();
        mode(b"dir/sub", 0o000).unwrap();
    }
}

fn fill_as_root(base: &Path) {
    let mode = Mode::from_raw_mode(0o640);
    let device = rustix::fs::makedev(1, 3);
    mknodat(
        CWD,
        base.join("null"),
        FileType::CharacterDevice,
        mode,
        device,
    )
    .unwrap();
    let device = rustix::fs::makedev(7, 300);
    mknodat(CWD, base.join("loop"), FileType::BlockDevice, mode, device).unwrap();
    std::os::unix::fs::lchown(base.join("dir/dangling"), Some(1001), Some(1002)).unwrap();
    std::os::unix::fs::chown(base.join("large"), Some(1001), Some(1002)).unwrap();
    fs::set_permissions(base.join("large"), fs::Permissions::from_mode(0o6755)).unwrap();
    std::os::unix::fs::chown(base.join("pipe"), Some(1003), Some(1004)).unwrap();
    let value = b"of a link";
    let _ = lsetxattr(
        base.join("absolute"),
        "trusted.t",
        value,
        XattrFlags::empty(),
    );
    // cap_net_bind_service, effective and permitted, revision 2.
    let mut capability = [0; 20];
    capability[..8].copy_from_slice(&[1, 0, 0, 2, 0, 4, 0, 0]);
    let name = "security.capability";
    let _ = setxattr(base.join("large"), name, &capability, XattrFlags::empty());
}

/// Access list: owner rw, user 1234 rw, group r, mask rw, others none.
fn access_list() -> Vec<u8> {
    let mut bytes = 2u32.to_le_bytes().to_vec();
    for (tag, perm, id) in [
        (1u16, 6u16, u32::MAX),
        (2, 6, 1234),
        (4, 4, u32::MAX),
        (16, 6, u32::MAX),
        (32, 0, u32::MAX),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(perm.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    bytes
}
