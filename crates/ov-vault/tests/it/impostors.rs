//! Records that somebody put into logs that are not his, where a target lets any writer put.

use std::sync::Arc;

use ov_format::entry::Time;
use ov_format::id::{MemberId, ObjectHash};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::Record;
use ov_format::statement::{Role, Statement};
use ov_store::{Memory, Store};
use ov_vault::Finding;
use ov_vault::append::sign;
use ov_vault::copy::{Which, copy};

use crate::pruning::two_snapshots;
use crate::site::{Person, Site};

/// Puts a record into a member's log, signed by somebody else.
fn stand_in(site: &Site, thief: &Person, member: MemberId, number: u64) -> RecordName {
    let vault = site.vault();
    let log = LogId {
        member,
        target: vault.target(),
    };
    let record = Record {
        vault: site.id,
        log,
        number,
        previous: vec![ObjectHash([9; 32])],
        seen: Vec::new(),
        instance: thief.writer().instance,
        time: Time::default(),
        statement: Statement::Forget(vault.newest().collect()),
        sections: Vec::new(),
    };
    let bytes = sign(record, &thief.writer().secret).encode();
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    let name = RecordName { log, number, hash };
    site.memory
        .put_new(&ObjectName::Record(name), &bytes)
        .unwrap();
    name
}

#[test]
fn a_record_that_its_member_did_not_sign_is_named_and_stops_nothing() {
    for far in [0, 7, u64::MAX] {
        let site = Site::new();
        let agent = site.appoint("agent", &[Role::Agent]);
        let thief = site.appoint("thief", &[Role::Agent]);
        let [first, second] = two_snapshots(&site);
        agent.write("a", 3, 5000);
        let third = site.backup(&agent);
        let victims = [agent.writer().member, site.owner.writer().member];
        let next = |member| {
            let vault = site.vault();
            let newest = vault.newest().find(|name| name.log.member == member);
            newest.unwrap().number + 1
        };
        let strange = victims.map(|member| {
            let number = next(member).saturating_add(far);
            stand_in(&site, &thief, member, number)
        });

        let numbers = victims.map(next);
        agent.write("a", 4, 5000);
        let fourth = site.backup(&agent);
        assert_eq!(
            fourth.number, numbers[0],
            "the log goes on as if nothing were there"
        );
        let findings = site.vault().logs().findings.clone();
        assert!(
            strange
                .iter()
                .all(|name| findings.contains(&Finding::Unsigned(*name))),
            "{findings:?}"
        );
        site.forget(site.memory.clone(), &[first]).unwrap();
        site.prune(site.memory.clone()).unwrap();

        let to = Arc::new(Memory::new());
        let report = copy(&mut site.vault(), to.clone(), &Which::All, &site.owner()).unwrap();
        assert_eq!(report.accepted.len(), 3, "{report:?}");
        let all = [second, third, fourth].into();
        assert_eq!(site.assert_whole(&to), all);
        assert!(site.open(to.clone()).logs().findings.is_empty());
        for name in strange {
            let name = ObjectName::Record(name);
            let bytes = site.memory.get(&name).unwrap();
            to.put_new(&name, &bytes).unwrap();
        }
        copy(&mut site.vault(), to, &Which::All, &site.owner()).unwrap();
    }
}

#[test]
fn logs_of_strangers_are_named_and_stop_nothing() {
    let site = Site::new();
    let thief = site.appoint("thief", &[Role::Agent]);
    let [first, second] = two_snapshots(&site);
    let stranger = MemberId([77; 8]);
    // It lacks what comes before it, and something in it cannot be read.
    let strange = stand_in(&site, &thief, stranger, 5);
    let number = 6;
    let junk = ObjectName::Record(RecordName { number, ..strange });
    site.memory.plant(junk, b"junk".to_vec());
    let findings = site.vault().logs().findings.clone();
    assert_eq!(findings, [Finding::Stranger(strange.log)]);
    site.forget(site.memory.clone(), &[first]).unwrap();
    site.prune(site.memory.clone()).unwrap();
    assert_eq!(site.assert_frames(&site.memory), [second].into());
}
