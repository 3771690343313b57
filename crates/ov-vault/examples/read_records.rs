//! Measures what it costs to read a vault's logs: `cargo run --release -p ov-vault --example
//! read_records [RECORDS]`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement for people at a terminal"
)]

use std::sync::Arc;
use std::time::Instant;

use ov_admin::found::{Founding, init};
use ov_format::statement::Statement;
use ov_seal::entropy::OsEntropy;
use ov_store::{Folder, Store};
use ov_vault::append::Writer;
use ov_vault::{SystemClock, Vault};

fn main() {
    let told = std::env::args().nth(1);
    let records: u32 = told.map_or(10_000, |told| told.parse().unwrap());
    let place = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(Folder::create(place.path()).unwrap());
    let founding = Founding {
        compartments: vec!["clinical".to_owned()],
        owner: "owner".to_owned(),
    };
    let founded = init(Arc::clone(&store), founding, &OsEntropy, &SystemClock).unwrap();
    let writer = Writer {
        member: founded.member,
        secret: founded.secret,
        instance: founded.instance,
        lock: None,
    };
    let mut vault = founded.vault;
    let began = Instant::now();
    for _ in 0..records {
        let nothing = Statement::Condemn(Vec::new());
        vault
            .append(&writer, &SystemClock, nothing, Vec::new(), &[])
            .unwrap();
    }
    println!("{records} records put in {:.1?}", began.elapsed());
    let began = Instant::now();
    let mut again = Vault::open(store, vault.id()).unwrap();
    println!("read and verified in {:.2?}", began.elapsed());
    let began = Instant::now();
    again.refresh().unwrap();
    println!("looked again in {:.2?}", began.elapsed());
}
