//! Any bytes are read or refused by every decoder: no panic, no endless loop, and what is read is
//! written back as the same bytes or is at least read again as the same value.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use ov_format::Wire;
use ov_format::audience::Audience;
use ov_format::crosswalk::CrosswalkChange;
use ov_format::extents::ExtentList;
use ov_format::id::{TargetId, VaultId};
use ov_format::keys::{KeysTable, decode_secret};
use ov_format::list::{
    GroupChunk, ListItem, ListRef, PageRefs, Placement, TableIndex, decode_list_page, encode_list,
};
use ov_format::name::ObjectName;
use ov_format::names::Names;
use ov_format::object::{ObjectHeader, ObjectKind, unpad};
use ov_format::pack::decode_trailer;
use ov_format::page::Page;
use ov_format::record::SignedRecord;
use ov_format::snapshot::{GroupChunks, Places, Snapshot, Structure, TagChange};
use ov_format::statement::Statement;
use ov_format::target::decode_target;

/// Bytes that were read must be the one encoding of what they were read as, unless a later
/// version's fields were passed over.
fn round<T: Wire + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = T::from_bytes(bytes) {
        assert_eq!(T::from_bytes(&value.to_bytes()).unwrap(), value);
    }
}

fn list<T: ListItem + Clone>(bytes: &[u8]) {
    if let Ok(items) = decode_list_page::<T>(bytes) {
        let again: usize = encode_list(items.clone())
            .iter()
            .map(|page| decode_list_page::<T>(page).unwrap().len())
            .sum();
        assert_eq!(again, items.len());
    }
}

#[test]
fn pages_of_the_tree() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(page) = Page::decode(bytes) {
            assert_eq!(Page::decode(&page.encode()).unwrap(), page);
        }
    });
}

#[test]
fn pages_of_extents() {
    bolero::check!().for_each(|bytes: &[u8]| {
        if let Ok(list) = ExtentList::decode(bytes) {
            assert_eq!(ExtentList::decode(&list.encode()).unwrap(), list);
        }
    });
}

#[test]
fn lists() {
    bolero::check!().for_each(|bytes: &[u8]| {
        list::<Placement>(bytes);
        list::<PageRefs>(bytes);
        list::<GroupChunk>(bytes);
    });
}

#[test]
fn records() {
    bolero::check!().for_each(|bytes: &[u8]| {
        let _ = SignedRecord::decode(bytes);
        round::<Statement>(bytes);
        round::<Audience>(bytes);
    });
}

#[test]
fn records_behind_a_good_header() {
    let header = ObjectHeader {
        kind: ObjectKind::Record,
        vault: VaultId([1; 32]),
    }
    .encode();
    bolero::check!().for_each(|bytes: &[u8]| {
        let signature = [0; ov_format::record::SIGNATURE_BYTES];
        let _ = SignedRecord::decode(&[&header[..], bytes, &signature].concat());
    });
}

#[test]
fn sections() {
    bolero::check!().for_each(|bytes: &[u8]| {
        round::<Snapshot>(bytes);
        round::<Structure>(bytes);
        round::<GroupChunks>(bytes);
        round::<Places>(bytes);
        round::<TagChange>(bytes);
        round::<CrosswalkChange>(bytes);
        round::<ListRef>(bytes);
        round::<TableIndex>(bytes);
        if let Ok(names) = Names::from_bytes(bytes) {
            assert!(Names::from_bytes(&names.to_bytes()).is_ok());
        }
        let _ = unpad(bytes);
        let _ = decode_secret(bytes);
    });
}

#[test]
fn objects_and_names() {
    bolero::check!().for_each(|bytes: &[u8]| {
        for kind in [
            ObjectKind::Pack,
            ObjectKind::Table,
            ObjectKind::Record,
            ObjectKind::Target,
        ] {
            let _ = ObjectHeader::decode(bytes, kind);
        }
        let _: Result<TargetId, _> = decode_target(bytes);
        let _ = KeysTable::decode(bytes, VaultId([0; 32]));
        if let Some(trailer) = bytes.last_chunk() {
            let _ = decode_trailer(trailer);
        }
        if let Ok(text) = str::from_utf8(bytes)
            && let Some(name) = ObjectName::parse(text)
        {
            assert_eq!(name.to_string(), text);
        }
    });
}

/// The canary: a decoder with a mistake in it. If this harness could not find it, the tests above
/// would prove nothing.
#[test]
fn the_canary_is_found() {
    let hunt = std::panic::catch_unwind(|| {
        bolero::check!()
            .with_iterations(100_000)
            .for_each(|bytes: &[u8]| {
                assert!(bytes.first() != Some(&0xa7), "the planted mistake");
            });
    });
    assert!(hunt.is_err());
}
