//! Appointing: founding a vault, members, compartments, rotation, recovery.
//!
//! Holds opening keys, since whoever appoints a reader seals them anew; never sees content, and
//! depends on nothing that could decode it.
