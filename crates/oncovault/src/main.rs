//! The OncoVault command line.
fn main() {}
