//! What may break a rule of shape, each with its reason. Every list should stay near empty.

/// Files of Rust longer than the limit: path from the root, reason.
pub const LONG_FILES: &[(&str, &str)] = &[(
    "crates/ov-source/tests/walk.rs",
    "one list of everything that a walk of a file tree promises",
)];

/// Modules that may hold `unsafe`: path from the root, reason.
pub const UNSAFE_FILES: &[(&str, &str)] = &[];

/// Licences accepted for one package only: package, licence, reason.
pub const LICENCES: &[(&str, &str, &str)] = &[];
