//! What is remembered of places between one look and the next: local, and it may be lost.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use jiff::Timestamp;
use ov_policy::placement::Checked;
use ov_store::Grade;
use serde::{Deserialize, Serialize};

use crate::status::Contents;

/// What is remembered of one place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlaceNote {
    /// When it was last looked at.
    pub seen: Option<Timestamp>,
    /// What it held then.
    pub contents: Option<Contents>,
    checked: Option<(Timestamp, u64)>,
    grade: Option<(String, Timestamp)>,
}

impl PlaceNote {
    /// Notes the end of a check.
    pub fn check(&mut self, at: Timestamp, errors: u64) {
        self.checked = Some((at, errors));
    }

    /// Notes what a target protects.
    pub fn probe(&mut self, at: Timestamp, grade: Grade) {
        self.grade = Some((grade.to_string(), at));
    }

    /// Notes what it holds.
    pub fn look(&mut self, at: Timestamp, contents: Contents) {
        self.seen = Some(at);
        self.contents = Some(contents);
    }

    /// The last check.
    pub fn checked(&self) -> Option<Checked> {
        self.checked.map(|(at, errors)| Checked { at, errors })
    }

    /// What the target protects, and when that was tried.
    pub fn grade(&self) -> Option<(Grade, Timestamp)> {
        let (text, at) = self.grade.as_ref()?;
        let known = [
            Grade::Plain,
            Grade::CreateOnly,
            Grade::Versioned,
            Grade::Locked,
        ];
        let grade = known.into_iter().find(|grade| grade.to_string() == *text)?;
        Some((grade, *at))
    }
}

/// What is remembered of all places, by their addresses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlaceNotes(BTreeMap<String, PlaceNote>);

impl PlaceNotes {
    /// Its name in the folder of local state.
    pub const FILE: &'static str = "places.json";

    /// Reads the file; one that is missing or damaged knows nothing.
    pub fn read(file: &Path) -> Self {
        let text = fs::read(file).ok();
        let notes = text.and_then(|text| serde_json::from_slice(&text).ok());
        notes.unwrap_or_default()
    }

    /// What is known of a place.
    pub fn of(&self, address: &str) -> PlaceNote {
        self.0.get(address).cloned().unwrap_or_default()
    }

    /// Where what is learnt of a place is noted.
    pub fn of_mut(&mut self, address: &str) -> &mut PlaceNote {
        self.0.entry(address.to_owned()).or_default()
    }

    /// Reads the file, notes something, and writes it.
    ///
    /// # Errors
    /// If the folder takes no file.
    pub fn note(
        file: &Path,
        address: &str,
        note: impl FnOnce(&mut PlaceNote),
    ) -> std::io::Result<()> {
        let mut notes = Self::read(file);
        note(notes.of_mut(address));
        notes.write(file)
    }

    /// Writes the file: beside it first, so that a crash leaves the old one.
    ///
    /// # Errors
    /// If the folder takes no file.
    pub fn write(&self, file: &Path) -> std::io::Result<()> {
        let beside = file.with_extension("new");
        fs::write(&beside, serde_json::to_vec(self)?)?;
        fs::rename(&beside, file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_comes_back_and_a_damaged_file_knows_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(PlaceNotes::FILE);
        let at = Timestamp::from_second(1_795_000_000).unwrap();
        let contents = Contents {
            newest: [("plans".to_owned(), at)].into(),
            bytes: 7,
            ..Contents::default()
        };
        PlaceNotes::note(&file, "/srv/vault", |note| note.check(at, 2)).unwrap();
        PlaceNotes::note(&file, "/srv/vault", |note| {
            note.probe(at, Grade::CreateOnly)
        })
        .unwrap();
        PlaceNotes::note(&file, "/srv/vault", |note| note.look(at, contents.clone())).unwrap();
        let note = PlaceNotes::read(&file).of("/srv/vault");
        assert_eq!(note.checked(), Some(Checked { at, errors: 2 }));
        assert_eq!(note.grade(), Some((Grade::CreateOnly, at)));
        assert_eq!((note.seen, note.contents), (Some(at), Some(contents)));
        assert_eq!(PlaceNotes::read(&file).of("/other"), PlaceNote::default());
        fs::write(&file, b"[").unwrap();
        assert_eq!(PlaceNotes::read(&file), PlaceNotes::default());
    }
}
