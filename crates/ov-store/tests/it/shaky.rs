//! A way to a server that breaks.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Passes bytes on to a port of this machine, and cuts each connection after so many.
pub struct Shaky {
    pub port: u16,
    cut_after: Arc<AtomicU64>,
    rough: Arc<AtomicU64>,
    connections: Arc<AtomicUsize>,
}

/// As a value of [`Shaky::cut_after`]: nothing is passed on, and nothing is cut.
const SWALLOW: u64 = u64::MAX - 1;

impl Shaky {
    pub fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let shaky = Self {
            port: listener.local_addr().unwrap().port(),
            cut_after: Arc::new(AtomicU64::new(u64::MAX)),
            rough: Arc::default(),
            connections: Arc::default(),
        };
        let (cut, connections) = (Arc::clone(&shaky.cut_after), Arc::clone(&shaky.connections));
        let rough = Arc::clone(&shaky.rough);
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let cut = match rough.load(Ordering::SeqCst) {
                    0 => Arc::clone(&cut),
                    most => Arc::new(AtomicU64::new(varied(number, most))),
                };
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)) else {
                    continue;
                };
                let passed = Arc::new(AtomicU64::new(0));
                for (from, to) in [(&near, &far), (&far, &near)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let (cut, passed) = (Arc::clone(&cut), Arc::clone(&passed));
                    std::thread::spawn(move || pass(from, to, &cut, &passed));
                }
            }
        });
        shaky
    }

    /// From now on each connection ends after so many bytes both ways together.
    pub fn cut_after(&self, bytes: u64) {
        self.cut_after.store(bytes, Ordering::SeqCst);
    }

    /// From now on each new connection ends somewhere, after so many bytes at most.
    pub fn roughen(&self, most: u64) {
        self.rough.store(most, Ordering::SeqCst);
    }

    /// From now on everything vanishes on the way, as in a network that fails silently.
    pub fn swallow(&self) {
        self.cut_after(SWALLOW);
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// From a thirtieth to the whole of `most`, otherwise for each number.
fn varied(number: usize, most: u64) -> u64 {
    let mixed = u64::try_from(number)
        .unwrap()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        >> 32;
    most / 30 + mixed % (most - most / 30)
}

fn pass(mut from: TcpStream, mut to: TcpStream, cut: &AtomicU64, passed: &AtomicU64) {
    let mut block = [0; 16 << 10];
    while let Ok(length @ 1..) = from.read(&mut block) {
        let limit = cut.load(Ordering::SeqCst);
        if limit == SWALLOW {
            continue;
        }
        let length64 = u64::try_from(length).unwrap();
        let over = passed.fetch_add(length64, Ordering::SeqCst) + length64 > limit;
        if over || to.write_all(&block[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
