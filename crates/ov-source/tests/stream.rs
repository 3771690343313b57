//! Streams and commands as sources.

#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::io::Read;

use ov_format::entry::Kind;
use ov_source::{CommandStream, Item, Segment, Source, SourceError, Stream};

fn items(source: &dyn Source) -> Vec<Item> {
    source.walk().map(Result::unwrap).collect()
}

/// Reads the one file of a stream as an engine does.
fn read(source: &dyn Source) -> Result<Vec<u8>, SourceError> {
    let items = items(source);
    let mut file = source.open(items.last().unwrap())?;
    let before = file.stat_now()?;
    let mut content = Vec::new();
    while let Some(segment) = file.next_segment()? {
        assert!(matches!(segment, Segment::Data { offset: 0, .. }));
        file.read_to_end(&mut content).unwrap();
    }
    assert_eq!(before, file.stat_now()?);
    assert_eq!(before.size, None);
    Ok(content)
}

fn shell(script: &str) -> CommandStream {
    let command = ["sh", "-c", script].map(Into::into).to_vec();
    CommandStream::new(b"dump.sql", command).unwrap()
}

#[test]
fn a_stream_is_one_file_below_its_folders_and_can_be_read_once() {
    let stream = Stream::new(b"/db/night/dump.sql", Box::new(&b"rows"[..])).unwrap();
    let items = items(&stream);
    let paths: Vec<Vec<u8>> = items.iter().map(|item| item.key.path()).collect();
    assert_eq!(paths, [&b"db"[..], b"db/night", b"db/night/dump.sql"]);
    assert_eq!(items[1].meta.kind, Kind::Directory);
    assert_eq!(items[2].meta.kind, Kind::File);
    assert_eq!(read(&stream).unwrap(), b"rows");
    assert!(matches!(
        read(&stream),
        Err(SourceError::AlreadyRead { .. })
    ));
}

#[test]
fn a_name_that_no_entry_can_have_is_refused() {
    for name in [&b""[..], b"/", b"a/../b", b"a//b", b"a\0", b"a/"] {
        let stream = Stream::new(name, Box::new(std::io::empty()));
        assert!(matches!(stream, Err(SourceError::BadName { .. })));
    }
}

#[test]
fn the_output_of_a_command_is_recorded() {
    assert_eq!(read(&shell("printf a; printf b")).unwrap(), b"ab");
}

#[test]
fn a_command_that_fails_after_its_output_is_an_error() {
    let error = read(&shell("printf half; exit 3")).unwrap_err();
    assert!(matches!(error, SourceError::CommandFailed { .. }));
    assert!(error.to_string().contains("sh failed"), "{error}");
}

#[test]
fn a_command_that_does_not_exist_or_is_empty_is_named() {
    let missing = CommandStream::new(b"x", vec!["/no/such/program".into()]).unwrap();
    let error = read(&missing).unwrap_err();
    assert!(error.to_string().contains("/no/such/program"));
    assert!(CommandStream::new(b"x", Vec::new()).is_err());
}

#[test]
fn a_command_that_nobody_reads_to_its_end_is_ended() {
    let stream = shell("yes");
    let items = items(&stream);
    let mut file = stream.open(&items[0]).unwrap();
    file.next_segment().unwrap();
    let mut some = [0; 10];
    file.read_exact(&mut some).unwrap();
    drop(file); // Would wait for ever if the program were not ended.
}
