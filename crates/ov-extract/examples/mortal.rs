//! For tests: a worker that dies over some files.
//!
//! The argument is the program of a real worker. All that comes is passed on to it, until there is
//! the word KILLER in it: then both end.

use std::io::{Read, Write};
use std::process::{Command, ExitCode, Stdio};

const WORD: &[u8] = b"KILLER";

fn main() -> ExitCode {
    match std::env::args_os().nth(1).map(pass_on) {
        Some(Ok(())) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

fn pass_on(program: std::ffi::OsString) -> std::io::Result<()> {
    let mut worker = Command::new(program).stdin(Stdio::piped()).spawn()?;
    let mut to = worker.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
    let mut bytes = vec![0; 1 << 20];
    loop {
        let got = std::io::stdin().read(&mut bytes)?;
        let piece = bytes.get(..got).unwrap_or_default();
        if got == 0 || piece.windows(WORD.len()).any(|word| word == WORD) {
            worker.kill()?;
            return worker.wait().map(|_| ());
        }
        to.write_all(piece)?;
    }
}
