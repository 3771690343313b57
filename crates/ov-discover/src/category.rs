//! The categories in the order in which they are told, and how they are drawn.

use ov_clinical::Category;

/// All categories, as the mission of the project orders them.
pub const CATEGORIES: [Category; 9] = [
    Category::Records,
    Category::Images,
    Category::Plans,
    Category::Genomes,
    Category::Trials,
    Category::Research,
    Category::Administration,
    Category::Support,
    Category::Other,
];

/// The colour of a category, `#rrggbb`: a palette that people with any colour vision tell apart,
/// light enough for black letters.
#[must_use]
pub fn colour(category: Category) -> &'static str {
    match category {
        Category::Records => "#6aaed6",
        Category::Images => "#b3cde3",
        Category::Plans => "#e8915c",
        Category::Genomes => "#58bfa0",
        Category::Trials => "#d79bbd",
        Category::Research => "#f2e463",
        Category::Administration => "#e5b94f",
        Category::Support => "#b9a4d6",
        Category::Other => "#cccccc",
    }
}

/// Where a category stands in [`CATEGORIES`].
pub(crate) fn place(category: Category) -> usize {
    let found = CATEGORIES.iter().position(|known| *known == category);
    found.unwrap_or(CATEGORIES.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_clinical::Kind;

    #[test]
    fn every_kind_has_a_category_that_is_told() {
        for kind in Kind::ALL {
            assert!(CATEGORIES.contains(&kind.category()), "{}", kind.label());
        }
    }
}
