//! The page: sound, whole by itself, and not moved by what files are called.

use ov_discover::{About, Protection, page};
use quick_xml::Reader;
use quick_xml::events::Event;

use crate::folders::{Folder, content};

/// Every element of the page with its attributes; panics where it is not well formed.
fn elements(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(page);
    reader.config_mut().check_end_names = true;
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (mut found, mut open) = (Vec::new(), 0);
    loop {
        let event = reader.read_event().unwrap();
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                open += i32::from(matches!(event, Event::Start(_)));
                let attributes = start.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    (text(attribute.key.as_ref()), text(&attribute.value))
                });
                found.push((text(start.name().as_ref()), attributes.collect()));
            }
            Event::End(_) => open -= 1,
            Event::Comment(_) | Event::CData(_) | Event::PI(_) => panic!("not ours"),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open, 0);
    found
}

const ABOUT: About<'static> = About {
    version: "0.1.0",
    compared: Some("/etc/<oncovault>.toml"),
};

#[test]
fn a_page_needs_nothing_from_outside_and_hostile_names_stay_text() {
    let folder = Folder::new();
    let hostile: [&[u8]; 7] = [
        b"<script>alert(1)</script>/a.csv",
        b"\"onload=\"x/b.fastq",
        b"]]>--><!--/c.json",
        b"&lt;&#60;/d.vcf",
        b"line\nbreak\x1b[31m\x7f/e.csv",
        b"\xff\xfe\xed\xa0\x80/f.bin",
        "\u{202e}gpj.exe/g.fastq".as_bytes(),
    ];
    for (at, name) in hostile.iter().enumerate() {
        folder.write(name, &content(at, 7));
    }
    let survey = folder.survey();
    let protection = Protection::none(&survey);
    let page = page(&survey, Some(&protection), &ABOUT);
    let elements = elements(&page);
    let allowed = [
        "html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "code", "svg", "desc",
        "defs", "pattern", "path", "g", "rect", "text", "ul", "li", "table", "tr", "th", "td",
        "footer",
    ];
    for (name, attributes) in &elements {
        assert!(allowed.contains(&name.as_str()), "{name}");
        for (name, value) in attributes {
            assert!(!name.starts_with("on"), "{name}");
            assert!(!["src", "href", "xlink:href", "action"].contains(&name.as_str()));
            let local = !value.contains("//") || name == "xmlns";
            assert!(local && !value.contains("javascript"), "{value}");
        }
    }
    assert!(!page.contains('\u{202e}') && !page.contains('\x1b'));
    assert!(page.contains("default-src 'none'"));
    // Every folder is an area with a title, and marked, since nothing is protected.
    let titles = page.matches("of them not protected</title>").count();
    assert_eq!(titles, 7, "{page}");
}

#[test]
fn an_empty_folder_has_a_page_too() {
    let folder = Folder::new();
    let survey = folder.survey();
    elements(&page(&survey, None, &ABOUT));
    assert_eq!(survey.totals.all.files, 0);
}
