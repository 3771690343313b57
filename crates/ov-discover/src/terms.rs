//! What is proposed for each category: who may read it, how old it may become, how long it is kept.
//! Proposals to edit: the hospital decides.

use ov_clinical::Category;

/// Terms of protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// The domain of reading.
    pub compartment: &'static str,
    /// How old the newest snapshot may become, as a configuration says it.
    pub rpo: &'static str,
    /// Within what time it must be back, for people: no configuration says it.
    pub rto: &'static str,
    /// What is kept, as a configuration says it.
    pub retention: &'static str,
    /// Why.
    pub why: &'static str,
}

impl Terms {
    /// What is proposed for a category.
    #[must_use]
    pub fn of(category: Category) -> Self {
        match category {
            Category::Plans => PLANS,
            Category::Records => RECORDS,
            Category::Images => IMAGES,
            Category::Genomes => GENOMES,
            Category::Trials => TRIALS,
            Category::Research => RESEARCH,
            Category::Administration => ADMINISTRATION,
            Category::Support => SUPPORT,
            Category::Other => OTHER,
        }
    }
}

/// The category whose terms are the strictest comes first.
pub(crate) const STRICTEST_FIRST: [Category; 9] = [
    Category::Plans,
    Category::Records,
    Category::Trials,
    Category::Images,
    Category::Administration,
    Category::Genomes,
    Category::Research,
    Category::Support,
    Category::Other,
];

const PLANS: Terms = Terms {
    compartment: "clinical",
    rpo: "4h",
    rto: "4 h for the list of those under treatment, 24 h for the files",
    retention: "{ daily = 30, weekly = 12, monthly = 36, yearly = 30 }",
    why: "plans under treatment change every day, and a course that is interrupted harms; \
          radiotherapy is kept for 30 years or for life in many places",
};

const RECORDS: Terms = Terms {
    compartment: "clinical",
    rpo: "1d",
    rto: "72 h",
    retention: "{ daily = 30, weekly = 12, monthly = 24, yearly = 10 }",
    why: "records are kept for 5 to 20 years after the last contact, by country",
};

const IMAGES: Terms = Terms {
    compartment: "imaging",
    rpo: "1d",
    rto: "7 d, images for today's treatments first",
    retention: "{ daily = 14, weekly = 8, monthly = 24, yearly = 10 }",
    why: "images do not change once they are there: many snapshots cost little",
};

const GENOMES: Terms = Terms {
    compartment: "genomic",
    rpo: "7d",
    rto: "30 d",
    retention: "{ daily = 7, weekly = 8, monthly = 24, yearly = 10 }",
    why: "runs are large, come seldom and do not change; a genome identifies a family, so few may \
          read it",
};

const TRIALS: Terms = Terms {
    compartment: "trial",
    rpo: "1d",
    rto: "7 d",
    retention: "{ daily = 30, monthly = 36, yearly = 25 }",
    why: "the master file of a trial is kept for 25 years after its end in the EU; data of those who \
          withdraw can be destroyed only with a compartment of their own",
};

const RESEARCH: Terms = Terms {
    compartment: "research",
    rpo: "7d",
    rto: "30 d",
    retention: "{ daily = 14, weekly = 8, monthly = 24, yearly = 10 }",
    why: "analyses must be shown for ten years in many places",
};

const ADMINISTRATION: Terms = Terms {
    compartment: "admin",
    rpo: "1d",
    rto: "24 h for appointments, 7 d for billing",
    retention: "{ daily = 30, weekly = 8, monthly = 24, yearly = 10 }",
    why: "a clinic opens again with its appointments; billing is kept for 7 to 10 years",
};

const SUPPORT: Terms = Terms {
    compartment: "support",
    rpo: "7d",
    rto: "24 h",
    retention: "{ daily = 7, weekly = 8, monthly = 12 }",
    why: "whoever helps patients must be found when everything else is down; old lists mislead",
};

const OTHER: Terms = Terms {
    compartment: "clinical",
    rpo: "1d",
    rto: "72 h",
    retention: "{ daily = 30, weekly = 8, monthly = 24, yearly = 10 }",
    why: "nothing tells what it is, so it is treated as patients' data until somebody says otherwise",
};
