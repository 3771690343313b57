//! Sizes as people write them.

use crate::selection_error::SelectionError;

/// Reads a size: a whole number of bytes, or with `k`, `M`, `G` or `T` (any case, also `KiB`,
/// `MB`…) of 1024, 1024², 1024³ or 1024⁴ bytes.
pub fn parse_size(text: &str) -> Result<u64, SelectionError> {
    let bad = || SelectionError::BadSize {
        text: text.to_owned(),
    };
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| bad())?;
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(bad()),
    };
    number.checked_mul(1 << shift).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_units_and_anything_else_is_refused() {
        for (text, bytes) in [("0", 0), ("512", 512), ("2k", 2048), ("3 MiB", 3 << 20)] {
            assert_eq!(parse_size(text).unwrap(), bytes);
        }
        assert_eq!(parse_size("1G").unwrap(), 1 << 30);
        for bad in ["", "k", "-1", "1.5G", "1x", "99999999999T", "1 2"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
