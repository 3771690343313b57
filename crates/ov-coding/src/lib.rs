//! Cutting and coders: files into chunks, chunks into frames, frames into fewer bytes, and back.
//!
//! Pure: no clock, no disk, no network, no randomness. The same input gives the same output on
//! every machine. Decoders read hostile bytes: they are bounded and never panic.
//!
//! ```text
//! file bytes -> Layer, Cutter -> chunks -> FrameBuilder -> PlainFrame -> Encoder -> CodedFrame
//!                                                          PlainFrame <- Decoder <-
//! ```
//!
//! Part of the format, and frozen by `golden/vectors/coding-*.json`: the cut points of a key and a
//! [`Profile`], the layout of a coded frame, and the numbers of profiles and coders. Free to tune:
//! which layer and profile a file gets, how chunks are gathered, which coder a frame gets and how
//! hard it tries.

mod coder;
mod cutter;
mod decode;
mod encode;
mod error;
mod frame;
mod gather;
mod image;
mod layer;
mod parts;
mod probe;
mod profile;
mod reads;
mod shape;

pub use coder::{Coder, Effort};
pub use cutter::{Chunks, CutKey, Cutter, GEAR_CONTEXT, Input, WINDOW};
pub use decode::Decoder;
pub use encode::{Coded, CodedFrame, Encoder};
pub use error::CodingError;
pub use frame::{FRAME_CHUNKS_MAX, FRAME_PLAIN_MAX, PlainFrame};
pub use gather::{
    ALONE_MIN, Family, FrameBuilder, GATHER_MAX, GATHER_PAGES_MAX, Gatherer, Placement,
};
pub use layer::{CUT_WINDOW, Cut, Layer};
pub use profile::Profile;
pub use shape::{Raster, Shape, Sign};
