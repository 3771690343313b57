//! A member that is an enemy: an agent whose program lies about what others stored.
//!
//! It knows everything, as if a keeper and the owner had told it, and may say whatever its key
//! signs. It has no key but its own, and it cannot delete.

use std::sync::Arc;

use ov_format::audience::SegmentContext;
use ov_format::id::{DatasetId, ObjectHash};
use ov_format::list::{ListItem, ListRef, PageRefs, Placement, StoredFrame, encode_list};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::Record;
use ov_format::refs::{PagePlace, Refs};
use ov_format::snapshot::{Counts, Structure};
use ov_format::statement::{Statement, StoredObject};
use ov_seal::frame::SealedFrame;
use ov_store::Store;
use ov_vault::append::sign;
use ov_vault::graph::Graph;
use ov_vault::pack_writer::{PackWriter, SegmentHead};
use ov_vault::secrets::Secrets;
use ov_vault::section::{SealTo, seal_section};
use ov_vault::{Clock, State, Vault, VaultError};

use super::actor::Actor;
use super::cast::{Part, founded};
use super::dice::Dice;
use super::disk::{Disk, claimed};

/// A lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lie {
    /// Others' pages need nothing.
    NoNeeds,
    /// Others' pages need what is nowhere.
    WrongNeeds,
    /// Others' frames lie in its pack of junk, whose segments it calls its own.
    JunkAsItsOwn,
    /// The same, and it calls the segments theirs.
    JunkAsTheirs,
    /// Others' packs have other lengths.
    WrongLengths,
    /// A record in the log of another, which it cannot sign, with the number that is next there.
    Impostor,
    /// The same, with a number that leaves no room behind it.
    LastImpostor,
}

impl Lie {
    pub const ALL: [Self; 7] = [
        Self::NoNeeds,
        Self::WrongNeeds,
        Self::JunkAsItsOwn,
        Self::JunkAsTheirs,
        Self::WrongLengths,
        Self::Impostor,
        Self::LastImpostor,
    ];
}

impl Actor {
    /// Lies.
    pub(super) fn lie(&self, lie: Lie, dice: &mut Dice) -> Result<(), VaultError> {
        let Some(disk) = self.stage.disks.first() else {
            return Ok(());
        };
        let known = Known::read(Arc::clone(disk))?;
        match lie {
            Lie::NoNeeds => self.claim(Claim::needs(&known.pages, &Refs::default())),
            Lie::WrongNeeds => {
                let mut refs = Refs::default();
                let nowhere = |page: &PagePlace| PagePlace {
                    index: 999,
                    ..*page
                };
                refs.children.extend(known.pages.first().map(nowhere));
                self.claim(Claim::needs(&known.pages, &refs))
            }
            Lie::JunkAsItsOwn | Lie::JunkAsTheirs => self.junk(lie, &known, dice),
            Lie::WrongLengths => self.claim(Claim {
                packs: known.wrong_lengths(dice),
                ..Claim::default()
            }),
            Lie::Impostor | Lie::LastImpostor => self.stand_in(lie, &known, dice),
        }
    }

    /// Publishes a snapshot that says of structure what it likes.
    fn claim(&self, claim: Claim) -> Result<(), VaultError> {
        let mut vault = self.open(0)?;
        let structure = Structure {
            dataset: DatasetId([7; 8]),
            root: None,
            catalog: None,
            counts: Counts::default(),
            placements: claim.placements,
            refs: claim.refs,
        };
        let (epoch, key) = vault.head().structure_key()?;
        let to = SealTo::Structure(epoch, &key);
        let member = self.part.member();
        let section = seal_section(&structure, to, vault.id(), member, &*self.entropy);
        let names = claim.packs.iter().map(|pack| ObjectName::Pack(pack.hash));
        let durable: Result<Vec<_>, _> = names.map(|name| claimed(&name)).collect();
        let statement = Statement::Commit {
            packs: claim.packs,
            tables: Vec::new(),
            partial: false,
            accepted: None,
        };
        let writer = self.part.writer();
        let done = vault.append(&writer, &self.clock, statement, vec![section], &durable?);
        done.map(drop)
    }

    /// Stores a pack of junk and publishes it as the place of others' frames.
    fn junk(&self, lie: Lie, known: &Known, dice: &mut Dice) -> Result<(), VaultError> {
        let vault = self.open(0)?;
        let (epoch, key) = vault.head().structure_key()?;
        let member = self.part.member();
        let mut pack = PackWriter::new(vault.id());
        for placement in &known.placements {
            let head = SegmentHead {
                id: placement.segment,
                compartment: placement.compartment,
                epoch: placement.epoch,
                signer: match lie {
                    Lie::JunkAsItsOwn => member,
                    _ => placement.signer,
                },
                bytes: dice.bytes(1237),
            };
            for StoredFrame { number, .. } in &placement.frames {
                pack.push(&head, *number, &SealedFrame::new(dice.bytes(100)));
            }
        }
        let to = SealTo::Structure(epoch, &key);
        let pack = pack.finish(to, member, &*self.entropy);
        vault
            .store()
            .put_new(&ObjectName::Pack(pack.object.hash), &pack.bytes)?;
        self.claim(Claim {
            packs: vec![pack.object],
            placements: inline(pack.placements),
            refs: ListRef::EMPTY,
        })
    }

    /// Puts a record into the log of another: that all snapshots are forgotten, that all packs are
    /// deleted.
    fn stand_in(&self, lie: Lie, known: &Known, dice: &mut Dice) -> Result<(), VaultError> {
        let vault = self.open(0)?;
        let victims = [Part::Owner, Part::Agent(0), Part::Keeper(0)];
        let victim = dice.pick(&victims).copied().unwrap_or(Part::Owner);
        let log = LogId {
            member: victim.member(),
            target: vault.target(),
        };
        let tips = vault.logs().tips.get(&log);
        let tips = tips.map_or(&[][..], Vec::as_slice);
        let next = tips.first().map_or(0, |tip| tip.number.saturating_add(1));
        let number = match lie {
            Lie::LastImpostor => u64::MAX,
            _ => next,
        };
        let statement = match victim {
            Part::Keeper(_) => {
                Statement::Delete(known.packs.iter().map(|pack| pack.hash).collect())
            }
            _ => Statement::Forget(known.commits.clone()),
        };
        let record = Record {
            vault: vault.id(),
            log,
            number,
            previous: tips.iter().map(|tip| tip.hash).collect(),
            seen: Vec::new(),
            instance: self.part.writer().instance,
            time: self.clock.now(),
            statement,
            sections: Vec::new(),
        };
        let bytes = sign(record, &self.part.secret()).encode();
        let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
        let name = ObjectName::Record(RecordName { log, number, hash });
        vault.store().put_new(&name, &bytes)?;
        Ok(())
    }
}

/// What a snapshot says.
struct Claim {
    packs: Vec<StoredObject>,
    placements: ListRef,
    refs: ListRef,
}

impl Default for Claim {
    fn default() -> Self {
        Self {
            packs: Vec::new(),
            placements: ListRef::EMPTY,
            refs: ListRef::EMPTY,
        }
    }
}

impl Claim {
    fn needs(pages: &[PagePlace], refs: &Refs) -> Self {
        let needs = |page: &PagePlace| PageRefs {
            page: *page,
            refs: refs.clone(),
        };
        Self {
            refs: inline(pages.iter().map(needs).collect()),
            ..Self::default()
        }
    }
}

/// What there is to lie about.
struct Known {
    pages: Vec<PagePlace>,
    placements: Vec<Placement>,
    packs: Vec<StoredObject>,
    commits: Vec<RecordName>,
}

impl Known {
    fn read(disk: Arc<Disk>) -> Result<Self, VaultError> {
        let vault = Vault::open(disk, founded().vault)?;
        let (owner, secret) = (Part::Owner.member(), Part::Owner.secret());
        let secrets = Secrets::unlock(&**vault.store(), vault.id(), vault.head(), owner, &secret)?;
        let open = |context: &SegmentContext, head: &[u8]| secrets.open(context, head);
        let state = State::of(&vault);
        let graph = Graph::load(&vault, &state, &open, &|_| true)?;
        let roots = state.commits.keys().filter_map(|name| graph.root(name));
        // In an order that is the same each time.
        let mut placements: Vec<Placement> = graph.all_placements().cloned().collect();
        placements.sort_by_key(|one| (one.segment, one.pack));
        let pack = |(hash, length): (&ObjectHash, &u64)| StoredObject {
            hash: *hash,
            length: *length,
        };
        Ok(Self {
            pages: roots.flat_map(|root| root.pages.iter().copied()).collect(),
            placements,
            packs: state.published_packs.iter().map(pack).collect(),
            commits: state.commits.keys().copied().collect(),
        })
    }

    fn wrong_lengths(&self, dice: &mut Dice) -> Vec<StoredObject> {
        let wrong = |pack: &StoredObject| StoredObject {
            hash: pack.hash,
            length: pack.length + dice.below(3),
        };
        self.packs.iter().map(wrong).collect()
    }
}

fn inline<T: ListItem>(items: Vec<T>) -> ListRef {
    ListRef::Inline(encode_list(items))
}
