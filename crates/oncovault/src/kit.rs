//! The recovery kit on the screen.

use ov_format::id::VaultId;
use ov_open::recovery::RecoveryKit;
use ov_terminal::screen::{BOLD, Screen, WARNING};
use qrcode::render::unicode;
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
    fn words_are_numbered_down_the_columns() {
        let kit = RecoveryKit::generate(&OsEntropy);
        let rows = rows(&kit);
        assert_eq!(rows.len(), 6);
        assert!(rows[0].starts_with(&format!("   1. {}", kit.words()[0])));
        assert!(rows[0].contains(&format!(" 7. {}", kit.words()[6])));
        assert!(rows[5].contains(&format!("24. {}", kit.words()[23])));
    }
}
