//! Which entries of a snapshot are wanted, by patterns.

use globset::{Candidate, Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use thiserror::Error;

use ov_format::entry::EntryKey;

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the pattern {pattern:?} cannot be used: {reason}")]
pub struct FilterError {
    /// The pattern.
    pub pattern: String,
    /// What is wrong with it.
    pub reason: String,
}

/// Takes what a pattern includes (everything if there is none), less what a pattern excludes. A
/// pattern takes a folder with all that is below it. Patterns look at paths in the snapshot: `*`,
/// `?` and `[…]` within a name, `**` across folders; one that begins with a slash starts at the
/// top, any other one may begin at any name.
#[derive(Clone, Debug)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            include: None,
            exclude: GlobSet::empty(),
        }
    }
}

impl Filter {
    /// Reads patterns.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, FilterError> {
        let include = match include {
            [] => None,
            patterns => Some(glob_set(patterns)?),
        };
        Ok(Self {
            include,
            exclude: glob_set(exclude)?,
        })
    }

    /// Whether everything is taken.
    pub fn is_everything(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Whether an entry is taken.
    pub fn takes(&self, key: &EntryKey) -> bool {
        if self.is_everything() {
            return true;
        }
        let path = key.path();
        let included = self.include.as_ref().is_none_or(|set| reaches(set, &path));
        included && !reaches(&self.exclude, &path)
    }
}

/// Whether a pattern matches a path or a folder above it.
fn reaches(set: &GlobSet, path: &[u8]) -> bool {
    if set.is_empty() {
        return false;
    }
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let mut ends = slashes.map(|(at, _)| at).chain([path.len()]);
    ends.any(|end| {
        let part = path.get(..end).unwrap_or_default();
        set.is_match_candidate(&Candidate::from_bytes(part))
    })
}

fn glob_set(patterns: &[String]) -> Result<GlobSet, FilterError> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(glob(pattern)?);
    }
    set.build().map_err(|error| FilterError {
        pattern: patterns.join(" "),
        reason: error.kind().to_string(),
    })
}

/// The glob over whole paths without their leading slash.
pub(crate) fn glob(pattern: &str) -> Result<Glob, FilterError> {
    let refused = |reason: &str| FilterError {
        pattern: pattern.to_owned(),
        reason: reason.to_owned(),
    };
    let trimmed = pattern.trim_end_matches('/');
    let anchored = match trimmed.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if trimmed.is_empty() => return Err(refused("it is empty")),
        None => format!("**/{trimmed}"),
    };
    GlobBuilder::new(&anchored)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| refused(&error.kind().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(include: &[&str], exclude: &[&str], path: &str) -> bool {
        let own = |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        let filter = Filter::new(&own(include), &own(exclude)).unwrap();
        filter.takes(&EntryKey::from_path(path.as_bytes()).unwrap())
    }

    #[test]
    fn a_pattern_takes_a_folder_with_all_that_is_below_it() {
        assert!(taken(&[], &[], "a/b"));
        assert!(taken(&["plans"], &[], "data/plans/p1/x.dcm"));
        assert!(taken(&["/data/plans"], &[], "data/plans"));
        assert!(!taken(&["/plans"], &[], "data/plans"));
        assert!(taken(&["*.dcm"], &[], "data/x.dcm"));
        assert!(!taken(&["/*.dcm"], &[], "data/x.dcm"));
        assert!(!taken(&["plans"], &["*.tmp"], "plans/a.tmp"));
        assert!(!taken(&[], &["plans"], "plans/a"));
        assert!(taken(&["a/**/z"], &[], "x/a/b/c/z/below"));
    }

    #[test]
    fn a_bad_pattern_is_named() {
        let error = Filter::new(&["[".to_owned()], &[]).unwrap_err();
        assert_eq!(error.pattern, "[");
        assert!(Filter::new(&[], &["".to_owned()]).is_err());
    }
}
