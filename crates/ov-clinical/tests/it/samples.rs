//! Real sample files and what is true of them, where both are at hand.

use std::path::{Path, PathBuf};

/// One real file.
pub struct Sample {
    pub path: PathBuf,
    pub name: String,
    pub format: String,
    pub detail: String,
    pub state: String,
}

impl Sample {
    pub fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }

    /// A field of the detail, such as `mod=MR`.
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = |part: &&str| part.split_once('=').is_some_and(|(key, _)| key == name);
        let part = self.detail.split(';').find(field)?;
        part.split_once('=').map(|(_, value)| value)
    }
}

/// All files of the truth list: `$ONCOVAULT_TEST_DATA` or `target/testdata`, and the list beside
/// the checkout or in the folder. Nothing where they are absent.
pub fn all() -> Vec<Sample> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("ONCOVAULT_TEST_DATA").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| root.join("target/testdata"));
    let lists = [
        folder.join("truth.tsv"),
        root.join("../shared/data/truth.tsv"),
    ];
    let list = lists
        .iter()
        .find_map(|list| std::fs::read_to_string(list).ok());
    let Some(list) = list.filter(|_| folder.is_dir()) else {
        eprintln!("skipped: no sample files (cargo xtask data fetches them)");
        return Vec::new();
    };
    list.lines()
        .skip(1)
        .filter_map(|line| sample(&folder, line))
        .collect()
}

fn sample(folder: &Path, line: &str) -> Option<Sample> {
    let mut fields = line.split('\t').map(str::to_owned);
    let name = fields.next()?;
    let path = folder.join(&name);
    let (format, detail, state) = (fields.next()?, fields.next()?, fields.next()?);
    path.is_file().then_some(Sample {
        path,
        name,
        format,
        detail,
        state,
    })
}
