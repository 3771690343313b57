//! Any sequence of calls has the same results on every target.

use ov_format::id::ObjectHash;
use ov_format::name::ObjectName;
use ov_store::{Cached, Folder, Listing, Memory, Put, Store, StoreError};
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Call {
    Put(u8),
    PutWrong(u8),
    Get(u8),
    Range(u8, u64, usize),
    Length(u8),
    Delete(u8),
    List,
}

fn call() -> impl Strategy<Value = Call> {
    let object = 0..5u8;
    prop_oneof![
        3 => object.clone().prop_map(Call::Put),
        1 => object.clone().prop_map(Call::PutWrong),
        2 => object.clone().prop_map(Call::Get),
        2 => (object.clone(), 0..60u64, 0..60usize).prop_map(|(o, a, l)| Call::Range(o, a, l)),
        1 => object.clone().prop_map(Call::Length),
        2 => object.prop_map(Call::Delete),
        1 => Just(Call::List),
    ]
}

/// What a caller can tell apart.
#[derive(Debug, PartialEq)]
enum Seen {
    Put(Put),
    Bytes(Vec<u8>),
    Length(Option<u64>),
    Names(Vec<(ObjectName, u64)>),
    Deleted,
    NotFound,
    Short,
    Damaged,
    Other(String),
}

fn object(number: u8) -> (ObjectName, Vec<u8>) {
    let bytes = vec![number; usize::from(number) * 12];
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    let name = if number.is_multiple_of(2) {
        ObjectName::Table(hash)
    } else {
        ObjectName::Pack(hash)
    };
    (name, bytes)
}

fn make(store: &dyn Store, call: &Call) -> Seen {
    let seen = match call {
        Call::Put(number) => {
            let (name, bytes) = object(*number);
            store
                .put_new(&name, &bytes)
                .map(|durable| Seen::Put(durable.put()))
        }
        // Only over an object that is there: a target takes the caller's word for a new one.
        Call::PutWrong(number) => {
            let (name, mut bytes) = object(*number);
            bytes.push(0);
            match store.length(&name) {
                Ok(Some(_)) => store
                    .put_new(&name, &bytes)
                    .map(|durable| Seen::Put(durable.put())),
                _ => Ok(Seen::NotFound),
            }
        }
        Call::Get(number) => store.get(&object(*number).0).map(Seen::Bytes),
        Call::Range(number, offset, length) => store
            .get_range(&object(*number).0, *offset, *length)
            .map(Seen::Bytes),
        Call::Length(number) => store.length(&object(*number).0).map(Seen::Length),
        Call::Delete(number) => store.delete(&object(*number).0).map(|()| Seen::Deleted),
        Call::List => list(store).map(Seen::Names),
    };
    seen.unwrap_or_else(|e| match e {
        StoreError::NotFound { .. } => Seen::NotFound,
        StoreError::Short { .. } => Seen::Short,
        StoreError::Damaged { .. } => Seen::Damaged,
        e => Seen::Other(format!("{e:?}")),
    })
}

fn list(store: &dyn Store) -> Result<Vec<(ObjectName, u64)>, StoreError> {
    let mut names = Vec::new();
    for what in [Listing::Packs, Listing::Tables] {
        store.list(what, &mut |listed| {
            names.push((listed.name, listed.length));
            Ok(())
        })?;
    }
    names.sort();
    Ok(names)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_folder_with_or_without_copies_behaves_as_memory_does(
        calls in proptest::collection::vec(call(), 1..30),
    ) {
        let root = tempfile::tempdir().unwrap();
        let memory = Memory::new();
        let folder = Folder::create(&root.path().join("plain")).unwrap();
        let below = Folder::create(&root.path().join("below")).unwrap();
        let cached = Cached::new(below, root.path().join("cache"));
        for call in &calls {
            let expected = make(&memory, call);
            prop_assert!(!matches!(expected, Seen::Other(_)), "{:?}", expected);
            prop_assert_eq!(&make(&folder, call), &expected, "folder, {:?}", call);
            prop_assert_eq!(&make(&cached, call), &expected, "cached, {:?}", call);
        }
    }
}
