//! Which files a dataset already protects.

use ov_format::entry::{Kind, compare_folders};
use ov_source::Source;

use crate::file::FoundFile;
use crate::folder::{FolderSum, Folders, absolute};
use crate::survey::Survey;

/// Which files of a survey are protected, and by what.
#[derive(Clone, Debug)]
pub struct Protection {
    datasets: Vec<String>,
    /// For each file of the survey, one more than the place of its first dataset; 0: none.
    by: Vec<u32>,
}

impl Protection {
    /// Nothing is protected yet.
    #[must_use]
    pub fn none(survey: &Survey) -> Self {
        Self {
            datasets: Vec::new(),
            by: vec![0; survey.files.len()],
        }
    }

    /// Marks what a backup of a dataset would read. It walks as the backup does, so that patterns
    /// and markers leave out what they leave out there.
    pub fn mark(&mut self, survey: &Survey, dataset: &str, source: &dyn Source) {
        self.datasets.push(dataset.to_owned());
        let number = u32::try_from(self.datasets.len()).unwrap_or(u32::MAX);
        let items = source.walk().flatten();
        for item in items.filter(|item| item.meta.kind == Kind::File) {
            let found = survey.files.binary_search_by(|file| {
                compare_folders(&file.folder, &item.key.parent)
                    .then_with(|| file.name[..].cmp(&item.key.name[..]))
            });
            let mark = found.ok().and_then(|at| self.by.get_mut(at));
            if let Some(mark) = mark.filter(|mark| **mark == 0) {
                *mark = number;
            }
        }
    }

    /// The dataset that protects a file, by its place in the survey.
    #[must_use]
    pub fn of(&self, file: usize) -> Option<&str> {
        let number = usize::try_from(*self.by.get(file)?).ok()?;
        let dataset = self.datasets.get(number.checked_sub(1)?)?;
        Some(dataset)
    }

    /// Datasets that were compared with.
    #[must_use]
    pub fn datasets(&self) -> &[String] {
        &self.datasets
    }

    /// What no dataset protects, in as few folders as say it exactly: a folder of which nothing is
    /// protected stands for all below it. Those that take most space first.
    #[must_use]
    pub fn open_folders(&self, survey: &Survey) -> Vec<FolderSum> {
        let folders = Folders::of(survey.files.iter());
        let open = self.open_sums(survey);
        let is_open = |path: &[u8]| {
            let of = |folders: &Folders| Some(folders.get(folders.find(path)?)?.all.all().files);
            of(&folders) == of(&open)
        };
        let mut found = Vec::new();
        for node in &open.nodes {
            let above = node.parent.and_then(|parent| open.get(parent));
            let above = above.filter(|above| survey.covers(&above.path));
            let whole = is_open(&node.path);
            if above.is_some_and(|above| is_open(&above.path)) {
                continue;
            }
            let sum = match whole {
                true => node.all.all(),
                false => node.own.all(),
            };
            if sum.files > 0 {
                found.push(FolderSum {
                    path: absolute(&node.path),
                    files: sum.files,
                    bytes: sum.bytes,
                });
            }
        }
        found.sort_by_key(|folder| std::cmp::Reverse(folder.bytes));
        found
    }

    /// How much no dataset protects: files and bytes.
    #[must_use]
    pub fn open(&self, survey: &Survey) -> (u64, u64) {
        let open = self.open_files(survey);
        open.fold((0, 0), |(files, bytes), file| {
            (files + 1, bytes.saturating_add(file.size))
        })
    }

    /// The folders of what no dataset protects.
    pub(crate) fn open_sums(&self, survey: &Survey) -> Folders {
        Folders::of(self.open_files(survey))
    }

    fn open_files<'s>(&'s self, survey: &'s Survey) -> impl Iterator<Item = &'s FoundFile> {
        let marked = survey.files.iter().zip(&self.by);
        marked.filter(|(_, by)| **by == 0).map(|(file, _)| file)
    }
}
