//! ov-policy
