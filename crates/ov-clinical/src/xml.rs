//! A walk through the elements and attributes of XML that keeps nothing: no DTD is read and no entity but the five built-in ones
//! is expanded. The parser is `quick-xml`; it does not recurse.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::collector::Collector;
use crate::warning::Warning;
use crate::window::Window;

/// Nested at most so deep.
const DEPTH_MAX: usize = 256;
/// Longer attribute values are not told.
const TEXT_MAX: usize = 64 << 10;

/// Who is told. Names are without prefix.
pub(crate) trait Sink {
    /// An element begins.
    fn enter(&mut self, name: &str, attributes: &Attributes);
    /// The innermost element ends.
    fn leave(&mut self, name: &str);
    /// Whether it has heard enough.
    fn is_content(&self) -> bool {
        false
    }
}

/// The attributes of an element.
pub(crate) struct Attributes<'a>(&'a BytesStart<'a>);

impl Attributes<'_> {
    /// An attribute by its name without prefix.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.0
            .attributes()
            .with_checks(false)
            .flatten()
            .find_map(|attribute| {
                let fits = attribute.value.len() <= TEXT_MAX;
                let same = attribute.key.local_name().as_ref() == name.as_bytes();
                (fits && same).then(|| plain(&attribute.value))
            })
    }

    /// The namespaces that the element declares, each followed by a space.
    pub(crate) fn namespaces(&self) -> String {
        let mut all = String::new();
        for attribute in self.0.attributes().with_checks(false).flatten().take(64) {
            if attribute.key.as_ref().starts_with(b"xmlns") && attribute.value.len() <= 1024 {
                all.push_str(&plain(&attribute.value));
                all.push(' ');
            }
        }
        all
    }
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Whole,
    Short,
    Deep,
    /// Not well-formed, near this byte.
    Broken(usize),
}

/// Walks through a document.
pub(crate) fn walk(bytes: &[u8], sink: &mut impl Sink) -> Outcome {
    let decoded = utf8(bytes);
    let mut reader = Reader::from_reader(&*decoded);
    reader.config_mut().check_end_names = true;
    let mut depth = 0_usize;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return Outcome::Deep;
                }
                sink.enter(&name(&start), &Attributes(&start));
                if sink.is_content() {
                    return Outcome::Short;
                }
            }
            Ok(Event::Empty(start)) => {
                sink.enter(&name(&start), &Attributes(&start));
                sink.leave(&name(&start));
            }
            Ok(Event::End(end)) => {
                depth = depth.saturating_sub(1);
                sink.leave(&String::from_utf8_lossy(end.local_name().as_ref()));
            }
            Ok(Event::Eof) if depth == 0 => return Outcome::Whole,
            Ok(Event::Eof) => return Outcome::Short,
            Ok(_) => {}
            Err(quick_xml::Error::Syntax(_)) => return Outcome::Short,
            Err(_) => return Outcome::Broken(at),
        }
    }
}

/// Says in warnings how a walk ended.
pub(crate) fn note(outcome: Outcome, window: &Window, out: &mut Collector) {
    match outcome {
        Outcome::Whole => {}
        Outcome::Short if !window.is_whole() => out.warn(Warning::Partial),
        Outcome::Short => out.warn(Warning::Truncated),
        Outcome::Deep => out.warn(Warning::TooDeep),
        Outcome::Broken(at) => out.malformed(at, "XML"),
    }
}

fn name(start: &BytesStart) -> String {
    String::from_utf8_lossy(start.local_name().as_ref()).into_owned()
}

fn plain(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    match quick_xml::escape::unescape(&text) {
        Ok(plain) => plain.into_owned(),
        Err(_) => text.into_owned(),
    }
}

/// UTF-16 with a byte order mark as UTF-8; everything else as it is.
fn utf8(bytes: &[u8]) -> Cow<'_, [u8]> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return Cow::Borrowed(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)),
    };
    let units: Vec<u16> = bytes
        .chunks_exact(2)
        .skip(1)
        .map(|b| unit([b[0], b[1]]))
        .collect();
    Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl Sink for Told {
        fn enter(&mut self, name: &str, attributes: &Attributes) {
            let value = attributes.get("v").unwrap_or_default();
            self.0.push(format!("<{name} {value}"));
        }
        fn leave(&mut self, name: &str) {
            self.0.push(format!(">{name}"));
        }
    }

    #[test]
    fn prefixes_go_and_built_in_entities_are_read() {
        let mut told = Told::default();
        let outcome = walk(b"<p:a p:v='1&amp;2'>x<b/></p:a>", &mut told);
        assert_eq!(outcome, Outcome::Whole);
        assert_eq!(told.0, ["<a 1&2", "<b ", ">b", ">a"]);
    }

    #[test]
    fn entities_of_a_document_are_not_expanded() {
        let bomb = b"<!DOCTYPE a [<!ENTITY x 'xxxxxxxxxx'><!ENTITY y '&x;&x;&x;'>]><a v='&y;'/>";
        let mut told = Told::default();
        walk(bomb, &mut told);
        assert_eq!(told.0.first().map(String::as_str), Some("<a &y;"));
    }

    #[test]
    fn a_nest_of_a_hundred_thousand_is_refused() {
        assert_eq!(
            walk("<a>".repeat(100_000).as_bytes(), &mut Told::default()),
            Outcome::Deep
        );
        assert_eq!(walk(b"<a><b></b>", &mut Told::default()), Outcome::Short);
        assert!(matches!(
            walk(b"<a></b>", &mut Told::default()),
            Outcome::Broken(_)
        ));
    }
}
