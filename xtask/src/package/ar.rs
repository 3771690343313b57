//! The archive format that a `.deb` is (deb(5), ar(5)): a magic line, then members with heads of 60
//! letters.

/// One member; its name is at most 15 letters.
pub struct Member {
    pub name: &'static str,
    pub content: Vec<u8>,
}

/// The archive, every member of the time `epoch` and owned by root.
pub fn archive(members: &[Member], epoch: u64) -> Vec<u8> {
    let mut bytes = b"!<arch>\n".to_vec();
    for Member { name, content } in members {
        let size = content.len();
        let head = format!(
            "{name:<16}{epoch:<12}{:<6}{:<6}{:<8}{size:<10}`\n",
            0, 0, 100_644
        );
        bytes.extend(head.as_bytes());
        bytes.extend(content);
        if size % 2 == 1 {
            bytes.push(b'\n');
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{command, is_installed, text};

    fn sample() -> Vec<u8> {
        let member = |name, content: &[u8]| Member {
            name,
            content: content.to_vec(),
        };
        archive(&[member("debian-binary", b"2.0\n"), member("odd", b"x")], 7)
    }

    #[test]
    fn heads_have_60_letters_and_members_begin_at_even_places() {
        let bytes = sample();
        assert_eq!(bytes.len(), 8 + 60 + 4 + 60 + 2);
        assert!(bytes.starts_with(
            b"!<arch>\ndebian-binary   7           0     0     100644  4         `\n2.0\n"
        ));
        assert!(bytes.ends_with(b"`\nx\n"));
    }

    #[test]
    fn the_systems_own_reader_lists_the_members() {
        if !is_installed("ar") {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("sample"), sample()).unwrap();
        let listed = text(&mut command("ar", &["t", "sample"], folder.path())).unwrap();
        assert_eq!(listed, "debian-binary\nodd\n");
    }
}
