//! The recovery kit, for the eyes and for paper.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use ov_format::id::VaultId;
use ov_open::recovery::RecoveryKit;
use ov_terminal::Failure;
use ov_terminal::screen::{BOLD, Screen, WARNING};
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

const COLUMNS: usize = 4;

/// Prints words, text and QR, and how to keep them.
pub fn print(kit: &RecoveryKit, vault: VaultId, screen: &Screen) {
    screen.line(format_args!(
        "\n{BOLD}Recovery kit of vault {}{BOLD:#}\n",
        short(vault)
    ));
    for row in rows(kit) {
        screen.line(&*row);
    }
    screen.line(format_args!("\n  {}\n", *kit.text()));
    if let Some(qr) = qr(&kit.text()) {
        let blocks = Zeroizing::new(qr.render::<unicode::Dense1x2>().quiet_zone(true).build());
        screen.line(&*blocks);
    }
    screen.line(format_args!(
        "\n{WARNING}Keep this on paper, away from this machine.{WARNING:#} The words, or the line, \
         or the square: each alone is the whole kit.\n\
         It opens everything that this vault ever holds, when all key files and passphrases are \
         lost.\nWhoever finds it can read everything. It is not stored anywhere and is not shown \
         again.\nTry it: oncovault key recover --test"
    ));
}

/// Words with their numbers, column by column, as they are read from paper.
fn rows(kit: &RecoveryKit) -> Vec<Zeroizing<String>> {
    let words = kit.words();
    let height = words.len().div_ceil(COLUMNS);
    let row = |line: usize| {
        let mut row = Zeroizing::new(String::with_capacity(96));
        for at in (line..words.len()).step_by(height) {
            let word = words.get(at).copied().unwrap_or_default();
            row.push_str(&format!("  {:>2}. {word:<10}", at + 1));
        }
        row
    };
    (0..height).map(row).collect()
}

/// Writes the kit as a page to print: for the owner's eyes only, never over another file.
pub fn write_page(kit: &RecoveryKit, vault: VaultId, path: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    let page = page(kit, vault);
    file.write_all(page.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)
}

fn page(kit: &RecoveryKit, vault: VaultId) -> Zeroizing<String> {
    let words: Zeroizing<String> = Zeroizing::new(
        kit.words()
            .iter()
            .map(|word| format!("<li>{word}</li>"))
            .collect(),
    );
    let text = kit.text();
    let square = qr(&text)
        .map(|qr| {
            qr.render::<svg::Color<'_>>()
                .min_dimensions(240, 240)
                .build()
        })
        .unwrap_or_default();
    // The declaration of a file of its own has no place inside a page.
    let square = square.split_once("?>").map_or(&square[..], |(_, svg)| svg);
    Zeroizing::new(format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n\
         <title>OncoVault recovery kit</title>\n\
         <style>body{{font:12pt sans-serif;margin:2cm}}ol{{columns:3;font-size:14pt}}\
         code{{font-size:11pt;word-break:break-all}}</style>\n\
         <h1>OncoVault recovery kit</h1>\n<p>Vault <code>{vault}</code></p>\n\
         <ol>{}</ol>\n<p><code>{}</code></p>\n{square}\n\
         <p>The words, or the line, or the square: each alone is the whole kit. It opens everything \
         that the vault holds, when all key files and passphrases are lost. Whoever finds it can \
         read everything: keep it sealed, in a safe place away from the machines, and keep the \
         address of the vault with it.</p>\n\
         <p>To use it: <code>oncovault --vault URL key recover --out NEW.key</code></p>\n\
         <p>Address of the vault: ______________________________ Date: ______________</p>\n",
        *words, *text
    ))
}

fn qr(text: &str) -> Option<QrCode> {
    QrCode::with_error_correction_level(text.as_bytes(), EcLevel::M).ok()
}

fn short(vault: VaultId) -> String {
    let mut text = vault.to_string();
    text.truncate(8);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ov_seal::entropy::OsEntropy;

    #[test]
    fn words_are_numbered_down_the_columns_and_the_page_holds_all_of_them() {
        let kit = RecoveryKit::generate(&OsEntropy);
        let rows = rows(&kit);
        assert_eq!(rows.len(), 6);
        assert!(rows[0].starts_with(&format!("   1. {}", kit.words()[0])));
        assert!(rows[0].contains(&format!(" 7. {}", kit.words()[6])));
        assert!(rows[5].contains(&format!("24. {}", kit.words()[23])));
        let page = page(&kit, VaultId([0; 32]));
        assert!(kit.words().iter().all(|word| page.contains(word)));
        assert!(page.contains(&**kit.text()) && page.contains("<svg"));
    }
}
