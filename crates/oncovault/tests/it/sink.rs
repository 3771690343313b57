//! Servers that keep what comes, as those have that people are told by.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

/// One thing that came to a server.
pub struct Heard {
    pub path: String,
    pub head: String,
    pub body: String,
}

/// A server of this machine that keeps what comes.
pub struct Sink {
    pub port: u16,
    heard: Receiver<Heard>,
}

impl Sink {
    fn serving(talk: fn(TcpStream, &Sender<Heard>) -> Option<()>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (send, heard) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let _ = talk(stream.unwrap(), &send);
            }
        });
        Self { port, heard }
    }

    /// Speaks HTTP (RFC 9112).
    pub fn http() -> Self {
        Self::serving(|mut stream, send| {
            let mut lines = BufReader::new(stream.try_clone().ok()?);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                (lines.read_line(&mut head).ok()? > 0).then_some(())?;
            }
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                let found = name.eq_ignore_ascii_case("content-length");
                found.then(|| value.trim().parse::<usize>().unwrap())
            });
            let mut body = vec![0; length.unwrap_or(0)];
            lines.read_exact(&mut body).ok()?;
            let path = head.split(' ').nth(1)?.to_owned();
            let body = String::from_utf8(body).unwrap();
            send.send(Heard { path, head, body }).ok()?;
            let answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            stream.write_all(answer.as_bytes()).ok()
        })
    }

    /// Speaks SMTP (RFC 5321) until the client quits.
    pub fn smtp() -> Self {
        Self::serving(|mut stream, send| {
            let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
            stream.write_all(b"220 sink ESMTP\r\n").ok()?;
            let mut head = String::new();
            loop {
                let line = lines.next()?.ok()?;
                let verb = line.split([' ', ':']).next()?.to_ascii_uppercase();
                let answer = match verb.as_str() {
                    "EHLO" => "250-sink\r\n250 8BITMIME\r\n",
                    "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 OK\r\n",
                    "DATA" => "354 go on\r\n",
                    "QUIT" => "221 bye\r\n",
                    _ => "500 what?\r\n",
                };
                stream.write_all(answer.as_bytes()).ok()?;
                head.push_str(&line);
                head.push('\n');
                if verb == "DATA" {
                    let mail = lines.by_ref().map_while(Result::ok);
                    let mail: Vec<String> = mail.take_while(|line| line != ".").collect();
                    let (path, body) = (String::new(), mail.join("\n"));
                    let head = std::mem::take(&mut head);
                    send.send(Heard { path, head, body }).ok()?;
                    stream.write_all(b"250 kept\r\n").ok()?;
                }
            }
        })
    }

    /// All that came, once everything was told.
    pub fn all(&self) -> Vec<Heard> {
        self.heard.try_iter().collect()
    }
}
