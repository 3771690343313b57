//! The graph as a reader opens it.

use ov_vault::graph::Graph;
use ov_vault::{State, Vault, VaultError};

use crate::keys::ReaderKeys;

/// Reads where all frames of a vault lie. Frames that a snapshot needs may have been published by
/// any earlier commit, a forgotten one too, so all are read.
pub fn load_graph(vault: &Vault, state: &State, keys: &ReaderKeys) -> Result<Graph, VaultError> {
    let open = |context: &_, head: &[u8]| keys.open(context, head);
    Graph::load(vault, state, &open, &|_| true)
}
