//! A target that shows less than it has shown is found out, though no log has a gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use ov_format::name::ObjectName;
use ov_format::statement::Role;
use ov_store::{Durable, Listed, Listing, Memory, Overwrite, Store, StoreError};
use ov_vault::{Finding, Vault};

use crate::site::{Site, fork};

fn lost(vault: &Vault) -> Vec<ObjectName> {
    let findings = vault.logs().findings.iter();
    let lost = findings.filter_map(|finding| match finding {
        Finding::Missing(name) => Some(*name),
        _ => None,
    });
    lost.collect()
}

#[test]
fn a_target_set_back_to_an_earlier_state_is_found_out_by_who_was_there() {
    let site = Site::new();
    site.owner.write("a", 1, 5000);
    site.backup(&site.owner);
    let earlier = fork(&site.memory);
    site.owner.write("a", 2, 5000);
    let newest = site.backup(&site.owner);
    let known: BTreeSet<_> = site.vault().newest().collect();

    let open = |store| Vault::open_knowing(store, site.id, |_| known.clone()).unwrap();
    assert_eq!(lost(&open(site.memory.clone())), []);
    assert_eq!(lost(&open(earlier.clone())), [ObjectName::Record(newest)]);
    let stranger = Vault::open(earlier, site.id).unwrap();
    assert_eq!(lost(&stranger), [], "who never was there cannot know");
}

#[test]
fn a_snapshot_that_a_keeper_has_seen_does_not_vanish_unseen() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    std::fs::write(agent.data().join("a"), "first").unwrap();
    let snapshot = site.backup(&agent);
    ov_vault::accept::accept(&mut site.vault(), &site.owner(), 0).unwrap();
    // It is the last of its log: no gap shows that it is gone.
    site.memory.delete(&ObjectName::Record(snapshot)).unwrap();
    assert_eq!(lost(&site.vault()), [ObjectName::Record(snapshot)]);
    let refused = site.prune(site.memory.clone()).unwrap_err();
    assert!(
        matches!(refused, ov_vault::VaultError::Blocked(_)),
        "{refused}"
    );
}

#[test]
fn what_a_lagging_listing_hides_is_found_by_its_name() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    std::fs::write(agent.data().join("a"), "first").unwrap();
    let snapshot = site.backup(&agent);
    ov_vault::accept::accept(&mut site.vault(), &site.owner(), 0).unwrap();
    let hidden = ObjectName::Record(snapshot);
    let vault = site.open(Arc::new(Lagging(site.memory.clone(), hidden)));
    assert_eq!(lost(&vault), []);
    assert!(vault.logs().find(&snapshot).is_some());
}

#[test]
fn what_an_agent_alone_has_seen_stops_nobody() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    std::fs::write(agent.data().join("a"), "first").unwrap();
    let one = site.backup(&site.owner);
    let two = site.backup(&agent);
    assert!(site.vault().logs().find(&two).is_some());
    site.memory.delete(&ObjectName::Record(one)).unwrap();
    assert_eq!(lost(&site.vault()), []);
}

/// Lists as if one object were not there yet.
struct Lagging(Arc<Memory>, ObjectName);

impl Store for Lagging {
    fn put_new(&self, name: &ObjectName, bytes: &[u8]) -> Result<Durable<ObjectName>, StoreError> {
        self.0.put_new(name, bytes)
    }

    fn get(&self, name: &ObjectName) -> Result<Vec<u8>, StoreError> {
        self.0.get(name)
    }

    fn get_range(
        &self,
        name: &ObjectName,
        offset: u64,
        length: usize,
    ) -> Result<Vec<u8>, StoreError> {
        self.0.get_range(name, offset, length)
    }

    fn length(&self, name: &ObjectName) -> Result<Option<u64>, StoreError> {
        self.0.length(name)
    }

    fn list(
        &self,
        what: Listing,
        each: &mut dyn FnMut(Listed) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.0
            .list(what, &mut |listed| match listed.name == self.1 {
                true => Ok(()),
                false => each(listed),
            })
    }

    fn delete(&self, name: &ObjectName) -> Result<(), StoreError> {
        self.0.delete(name)
    }

    fn describe(&self) -> String {
        self.0.describe()
    }

    fn try_overwrite(&self, name: &ObjectName, bytes: &[u8]) -> Result<Overwrite, StoreError> {
        self.0.try_overwrite(name, bytes)
    }
}
