//! For tests: a worker, and a process that tries to get out once it is locked in.
//!
//! Without an argument it is a worker. With one it locks itself in, says "locked" and tries what
//! the argument says; then it says "free".

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1) {
        None => ov_extract::work(),
        Some(attempt) => captive(&attempt),
    }
}

fn say(text: &str) {
    let _ = rustix::io::write(std::io::stdout(), text.as_bytes());
}

fn captive(attempt: &str) -> ExitCode {
    // What could be opened before is closed by the cage.
    let before = std::fs::File::open("/proc/self/status").ok();
    let lacks = ov_extract::cage::lock_in();
    say(&format!("locked but for {lacks:?}\n"));
    let free = match attempt {
        "nothing" => true,
        "open" => std::fs::File::open("/etc/passwd").is_ok(),
        "write" => std::fs::write("/tmp/out", b"x").is_ok(),
        "socket" => std::net::UdpSocket::bind("127.0.0.1:0").is_ok(),
        "connect" => std::net::TcpStream::connect("127.0.0.1:1").is_ok(),
        "program" => std::process::Command::new("/bin/true").status().is_ok(),
        "thread" => std::thread::Builder::new().spawn(|| {}).is_ok(),
        "kept" => {
            use std::io::Read;
            before.is_some_and(|mut file| file.read(&mut [0; 16]).is_ok())
        }
        "signal" => {
            rustix::process::kill_process(rustix::process::Pid::INIT, rustix::process::Signal::CONT)
                .is_ok()
        }
        "memory" => {
            let mut much: Vec<u8> = Vec::new();
            much.try_reserve_exact(1 << 30).is_ok()
        }
        _ => return ExitCode::from(2),
    };
    if free {
        say("free\n");
    }
    ExitCode::SUCCESS
}
