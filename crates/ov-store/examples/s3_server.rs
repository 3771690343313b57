//! A real S3 server with the bucket `bench`, for measuring programs: prints the variables that reach
//! it, one a line, then an empty line, and ends when its input does.
#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::io::{Read, Write};
use std::process::ExitCode;

use ov_store::testing::{Identity, Seaweed};

fn main() -> ExitCode {
    let Some(server) = Seaweed::start() else {
        return ExitCode::FAILURE;
    };
    server.bucket("bench");
    for (name, value) in server.environment(Identity::Admin) {
        println!("{name}={value}");
    }
    println!();
    if std::io::stdout().flush().is_err() {
        return ExitCode::FAILURE;
    }
    let mut rest = Vec::new();
    match std::io::stdin().read_to_end(&mut rest) {
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
