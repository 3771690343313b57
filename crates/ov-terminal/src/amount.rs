//! Amounts as people read them.

/// Bytes in units of 1024.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count;
    let mut unit = 0;
    while size >= 1024 * 1024 {
        size >>= 10;
        unit += 1;
    }
    let (whole, tenths) = (size >> 10, (size & 1023) * 10 / 1024);
    let name = UNITS.get(unit).unwrap_or(&"EiB");
    format!("{whole}.{tenths} {name}")
}

/// A number with its noun.
pub fn of(count: u64, one: &str, many: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_in_units_of_1024() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1024 * 1024 - 1, "1023.9 KiB"),
            (5 * 1024 * 1024, "5.0 MiB"),
            (u64::MAX, "15.9 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
