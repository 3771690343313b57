//! The worker's side of the pipe.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::process::ExitCode;

use ov_format::Wire;

use crate::cage;
use crate::message::{Answer, Begin, Command, read_command, write_answer};
use crate::survey::{Look, Survey};
use crate::worker::write_texts;

/// Bytes that are read from the pipe at once.
const READ_BYTES: usize = 256 << 10;

/// Bytes of answers that are held back at most, while there are more commands.
const ANSWER_BYTES: usize = 64 << 10;

/// The whole life of a worker: it locks itself in, then answers until the other side is gone.
#[must_use]
pub fn work() -> ExitCode {
    let lacks = cage::lock_in();
    match serve(&lacks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(lacks: &[&str]) -> io::Result<()> {
    let mut output = BufWriter::with_capacity(ANSWER_BYTES, Output);
    write_answer(&mut output, Answer::Ready, &write_texts(lacks))?;
    let mut input = BufReader::with_capacity(READ_BYTES, Input);
    let mut survey = None;
    loop {
        if input.buffer().is_empty() {
            // Whoever shows many files is answered once.
            output.flush()?;
        }
        let Some((command, length)) = read_command(&mut input)? else {
            return Ok(());
        };
        if command == Command::Begin {
            let bytes = take(&mut input, length)?;
            survey = Some(Survey::new(&Begin::from_bytes(&bytes).map_err(broken)?));
            continue;
        }
        let file = survey.as_mut().ok_or(io::ErrorKind::InvalidData)?;
        match command {
            Command::Begin => {}
            Command::Bytes => pass(&mut input, length, |piece| file.bytes(piece))?,
            Command::Tail => pass(&mut input, length, |piece| file.tail(piece))?,
            Command::Hole => file.hole(number(&mut input, length)?),
            Command::Look => match file.look() {
                Look::Enough(account) => account_of(account, &mut output)?,
                Look::More(wish) => write_answer(&mut output, Answer::Wish, &wish.to_bytes())?,
            },
            Command::End => {
                let length = number(&mut input, length)?;
                if let Some(file) = survey.take() {
                    account_of(file.end(length), &mut output)?;
                }
            }
        }
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "it is freed before the next file"
)]
fn account_of(account: ov_clinical::Account, output: &mut dyn Write) -> io::Result<()> {
    write_answer(output, Answer::Account, &account.encode())
}

/// Passes bytes on as they lie in the buffer.
fn pass(input: &mut dyn BufRead, length: usize, mut on: impl FnMut(&[u8])) -> io::Result<()> {
    let mut left = length;
    while left > 0 {
        let bytes = input.fill_buf()?;
        let now = bytes.len().min(left);
        if now == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        on(&bytes[..now]);
        input.consume(now);
        left -= now;
    }
    Ok(())
}

fn take(input: &mut dyn BufRead, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(input: &mut dyn BufRead, length: usize) -> io::Result<u64> {
    u64::from_bytes(&take(input, length)?).map_err(broken)
}

fn broken(_: ov_format::FormatError) -> io::Error {
    io::ErrorKind::InvalidData.into()
}

/// The pipe from the backup, without a copy of the descriptor: the cage allows reading this one
/// alone.
struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin(), buffer)?)
    }
}

/// The pipe to the backup.
struct Output;

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(io::stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
