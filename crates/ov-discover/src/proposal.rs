//! A proposal: what was found, grouped into datasets by folder and category, so that every file
//! found, and whatever comes new beside it, is in one of them.

use std::collections::BTreeMap;

use ov_clinical::Category;
use ov_source::ShownPath;

use crate::category::CATEGORIES;
use crate::error::DiscoverError;
use crate::folder::{Folders, Node, Sum, Sums, absolute};
use crate::proposal_text;
use crate::survey::Survey;
use crate::terms::{STRICTEST_FIRST, Terms};

/// A folder with more subfolders than this is one thing: they are patients, studies, runs.
const SPLIT_MAX: usize = 16;
/// So deep below a root folders are split.
const SPLIT_DEPTH: usize = 4;
/// So many paths of one root are listed.
const PATHS_MAX: usize = 48;
/// What is less than this share of a folder, by bytes and by files, does not decide what it is.
const SHARE: u64 = 20;

/// What is proposed.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The datasets, the strictest first.
    pub datasets: Vec<ProposedDataset>,
}

/// A dataset that is proposed.
#[derive(Clone)]
pub struct ProposedDataset {
    /// Its name.
    pub name: String,
    /// The category whose terms hold.
    pub category: Category,
    /// Absolute paths.
    pub paths: Vec<String>,
    /// Absolute paths that other datasets have.
    pub except: Vec<String>,
    /// What it holds: files and bytes of each category, the most bytes first.
    pub holds: Vec<(Category, u64, u64)>,
}

impl std::fmt::Debug for ProposedDataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "ProposedDataset({}, {} paths)",
            self.name,
            self.paths.len()
        )
    }
}

impl Proposal {
    /// As an `oncovault.toml` to edit, with the reasons as comments. `vault` is the place of the
    /// vault, if it is known.
    #[must_use]
    pub fn to_toml(&self, vault: Option<&str>) -> String {
        proposal_text::text(self, vault)
    }
}

/// Groups what was found. Names of folders that are not UTF-8 are not told apart from what is
/// around them.
///
/// # Errors
/// A folder that was asked for is not UTF-8: no configuration can name it.
pub fn propose(survey: &Survey) -> Result<Proposal, DiscoverError> {
    let folders = Folders::of(survey.files.iter());
    let mut datasets = Vec::new();
    for root in &survey.roots {
        let text = utf8(root).ok_or_else(|| DiscoverError::NotText {
            path: ShownPath::new(absolute(root)),
        })?;
        datasets.extend(of_root(survey, &folders, root, &text));
    }
    name(&mut datasets);
    let strictness = |category| STRICTEST_FIRST.iter().position(|one| *one == category);
    datasets.sort_by_key(|dataset| strictness(dataset.category));
    Ok(Proposal { datasets })
}

/// A part of a root that is one thing.
struct Unit {
    node: usize,
    category: Category,
}

fn of_root(survey: &Survey, folders: &Folders, root: &[u8], text: &str) -> Vec<ProposedDataset> {
    let Some(top) = folders.find(root).filter(|at| holds_files(folders, *at)) else {
        return vec![single(survey, root, text)];
    };
    let units = split(folders, top, 0);
    let whole = matches!(&units[..], [unit] if unit.node == top);
    let mut by_category: BTreeMap<Category, Vec<usize>> = BTreeMap::new();
    for unit in &units {
        by_category
            .entry(unit.category)
            .or_default()
            .push(unit.node);
    }
    let mut datasets: Vec<ProposedDataset> = by_category
        .into_iter()
        .map(|(category, nodes)| of_nodes(folders, category, &nodes))
        .collect();
    if !whole {
        datasets.push(rest(folders, top, &units, text));
    }
    datasets
}

fn holds_files(folders: &Folders, at: usize) -> bool {
    folders.get(at).is_some_and(|node| node.all.all().files > 0)
}

/// A file that was named by itself, or a folder without files.
fn single(survey: &Survey, root: &[u8], text: &str) -> ProposedDataset {
    let file = survey.files.iter().find(|file| file.key().path() == root);
    let category = file.map_or(Category::Other, |file| file.category());
    ProposedDataset {
        name: label(root, category),
        category,
        paths: vec![text.to_owned()],
        except: Vec::new(),
        holds: file
            .map(|file| (category, 1, file.size))
            .into_iter()
            .collect(),
    }
}

/// The parts of a folder that are one thing each. What is in none of them is the rest.
fn split(folders: &Folders, at: usize, depth: usize) -> Vec<Unit> {
    let Some(node) = folders.get(at) else {
        return Vec::new();
    };
    let present = present(&node.all);
    let alone = || {
        let category = strictest(&present);
        vec![Unit { node: at, category }]
    };
    let many = node.children.is_empty() || node.children.len() > SPLIT_MAX;
    if present.len() < 2 || many || depth >= SPLIT_DEPTH {
        return alone();
    }
    let mut units = Vec::new();
    for child in &node.children {
        let named = folders
            .get(*child)
            .is_some_and(|node| utf8(&node.path).is_some());
        if named {
            units.extend(split(folders, *child, depth + 1));
        }
    }
    // Loose files of no category are the rest.
    units.retain(|unit| unit.category != Category::Other);
    match units.is_empty() || units.len() > PATHS_MAX {
        true => alone(),
        false => units,
    }
}

/// Categories that decide what a folder is.
fn present(sums: &Sums) -> Vec<Category> {
    let all = sums.all();
    let counts = |sum: &Sum| {
        let share = |part: u64, whole: u64| part > 0 && part.saturating_mul(SHARE) >= whole;
        share(sum.files, all.files) || share(sum.bytes, all.bytes)
    };
    let pairs = CATEGORIES.iter().zip(&sums.0);
    let known = pairs.filter(|(category, sum)| **category != Category::Other && counts(sum));
    known.map(|(category, _)| *category).collect()
}

fn strictest(present: &[Category]) -> Category {
    let found = STRICTEST_FIRST.iter().find(|one| present.contains(one));
    found.copied().unwrap_or(Category::Other)
}

fn of_nodes(folders: &Folders, category: Category, nodes: &[usize]) -> ProposedDataset {
    let nodes: Vec<&Node> = nodes.iter().filter_map(|at| folders.get(*at)).collect();
    let mut sums = Sums::default();
    for node in &nodes {
        for (sum, more) in sums.0.iter_mut().zip(&node.all.0) {
            sum.add(*more);
        }
    }
    let only = match &nodes[..] {
        [node] => label(&node.path, category),
        _ => category.label().to_owned(),
    };
    ProposedDataset {
        name: only,
        category,
        paths: nodes.iter().filter_map(|node| utf8(&node.path)).collect(),
        except: Vec::new(),
        holds: holds(&sums),
    }
}

/// What no unit has, now or later.
fn rest(folders: &Folders, top: usize, units: &[Unit], text: &str) -> ProposedDataset {
    let mut sums = folders.get(top).map(|node| node.all).unwrap_or_default();
    let mut except = Vec::new();
    for node in units.iter().filter_map(|unit| folders.get(unit.node)) {
        for (sum, less) in sums.0.iter_mut().zip(&node.all.0) {
            sum.files = sum.files.saturating_sub(less.files);
            sum.bytes = sum.bytes.saturating_sub(less.bytes);
        }
        except.extend(utf8(&node.path));
    }
    let path = folders.get(top).map_or(&b""[..], |node| &node.path);
    ProposedDataset {
        name: format!("{}-rest", slug(path)),
        category: of_rest(&present(&sums)),
        paths: vec![text.to_owned()],
        except,
        holds: holds(&sums),
    }
}

/// What comes new may be anything: never terms that are weaker than those for what is not known.
fn of_rest(present: &[Category]) -> Category {
    let strict = [Category::Plans, Category::Records];
    let found = strict.into_iter().find(|one| present.contains(one));
    found.unwrap_or(Category::Other)
}

fn holds(sums: &Sums) -> Vec<(Category, u64, u64)> {
    let pairs = CATEGORIES.iter().zip(&sums.0);
    let there = pairs.filter(|(_, sum)| sum.files > 0);
    let mut holds: Vec<_> = there
        .map(|(category, sum)| (*category, sum.files, sum.bytes))
        .collect();
    holds.sort_by_key(|(_, _, bytes)| std::cmp::Reverse(*bytes));
    holds
}

/// A name that says what and where.
fn label(path: &[u8], category: Category) -> String {
    let (what, place) = (category.label(), slug(path));
    match place == what {
        true => place,
        false => format!("{what}-{place}"),
    }
}

/// The last component of a path as letters that any name may have, 40 at most.
fn slug(path: &[u8]) -> String {
    const MAX: usize = 40;
    let last = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    let mut slug = String::new();
    for c in String::from_utf8_lossy(last).to_lowercase().chars() {
        let plain = c.is_ascii_alphanumeric();
        if plain && slug.len() < MAX {
            slug.push(c);
        } else if !plain && !slug.ends_with('-') && slug.len() < MAX {
            slug.push('-');
        }
    }
    match slug.trim_matches('-') {
        "" => "files".to_owned(),
        slug => slug.to_owned(),
    }
}

/// No two datasets have one name.
fn name(datasets: &mut [ProposedDataset]) {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for dataset in datasets {
        loop {
            let count = seen.entry(dataset.name.clone()).or_default();
            *count += 1;
            match *count {
                1 => break,
                count => dataset.name = format!("{}-{count}", dataset.name),
            }
        }
    }
}

fn utf8(path: &[u8]) -> Option<String> {
    String::from_utf8(absolute(path)).ok()
}

impl ProposedDataset {
    /// The terms that are proposed for it.
    #[must_use]
    pub fn terms(&self) -> Terms {
        Terms::of(self.category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_and_plain() {
        assert_eq!(slug(b"srv/TPS Plans (2026)"), "tps-plans-2026");
        assert_eq!(slug(b"\xff\xfe"), "files");
        assert_eq!(slug(b""), "files");
        assert_eq!(slug("Süd".as_bytes()), "s-d");
        assert!(slug("x".repeat(300).as_bytes()).len() <= 40);
    }

    #[test]
    fn names_are_told_apart() {
        let dataset = |name: &str| ProposedDataset {
            name: name.to_owned(),
            category: Category::Other,
            paths: Vec::new(),
            except: Vec::new(),
            holds: Vec::new(),
        };
        let mut all = [dataset("a"), dataset("a"), dataset("a-2"), dataset("a")];
        name(&mut all);
        let names: std::collections::BTreeSet<_> = all.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), 4, "{names:?}");
    }
}
