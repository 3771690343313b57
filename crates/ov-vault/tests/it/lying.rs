//! An agent that lies about what others stored takes nothing from them.

use std::collections::BTreeSet;

use ov_format::content::FrameRef;
use ov_format::id::{DatasetId, ObjectHash};
use ov_format::list::{ListRef, PageRefs, Placement, StoredFrame, encode_list};
use ov_format::name::{ObjectName, RecordName};
use ov_format::refs::Refs;
use ov_format::snapshot::{Counts, Structure};
use ov_format::statement::{Role, Statement, StoredObject};
use ov_seal::frame::SealedFrame;
use ov_store::Store;
use ov_vault::frames::fetch_frame;
use ov_vault::graph::{Graph, Needs};
use ov_vault::pack_writer::{PackWriter, SegmentHead};
use ov_vault::section::{SealTo, seal_section};
use ov_vault::{Finding, State, VaultError};

use crate::pruning::two_snapshots;
use crate::site::{Person, Site, noise};

/// What an honest keeper knows.
fn graph(site: &Site) -> Graph {
    let vault = site.vault();
    let open = |context: &_, head: &[u8]| site.owner.secrets.open(context, head);
    Graph::load(&vault, &State::of(&vault), &open, &|_| true).unwrap()
}

fn needed(graph: &Graph, snapshot: &RecordName) -> BTreeSet<FrameRef> {
    let mut needs = Needs::default();
    graph.add_needs(snapshot, &mut needs).unwrap();
    graph.needed(&needs).into_iter().collect()
}

/// A commit of this agent that says of structure what we like.
fn say(site: &Site, agent: &Person, packs: Vec<StoredObject>, lists: [ListRef; 2]) -> RecordName {
    let mut vault = site.vault();
    let [placements, refs] = lists;
    let structure = Structure {
        dataset: DatasetId([7; 8]),
        root: None,
        catalog: None,
        counts: Counts::default(),
        placements,
        refs,
    };
    let (epoch, key) = vault.head().structure_key().unwrap();
    let writer = agent.writer();
    let to = SealTo::Structure(epoch, &key);
    let section = seal_section(&structure, to, site.id, writer.member, &*site.entropy);
    let durable: Vec<_> = packs
        .iter()
        .map(|pack| {
            let name = ObjectName::Pack(pack.hash);
            site.memory
                .put_new(&name, &site.memory.get(&name).unwrap())
                .unwrap()
        })
        .collect();
    let statement = Statement::Commit {
        packs,
        tables: Vec::new(),
        partial: false,
        accepted: None,
    };
    vault
        .append(writer, &site.clock, statement, vec![section], &durable)
        .unwrap()
}

fn inline<T: ov_format::list::ListItem>(items: Vec<T>) -> ListRef {
    ListRef::Inline(encode_list(items))
}

/// Several liars, so that some come before the others in every order of names.
fn liars(site: &Site) -> Vec<Person> {
    (0..4)
        .map(|_| site.appoint("liar", &[Role::Agent]))
        .collect()
}

fn forget_all(site: &Site, names: &BTreeSet<RecordName>) {
    let options = ov_vault::forget::ForgetOptions {
        emptying: ov_policy::Emptying::Allowed,
        ..Default::default()
    };
    let mut vault = site.vault();
    let plan = ov_vault::forget::plan_by_names(&mut vault, &site.owner(), names, &options);
    ov_vault::forget::apply(&mut vault, &site.owner(), &plan.unwrap()).unwrap();
}

/// Deletes as much as a keeper ever would, and demands that all these frames are there.
fn assert_nothing_lost(site: &Site, snapshots: &[RecordName], lies: &[RecordName]) {
    let before = graph(site);
    let frames: BTreeSet<FrameRef> = snapshots
        .iter()
        .flat_map(|one| needed(&before, one))
        .collect();
    let named = |lie: &RecordName| {
        let name = ObjectName::Record(*lie);
        let of = |finding: &Finding| matches!(finding, Finding::Sealed(found, _) if *found == name);
        before.findings().iter().any(of)
    };
    assert!(
        lies.iter().all(named),
        "a lie is named: {:?}",
        before.findings()
    );
    let blocked = site.prune(site.memory.clone()).unwrap_err();
    assert!(matches!(blocked, VaultError::Blocked(_)), "{blocked}");
    // A person looked, and forgets what the liars said.
    let found = before.findings().iter().filter_map(Finding::record);
    forget_all(site, &found.collect());
    let mut vault = site.vault();
    let options = ov_vault::prune::PruneOptions {
        max_unused: ov_policy::repack::MaxUnused::Bytes(0),
        ..site.options(&vault)
    };
    let plan = ov_vault::prune::plan(&mut vault, &site.owner(), &options).unwrap();
    ov_vault::prune::apply(&mut vault, &site.owner(), &plan).unwrap();
    for frame in frames {
        fetch_frame(&*site.memory, &graph(site), &frame, &|_| false).unwrap();
    }
}

#[test]
fn an_agent_cannot_say_that_anothers_pages_need_nothing() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let honest = graph(&site);
    let frames = [first, second].map(|one| needed(&honest, &one));
    let lies: Vec<RecordName> = liars(&site)
        .iter()
        .map(|liar| {
            let nothing = [first, second].map(|snapshot| PageRefs {
                page: honest.root(&snapshot).unwrap().pages[0],
                refs: Refs::default(),
            });
            say(
                &site,
                liar,
                Vec::new(),
                [ListRef::EMPTY, inline(nothing.to_vec())],
            )
        })
        .collect();
    let deceived = graph(&site);
    assert_eq!([first, second].map(|one| needed(&deceived, &one)), frames);
    assert_nothing_lost(&site, &[first, second], &lies);
}

#[test]
fn an_agent_cannot_say_that_anothers_pages_need_what_is_nowhere() {
    let site = Site::new();
    let [first, second] = two_snapshots(&site);
    let honest = graph(&site);
    let frames = needed(&honest, &second);
    let page = honest.root(&second).unwrap().pages[0];
    for liar in &liars(&site) {
        let mut refs = Refs::default();
        refs.children
            .insert(ov_format::refs::PagePlace { index: 999, ..page });
        say(
            &site,
            liar,
            Vec::new(),
            [ListRef::EMPTY, inline(vec![PageRefs { page, refs }])],
        );
    }
    assert_eq!(needed(&graph(&site), &second), frames);
    assert_nothing_lost(&site, &[first, second], &[]);
}

/// A pack of junk that this agent publishes as the place of frames of another.
fn junk(site: &Site, agent: &Person, frames: &[Placement], claims: Claims) -> RecordName {
    let (epoch, key) = site.vault().head().structure_key().unwrap();
    let member = agent.writer().member;
    let mut pack = PackWriter::new(site.id);
    for placement in frames {
        let head = SegmentHead {
            id: placement.segment,
            compartment: placement.compartment,
            epoch: placement.epoch,
            signer: match claims {
                Claims::AsItsOwn => member,
                Claims::AsTheirs => placement.signer,
            },
            bytes: noise(8, 1237),
        };
        for StoredFrame { number, .. } in &placement.frames {
            let bytes = noise(9, 100 + usize::from(*number));
            pack.push(&head, *number, &SealedFrame::new(bytes));
        }
    }
    let pack = pack.finish(SealTo::Structure(epoch, &key), member, &*site.entropy);
    let name = ObjectName::Pack(pack.object.hash);
    site.memory.put_new(&name, &pack.bytes).unwrap();
    let lists = [inline(pack.placements), ListRef::EMPTY];
    say(site, agent, vec![pack.object], lists)
}

#[test]
fn a_keeper_that_looks_into_packs_again_does_not_repeat_a_lie() {
    for claims in [Claims::AsItsOwn, Claims::AsTheirs] {
        let site = Site::new();
        let both = two_snapshots(&site);
        let placements: Vec<Placement> = graph(&site).all_placements().cloned().collect();
        let lie = junk(&site, &liars(&site)[0], &placements, claims);
        let found = ov_vault::rescan::rescan(&mut site.vault(), &site.owner()).unwrap();
        assert_eq!(found.record, None, "{found:?}");
        forget_all(&site, &[lie].into());
        site.prune(site.memory.clone()).unwrap();
        assert_eq!(site.assert_frames(&site.memory), both.into());
    }
}

#[test]
fn nothing_of_a_segment_is_moved_while_nobody_can_prove_whose_it_is() {
    let site = Site::new();
    let both = two_snapshots(&site);
    let placements: Vec<Placement> = graph(&site).all_placements().cloned().collect();
    let lie = junk(&site, &liars(&site)[0], &placements, Claims::AsItsOwn);
    forget_all(&site, &[lie].into());
    // What a person looked at and forgot is no reason to believe it where the truth is not found.
    let hidden = placements.iter().map(|one| ObjectName::Pack(one.pack));
    let hidden: BTreeSet<ObjectName> = hidden.collect();
    let whole = hidden
        .into_iter()
        .map(|name| (name, site.memory.get(&name).unwrap()))
        .collect::<Vec<_>>();
    for (name, _) in &whole {
        site.memory.delete(name).unwrap();
    }
    let refused = site.prune(site.memory.clone()).unwrap_err();
    let VaultError::Blocked(why) = refused else {
        panic!("{refused}")
    };
    let of_pack = |one: &Finding| matches!(one, Finding::Unreadable(ObjectName::Pack(_), _));
    assert!(why.iter().any(of_pack), "{why:?}");
    for (name, bytes) in whole {
        site.memory.plant(name, bytes);
    }
    site.prune(site.memory.clone()).unwrap();
    assert_eq!(site.assert_frames(&site.memory), both.into());
}

#[derive(Clone, Copy)]
enum Claims {
    AsItsOwn,
    AsTheirs,
}

#[test]
fn an_agent_cannot_say_that_anothers_frames_lie_in_its_junk() {
    for claims in [Claims::AsItsOwn, Claims::AsTheirs] {
        let site = Site::new();
        let [first, second] = two_snapshots(&site);
        let placements: Vec<Placement> = graph(&site).all_placements().cloned().collect();
        let lies: Vec<RecordName> = liars(&site)
            .iter()
            .map(|liar| junk(&site, liar, &placements, claims))
            .collect();
        let packs: BTreeSet<ObjectHash> = placements.iter().map(|one| one.pack).collect();
        let now: BTreeSet<ObjectHash> = graph(&site).all_placements().map(|one| one.pack).collect();
        assert_eq!(
            now, packs,
            "only who made a segment, and keepers, say where it lies"
        );
        assert_nothing_lost(&site, &[first, second], &lies);
    }
}

#[test]
fn a_thief_of_an_agents_own_key_cannot_make_its_pages_need_less() {
    let site = Site::new();
    let agent = site.appoint("robbed", &[Role::Agent]);
    agent.write("scan", 1, 300_000);
    let snapshot = site.backup(&agent);
    let honest = graph(&site);
    let frames = needed(&honest, &snapshot);
    let page = honest.root(&snapshot).unwrap().pages[0];
    let refs = Refs::default();
    let lie = say(
        &site,
        &agent,
        Vec::new(),
        [ListRef::EMPTY, inline(vec![PageRefs { page, refs }])],
    );
    assert_eq!(needed(&graph(&site), &snapshot), frames);
    assert_nothing_lost(&site, &[snapshot], &[lie]);
}

#[test]
fn frames_that_one_segment_has_twice_are_found_and_stop_every_deletion() {
    let site = Site::new();
    let agent = site.appoint("cloned", &[Role::Agent]);
    agent.write("scan", 1, 300_000);
    site.backup(&agent);
    let placements: Vec<Placement> = graph(&site).all_placements().cloned().collect();
    let lie = junk(&site, &agent, &placements, Claims::AsItsOwn);
    let known = graph(&site);
    assert_eq!(known.findings().len(), 1, "{:?}", known.findings());
    assert!(
        known.findings()[0]
            .to_string()
            .contains(&lie.hash.to_string())
    );

    let refused = site.prune(site.memory.clone()).unwrap_err();
    assert!(matches!(refused, VaultError::Blocked(_)), "{refused}");
    // Also at the second look of one keeper, who reads nothing twice.
    let vault = site.vault();
    let open = |context: &_, head: &[u8]| site.owner.secrets.open(context, head);
    let state = State::of(&vault);
    let mut twice = Graph::load(&vault, &state, &open, &|_| true).unwrap();
    twice.extend(&vault, &state, &open, &|_| true).unwrap();
    assert_eq!(twice.findings().len(), 1);
}

#[test]
fn an_agent_that_says_a_wrong_length_of_anothers_pack_makes_no_damage_of_it() {
    let site = Site::new();
    two_snapshots(&site);
    let wrong: Vec<StoredObject> = crate::site::packs(&site.memory)
        .into_iter()
        .map(|pack| StoredObject {
            hash: pack.hash(),
            length: site.memory.length(&pack).unwrap().unwrap() + 1,
        })
        .collect();
    for liar in liars(&site) {
        say(
            &site,
            &liar,
            wrong.clone(),
            [ListRef::EMPTY, ListRef::EMPTY],
        );
    }
    let report = site.check(site.memory.clone());
    assert!(report.is_clean(), "{:#?}", report.findings);
    // What is cut short is still found.
    let [first, ..] = &wrong[..] else { panic!() };
    let name = ObjectName::Pack(first.hash);
    let mut bytes = site.memory.get(&name).unwrap();
    bytes.pop();
    site.memory.plant(name, bytes);
    assert!(!site.check(site.memory.clone()).is_clean());
}
