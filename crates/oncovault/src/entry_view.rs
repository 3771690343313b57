//! Entries of a tree, as they are shown.

use ov_format::entry::{Entry, Kind, ReadState};
use ov_terminal::moment;
use ov_terminal::screen::shown;
use serde_json::{Value, json};

/// The absolute path, escaped.
pub fn path(entry: &Entry) -> String {
    format!("/{}", shown(&entry.key.path()))
}

/// Mode, owner, size, time and path, like `ls -l`.
pub fn long(entry: &Entry) -> String {
    let meta = &entry.meta;
    let owner = |name: &[u8], number: u32| match name.is_empty() {
        true => number.to_string(),
        false => shown(name),
    };
    let mut line = format!(
        "{}{} {:>8} {:>8} {:>12} {} {}",
        letter(&meta.kind),
        permissions(meta.mode),
        owner(&meta.user, meta.uid),
        owner(&meta.group, meta.gid),
        meta.size,
        moment::local(meta.mtime),
        path(entry)
    );
    if let Kind::Symlink(target) = &meta.kind {
        line.push_str(" -> ");
        line.push_str(&shown(target));
    }
    match &entry.state {
        ReadState::Clean => {}
        ReadState::Changed => line.push_str("  (changed while it was read)"),
        ReadState::Unreadable(why) => {
            line.push_str(&format!("  (could not be read: {})", shown(why.as_bytes())));
        }
    }
    line
}

/// For programs.
pub fn document(entry: &Entry) -> Value {
    let meta = &entry.meta;
    let path = entry.key.path();
    let mut document = json!({
        "path": format!("/{}", String::from_utf8_lossy(&path)),
        "kind": kind(&meta.kind),
        "mode": format!("{:04o}", meta.mode),
        "uid": meta.uid,
        "gid": meta.gid,
        "user": String::from_utf8_lossy(&meta.user),
        "group": String::from_utf8_lossy(&meta.group),
        "size": meta.size,
        "mtime": moment::rfc3339(meta.mtime),
    });
    let mut add = |name: &str, value: Value| {
        if let Some(object) = document.as_object_mut() {
            object.insert(name.to_owned(), value);
        }
    };
    if std::str::from_utf8(&path).is_err() {
        add("path_bytes", json!(path));
    }
    if let Kind::Symlink(target) = &meta.kind {
        add("target", json!(String::from_utf8_lossy(target)));
    }
    match &entry.state {
        ReadState::Clean => {}
        ReadState::Changed => add("changed_while_read", json!(true)),
        ReadState::Unreadable(why) => add("unreadable", json!(why)),
    }
    document
}

fn kind(kind: &Kind) -> &'static str {
    match kind {
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Symlink(_) => "symlink",
        Kind::Fifo => "fifo",
        Kind::Socket => "socket",
        Kind::CharDevice { .. } => "char_device",
        Kind::BlockDevice { .. } => "block_device",
    }
}

fn letter(kind: &Kind) -> char {
    match kind {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Symlink(_) => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::CharDevice { .. } => 'c',
        Kind::BlockDevice { .. } => 'b',
    }
}

fn permissions(mode: u32) -> String {
    let special = [(0o4000, 's'), (0o2000, 's'), (0o1000, 't')];
    let mut text = String::with_capacity(9);
    for (shift, (bit, letter)) in [6, 3, 0].into_iter().zip(special) {
        let three = mode >> shift & 0o7;
        text.push(if three & 4 != 0 { 'r' } else { '-' });
        text.push(if three & 2 != 0 { 'w' } else { '-' });
        text.push(match (three & 1 != 0, mode & bit != 0) {
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
            (true, false) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn modes_look_as_they_do_in_ls() {
        for (mode, text) in [
            (0o755, "rwxr-xr-x"),
            (0o640, "rw-r-----"),
            (0o4755, "rwsr-xr-x"),
            (0o2644, "rw-r-Sr--"),
            (0o1777, "rwxrwxrwt"),
        ] {
            assert_eq!(permissions(mode), text);
        }
    }
}
