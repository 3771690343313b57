//! Names of folders for what comes back from several datasets.

/// Longest part of a name that is kept, in bytes.
const KEPT_MAX: usize = 64;

/// A name for a folder that stands for this dataset or host: the name itself where that can be a
/// folder's, else what is left of it and eight digits that tell it from others.
pub fn folder_name(name: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    let sound = !name.is_empty() && !name.starts_with('.') && name.len() <= KEPT_MAX;
    if sound && name.chars().all(fits) {
        return name.to_owned();
    }
    let replaced = name.chars().map(|c| if fits(c) { c } else { '_' });
    let kept: String = replaced.take(KEPT_MAX).collect();
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let digits = hash.get(..8).unwrap_or_default();
    format!("{}-{digits}", kept.trim_matches(['_', '.']))
}

#[cfg(test)]
mod tests {
    use super::folder_name;

    #[test]
    fn a_name_that_can_be_a_folder_stays() {
        for name in ["pacs", "tps-plans", "node1.example.org"] {
            assert_eq!(folder_name(name), name);
        }
    }

    #[test]
    fn no_name_leads_elsewhere_and_two_names_stay_two() {
        let names = [
            "",
            "..",
            "/data/ct",
            "data_ct",
            "data/ct",
            "a\0b",
            &"x".repeat(300),
        ];
        let folders: std::collections::BTreeSet<_> =
            names.iter().map(|name| folder_name(name)).collect();
        assert_eq!(folders.len(), names.len());
        for folder in folders {
            assert!(!folder.contains('/') && !folder.starts_with('.') && folder.len() < 100);
        }
    }
}
