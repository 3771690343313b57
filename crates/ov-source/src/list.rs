//! Lists of files to back up, as files hold them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What stands between the names of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// One name per line; empty lines and lines that begin with `#` are passed over.
    Line,
    /// A NUL byte after each name, as `find -print0` writes it: any name can stand there.
    Nul,
}

/// The paths of a list (`--files-from`). They are taken as they are, without patterns.
pub fn read_list(text: &[u8], separator: Separator) -> Vec<PathBuf> {
    let path = |name: &[u8]| PathBuf::from(OsStr::from_bytes(name));
    match separator {
        Separator::Nul => text
            .split(|&b| b == 0)
            .filter(|name| !name.is_empty())
            .map(path)
            .collect(),
        Separator::Line => text
            .split(|&b| b == b'\n')
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
            .filter(|line| !line.trim_ascii().is_empty() && !line.starts_with(b"#"))
            .map(path)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_hold_one_path_per_line_or_per_nul() {
        let lines = read_list(b"/a\n# note\n\n/b c \r\n/\xff", Separator::Line);
        let bytes: Vec<&[u8]> = lines.iter().map(|p| p.as_os_str().as_bytes()).collect();
        assert_eq!(bytes, [&b"/a"[..], b"/b c ", b"/\xff"]);
        let nuls = read_list(b"#x\0a\nb\0", Separator::Nul);
        assert_eq!(nuls, [PathBuf::from("#x"), PathBuf::from("a\nb")]);
    }
}
