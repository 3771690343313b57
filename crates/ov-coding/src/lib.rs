//! ov-coding
