//! Names of users and groups.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Names from the system's two plain files, read once. Accounts that only a directory service
/// knows have no name here; their numbers are recorded all the same.
#[derive(Default)]
pub(crate) struct Names {
    users: HashMap<u32, Vec<u8>>,
    groups: HashMap<u32, Vec<u8>>,
}

impl Names {
    /// Reads `/etc/passwd` and `/etc/group`; a missing file means no names.
    pub fn of_system() -> Self {
        let read = |path: &str| fs::read(Path::new(path)).unwrap_or_default();
        Self {
            users: parse(&read("/etc/passwd")),
            groups: parse(&read("/etc/group")),
        }
    }

    /// The user's name, or nothing.
    pub fn user(&self, uid: u32) -> Vec<u8> {
        self.users.get(&uid).cloned().unwrap_or_default()
    }

    /// The group's name, or nothing.
    pub fn group(&self, gid: u32) -> Vec<u8> {
        self.groups.get(&gid).cloned().unwrap_or_default()
    }
}

/// Lines `name:password:number:…`; the first name of a number counts, as for the system.
fn parse(text: &[u8]) -> HashMap<u32, Vec<u8>> {
    let mut names = HashMap::new();
    for line in text.split(|&b| b == b'\n') {
        let mut fields = line.split(|&b| b == b':');
        let (Some(name), Some(number)) = (fields.next(), fields.nth(1)) else {
            continue;
        };
        let number = std::str::from_utf8(number)
            .ok()
            .and_then(|n| n.parse().ok());
        if let (Some(number), false) = (number, name.is_empty()) {
            names.entry(number).or_insert_with(|| name.to_vec());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_junk_is_passed_over() {
        let names = parse(b"root:x:0:0::/:\n# note\n:x:5:\nbad:x:minus\nadmin:x:0:\nanna:x:1000:1");
        assert_eq!(names.get(&0), Some(&b"root".to_vec()));
        assert_eq!(names.get(&1000), Some(&b"anna".to_vec()));
        assert_eq!(names.len(), 2);
    }
}
