//! Bytes to and from a worker, without ever waiting longer than one is patient.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, read, writev};

use crate::error::ExtractError;
use crate::patience::Patience;

/// Makes this end of a pipe one that does not wait by itself.
pub(crate) fn prepare(pipe: impl AsFd) -> Result<(), ExtractError> {
    let flags = fcntl_getfl(&pipe).map_err(|error| ExtractError::NotStarted(error.into()))?;
    fcntl_setfl(&pipe, flags | OFlags::NONBLOCK)
        .map_err(|error| ExtractError::NotStarted(error.into()))
}

/// Writes all of it.
pub(crate) fn send(
    pipe: BorrowedFd<'_>,
    parts: &[&[u8]],
    patience: &mut Patience,
) -> Result<(), ExtractError> {
    let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
    let mut left: &mut [IoSlice<'_>] = &mut slices;
    IoSlice::advance_slices(&mut left, 0);
    while !left.is_empty() {
        match writev(pipe, left) {
            Ok(0) => return Err(ExtractError::Gone),
            Ok(written) => {
                patience.grow(written);
                IoSlice::advance_slices(&mut left, written);
            }
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => patience.wait(pipe, PollFlags::OUT)?,
            Err(_) => return Err(ExtractError::Gone),
        }
    }
    Ok(())
}

/// So much is read at once: an answer and its head, mostly.
const PIECE: usize = 4 << 10;

/// Reads what is there, and waits until something is. The answer is rarely there when it is asked
/// for, so to wait comes first.
pub(crate) fn receive(
    pipe: BorrowedFd<'_>,
    inbox: &mut Vec<u8>,
    patience: &mut Patience,
) -> Result<(), ExtractError> {
    let mut piece = [0; PIECE];
    loop {
        patience.wait(pipe, PollFlags::IN)?;
        match read(pipe, &mut piece) {
            Ok(0) => return Err(ExtractError::Gone),
            Ok(got) => {
                inbox.extend_from_slice(piece.get(..got).unwrap_or_default());
                return Ok(());
            }
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(_) => return Err(ExtractError::Gone),
        }
    }
}
