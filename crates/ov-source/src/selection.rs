//! What of a file tree is backed up.

use std::sync::atomic::{AtomicU64, Ordering};

use globset::{Candidate, GlobSet, GlobSetBuilder};

use crate::pattern::{Case, Effect, Pattern, Target};
use crate::selection_error::SelectionError;

/// The name and the beginning of a cache folder's tag (bford.info/cachedir).
const CACHE_TAG: &str = "CACHEDIR.TAG";
const CACHE_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// Whether a walk crosses into other file systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileSystems {
    /// Whatever is mounted below a root belongs to it.
    #[default]
    All,
    /// A folder on which another file system is mounted is recorded, its content is not.
    One,
}

/// A file whose presence excludes what else is in its folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub name: Vec<u8>,
    /// What the file must begin with; empty: anything.
    pub header: Vec<u8>,
}

/// Gathers what a selection leaves out.
#[derive(Debug)]
pub struct SelectionBuilder {
    patterns: Vec<Pattern>,
    globs: GlobSetBuilder,
    markers: Vec<Marker>,
    size_max: Option<u64>,
    file_systems: FileSystems,
}

impl Default for SelectionBuilder {
    fn default() -> Self {
        Self {
            patterns: Vec::new(),
            globs: GlobSetBuilder::new(),
            markers: Vec::new(),
            size_max: None,
            file_systems: FileSystems::All,
        }
    }
}

impl SelectionBuilder {
    /// Leaves out what matches `pattern`, with all that is below it.
    ///
    /// `*`, `?` and `[…]` match within a name, `**` across folders. A pattern without a slash
    /// matches a name anywhere; one that begins with a slash matches the path from the top; any
    /// other one matches the end of a path. A slash at the end matches folders only. `!` in
    /// front takes back in what earlier patterns left out; the last match counts. What is in a
    /// folder that is left out cannot be taken back in.
    pub fn exclude(&mut self, pattern: &str, case: Case) -> Result<&mut Self, SelectionError> {
        let (pattern, glob) = Pattern::parse(pattern, case)?;
        self.patterns.push(pattern);
        self.globs.add(glob);
        Ok(self)
    }

    /// Adds each line of an exclude file; empty lines and lines that begin with `#` are passed
    /// over, spaces at the ends of lines dropped (but for one after a backslash).
    pub fn exclude_lines(&mut self, text: &[u8], case: Case) -> Result<&mut Self, SelectionError> {
        for (number, line) in (1..).zip(text.split(|&b| b == b'\n')) {
            let line = std::str::from_utf8(line)
                .map_err(|_| SelectionError::NotText { line: number })?
                .trim_start();
            let trimmed = line.trim_end();
            let line = match trimmed.ends_with('\\') && line.len() > trimmed.len() {
                true => line.get(..=trimmed.len()).unwrap_or(line),
                false => trimmed,
            };
            if !line.is_empty() && !line.starts_with('#') {
                self.exclude(line, case)?;
            }
        }
        Ok(self)
    }

    /// Leaves out the content of folders tagged as caches by a `CACHEDIR.TAG` file; the folder
    /// and the tag itself are kept.
    pub fn exclude_caches(&mut self) -> &mut Self {
        self.markers.push(Marker {
            name: CACHE_TAG.into(),
            header: CACHE_SIGNATURE.into(),
        });
        self
    }

    /// Leaves out the content of folders that hold a file of this name, given as `NAME` or as
    /// `NAME:HEADER` if the file must also begin with `HEADER`. The folder and the file itself
    /// are kept.
    pub fn exclude_if_present(&mut self, marker: &str) -> Result<&mut Self, SelectionError> {
        let (name, header) = marker.split_once(':').unwrap_or((marker, ""));
        if matches!(name, "" | "." | "..") || name.contains(['/', '\0']) {
            return Err(SelectionError::BadMarker {
                name: marker.to_owned(),
            });
        }
        self.markers.push(Marker {
            name: name.into(),
            header: header.into(),
        });
        Ok(self)
    }

    /// Leaves out regular files larger than this many bytes.
    pub fn exclude_larger_than(&mut self, bytes: u64) -> &mut Self {
        self.size_max = Some(bytes);
        self
    }

    /// Says whether other file systems are entered.
    pub fn file_systems(&mut self, which: FileSystems) -> &mut Self {
        self.file_systems = which;
        self
    }

    /// The selection.
    pub fn build(self) -> Result<Selection, SelectionError> {
        let globs = self
            .globs
            .build()
            .map_err(|error| SelectionError::TooLarge {
                reason: error.kind().to_string(),
            })?;
        Ok(Selection {
            patterns: self.patterns,
            globs,
            markers: self.markers,
            size_max: self.size_max,
            file_systems: self.file_systems,
            excluded: AtomicU64::new(0),
        })
    }
}

/// What of a file tree is backed up: everything, less what was excluded. Explicitly named roots
/// are always kept.
#[derive(Debug)]
pub struct Selection {
    patterns: Vec<Pattern>,
    globs: GlobSet,
    markers: Vec<Marker>,
    size_max: Option<u64>,
    file_systems: FileSystems,
    excluded: AtomicU64,
}

/// What a selection says of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    Excluded,
}

/// Whether a name is known to be a folder's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Folder,
    Other,
}

impl Selection {
    /// Leaves out nothing.
    pub fn everything() -> Self {
        Self {
            patterns: Vec::new(),
            globs: GlobSet::empty(),
            markers: Vec::new(),
            size_max: None,
            file_systems: FileSystems::All,
            excluded: AtomicU64::new(0),
        }
    }

    /// Starts one that leaves something out.
    pub fn builder() -> SelectionBuilder {
        SelectionBuilder::default()
    }

    /// How many items were left out by walks so far; a folder counts once, with all below it.
    pub fn excluded(&self) -> u64 {
        self.excluded.load(Ordering::Relaxed)
    }

    /// Patterns that have matched nothing in the walks so far: often a typing error.
    pub fn unmatched(&self) -> Vec<&str> {
        self.patterns
            .iter()
            .filter(|pattern| !pattern.matched.load(Ordering::Relaxed))
            .map(|pattern| pattern.text.as_str())
            .collect()
    }

    pub(crate) fn judge_path(&self, path: &[u8], shape: Shape, hits: &mut Vec<usize>) -> Verdict {
        self.globs
            .matches_candidate_into(&Candidate::from_bytes(path), hits);
        let mut verdict = Verdict::Kept;
        hits.sort_unstable();
        for pattern in hits.iter().filter_map(|&index| self.patterns.get(index)) {
            if pattern.target == Target::Folders && shape != Shape::Folder {
                continue;
            }
            pattern.matched.store(true, Ordering::Relaxed);
            verdict = match pattern.effect {
                Effect::Exclude => Verdict::Excluded,
                Effect::Include => Verdict::Kept,
            };
        }
        verdict
    }

    pub(crate) fn judge_size(&self, size: u64) -> Verdict {
        match self.size_max {
            Some(max) if size > max => Verdict::Excluded,
            _ => Verdict::Kept,
        }
    }

    pub(crate) fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    pub(crate) fn markers(&self) -> &[Marker] {
        &self.markers
    }

    pub(crate) fn crosses_file_systems(&self) -> bool {
        self.file_systems == FileSystems::All
    }

    pub(crate) fn count_excluded(&self, items: usize) {
        let items = u64::try_from(items).unwrap_or(u64::MAX);
        self.excluded.fetch_add(items, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(patterns: &[&str], path: &str) -> Verdict {
        let mut builder = Selection::builder();
        for pattern in patterns {
            builder.exclude(pattern, Case::Sensitive).unwrap();
        }
        let selection = builder.build().unwrap();
        let (path, shape) = match path.strip_suffix('/') {
            Some(folder) => (folder, Shape::Folder),
            None => (path, Shape::Other),
        };
        selection.judge_path(path.as_bytes(), shape, &mut Vec::new())
    }

    #[test]
    fn patterns_mean_what_their_table_says() {
        use Verdict::{Excluded, Kept};
        let table: &[(&[&str], &str, Verdict)] = &[
            (&["*.tmp"], "home/a/x.tmp", Excluded),
            (&["*.tmp"], "x.tmp", Excluded),
            (&["*.tmp"], "home/a/x.tmpl", Kept),
            (&["cache"], "home/cache/", Excluded),
            (&["cache"], "home/cache2", Kept),
            (&["cache/"], "home/cache", Kept),
            (&["cache/"], "home/cache/", Excluded),
            (&["/home/a"], "home/a/", Excluded),
            (&["/home/a"], "x/home/a", Kept),
            (&["a/b"], "x/a/b", Excluded),
            (&["a/b"], "x/a/y/b", Kept),
            (&["a/*/b"], "a/y/b", Excluded),
            (&["a/*/b"], "a/y/z/b", Kept),
            (&["a/**/b"], "a/y/z/b", Excluded),
            (&["a/**/b"], "a/b", Excluded),
            (&["/a/**"], "a/x/y", Excluded),
            (&["/a/**"], "a/", Kept),
            (&["**/x"], "x", Excluded),
            (&["x?"], "xy", Excluded),
            (&["x?"], "x/", Kept),
            (&["[ab].dcm"], "b.dcm", Excluded),
            (&["[!ab].dcm"], "b.dcm", Kept),
            (&["{a,b}"], "a", Kept),
            (&["{a,b}"], "{a,b}", Excluded),
            (&["*.log", "!keep.log"], "keep.log", Kept),
            (&["!keep.log", "*.log"], "keep.log", Excluded),
            (&["\\!x"], "!x", Excluded),
            (&["\\*"], "*", Excluded),
            (&["\\*"], "a", Kept),
            (&["A"], "a", Kept),
        ];
        for (patterns, path, verdict) in table {
            assert_eq!(judged(patterns, path), *verdict, "{patterns:?} {path}");
        }
    }

    #[test]
    fn names_that_are_not_utf8_are_matched_too() {
        let mut builder = Selection::builder();
        builder.exclude("*.tmp", Case::Sensitive).unwrap();
        let selection = builder.build().unwrap();
        let verdict = selection.judge_path(b"a/\xff\xfe.tmp", Shape::Other, &mut Vec::new());
        assert_eq!(verdict, Verdict::Excluded);
    }

    #[test]
    fn case_is_ignored_where_asked() {
        let mut builder = Selection::builder();
        builder.exclude("*.TMP", Case::Ignored).unwrap();
        let selection = builder.build().unwrap();
        let verdict = selection.judge_path(b"a/x.tMp", Shape::Other, &mut Vec::new());
        assert_eq!(verdict, Verdict::Excluded);
    }

    #[test]
    fn an_exclude_file_holds_patterns_and_comments() {
        let mut builder = Selection::builder();
        let text = b"# caches\n\n *.tmp  \r\nends\\ \n!x\n\\#y";
        builder.exclude_lines(text, Case::Sensitive).unwrap();
        let selection = builder.build().unwrap();
        assert_eq!(selection.unmatched(), ["*.tmp", "ends\\ ", "!x", "\\#y"]);
        let verdict = selection.judge_path(b"ends ", Shape::Other, &mut Vec::new());
        assert_eq!(verdict, Verdict::Excluded);
        assert_eq!(selection.unmatched(), ["*.tmp", "!x", "\\#y"]);
    }

    #[test]
    fn a_bad_pattern_or_marker_is_named() {
        for bad in ["", "!", "/", "[a", "a//b", "./a", "a/../b"] {
            let error = Selection::builder()
                .exclude(bad, Case::Sensitive)
                .unwrap_err();
            assert!(error.to_string().contains(bad), "{bad}");
        }
        for bad in ["", ":x", "a/b", ".."] {
            assert!(Selection::builder().exclude_if_present(bad).is_err());
        }
        let error = Selection::builder()
            .exclude_lines(b"a\n\xff", Case::Sensitive)
            .unwrap_err();
        assert!(matches!(error, SelectionError::NotText { line: 2 }));
    }
}
