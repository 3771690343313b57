//! Small files are shown together, and none of them pays for another.

use std::time::{Duration, Instant};

use ov_clinical::{Account, Opaque, Window};
use ov_extract::Ending;
use rustix::process::Signal;

use crate::site::{PATIENT, Site, long_patient, opaque, read};

const PATIENCE: Duration = Duration::from_secs(20);

/// A patient of this number.
fn patient(number: usize) -> Vec<u8> {
    format!(r#"{{"resourceType":"Patient","id":"p{number}"}}"#).into_bytes()
}

/// All of them are complete before anybody asks what they say; then the last one is asked first.
fn told(site: &Site, files: &[Vec<u8>]) -> Vec<Option<Account>> {
    let ended = files.iter().map(|bytes| {
        let size = u64::try_from(bytes.len()).unwrap();
        let mut file = site.extractors.begin(b"p.json", Some(size)).unwrap();
        file.bytes(bytes);
        file.end()
    });
    let ended: Vec<Ending> = ended.collect();
    let accounts = ended.into_iter().rev().map(Ending::account);
    let mut told: Vec<_> = accounts
        .map(|account| account.map(|bytes| Account::decode(&bytes).unwrap()))
        .collect();
    told.reverse();
    told
}

fn expected(files: &[Vec<u8>]) -> Vec<Option<Account>> {
    let account = |bytes: &Vec<u8>| {
        let account = Account::of("p.json", &Window::whole(bytes));
        account.is_telling().then_some(account)
    };
    files.iter().map(account).collect()
}

#[test]
fn each_of_many_small_files_gets_its_own_account() {
    let site = Site::new(PATIENCE);
    let mut files: Vec<Vec<u8>> = (0..200).map(patient).collect();
    files[3] = Vec::new();
    files[77] = b"\x93\x11\xfe\0\x81\x07\xc3".to_vec();
    files[120] = [PATIENT, &[b' '; 60_000]].concat();
    files[121] = [PATIENT, &[b' '; 60_000]].concat();
    let told = told(&site, &files);
    assert!(told == expected(&files));
    assert_eq!(told.iter().flatten().count(), 198);
    assert_eq!(
        site.signal(Signal::CONT),
        1,
        "one worker is enough for them"
    );
}

#[test]
fn threads_that_share_a_batch_get_their_own_accounts() {
    let site = Site::new(PATIENCE);
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let site = &site;
            scope.spawn(move || {
                for round in 0..10 {
                    let first = 1000 * thread + 50 * round;
                    let files: Vec<Vec<u8>> = (first..first + 45).map(patient).collect();
                    assert!(told(site, &files) == expected(&files));
                }
            });
        }
    });
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

#[test]
fn a_worker_that_stands_still_over_a_batch_costs_no_file() {
    let site = Site::new(Duration::from_millis(500));
    let files: Vec<Vec<u8>> = (0..20).map(patient).collect();
    read(site.show("p.json", PATIENT, 100));
    assert_eq!(site.signal(Signal::STOP), 1);
    let begun = Instant::now();
    assert!(told(&site, &files) == expected(&files));
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(site.signal(Signal::CONT), 1, "killed, not left behind");
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

#[test]
fn files_that_kill_their_worker_cost_no_other_file() {
    let site = Site::mortal(PATIENCE);
    let mut files: Vec<Vec<u8>> = (0..100).map(patient).collect();
    let killers = [0, 7, 8, 9, 31, 60, 99];
    for at in killers {
        files[at].extend(b" KILLER");
    }
    let expected = expected(&files);
    for (at, (told, expected)) in told(&site, &files).into_iter().zip(expected).enumerate() {
        match killers.contains(&at) {
            true => assert_eq!(opaque(told), Opaque::Crashed, "{at}"),
            false => assert!(told == expected, "{at}"),
        }
    }
    assert_eq!(*site.told.lock().unwrap(), [] as [String; 0]);
}

/// Every file of a liar is opaque, until it is not asked any more.
fn lies(script: &str, expected: Opaque) {
    let site = Site::lying(script);
    let files: Vec<Vec<u8>> = (0..12).map(patient).collect();
    let told = told(&site, &files);
    let shown: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(shown, vec![Account::Opaque(expected); 5], "{script}");
    let told = site.told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn liars_are_not_believed_of_many_files_either() {
    let ready = r"printf '\021\001\000\000\000\200'";
    lies(&format!("{ready}; exec sleep 60"), Opaque::Stalled);
    // An account that is none.
    let wrong = r"printf '\023\001\000\000\000\366'";
    lies(
        &format!("{ready}; {wrong}; cat > /dev/null"),
        Opaque::Garbled,
    );
    // What only the backup may say: that a worker crashed.
    let crashed = r"printf '\023\002\000\000\000\201\001'";
    lies(
        &format!("{ready}; {crashed}; cat > /dev/null"),
        Opaque::Garbled,
    );
    // A wish, where all was shown.
    let wish = r"printf '\022\003\000\000\000\202\001\001'";
    lies(
        &format!("{ready}; {wish}; cat > /dev/null"),
        Opaque::Garbled,
    );
}

/// Whoever reads the long files may wait for whoever waits for the small ones.
#[test]
fn small_files_do_not_wait_for_long_ones() {
    let site = Site::new(PATIENCE);
    let long = long_patient(2_000_000);
    let mut begun: Vec<_> = (0..2)
        .map(|_| site.extractors.begin(b"p.json", None).unwrap())
        .collect();
    begun
        .iter_mut()
        .for_each(|file| file.bytes(&long[..1_000_000]));
    let files: Vec<Vec<u8>> = (0..2).map(patient).collect();
    let asked = Instant::now();
    assert!(told(&site, &files) == expected(&files));
    assert!(asked.elapsed() < PATIENCE / 2);
    for mut file in begun {
        file.bytes(&long[1_000_000..]);
        let account = Account::decode(&file.end().account().unwrap()).unwrap();
        assert_eq!(read(Some(account)).facts.patients.len(), 1);
    }
}
