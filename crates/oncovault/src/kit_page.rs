//! The recovery kit, or a share of it, as a page to print: everything that it needs is in it, for
//! A4 and for Letter.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ov_format::id::VaultId;
use ov_open::recovery::RecoveryKit;
use ov_open::slip39::{Share, Split};
use ov_terminal::{Failure, folders, moment};
use ov_vault::{Clock, SystemClock};
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

const CSS: &str = include_str!("kit_page.css");
/// The day of a local time as it is shown.
const DATE_BYTES: usize = 10;
/// Lines for whoever tries the kit.
const DRILLS: usize = 3;

/// What a page is about, besides its secret.
struct Facts {
    vault: VaultId,
    date: String,
}

/// Writes the whole kit as a page: for the owner's eyes only, never over another file.
pub fn write_whole(kit: &RecoveryKit, vault: VaultId, path: &Path) -> Result<(), Failure> {
    write(path, &whole(kit, &Facts::today(vault)))
}

/// Writes a page for each share into a folder, which is made if it is not there.
pub fn write_shares(
    shares: &[Share],
    split: Split,
    vault: VaultId,
    folder: &Path,
) -> Result<Vec<PathBuf>, Failure> {
    folders::make_private(folder)
        .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
    let facts = Facts::today(vault);
    let pages = shares.iter().map(|one| {
        let name = format!("share-{}-of-{}.html", one.number(), split.made());
        let path = folder.join(name);
        write(&path, &share(one, split, &facts))?;
        Ok(path)
    });
    pages.collect()
}

fn write(path: &Path, page: &str) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(path).map_err(failed)?;
    file.write_all(page.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

impl Facts {
    fn today(vault: VaultId) -> Self {
        let mut date = moment::local(SystemClock.now());
        date.truncate(DATE_BYTES);
        Self { vault, date }
    }
}

fn whole(kit: &RecoveryKit, facts: &Facts) -> Zeroizing<String> {
    let text = kit.text();
    let words = list(&kit.words());
    let square = square(&text, &text);
    let body = Zeroizing::new(format!(
        "<div class=\"secret\">{}\n{}</div>\n<p class=\"line\"><code>\n{}\n</code></p>\n\
         <h2>What this is</h2>\n\
         <p>This sheet opens everything that the vault holds, now and later, when all key files \
         and passphrases are lost. The words, or the line, or the square: each alone is the whole \
         kit. <strong>Whoever finds it can read everything.</strong></p>\n\
         <h2>Where to keep it</h2>\n\
         <p>On paper, sealed, in a safe place away from the computers that are backed up and away \
         from the vault. Keep no file, no photograph and no copy of it on a computer. If several \
         people shall be needed to use it, split it: <code>oncovault key kit --split 3-of-5 --out \
         FOLDER</code></p>\n",
        *words, *square, *text
    ));
    let steps = "<li>Type the words, or the line, when you are asked.</li>";
    page(
        "Recovery kit",
        "the whole kit",
        "whole",
        &body,
        steps,
        facts,
    )
}

fn share(share: &Share, split: Split, facts: &Facts) -> Zeroizing<String> {
    let words = share.words();
    let line = Zeroizing::new(words.join(" "));
    let square = square(&Zeroizing::new(line.to_uppercase()), &line);
    let (number, needed, made) = (share.number(), split.needed(), split.made());
    let (list, begins, fewer) = (list(&words), share.begins().join(" "), needed - 1);
    let body = Zeroizing::new(format!(
        "<div class=\"secret\">{}\n{}</div>\n\
         <h2>What this is</h2>\n\
         <p>One of {made} shares of the recovery kit of a vault. <strong>Any {needed} of them \
         together open everything</strong> that the vault holds, now and later, when all key files \
         and passphrases are lost. {fewer} or fewer open nothing. All shares that belong together \
         begin with <strong>{begins}</strong>; these two words are no secret. The square holds \
         the words.</p>\n\
         <h2>Where to keep it</h2>\n\
         <p>Each share with another person or in another place, on paper, away from the computers \
         that are backed up, so that neither a fire nor a thief reaches {needed} of them. Keep no \
         file, no photograph and no copy of it on a computer. This sheet is kept by:</p>\n\
         <p class=\"blank\"></p>\n",
        *list, *square
    ));
    let steps = format!(
        "<li>Type the {} words of this share when you are asked, then those of {fewer} others, in \
         any order.</li>",
        words.len()
    );
    let what = format!("share {number} of {made}, any {needed} restore");
    page(
        "Recovery kit in shares",
        &what,
        "share",
        &body,
        &steps,
        facts,
    )
}

/// A page of XHTML, which every browser takes as HTML.
fn page(
    title: &str,
    what: &str,
    class: &str,
    body: &str,
    typing: &str,
    facts: &Facts,
) -> Zeroizing<String> {
    let Facts { vault, date } = facts;
    let version = env!("CARGO_PKG_VERSION");
    let rows = "<tr><td></td><td></td><td></td></tr>".repeat(DRILLS);
    Zeroizing::new(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
         'unsafe-inline'\"/>\n<title>OncoVault: {title}, {what}</title>\n<style>\n{CSS}</style>\n\
         </head>\n<body class=\"{class}\">\n<header><h1>{title}</h1><p>{what}</p></header>\n\
         <dl><dt>Vault</dt><dd><code>{vault}</code></dd>\n\
         <dt>Made</dt><dd>{date}, OncoVault {version}</dd>\n\
         <dt>Address of the vault</dt><dd class=\"blank\"></dd></dl>\n{body}\
         <h2>How to use it</h2>\n<ol class=\"use\">\n\
         <li>Take a computer with OncoVault that reaches the vault at its address (URL).</li>\n\
         <li>Make a new key: <code>oncovault --vault URL key recover --out new.key</code></li>\n\
         {typing}\n\
         <li>Restore: <code>oncovault --vault URL --key new.key restore latest --to \
         FOLDER</code></li>\n</ol>\n\
         <p>If the program itself is gone: its sources hold <code>docs/FORMAT.md</code>, which \
         describes every byte, and <code>recover/oncovault_recover.py</code>, which reads the vault \
         with this kit alone.</p>\n\
         <h2>Tried</h2>\n<p>Once a year, with <code>oncovault --vault URL key recover \
         --test</code>. It changes nothing.</p>\n\
         <table><tr><th>Date</th><th>Who</th><th>What it said</th></tr>{rows}</table>\n\
         </body>\n</html>\n"
    ))
}

fn list(words: &[&str]) -> Zeroizing<String> {
    let items: Zeroizing<String> = Zeroizing::new(
        words
            .iter()
            .map(|word| format!("<li>{word}</li>"))
            .collect(),
    );
    Zeroizing::new(format!("<ol>{}</ol>", *items))
}

/// The square, with what it says on a line of its own, for programs that read the page and for
/// people who do not see it. Nothing if the text does not fit, which no kit's does.
fn square(text: &str, said: &str) -> Zeroizing<String> {
    let code = QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M);
    let drawn = code.map(|code| {
        let mut picture = code.render::<svg::Color<'_>>();
        Zeroizing::new(picture.min_dimensions(240, 240).build())
    });
    let drawn = drawn.unwrap_or_default();
    // The declaration of a file of its own has no place inside a page.
    let svg = drawn.split_once("?>").map_or(&drawn[..], |(_, svg)| svg);
    match svg.split_once("><") {
        Some((open, rest)) => Zeroizing::new(format!(
            "{open} role=\"img\"><desc>\n{said}\n</desc>\n<{rest}"
        )),
        None => Zeroizing::new(svg.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use ov_open::paper::Paper;
    use ov_seal::entropy::OsEntropy;
    use quick_xml::Reader;
    use quick_xml::events::{BytesStart, Event};

    use super::*;

    fn facts() -> Facts {
        Facts {
            vault: VaultId([0xab; 32]),
            date: "2026-11-22".to_owned(),
        }
    }

    /// What a person sees, and the pages' elements with their attributes.
    #[derive(Default)]
    struct Seen {
        text: String,
        items: Vec<String>,
        elements: Vec<(String, Vec<(String, String)>)>,
    }

    impl Seen {
        fn element(&mut self, start: &BytesStart<'_>) {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            let attributes = start.attributes().map(|attribute| {
                let attribute = attribute.unwrap();
                (text(attribute.key.as_ref()), text(&attribute.value))
            });
            let attributes = attributes.collect();
            self.elements
                .push((text(start.name().as_ref()), attributes));
        }

        fn of(page: &str) -> Self {
            let mut reader = Reader::from_str(page);
            reader.config_mut().check_end_names = true;
            let (mut seen, mut open) = (Self::default(), Vec::new());
            loop {
                match reader.read_event().unwrap() {
                    Event::Start(start) => {
                        seen.element(&start);
                        open.push(start.name().as_ref().to_vec());
                    }
                    Event::Empty(start) => seen.element(&start),
                    Event::End(_) => drop(open.pop()),
                    Event::Text(text) => {
                        let text = String::from_utf8(text.to_vec()).unwrap();
                        if open.last().is_some_and(|name| name == b"li") && open.len() == 5 {
                            seen.items.push(text.clone());
                        }
                        if !open.iter().any(|name| name == b"style" || name == b"desc") {
                            seen.text.push_str(&text);
                        }
                    }
                    Event::Eof => break,
                    _ => {}
                }
            }
            assert!(open.is_empty(), "unclosed: {open:?}");
            seen
        }
    }

    #[track_caller]
    fn needs_nothing_from_outside(page: &str, seen: &Seen) {
        for (element, attributes) in &seen.elements {
            let loads = [
                "script", "link", "img", "iframe", "object", "embed", "base", "image",
            ];
            assert!(!loads.contains(&element.as_str()), "{element}");
            for (name, value) in attributes {
                let fetches = ["src", "href", "xlink:href", "srcset", "action", "data"];
                assert!(!fetches.contains(&name.as_str()), "{element} {name}");
                assert!(
                    !value.contains("//") || name == "xmlns",
                    "{element} {name}={value}"
                );
            }
        }
        assert!(!page.contains("url(") && !page.contains("@import"));
        assert!(page.contains("default-src 'none'"));
    }

    #[test]
    fn the_page_of_a_whole_kit_says_all_and_needs_nothing_from_outside() {
        let kit = RecoveryKit::generate(&OsEntropy);
        let page = whole(&kit, &facts());
        let seen = Seen::of(&page);
        assert_eq!(seen.items, kit.words());
        for said in [
            &**kit.text(),
            &"ab".repeat(32),
            "2026-11-22",
            "What this is",
            "Where to keep it",
            "key recover --out",
            "key recover --test",
            "Whoever finds it can read everything",
        ] {
            assert!(seen.text.contains(said), "{said}");
        }
        needs_nothing_from_outside(&page, &seen);
        assert_eq!(Paper::parse(&page), Ok(Paper::Whole(kit)));
    }

    #[test]
    fn the_page_of_a_share_says_which_it_is_and_how_many_restore() {
        let kit = RecoveryKit::generate(&OsEntropy);
        let split = Split::new(3, 5).unwrap();
        let shares = kit.split(split, &OsEntropy);
        let page = share(&shares[1], split, &facts());
        let seen = Seen::of(&page);
        assert_eq!(seen.items, shares[1].words());
        for said in [
            "share 2 of 5, any 3 restore",
            "Any 3 of them together open everything",
            "2 or fewer open nothing",
            &shares[0].begins().join(" "),
            "2026-11-22",
            &"ab".repeat(32),
        ] {
            assert!(seen.text.contains(said), "{said}");
        }
        needs_nothing_from_outside(&page, &seen);
        assert!(!page.contains(&**kit.text()) && !page.contains("ONCOVAULT1-"));
        assert_eq!(
            Paper::parse(&page),
            Ok(Paper::Shares(vec![shares[1].clone()]))
        );
    }

    #[test]
    fn pages_are_for_their_owner_alone_and_never_replace_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let split = Split::new(2, 3).unwrap();
        let kit = RecoveryKit::generate(&OsEntropy);
        let shares = kit.split(split, &OsEntropy);
        let place = folder.path().join("shares");
        let pages = write_shares(&shares, split, facts().vault, &place).unwrap();
        let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap()).collect();
        let wanted = [
            "share-1-of-3.html",
            "share-2-of-3.html",
            "share-3-of-3.html",
        ];
        assert_eq!(names, wanted);
        for page in &pages {
            use std::os::unix::fs::PermissionsExt;
            let mode = std::fs::metadata(page).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let again = write_shares(&shares, split, facts().vault, &place);
        assert!(again.unwrap_err().message.contains("share-1-of-3.html"));
    }
}
