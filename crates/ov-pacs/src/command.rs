//! The command sets of C-STORE (PS3.7 section 9.3.1): implicit VR, little endian, group 0000.

use crate::status::Status;

const GROUP_LENGTH: u16 = 0x0000;
const CLASS: u16 = 0x0002;
const COMMAND: u16 = 0x0100;
const MESSAGE: u16 = 0x0110;
const ANSWERED_MESSAGE: u16 = 0x0120;
const PRIORITY: u16 = 0x0700;
const DATA_SET: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const COMMENT: u16 = 0x0902;
const INSTANCE: u16 = 0x1000;

const STORE_REQUEST: u16 = 0x0001;
const STORE_ANSWER: u16 = 0x8001;
const MEDIUM: u16 = 0x0000;
const PRESENT: u16 = 0x0001;

/// The command by which an object is given.
pub(crate) fn request(message: u16, class: &str, instance: &str) -> Vec<u8> {
    let mut elements = Vec::new();
    put(&mut elements, CLASS, &uid(class));
    put(&mut elements, COMMAND, &STORE_REQUEST.to_le_bytes());
    put(&mut elements, MESSAGE, &message.to_le_bytes());
    put(&mut elements, PRIORITY, &MEDIUM.to_le_bytes());
    put(&mut elements, DATA_SET, &PRESENT.to_le_bytes());
    put(&mut elements, INSTANCE, &uid(instance));
    let mut set = Vec::with_capacity(elements.len() + 12);
    put(&mut set, GROUP_LENGTH, &length(&elements).to_le_bytes());
    set.extend_from_slice(&elements);
    set
}

/// What the other side says of the object that was given as `message`; `None` if it is no answer to
/// that.
pub(crate) fn answer(bytes: &[u8], message: u16) -> Option<Status> {
    let (mut command, mut answered, mut status, mut comment) = (None, None, None, String::new());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (element, value);
        (element, value, rest) = take(rest)?;
        match element {
            COMMAND => command = number(value),
            ANSWERED_MESSAGE => answered = number(value),
            STATUS => status = number(value),
            COMMENT => comment = String::from_utf8_lossy(value).into_owned(),
            _ => {}
        }
    }
    let fits = command == Some(STORE_ANSWER) && answered == Some(message);
    fits.then(|| Some(Status::new(status?, &comment)))?
}

fn put(set: &mut Vec<u8>, element: u16, value: &[u8]) {
    set.extend_from_slice(&[0, 0]);
    set.extend_from_slice(&element.to_le_bytes());
    set.extend_from_slice(&length(value).to_le_bytes());
    set.extend_from_slice(value);
}

/// A unique identifier, filled up to an even length (PS3.5 section 9.1).
fn uid(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    if !bytes.len().is_multiple_of(2) {
        bytes.push(0);
    }
    bytes
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

/// The first element, its value, and what follows.
fn take(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<8>()?;
    let &[0, 0, low, high, a, b, c, d] = head else {
        return None;
    };
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).ok()?;
    let (value, rest) = rest.split_at_checked(length)?;
    Some((u16::from_le_bytes([low, high]), value, rest))
}

fn number(value: &[u8]) -> Option<u16> {
    value.first_chunk::<2>().copied().map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(message: u16, status: u16, comment: &str) -> Vec<u8> {
        let mut set = Vec::new();
        put(&mut set, COMMAND, &STORE_ANSWER.to_le_bytes());
        put(&mut set, ANSWERED_MESSAGE, &message.to_le_bytes());
        put(&mut set, STATUS, &status.to_le_bytes());
        put(&mut set, COMMENT, comment.as_bytes());
        set
    }

    #[test]
    fn a_command_is_as_the_standard_has_it() {
        let set = request(7, "1.2", "1.2.3.4");
        let expected = b"\0\0\0\0\x04\0\0\0\x44\0\0\0\
            \0\0\x02\0\x04\0\0\x001.2\0\
            \0\0\0\x01\x02\0\0\0\x01\0\
            \0\0\x10\x01\x02\0\0\0\x07\0\
            \0\0\0\x07\x02\0\0\0\0\0\
            \0\0\0\x08\x02\0\0\0\x01\0\
            \0\0\0\x10\x08\0\0\x001.2.3.4\0";
        assert_eq!(set, expected);
    }

    #[test]
    fn an_answer_counts_for_its_own_question_alone() {
        let bytes = answered(7, 0xA700, "no room");
        let status = answer(&bytes, 7).unwrap();
        assert_eq!((status.code, status.comment.as_str()), (0xA700, "no room"));
        assert_eq!(answer(&bytes, 8), None);
        assert_eq!(answer(&request(7, "1.2", "1.2"), 7), None);
        assert_eq!(answer(&bytes[..bytes.len() - 1], 7), None);
    }

    #[test]
    fn any_bytes_are_an_answer_or_refused() {
        bolero::check!().for_each(|bytes: &[u8]| {
            let _ = answer(bytes, 1);
        });
    }
}
