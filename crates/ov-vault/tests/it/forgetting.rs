//! Rules, names, holds, floors and junk.

use std::collections::BTreeSet;

use ov_format::name::RecordName;
use ov_format::statement::Role;
use ov_policy::{Emptying, Reason, Rules, Verdict};
use ov_vault::forget::ForgetPlan;
use ov_vault::forget::{ForgetError, ForgetOptions, apply, plan_by_names, plan_by_rules};
use ov_vault::{State, VaultError, hold};

use crate::site::{DAY, Person, Site};

fn daily(site: &Site, person: &Person, days: i64) -> Vec<RecordName> {
    let mut names = Vec::new();
    for day in 0..days {
        person.write("a", u8::try_from(day).unwrap(), 2_000);
        names.push(site.backup(person));
        site.clock.advance(DAY);
    }
    names
}

fn keep_last(count: u32) -> Rules {
    Rules {
        last: Some(count),
        ..Rules::default()
    }
}

fn listed(site: &Site) -> BTreeSet<RecordName> {
    State::of(&site.vault())
        .listed()
        .map(|commit| commit.name)
        .collect()
}

#[test]
fn rules_forget_what_they_do_not_keep_and_say_why_the_rest_stays() {
    let site = Site::new();
    let names = daily(&site, &site.owner, 6);
    let mut vault = site.vault();
    let options = ForgetOptions::default();
    let plan = plan_by_rules(&mut vault, &site.owner(), &keep_last(2), &options).unwrap();
    assert_eq!(plan.forgotten().copied().collect::<Vec<_>>(), names[..4]);
    let Some(Verdict::Keep(reasons)) = plan.verdict(&names[5]) else {
        panic!("kept")
    };
    assert!(reasons.contains(&Reason::Last(2)), "{reasons:?}");
    apply(&mut vault, &site.owner(), &plan).unwrap().unwrap();
    assert_eq!(listed(&site), names[4..].iter().copied().collect());
    assert_eq!(
        apply(&mut vault, &site.owner(), &plan).unwrap(),
        None,
        "once is enough"
    );
}

#[test]
fn a_hold_wins_over_rules_and_over_the_owner_until_it_is_released() {
    let site = Site::new();
    let names = daily(&site, &site.owner, 3);
    let mut vault = site.vault();
    let held = BTreeSet::from([names[0]]);
    let writer = site.owner.writer();
    let name = hold::add(&mut vault, writer, &site.clock, &held, "trial X").unwrap();
    let options = ForgetOptions::default();
    let owner = site.owner();
    let plan = plan_by_rules(&mut vault, &owner, &keep_last(1), &options).unwrap();
    assert_eq!(plan.forgotten().copied().collect::<Vec<_>>(), [names[1]]);
    assert!(
        plan_by_names(&mut vault, &owner, &held, &options)
            .unwrap()
            .is_empty()
    );
    assert_eq!(hold::list(&vault)[0].reason, "trial X");
    hold::release(&mut vault, writer, &site.clock, &name).unwrap();
    let plan = plan_by_names(&mut vault, &owner, &held, &options).unwrap();
    assert_eq!(plan.forgotten().copied().collect::<Vec<_>>(), [names[0]]);
}

#[test]
fn a_plan_survives_in_a_file_and_is_refused_when_the_vault_contradicts_it() {
    let site = Site::new();
    let names = daily(&site, &site.owner, 4);
    let mut vault = site.vault();
    let (owner, options) = (site.owner(), ForgetOptions::default());
    let plan = plan_by_rules(&mut vault, &owner, &keep_last(2), &options).unwrap();
    let read = ForgetPlan::decode(&plan.encode()).unwrap();
    assert!(read.forgotten().eq(plan.forgotten()));
    assert!(ForgetPlan::decode(b"no plan").is_err());

    let held = BTreeSet::from([names[0]]);
    let hold = hold::add(&mut vault, site.owner.writer(), &site.clock, &held, "why").unwrap();
    let error = apply(&mut vault, &owner, &read).unwrap_err();
    assert!(matches!(error, VaultError::PlanOutdated(_)), "{error}");
    hold::release(&mut vault, site.owner.writer(), &site.clock, &hold).unwrap();
    site.forget(site.memory.clone(), &[names[3]]).unwrap();
    let error = apply(&mut vault, &owner, &read).unwrap_err();
    assert!(matches!(error, VaultError::PlanOutdated(_)), "{error}");
}

#[test]
fn nothing_leaves_a_group_empty_without_a_word() {
    let site = Site::new();
    let names = daily(&site, &site.owner, 1);
    let mut vault = site.vault();
    let all = BTreeSet::from([names[0]]);
    let mut options = ForgetOptions::default();
    let error = plan_by_names(&mut vault, &site.owner(), &all, &options).unwrap_err();
    assert!(matches!(error, ForgetError::Rules(_)), "{error}");
    options.emptying = Emptying::Allowed;
    let plan = plan_by_names(&mut vault, &site.owner(), &all, &options).unwrap();
    assert_eq!(plan.forgotten().count(), 1);
}

#[test]
fn fifty_junk_snapshots_by_an_agent_expire_nothing() {
    let site = Site::new();
    let agent = site.appoint("agent", &[Role::Agent]);
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let keeper = site.keeper(&keeper);
    let mut vault = site.vault();
    let mut good = Vec::new();
    for day in 0..40u8 {
        agent.write("a", day, 30_000);
        good.push(site.backup(&agent));
        ov_vault::accept::accept(&mut vault, &keeper, 0).unwrap();
        site.clock.advance(DAY);
    }
    agent.remove("a");
    agent.write("junk", 200, 10);
    for _ in 0..50 {
        site.backup(&agent);
    }
    ov_vault::accept::accept(&mut vault, &keeper, 0).unwrap();
    let rules = keep_last(35);
    let options = ForgetOptions::default();
    let plan = plan_by_rules(&mut vault, &keeper, &rules, &options).unwrap();
    assert!(plan.is_empty(), "{:?}", plan.forgotten().count());
    let Some(Verdict::Keep(reasons)) = plan.verdict(&good[0]) else {
        panic!("kept")
    };
    assert!(matches!(reasons[..], [Reason::Paused(_)]), "{reasons:?}");
    // By name a keeper is bound in the same way; the owner is not.
    let named = BTreeSet::from([good[0]]);
    assert!(
        plan_by_names(&mut vault, &keeper, &named, &options)
            .unwrap()
            .is_empty()
    );
    let plan = plan_by_names(&mut vault, &site.owner(), &named, &options).unwrap();
    assert_eq!(plan.forgotten().count(), 1);
    // A day later it is the same: waiting clears no alarm, and the floor stands besides.
    site.clock.advance(20 * DAY);
    assert!(
        plan_by_rules(&mut vault, &keeper, &rules, &options)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn only_keepers_and_admins_forget_and_only_admins_release() {
    let site = Site::new();
    let names = daily(&site, &site.owner, 2);
    let agent = site.appoint("agent", &[Role::Agent]);
    let keeper = site.appoint("keeper", &[Role::Keeper]);
    let mut vault = site.vault();
    let named = BTreeSet::from([names[0]]);
    let options = ForgetOptions::default();
    let error = plan_by_names(&mut vault, &site.keeper(&agent), &named, &options).unwrap_err();
    assert!(
        error.to_string().contains("needs the role keeper"),
        "{error}"
    );
    let writer = keeper.writer();
    let hold = hold::add(&mut vault, writer, &site.clock, &named, "audit").unwrap();
    let error = hold::release(&mut vault, writer, &site.clock, &hold).unwrap_err();
    assert!(
        error.to_string().contains("needs the role admin"),
        "{error}"
    );
}
