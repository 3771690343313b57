//! Several sorted streams become one.

use crate::index::sorted_file::NotAsWritten;

/// A sorted stream; it may turn out to be damaged.
pub type Stream<'s, const N: usize> = Box<dyn Iterator<Item = Result<[u8; N], NotAsWritten>> + 's>;

/// The stream, by its number, that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damaged(pub usize);

/// Visits the records of all streams in the order of their first `key_bytes` bytes. Of records with
/// one key only that of the last stream counts. Holds one record per stream.
pub fn merge<const N: usize>(
    mut streams: Vec<Stream<'_, N>>,
    key_bytes: usize,
    visit: &mut dyn FnMut(&[u8; N]),
) -> Result<(), Damaged> {
    let mut heads = Vec::with_capacity(streams.len());
    for (number, stream) in streams.iter_mut().enumerate() {
        heads.push(stream.next().transpose().map_err(|_| Damaged(number))?);
    }
    while let Some(least) = heads.iter().flatten().map(|head| &head[..key_bytes]).min() {
        let is_least = |head: &[u8; N]| head[..key_bytes] == *least;
        let equal: Vec<usize> = (0..heads.len())
            .filter(|number| heads[*number].as_ref().is_some_and(is_least))
            .collect();
        for (place, number) in equal.iter().enumerate() {
            let next = streams[*number].next().transpose();
            let head = std::mem::replace(&mut heads[*number], next.map_err(|_| Damaged(*number))?);
            if place + 1 == equal.len()
                && let Some(head) = head
            {
                visit(&head);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_last_stream_wins_and_all_comes_in_order(
            parts in prop::collection::vec(prop::collection::btree_map(0u8..40, any::<u8>(), 0..30), 0..5),
        ) {
            let mut model = BTreeMap::new();
            let mut streams: Vec<Stream<'_, 2>> = Vec::new();
            for part in &parts {
                model.extend(part.clone());
                streams.push(Box::new(part.iter().map(|(key, value)| Ok([*key, *value]))));
            }
            let mut merged = Vec::new();
            merge(streams, 1, &mut |record| merged.push((record[0], record[1]))).unwrap();
            prop_assert_eq!(merged, model.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_damaged_stream_is_named() {
        let good = || -> Stream<'_, 1> { Box::new([Ok([1]), Ok([5])].into_iter()) };
        let bad: Stream<'_, 1> = Box::new([Ok([2]), Err(NotAsWritten)].into_iter());
        let merged = merge(vec![good(), bad, good()], 1, &mut |_| {});
        assert_eq!(merged, Err(Damaged(1)));
    }
}
