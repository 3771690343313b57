//! Whatever becomes of a worker, it costs one file and a bounded time.

use std::time::{Duration, Instant};

use ov_clinical::{Account, Kind, Opaque};
use rustix::process::Signal;

use crate::site::{PATIENT, Site, long_patient, opaque, read};
use crate::told::samples;

const PATIENCE: Duration = Duration::from_secs(20);

/// Says that it is ready, as a worker does.
const READY: &str = r"printf '\021\001\000\000\000\200'";

#[test]
fn a_worker_that_is_killed_while_it_waits_costs_nothing() {
    let site = Site::new(PATIENCE);
    for _ in 0..10 {
        assert_eq!(read(site.show("p.json", PATIENT, 100)).kind, Kind::FhirJson);
        assert_eq!(site.signal(Signal::KILL), 1);
        // It is gone when the next file comes.
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

#[test]
fn a_worker_that_dies_over_a_file_costs_that_file() {
    let site = Site::new(PATIENCE);
    let bytes = long_patient(1_000_000);
    for _ in 0..7 {
        let mut file = site.extractors.begin(b"p.json", None).unwrap();
        file.bytes(&bytes[..200_000]);
        assert_eq!(site.signal(Signal::KILL), 1);
        file.bytes(&bytes[200_000..]);
        let account = file
            .end()
            .account()
            .map(|bytes| Account::decode(&bytes).unwrap());
        assert_eq!(opaque(account), Opaque::Crashed);
        assert_eq!(read(site.show("p.json", PATIENT, 100)).kind, Kind::FhirJson);
    }
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

#[test]
fn a_worker_that_stands_still_is_given_up_in_time() {
    let site = Site::new(Duration::from_millis(500));
    let bytes = long_patient(5_000_000);
    let begun = Instant::now();
    for _ in 0..3 {
        let mut file = site.extractors.begin(b"p.json", None).unwrap();
        file.bytes(&bytes[..200_000]);
        assert_eq!(site.signal(Signal::STOP), 1);
        file.bytes(&bytes[200_000..]);
        let account = file
            .end()
            .account()
            .map(|bytes| Account::decode(&bytes).unwrap());
        assert_eq!(opaque(account), Opaque::Stalled);
        assert_eq!(read(site.show("p.json", PATIENT, 100)).kind, Kind::FhirJson);
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
    // Killed, not left behind.
    assert!(site.signal(Signal::CONT) <= 1);
}

#[test]
fn a_file_that_nobody_finishes_costs_nothing() {
    let site = Site::new(PATIENCE);
    for _ in 0..20 {
        let mut file = site.extractors.begin(b"p.json", None).unwrap();
        file.bytes(&long_patient(300_000));
        drop(file);
    }
    assert_eq!(read(site.show("p.json", PATIENT, 100)).kind, Kind::FhirJson);
    assert!(site.signal(Signal::CONT) <= 2);
}

/// Every file of a liar is opaque, until it is not asked any more.
fn lies(script: &str, expected: Opaque) {
    let site = Site::lying(script);
    let begun = Instant::now();
    let mut shown = 0;
    while let Some(account) = site.show("p.json", &long_patient(3_000_000), 1 << 20) {
        assert_eq!(opaque(Some(account)), expected, "{script}");
        shown += 1;
    }
    assert_eq!(shown, 5, "{script}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{script}");
    let told = site.told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("not read any more in this run"),
        "{told:?}"
    );
}

#[test]
fn liars_are_not_believed() {
    lies("exit 0", Opaque::Crashed);
    lies("exec sleep 60", Opaque::Stalled);
    lies("printf nonsense; cat > /dev/null", Opaque::Garbled);
    lies(READY, Opaque::Crashed);
    lies(&format!("{READY}; exec sleep 60"), Opaque::Stalled);
    lies(
        &format!("{READY}; printf nonsense; cat > /dev/null"),
        Opaque::Garbled,
    );
    // An account of four gibibytes.
    let huge = r"printf '\023\377\377\377\377'";
    lies(
        &format!("{READY}; {huge}; cat > /dev/null"),
        Opaque::Garbled,
    );
    // An account that is none.
    let wrong = r"printf '\023\001\000\000\000\366'";
    lies(
        &format!("{READY}; {wrong}; cat > /dev/null"),
        Opaque::Garbled,
    );
    // It wants 2^64 - 1 bytes of the end.
    let greedy = r"printf '\022\013\000\000\000\202\001\033\377\377\377\377\377\377\377\377'";
    lies(
        &format!("{READY}; {greedy}; cat > /dev/null"),
        Opaque::Garbled,
    );
    // It wants all, and talks while it should listen.
    let all = r"printf '\022\013\000\000\000\202\033\377\377\377\377\377\377\377\377\000'";
    lies(
        &format!("{READY}; {all}; exec cat /dev/zero"),
        Opaque::Garbled,
    );
    // It wants all, and takes it drop by drop.
    let slow = "while dd bs=65536 count=1 status=none of=/dev/null; do sleep 0.2; done";
    lies(&format!("{READY}; {all}; {slow}"), Opaque::TooSlow);
}

#[test]
fn a_worker_that_cannot_be_started_is_told_once() {
    let site = Site::lying("");
    drop(site);
    let program = ov_extract::Program {
        path: "/nowhere/to/be/found".into(),
        arguments: Vec::new(),
    };
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = std::sync::Arc::clone(&told);
    let tell = move |text: &str| heard.lock().unwrap().push(text.to_owned());
    let extractors = ov_extract::Extractors::new(program, ov_extract::Settings::default(), tell);
    let mut shown = 0;
    while let Some(mut file) = extractors.begin(b"p.json", None) {
        file.bytes(PATIENT);
        let account = Account::decode(&file.end().account().unwrap()).unwrap();
        assert_eq!(account, Account::Opaque(Opaque::Crashed));
        shown += 1;
    }
    assert_eq!((shown, told.lock().unwrap().len()), (5, 1));
}

/// Flips, cuts and overwrites, near the beginning most of all.
fn mutate(bytes: &mut Vec<u8>, state: &mut u64) {
    let mut below = |bound: usize| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        usize::try_from(*state % u64::try_from(bound.max(1)).unwrap()).unwrap()
    };
    for _ in 0..=below(4) {
        let range = if below(3) == 0 {
            bytes.len()
        } else {
            bytes.len().min(2048)
        };
        if range == 0 {
            return;
        }
        let at = below(range);
        match below(4) {
            0 => bytes[at] ^= 1 << below(8),
            1 => bytes.truncate(at.max(1)),
            2 => {
                let end = (at + below(16) + 1).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            _ => {
                let end = (at + 40).min(bytes.len());
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
        }
    }
}

#[test]
fn mutants_of_real_files_end_no_worker() {
    let site = Site::new(PATIENCE);
    let mut state = 0x9e37_79b9_7f4a_7c15;
    let files = samples();
    let small = |path: &&std::path::PathBuf| path.metadata().unwrap().len() < 3_000_000;
    for path in files.iter().filter(small).step_by(6) {
        let name = path.file_name().unwrap().to_string_lossy();
        let mut bytes = std::fs::read(path).unwrap();
        mutate(&mut bytes, &mut state);
        let account = site.show(&name, &bytes, 1 << 20);
        assert!(!matches!(account, Some(Account::Opaque(_))), "{name}");
    }
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}
