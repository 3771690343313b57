//! A walk through JSON that keeps nothing: each object, each text, with its key.
//!
//! The parser is `serde_json`; what was told before an error stays told, so the beginning of a
//! long file is worth reading.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Nested at most so deep (R4 examples stay below 20).
const DEPTH_MAX: usize = 64;

/// Who is told.
pub(crate) trait Sink {
    /// An object begins, under this key; elements of a list have the list's key.
    fn enter(&mut self, key: &str);
    /// The innermost object ends.
    fn leave(&mut self);
    /// A text, number, or truth value.
    fn text(&mut self, key: &str, value: &str);
    /// The next element of a list under this key begins.
    fn element(&mut self, _key: &str) {}
}

/// How a walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// One value and nothing else.
    Whole,
    /// The bytes end inside it.
    Short,
    /// Nested deeper than the bound.
    Deep,
    /// No JSON, or more than one value.
    Broken,
}

/// Walks through the value in `bytes`.
pub(crate) fn walk(bytes: &[u8], sink: &mut impl Sink) -> Outcome {
    match std::str::from_utf8(bytes) {
        Ok(text) => walk_text(text, sink),
        Err(_) => values(serde_json::Deserializer::from_slice(bytes), sink),
    }
}

/// Walks through the value in a text: its characters are not proven once more, one string after
/// the other.
pub(crate) fn walk_text(text: &str, sink: &mut impl Sink) -> Outcome {
    values(serde_json::Deserializer::from_str(text), sink)
}

fn values<'de, R: serde_json::de::Read<'de>>(
    mut values: serde_json::Deserializer<R>,
    sink: &mut impl Sink,
) -> Outcome {
    let seed = Node {
        sink,
        key: "",
        depth: 0,
    };
    match seed.deserialize(&mut values) {
        Ok(()) if values.end().is_ok() => Outcome::Whole,
        Ok(()) => Outcome::Broken,
        Err(error) if error.is_eof() => Outcome::Short,
        Err(error) if error.is_data() || error.to_string().starts_with("recursion") => {
            Outcome::Deep
        }
        Err(_) => Outcome::Broken,
    }
}

struct Node<'a, S> {
    sink: &'a mut S,
    key: &'a str,
    depth: usize,
}

impl<'de, S: Sink> DeserializeSeed<'de> for Node<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Sink> Visitor<'de> for Node<'_, S> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON within the bound of depth")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.sink
            .text(self.key, if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.sink.text(self.key, &value.to_string());
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.sink.text(self.key, &value.to_string());
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.sink.text(self.key, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        loop {
            let node = Node {
                sink: &mut *self.sink,
                key: self.key,
                depth,
            };
            match list.next_element_seed(Listed(node))? {
                Some(()) => {}
                None => return Ok(()),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let depth = deeper(self.depth)?;
        self.sink.enter(self.key);
        while let Some(key) = map.next_key_seed(Key)? {
            map.next_value_seed(Node {
                sink: &mut *self.sink,
                key: &key,
                depth,
            })?;
        }
        self.sink.leave();
        Ok(())
    }
}

/// A key, borrowed where it stands there as it is: serde's own `Cow` always copies.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// Two who are told the same.
pub(crate) struct Both<'a, A, B>(pub(crate) &'a mut A, pub(crate) &'a mut B);

impl<A: Sink, B: Sink> Sink for Both<'_, A, B> {
    fn enter(&mut self, key: &str) {
        self.0.enter(key);
        self.1.enter(key);
    }

    fn leave(&mut self) {
        self.0.leave();
        self.1.leave();
    }

    fn text(&mut self, key: &str, value: &str) {
        self.0.text(key, value);
        self.1.text(key, value);
    }

    fn element(&mut self, key: &str) {
        self.0.element(key);
        self.1.element(key);
    }
}

/// An element of a list: announced, then walked.
struct Listed<'a, S>(Node<'a, S>);

impl<'de, S: Sink> DeserializeSeed<'de> for Listed<'_, S> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.sink.element(self.0.key);
        self.0.deserialize(deserializer)
    }
}

fn deeper<E: Error>(depth: usize) -> Result<usize, E> {
    if depth >= DEPTH_MAX {
        Err(E::custom("deeper than the bound"))
    } else {
        Ok(depth + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Vec<String>);

    impl Sink for Told {
        fn enter(&mut self, key: &str) {
            self.0.push(format!("{key}{{"));
        }
        fn leave(&mut self) {
            self.0.push("}".into());
        }
        fn text(&mut self, key: &str, value: &str) {
            self.0.push(format!("{key}={value}"));
        }
    }

    #[test]
    fn everything_is_told_with_its_key() {
        let mut told = Told::default();
        let outcome = walk(br#"{"a":[{"b":"x"},{"b":1}],"c":true} "#, &mut told);
        assert_eq!(outcome, Outcome::Whole);
        assert_eq!(
            told.0,
            ["{", "a{", "b=x", "}", "a{", "b=1", "}", "c=true", "}"]
        );
    }

    #[test]
    fn keys_with_escapes_and_bytes_that_are_no_text_are_told_alike() {
        let mut told = Told::default();
        assert_eq!(walk(br#"{"\u0061\n":"\u0062"}"#, &mut told), Outcome::Whole);
        assert_eq!(told.0, ["{", "a\n=b", "}"]);
        let mut told = Told::default();
        let broken = b"{\"a\":\"x\",\"b\":\"\xff\"}";
        assert_eq!(walk(broken, &mut told), Outcome::Broken);
        assert_eq!(told.0, ["{", "a=x"]);
    }

    #[test]
    fn what_came_before_the_cut_stays_told() {
        let mut told = Told::default();
        assert_eq!(walk(br#"{"a":"x","b":"#, &mut told), Outcome::Short);
        assert_eq!(told.0, ["{", "a=x"]);
        assert_eq!(walk(b"{]", &mut told), Outcome::Broken);
        assert_eq!(walk(b"{} {}", &mut told), Outcome::Broken);
    }

    #[test]
    fn a_nest_of_a_hundred_thousand_is_refused_and_does_not_overflow() {
        for nest in ["[", "{\"a\":"] {
            let deep = nest.repeat(100_000);
            assert_eq!(walk(deep.as_bytes(), &mut Told::default()), Outcome::Deep);
        }
    }
}
