//! The figures to reach, as a table.

use super::figure::Figure;
use super::goal::{Against, Bound, Goal};
use super::phase::Phase;

const MIB: f64 = 1_048_576.0;
const ALL: &[&str] = &[
    "small", "imaging", "fastq", "bgzf", "random", "versions", "mixed",
];
const TREES: &[&str] = &["small", "imaging", "fastq", "bgzf", "random", "mixed"];
const LARGE: &[&str] = &["imaging", "fastq", "bgzf", "random", "versions"];
const FULL: &[Phase] = &[Phase::Full];
const UNCHANGED: &[Phase] = &[Phase::Unchanged];
const CHANGED: &[Phase] = &[Phase::Changed];
const RESTORE: &[Phase] = &[Phase::Restore];
const CHECK: &[Phase] = &[Phase::Check];
const WITHOUT_KEY: &[Phase] = &[Phase::CheckWithoutKey];
const LIFE: &[Phase] = &[Phase::Full, Phase::Changed];

/// A goal on one kind of work with the same figure on both sides.
pub const fn goal(
    work: &'static str,
    corpora: &'static [&'static str],
    figure: Figure,
    against: Against,
    at_most: f64,
) -> Goal {
    Goal {
        work,
        corpora,
        ours: figure,
        theirs: figure,
        against,
        bound: Bound::AtMost(at_most),
    }
}

/// All of them.
pub const GOALS: &[Goal] = &[
    goal(
        "imaging, full",
        &["imaging"],
        Figure::Stored(Phase::Full),
        Against::Any,
        0.65,
    ),
    goal(
        "imaging, full",
        &["imaging"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.4,
    ),
    goal(
        "imaging, full",
        &["imaging"],
        Figure::Wall(FULL),
        Against::Compact,
        0.5,
    ),
    goal(
        "FASTQ, full",
        &["fastq"],
        Figure::Stored(Phase::Full),
        Against::Any,
        0.72,
    ),
    goal(
        "FASTQ, full",
        &["fastq"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.7,
    ),
    goal(
        "BGZF, full",
        &["bgzf"],
        Figure::Stored(Phase::Full),
        Against::Any,
        1.01,
    ),
    goal(
        "BGZF, full",
        &["bgzf"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.4,
    ),
    goal(
        "small files, full",
        &["small"],
        Figure::Stored(Phase::Full),
        Against::Any,
        0.65,
    ),
    goal(
        "small files, full",
        &["small"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.5,
    ),
    goal(
        "small files, full",
        &["small"],
        Figure::Wall(FULL),
        Against::Compact,
        0.5,
    ),
    goal(
        "incompressible, full",
        &["random"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.35,
    ),
    Goal {
        work: "incompressible, full",
        corpora: &["random"],
        ours: Figure::Rate,
        theirs: Figure::Rate,
        against: Against::Machine,
        bound: Bound::AtLeast(0.75),
    },
    goal(
        "versions of a dump",
        &["versions"],
        Figure::Stored(Phase::Changed),
        Against::Any,
        0.4,
    ),
    goal(
        "versions of a dump",
        &["versions"],
        Figure::Cpu(LIFE),
        Against::Compact,
        0.4,
    ),
    goal(
        "mixed, full",
        &["mixed"],
        Figure::Stored(Phase::Full),
        Against::Any,
        0.7,
    ),
    goal(
        "mixed, full",
        &["mixed"],
        Figure::Cpu(FULL),
        Against::Compact,
        0.5,
    ),
    goal(
        "mixed, full",
        &["mixed"],
        Figure::Wall(FULL),
        Against::Compact,
        0.5,
    ),
    goal(
        "small files, unchanged",
        &["small"],
        Figure::Cpu(UNCHANGED),
        Against::Any,
        0.5,
    ),
    goal(
        "small files, unchanged",
        &["small"],
        Figure::Wall(UNCHANGED),
        Against::Any,
        0.5,
    ),
    goal(
        "small files, unchanged",
        &["small"],
        Figure::Cpu(UNCHANGED),
        Against::Floor("walk"),
        1.5,
    ),
    goal(
        "small files, unchanged",
        &["small"],
        Figure::Wall(UNCHANGED),
        Against::Floor("walk"),
        1.5,
    ),
    goal(
        "a million files, unchanged",
        &["million"],
        Figure::Cpu(UNCHANGED),
        Against::Floor("walk"),
        1.5,
    ),
    goal(
        "a million files, unchanged",
        &["million"],
        Figure::Wall(UNCHANGED),
        Against::Floor("walk"),
        1.5,
    ),
    goal(
        "1 % changed",
        TREES,
        Figure::Cpu(CHANGED),
        Against::Any,
        0.6,
    ),
    goal("1 % changed", TREES, Figure::Added, Against::Any, 0.8),
    goal(
        "restore of large files",
        LARGE,
        Figure::Cpu(RESTORE),
        Against::Compact,
        0.6,
    ),
    goal(
        "restore of large files",
        LARGE,
        Figure::Wall(RESTORE),
        Against::Compact,
        0.6,
    ),
    goal(
        "restore of small files",
        &["small"],
        Figure::Cpu(RESTORE),
        Against::Floor("tar"),
        1.15,
    ),
    goal(
        "restore of small files",
        &["small"],
        Figure::Wall(RESTORE),
        Against::Floor("tar"),
        1.15,
    ),
    Goal {
        work: "full check without keys",
        corpora: ALL,
        ours: Figure::Cpu(WITHOUT_KEY),
        theirs: Figure::Cpu(CHECK),
        against: Against::Compact,
        bound: Bound::AtMost(0.15),
    },
    goal(
        "full check with keys",
        ALL,
        Figure::Cpu(CHECK),
        Against::Compact,
        0.7,
    ),
    goal(
        "peak memory of all phases",
        ALL,
        Figure::Memory,
        Against::Bytes(96.0 * MIB),
        1.0,
    ),
    goal(
        "peak memory, a million files",
        &["million"],
        Figure::Memory,
        Against::Bytes(256.0 * MIB),
        1.0,
    ),
];
