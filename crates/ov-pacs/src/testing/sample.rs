//! A small DICOM object, made for tests.

/// Secondary capture image storage.
pub const CLASS: &str = "1.2.840.10008.5.1.4.1.1.7";
/// Explicit VR, little endian.
const SYNTAX: &str = "1.2.840.10008.1.2.1";

/// A data set of patient 4711 with so many bytes of pixels.
#[must_use]
pub fn data_set(instance: &str, pixels: usize) -> Vec<u8> {
    [
        element([0x08, 0x16], b"UI", CLASS.as_bytes()),
        element([0x08, 0x18], b"UI", instance.as_bytes()),
        element([0x08, 0x60], b"CS", b"OT"),
        element([0x10, 0x20], b"LO", b"4711"),
        element([0x20, 0x0d], b"UI", b"1.2.3"),
        element([0x20, 0x0e], b"UI", b"1.2.3.4"),
        element([0x7fe0, 0x10], b"OB", &vec![7; pixels]),
    ]
    .concat()
}

/// The same as a file (PS3.10 section 7.1).
#[must_use]
pub fn file(instance: &str, pixels: usize) -> Vec<u8> {
    let meta = [
        element([2, 0x01], b"OB", &[0, 1]),
        element([2, 0x02], b"UI", CLASS.as_bytes()),
        element([2, 0x03], b"UI", instance.as_bytes()),
        element([2, 0x10], b"UI", SYNTAX.as_bytes()),
    ]
    .concat();
    let length = length(&meta).to_le_bytes();
    [
        &[0; 128][..],
        b"DICM",
        &element([2, 0], b"UL", &length),
        &meta,
        &data_set(instance, pixels),
    ]
    .concat()
}

/// An element with explicit VR, filled up to an even length.
fn element(tag: [u16; 2], vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = tag.map(u16::to_le_bytes).concat();
    let even: &[u8] = if value.len() % 2 == 1 { b"\0" } else { b"" };
    let value = [value, even].concat();
    bytes.extend_from_slice(vr);
    match vr {
        b"OB" => {
            bytes.extend_from_slice(&[0, 0]);
            bytes.extend_from_slice(&length(&value).to_le_bytes());
        }
        _ => {
            let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
        }
    }
    bytes.extend_from_slice(&value);
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
