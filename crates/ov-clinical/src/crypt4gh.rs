//! Crypt4GH: how many may open it. Nothing else can be read without a key (Crypt4GH §2.2).

use crate::collector::Collector;
use crate::facts::Facts;
use crate::warning::Warning;
use crate::window::Window;

/// Looks through the packets of the header.
#[must_use]
pub fn read(window: &Window) -> (Facts, Vec<Warning>) {
    let mut out = Collector::new();
    match packets(window.head()) {
        Some(_) => {}
        None if window.is_whole() => out.warn(Warning::Truncated),
        None => out.warn(Warning::Partial),
    }
    out.finish()
}

/// Where the encrypted data begin; `None` if the header goes on behind the bytes.
fn packets(bytes: &[u8]) -> Option<usize> {
    let number = |at: usize| {
        bytes
            .get(at..)?
            .first_chunk::<4>()
            .map(|n| u32::from_le_bytes(*n))
    };
    let count = number(12)?;
    let mut at = 16_usize;
    for _ in 0..count {
        let length = usize::try_from(number(at)?)
            .ok()
            .filter(|length| *length >= 4)?;
        at = at.checked_add(length).filter(|end| *end <= bytes.len())?;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_ends_early_is_named() {
        let mut file = b"crypt4gh\x01\0\0\0\x01\0\0\0\x08\0\0\0abcd".to_vec();
        assert!(read(&Window::whole(&file)).1.is_empty());
        file.pop();
        assert_eq!(read(&Window::whole(&file)).1, [Warning::Truncated]);
    }
}
