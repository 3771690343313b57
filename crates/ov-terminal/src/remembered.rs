//! What verbs learn of a place, remembered in a member's local state for `status`.

use std::path::Path;

use ov_program::status::{PlaceNote, PlaceNotes};
use ov_store::TargetUrl;

use crate::screen::Screen;

/// Notes what was learnt of a place, and tells what is known of it now. What goes wrong is said and
/// stops nothing.
pub fn note(
    state: &Path,
    url: &TargetUrl,
    screen: &Screen,
    learnt: impl Fn(&mut PlaceNote),
) -> PlaceNote {
    let file = state.join(PlaceNotes::FILE);
    let address = address(url);
    if let Err(error) = PlaceNotes::note(&file, &address, &learnt) {
        let file = file.display();
        screen.warn(format_args!("cannot remember it in {file}: {error}"));
    }
    let mut note = PlaceNotes::read(&file).of(&address);
    learnt(&mut note);
    note
}

/// What is known of a place.
pub fn of(state: &Path, url: &TargetUrl) -> PlaceNote {
    PlaceNotes::read(&state.join(PlaceNotes::FILE)).of(&address(url))
}

/// The same for one place, from whatever folder it was named.
fn address(url: &TargetUrl) -> String {
    let folder = url.as_folder().map(std::path::absolute);
    match folder.and_then(Result::ok) {
        Some(folder) => folder.display().to_string(),
        None => url.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use ov_store::Grade;

    use super::*;
    use crate::screen::{Form, Loudness};

    #[test]
    fn a_place_is_the_same_however_it_was_named() {
        let folder = tempfile::tempdir().unwrap();
        let here = std::env::current_dir().unwrap().join("vault");
        let screen = Screen {
            form: Form::Text,
            loudness: Loudness::Quiet,
        };
        let at = Timestamp::UNIX_EPOCH;
        let relative = TargetUrl::folder("./vault");
        let learnt = |note: &mut PlaceNote| note.probe(at, Grade::Versioned);
        let note = note(folder.path(), &relative, &screen, learnt);
        assert_eq!(note.grade(), Some((Grade::Versioned, at)));
        let known = of(folder.path(), &TargetUrl::folder(here));
        assert_eq!(known.grade(), note.grade());
        assert_eq!(of(folder.path(), &TargetUrl::folder("/else")).grade(), None);
    }
}
