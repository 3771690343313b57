//! A vault in a bucket with object lock: what a machine's credentials can do, what a keeper's do,
//! and what is left of junk.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use ov_store::testing::{Identity, Seaweed};
use ov_store::{Listing, Overwrite, Retention, S3, Store};
use serde_json::Value;

use crate::json::{documented, keys};
use crate::world::{Said, World};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A vault in a bucket whose own rule locks for a day.
struct Locked {
    world: World,
    server: &'static Seaweed,
    bucket: &'static str,
}

impl Locked {
    fn new(bucket: &'static str) -> Option<Self> {
        let server = Seaweed::shared()?;
        server.locked_bucket(bucket);
        let world = World::empty();
        world.write("plans/a", "one");
        let locked = Self {
            world,
            server,
            bucket,
        };
        locked.done(Identity::Admin, "owner.key", &["init"]);
        let add = ["key", "add", "--role", "agent", "--name", "station"];
        let out = ["--out", "station.key", "--unprotected-key"];
        locked.done(Identity::Admin, "owner.key", &[&add[..], &out].concat());
        Some(locked)
    }

    fn run(&self, identity: Identity, key: &str, arguments: &[&str]) -> Said {
        let mut command = self.world.command();
        command.envs(self.server.environment(identity));
        command.args(["--vault", &format!("s3://{}", self.bucket), "--key", key]);
        command.args(["--passphrase-file", "pw", "--no-cache"]);
        Said::of(command.args(arguments).output().unwrap())
    }

    fn done(&self, identity: Identity, key: &str, arguments: &[&str]) -> String {
        let said = self.run(identity, key, arguments);
        assert_eq!(said.code, 0, "{arguments:?}: {}{}", said.out, said.err);
        said.out
    }

    fn lock(&self, days: &str) -> Value {
        let lock = ["--json", "--s3-lock", days, "lock"];
        serde_json::from_str(&self.done(Identity::Admin, "owner.key", &lock)).unwrap()
    }

    fn store(&self, identity: Identity) -> S3 {
        S3::open(self.bucket, "", &self.server.options(identity)).unwrap()
    }

    /// For how many days each object is locked, by its name.
    fn days(&self) -> BTreeMap<String, u64> {
        let store = self.store(Identity::Admin);
        let mut found = BTreeMap::new();
        for what in [
            Listing::Packs,
            Listing::Tables,
            Listing::Logs,
            Listing::Targets,
        ] {
            store
                .list(what, &mut |listed| {
                    let Ok(Retention::LockedUntil(date)) = store.retention(&listed.name) else {
                        panic!("{} has no lock", listed.name);
                    };
                    let until: jiff::Timestamp = date.parse().unwrap();
                    let left = SystemTime::from(until).duration_since(SystemTime::now());
                    let days = (left.unwrap() + DAY / 2).as_secs() / DAY.as_secs();
                    found.insert(listed.name.to_string(), days);
                    Ok(())
                })
                .unwrap();
        }
        found
    }
}

#[test]
fn what_snapshots_need_is_locked_anew_and_junk_is_left_to_the_buckets_rule() {
    let Some(site) = Locked::new("keeping") else {
        return;
    };
    site.done(Identity::Station, "station.key", &["backup", "plans"]);
    // Who has stolen the station's credentials stores what nobody needs.
    let junk = b"junk".to_vec();
    let name = ov_format::id::ObjectHash(blake3_of(&junk));
    let name = ov_format::name::ObjectName::Pack(name);
    let station = site.store(Identity::Station);
    station.put_new(&name, &junk).unwrap();
    assert!(site.days().values().all(|days| *days == 1));
    let first = site.lock("30d");
    assert_eq!(first["left"], 1, "{first}");
    assert_eq!(keys(&first), documented("lock"));
    let days = site.days();
    for (object, days) in &days {
        let wanted = if *object == name.to_string() { 1 } else { 30 };
        assert_eq!(*days, wanted, "{object}");
    }
    assert!(days.len() > 4, "{days:?}");
    // Two thirds are left, so nothing is to be done; for a longer time there is.
    let again = site.lock("30d");
    assert_eq!((&again["renewed"], &again["first"]), (&0.into(), &0.into()));
    let longer = site.lock("90d");
    assert_eq!(longer["renewed"].as_u64().unwrap(), days.len() as u64 - 1);
    // What was forgotten is locked no more, and nothing is shortened.
    // The file has another name: else both snapshots would share what is said of it.
    std::fs::remove_file(site.world.path("plans/a")).unwrap();
    site.world.write("plans/b", "two");
    site.done(Identity::Station, "station.key", &["backup", "plans"]);
    let forgotten = ["forget", "latest~1", "--yes"];
    site.done(Identity::Admin, "owner.key", &forgotten);
    let left = site.lock("300d");
    assert!(left["left"].as_u64().unwrap() > 1, "{left}");
    let after = site.days();
    assert_eq!(after[&name.to_string()], 1);
    assert!(
        days.keys()
            .all(|object| *object == name.to_string() || after[object] >= 90)
    );
    assert!(after.values().any(|days| *days == 300));
}

#[test]
fn a_stations_credentials_destroy_nothing_and_lock_nothing() {
    let Some(site) = Locked::new("robbed") else {
        return;
    };
    site.done(Identity::Station, "station.key", &["backup", "plans"]);
    site.lock("30d");
    let before = site.days();
    let versions = site.server.versions("robbed");
    let thief = site.store(Identity::Station);
    let mut names = Vec::new();
    for what in [Listing::Packs, Listing::Tables, Listing::Logs] {
        thief
            .list(what, &mut |listed| {
                names.push(listed.name);
                Ok(())
            })
            .unwrap();
    }
    for name in &names {
        assert_eq!(thief.try_unlock(name).unwrap(), Overwrite::Refused);
        assert!(
            thief
                .lock_until(name, SystemTime::now() + DAY * 200)
                .is_err()
        );
    }
    assert_eq!(site.days(), before, "nobody shortens, nobody prolongs");
    for name in &names {
        let _ = thief.delete(name);
    }
    assert_eq!(site.server.versions("robbed"), versions);
    let refused = site.run(
        Identity::Station,
        "owner.key",
        &["--s3-lock", "30d", "lock"],
    );
    assert_ne!(refused.code, 0, "{}", refused.out);
}

#[test]
fn run_renews_locks_when_they_are_due() {
    let Some(site) = Locked::new("renewed") else {
        return;
    };
    let config = "[vault]\nurl = \"s3://renewed\"\nkey = \"owner.key\"\npassphrase-file = \"pw\"\n\
                  state-dir = \"state\"\n[vault.s3]\nlock = \"30d\"\n\
                  [[dataset]]\nname = \"plans\"\npaths = [\"plans\"]\nrpo = \"4h\"\n";
    site.world.write("oncovault.toml", config);
    let run = |arguments: &[&str]| {
        let mut command = site.world.command();
        command.envs(site.server.environment(Identity::Admin));
        command.args(["--config", "oncovault.toml", "--no-cache"]);
        Said::of(command.args(arguments).output().unwrap())
    };
    let due = run(&["run", "--due"]);
    assert_eq!(due.code, 0, "{}", due.err);
    assert!(due.out.contains("Renew locks"), "{}", due.out);
    assert!(site.days().values().all(|days| *days == 30));
    let again = run(&["run", "--due"]);
    assert!(!again.out.contains("Renew locks"), "{}", again.out);
    let test = run(&["target", "test"]);
    assert!(test.out.contains("can lock, and renew"), "{}", test.out);
}

fn blake3_of(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

#[test]
fn a_lock_that_nobody_said_or_that_is_too_long_is_a_mistake_of_usage() {
    let world = World::new();
    world.run(["lock"]).fails(2, &["for how long", "--s3-lock"]);
    world
        .run(["--s3-lock", "401d", "lock"])
        .fails(2, &["1d to 400d"]);
    let folder = world.run(["--s3-lock", "30d", "lock"]);
    folder.fails(2, &["keeps no locks"]);
}
