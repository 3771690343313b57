//! Bytes to and from a worker, without ever waiting longer than one is patient.

use std::io::IoSlice;
use std::os::fd::{AsFd, BorrowedFd};

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

/// Room in the pipe to a worker, in bytes: a batch fits, and both sides find something to do.
#[cfg(target_os = "linux")]
const ROOM: usize = 256 << 10;

/// Makes room for what is written at once, where the system gives it: else the other side has to be
/// waited for in the middle of it.
pub(crate) fn widen(pipe: impl AsFd) {
    #[cfg(target_os = "linux")]
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, ROOM);
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

/// More is not said before all was heard, in bytes.
const EARLY_MAX: usize = 16 << 20;

/// Writes all of it. What the other side says meanwhile is taken, so that it need not wait for this
/// side while this one waits for it.
pub(crate) fn send(
    pipe: BorrowedFd<'_>,
    parts: &[&[u8]],
    (from, inbox): (BorrowedFd<'_>, &mut Vec<u8>),
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
            Err(Errno::AGAIN) => {
                patience.wait_for_either(pipe, from)?;
                take(from, inbox)?;
                if inbox.len() > EARLY_MAX {
                    return Err(ExtractError::Garbled);
                }
            }
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
    let before = inbox.len();
    while inbox.len() == before {
        patience.wait_for_bytes(pipe)?;
        take(pipe, inbox)?;
    }
    Ok(())
}

/// Reads what is there, which may be nothing.
fn take(pipe: BorrowedFd<'_>, inbox: &mut Vec<u8>) -> Result<(), ExtractError> {
    let mut piece = [0; PIECE];
    match read(pipe, &mut piece) {
        Ok(0) => Err(ExtractError::Gone),
        Ok(got) => {
            inbox.extend_from_slice(piece.get(..got).unwrap_or_default());
            Ok(())
        }
        Err(Errno::INTR | Errno::AGAIN) => Ok(()),
        Err(_) => Err(ExtractError::Gone),
    }
}
