//! The contract suite where things go wrong on the way: connections that end, answers that are
//! lost, drives that are pulled out. Calls may fail then; what they say is true.

use std::path::Path;
use std::time::Duration;

use ov_store::contract::{self, Link, Outcome, Reach};
use ov_store::testing::{Identity, Seaweed, Sshd, WsgiDav};
use ov_store::{
    Fault, Flaky, Folder, OpenOptions, Retries, S3, Served, Sftp, SshHost, Store, TargetUrl,
    create, faulty,
};

use crate::served::guarding;
use crate::shaky::Shaky;

/// No connection carries more bytes: the largest object of the suite is a third of it.
const MOST: u64 = 3 << 20;
/// The suite is run so often over each place.
const ROUNDS: u8 = 2;

fn retries() -> Retries {
    Retries {
        attempts: 12,
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        ..Retries::default()
    }
}

fn patient(options: OpenOptions) -> OpenOptions {
    OpenOptions {
        retries: retries(),
        ..options
    }
}

/// Runs the suite, and fails for whatever the target said that is not so. Gives the promises that
/// could not be tried to the end.
fn told_no_lies(store: &dyn Store, seed: u8) -> Vec<Outcome> {
    let mut failed = Vec::new();
    for round in 0..ROUNDS {
        let nonce = [seed, round, 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7];
        for outcome in contract::run_over(store, Reach::Everything, nonce, Link::Rough) {
            assert!(!outcome.is_lie(), "{}: {outcome:?}", store.describe());
            if outcome.result.is_err() {
                failed.push(outcome);
            }
        }
    }
    failed
}

/// As [`told_no_lies`], where trying again is enough to keep every promise.
fn rides_it_out(store: &dyn Store, link: &Shaky, seed: u8) {
    let before = link.connections();
    let failed = told_no_lies(store, seed);
    assert!(failed.is_empty(), "{}: {failed:#?}", store.describe());
    let connections = link.connections() - before;
    assert!(connections > 2, "{connections}: nothing was cut");
}

fn nas() -> SshHost {
    SshHost::new(None, "nas", None).unwrap()
}

#[test]
fn a_bucket_keeps_its_promises_over_connections_that_end() {
    let Some(server) = Seaweed::shared() else {
        return;
    };
    server.bucket("roughly");
    let port = server.endpoint().rsplit_once(':').unwrap().1.parse();
    let link = Shaky::to(port.unwrap());
    link.roughen(MOST);
    let options = OpenOptions {
        endpoint: Some(format!("http://127.0.0.1:{}", link.port)),
        ..patient(server.options(Identity::Admin))
    };
    let store = S3::open("roughly", "v", &options).unwrap();
    rides_it_out(&store, &link, 1);
}

#[test]
fn a_folder_behind_sftp_keeps_its_promises_over_connections_that_end() {
    let Some(server) = Sshd::shared() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let link = Shaky::to(server.port());
    link.roughen(MOST);
    let options = patient(server.options_through(link.port));
    let store = Sftp::open(&nas(), folder.path().to_str().unwrap(), &options).unwrap();
    rides_it_out(&store, &link, 2);
}

#[test]
fn a_guarded_folder_keeps_its_promises_over_connections_that_end() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = guarding(folder.path()) else {
        return;
    };
    let link = Shaky::to(server.port());
    link.roughen(MOST);
    let options = patient(server.options_through(link.port));
    let store = Served::open(&nas(), "/", &options).unwrap();
    rides_it_out(&store, &link, 3);
}

#[test]
fn a_folder_behind_webdav_keeps_its_promises_over_connections_that_end() {
    let Some(server) = WsgiDav::start() else {
        return;
    };
    let link = Shaky::to(server.port());
    link.roughen(MOST);
    let url = TargetUrl::parse(&format!("dav://127.0.0.1:{}/v", link.port)).unwrap();
    let store = create(&url, &patient(OpenOptions::default())).unwrap();
    rides_it_out(&*store, &link, 4);
}

#[test]
fn a_folder_tells_no_lies_whatever_fails_around_it() {
    for fault in [Fault::Fail, Fault::FailAfter, Fault::Full, Fault::Stop] {
        for every in [3, 7, 31] {
            let folder = tempfile::tempdir().unwrap();
            let inner = Folder::open(folder.path()).unwrap();
            let store = Flaky::new(inner, faulty::every(every, fault));
            let failed = told_no_lies(&store, 5);
            assert!(!failed.is_empty(), "{fault:?}: nothing failed");
        }
    }
}

/// Runs the suite on a folder of a drive, and again while something happens to the drive.
pub fn told_no_lies_while(folder: &Path, happens: impl FnOnce()) {
    let store = Folder::create(folder).unwrap();
    assert!(
        told_no_lies(&store, 0).is_empty(),
        "before anything happened"
    );
    std::thread::scope(|scope| {
        let suite = scope.spawn(|| (1..=255).any(|seed| !told_no_lies(&store, seed).is_empty()));
        std::thread::sleep(Duration::from_millis(100));
        happens();
        assert!(suite.join().unwrap(), "the drive never failed");
    });
}
