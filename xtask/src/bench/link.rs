//! A long and narrow way to a server on this machine: every request waits, and bytes pass no faster
//! than they may, in each direction by itself.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const BUFFER_BYTES: usize = 32 << 10;

/// How a link is.
#[derive(Clone, Copy, Debug)]
pub struct Manner {
    /// How long each request waits before it goes on.
    pub delay: Duration,
    /// Bytes per second in each direction.
    pub bytes_per_second: u64,
}

/// An open link: it stays until this program ends.
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    manner: Manner,
    server: SocketAddr,
    requests: AtomicU64,
    up: Meter,
    down: Meter,
}

/// What went over a link so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Requests: what is sent after an answer, or first on a connection.
    pub requests: u64,
    /// Bytes to the server.
    pub up: u64,
    /// Bytes from the server.
    pub down: u64,
}

impl Link {
    /// Listen on a free port of this machine for connections to a server.
    pub fn open(server: SocketAddr, manner: Manner) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            manner,
            server,
            requests: AtomicU64::new(0),
            up: Meter::new(manner.bytes_per_second),
            down: Meter::new(manner.bytes_per_second),
        });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A connection that cannot be made is one that the client sees closed.
                let _ = accepting.connect(client);
            }
        });
        Ok(Self { address, shared })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What went over it so far.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.shared.requests.load(Ordering::Relaxed),
            up: self.shared.up.passed(),
            down: self.shared.down.passed(),
        }
    }
}

impl Shared {
    fn connect(self: &Arc<Self>, client: TcpStream) -> io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let answered = Arc::new(AtomicBool::new(true));
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        let (shared, flag) = (Arc::clone(self), Arc::clone(&answered));
        std::thread::spawn(move || {
            let _ = pass(from, to, |bytes| {
                if flag.swap(false, Ordering::Relaxed) {
                    shared.requests.fetch_add(1, Ordering::Relaxed);
                    std::thread::sleep(shared.manner.delay);
                }
                shared.up.pass(bytes);
            });
        });
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let _ = pass(server, client, |bytes| {
                answered.store(true, Ordering::Relaxed);
                shared.down.pass(bytes);
            });
        });
        Ok(())
    }
}

/// Pass bytes on until there are no more; `wait` is asked before each piece.
fn pass(mut from: TcpStream, mut to: TcpStream, wait: impl Fn(u64)) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return to.shutdown(Shutdown::Write);
        }
        wait(u64::try_from(count).unwrap_or_default());
        to.write_all(&buffer[..count])?;
    }
}

/// Lets bytes pass at a rate that all connections share.
struct Meter {
    bytes_per_second: u64,
    free_at: Mutex<Instant>,
    passed: AtomicU64,
}

impl Meter {
    fn new(bytes_per_second: u64) -> Self {
        Self {
            bytes_per_second,
            free_at: Mutex::new(Instant::now()),
            passed: AtomicU64::new(0),
        }
    }

    fn pass(&self, bytes: u64) {
        self.passed.fetch_add(bytes, Ordering::Relaxed);
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        let until = {
            let Ok(mut free_at) = self.free_at.lock() else {
                return;
            };
            *free_at = (*free_at).max(Instant::now()) + takes;
            *free_at
        };
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every line with so many bytes.
    fn server(answer: usize) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut client in listener.incoming().map_while(Result::ok) {
                std::thread::spawn(move || {
                    let mut request = [0; 4];
                    while client.read_exact(&mut request).is_ok() {
                        client.write_all(&vec![7; answer]).unwrap();
                    }
                });
            }
        });
        address
    }

    fn ask(link: &Link, times: u32, answer: usize) -> Duration {
        let begun = Instant::now();
        let mut client = TcpStream::connect(link.address()).unwrap();
        for _ in 0..times {
            client.write_all(b"ask\n").unwrap();
            client.read_exact(&mut vec![0; answer]).unwrap();
        }
        begun.elapsed()
    }

    #[test]
    fn every_request_waits_and_is_counted() {
        let manner = Manner {
            delay: Duration::from_millis(20),
            bytes_per_second: 1 << 40,
        };
        let link = Link::open(server(10), manner).unwrap();
        assert!(ask(&link, 5, 10) >= Duration::from_millis(100));
        let traffic = link.traffic();
        let all = Traffic {
            requests: 5,
            up: 20,
            down: 50,
        };
        assert_eq!(traffic, all);
    }

    #[test]
    fn bytes_take_their_time_however_many_connections_there_are() {
        let manner = Manner {
            delay: Duration::ZERO,
            bytes_per_second: 1_000_000,
        };
        let link = Link::open(server(50_000), manner).unwrap();
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| ask(&link, 1, 50_000));
            }
        });
        assert!(begun.elapsed() >= Duration::from_millis(190));
    }
}
