//! What a record says: the plain part, readable by anyone.

use crate::cbor::{Reader, Wire, Writer};
use crate::entry::Time;
use crate::error::FormatError;
use crate::id::{CompartmentId, GroupId, MemberId, ObjectHash, SegmentId};
use crate::name::{LogId, RecordName};

/// Length of an HPKE public key for X-Wing (KEM 0x647A), in bytes.
pub const KEM_PUBLIC_BYTES: usize = 1216;

/// Length of an Ed25519 public key ‖ an ML-DSA-65 public key, in bytes.
pub const VERIFY_PUBLIC_BYTES: usize = 32 + 1952;

/// What a member may say and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Writes snapshots.
    Agent,
    /// Accepts, verifies, forgets, prunes, copies; reads nothing.
    Keeper,
    /// Restores from its compartments.
    Reader,
    /// Reads logs and evidence.
    Auditor,
    /// Appoints members and makes compartments.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [
        Self::Agent,
        Self::Keeper,
        Self::Reader,
        Self::Auditor,
        Self::Admin,
    ];

    /// Its number in the format.
    pub fn code(self) -> u8 {
        match self {
            Self::Agent => 0,
            Self::Keeper => 1,
            Self::Reader => 2,
            Self::Auditor => 3,
            Self::Admin => 4,
        }
    }

    /// Its name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Keeper => "keeper",
            Self::Reader => "reader",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
        }
    }
}

impl Wire for Role {
    fn write(&self, w: &mut Writer) {
        w.uint(self.code());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let number: u64 = r.uint()?;
        let role = Self::ALL
            .into_iter()
            .find(|role| u64::from(role.code()) == number);
        role.ok_or(FormatError::Unknown {
            what: "a role",
            number,
        })
    }
}

/// The public keys of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKeys {
    /// HPKE, X-Wing: secrets are sealed to it.
    pub kem: Box<[u8; KEM_PUBLIC_BYTES]>,
    /// Ed25519 ‖ ML-DSA-65: its statements are signed with both.
    pub verify: Box<[u8; VERIFY_PUBLIC_BYTES]>,
}

impl Wire for PublicKeys {
    fn write(&self, w: &mut Writer) {
        w.array(2).bytes(&self.kem[..]).bytes(&self.verify[..]);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let keys = Self {
            kem: Box::new(r.fixed()?),
            verify: Box::new(r.fixed()?),
        };
        r.skip_fields(more)?;
        Ok(keys)
    }
}

/// A stored object that a record publishes or deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoredObject {
    /// Its name.
    pub hash: ObjectHash,
    /// Its length in bytes.
    pub length: u64,
}

impl Wire for StoredObject {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.hash).uint(self.length);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let object = Self {
            hash: r.value()?,
            length: r.uint()?,
        };
        r.skip_fields(more)?;
        Ok(object)
    }
}

/// A change of the vault's constitution, by an admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The recovery kit's public keys. In the vault's first record alone.
    Recovery(PublicKeys),
    /// A member is appointed, or its roles, group or compartments are replaced.
    Appoint {
        /// The member.
        member: MemberId,
        /// What it may do.
        roles: Vec<Role>,
        /// Its public keys.
        keys: PublicKeys,
        /// The dedup group that it belongs to.
        group: GroupId,
        /// The compartments that it may write to or read.
        compartments: Vec<CompartmentId>,
    },
    /// A member's records count no more after the named ones; logs that are not named count not
    /// at all.
    Revoke {
        /// The member.
        member: MemberId,
        /// The last record of each of its logs that still counts.
        after: Vec<(LogId, u64)>,
    },
    /// A compartment's public key from an epoch on.
    Compartment {
        /// The compartment.
        compartment: CompartmentId,
        /// From 0; the highest is used for new data.
        epoch: u32,
        /// HPKE, X-Wing.
        kem: Box<[u8; KEM_PUBLIC_BYTES]>,
    },
    /// The structure audience's public key from an epoch on.
    Structure {
        /// From 0; the highest is used for new data.
        epoch: u32,
        /// HPKE, X-Wing.
        kem: Box<[u8; KEM_PUBLIC_BYTES]>,
    },
    /// A table of sealed secrets.
    Keys(StoredObject),
}

impl Wire for Change {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Recovery(keys) => w.array(2).uint(0u8).value(keys),
            Self::Appoint {
                member,
                roles,
                keys,
                group,
                compartments,
            } => {
                w.array(6)
                    .uint(1u8)
                    .value(member)
                    .list(roles)
                    .value(keys)
                    .value(group);
                w.list(compartments)
            }
            Self::Revoke { member, after } => {
                w.array(3).uint(2u8).value(member).array(after.len());
                for (log, number) in after {
                    w.array(3)
                        .value(&log.member)
                        .value(&log.target)
                        .uint(*number);
                }
                w
            }
            Self::Compartment {
                compartment,
                epoch,
                kem,
            } => w
                .array(4)
                .uint(3u8)
                .value(compartment)
                .uint(*epoch)
                .bytes(&kem[..]),
            Self::Structure { epoch, kem } => w.array(3).uint(4u8).uint(*epoch).bytes(&kem[..]),
            Self::Keys(table) => w.array(2).uint(5u8).value(table),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let fields = r.array()?;
        let number: u64 = r.uint()?;
        let (change, known) = match number {
            0 => (Self::Recovery(r.value()?), 2),
            1 => (
                Self::Appoint {
                    member: r.value()?,
                    roles: r.list()?,
                    keys: r.value()?,
                    group: r.value()?,
                    compartments: r.list()?,
                },
                6,
            ),
            2 => (
                Self::Revoke {
                    member: r.value()?,
                    after: read_after(r)?,
                },
                3,
            ),
            3 => {
                let (compartment, epoch) = (r.value()?, r.uint()?);
                (
                    Self::Compartment {
                        compartment,
                        epoch,
                        kem: Box::new(r.fixed()?),
                    },
                    4,
                )
            }
            4 => (
                Self::Structure {
                    epoch: r.uint()?,
                    kem: Box::new(r.fixed()?),
                },
                3,
            ),
            5 => (Self::Keys(r.value()?), 2),
            number => {
                return Err(FormatError::Unknown {
                    what: "a change of the head",
                    number,
                });
            }
        };
        let more = fields
            .checked_sub(known)
            .ok_or(FormatError::Rule("a change has its fields"))?;
        r.skip_fields(more)?;
        Ok(change)
    }
}

fn read_after(r: &mut Reader<'_>) -> Result<Vec<(LogId, u64)>, FormatError> {
    let mut after = Vec::new();
    for _ in 0..r.array()? {
        let more = r.fields(3)?;
        after.push((
            LogId {
                member: r.value()?,
                target: r.value()?,
            },
            r.uint()?,
        ));
        r.skip_fields(more)?;
    }
    Ok(after)
}

/// Frames of one segment that a condemned pack held and that were not moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drop {
    /// The segment.
    pub segment: SegmentId,
    /// Numbers of the frames, ascending.
    pub frames: Vec<u16>,
}

impl Wire for Drop {
    fn write(&self, w: &mut Writer) {
        w.array(2).value(&self.segment).array(self.frames.len());
        for frame in &self.frames {
            w.uint(*frame);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(2)?;
        let segment = r.value()?;
        let mut frames = Vec::new();
        for _ in 0..r.array()? {
            frames.push(r.uint()?);
        }
        r.skip_fields(more)?;
        Ok(Self { segment, frames })
    }
}

/// Why a pack is condemned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It holds too little that is used.
    Unused,
    /// The target lost or damaged it.
    Damage,
}

/// A pack that will be deleted on the target of the record's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemned {
    /// The pack.
    pub pack: ObjectHash,
    /// Why.
    pub cause: Cause,
    /// Frames that it held and that were not moved: agents use them no more. `None` if no record
    /// that its keeper saw published the pack: then nothing that is published together with it
    /// may be used.
    pub drops: Option<Vec<Drop>>,
}

impl Wire for Condemned {
    fn write(&self, w: &mut Writer) {
        let cause: u8 = match self.cause {
            Cause::Unused => 0,
            Cause::Damage => 1,
        };
        w.array(3).value(&self.pack).uint(cause);
        match &self.drops {
            Some(drops) => w.list(drops),
            None => w.null(),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let more = r.fields(3)?;
        let pack = r.value()?;
        let cause = match r.uint::<u64>()? {
            0 => Cause::Unused,
            1 => Cause::Damage,
            number => {
                return Err(FormatError::Unknown {
                    what: "a cause",
                    number,
                });
            }
        };
        let drops = if r.null()? { None } else { Some(r.list()?) };
        r.skip_fields(more)?;
        Ok(Self { pack, cause, drops })
    }
}

/// What a record says. Everything about a target is about the home target of the record's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// By admins: changes of the constitution.
    Head(Vec<Change>),
    /// By agents: a snapshot. Its sections say the rest.
    Commit {
        /// Packs that it publishes.
        packs: Vec<StoredObject>,
        /// Tables that it publishes.
        tables: Vec<StoredObject>,
        /// Part of a run that goes on: hidden once a later commit of the dataset is there.
        partial: bool,
        /// Set by members who are keepers too: when it arrived, by their own clock.
        accepted: Option<Time>,
    },
    /// By keepers: all that the commit needs is on this target.
    Accept {
        /// The commit.
        commit: RecordName,
        /// When the keeper first saw it, by the keeper's clock. Kept by accepts elsewhere.
        arrival: Time,
        /// Frames that it needs.
        frames: u64,
        /// Their stored bytes.
        bytes: u64,
    },
    /// By keepers: the commit needs what is not here; it must be run again.
    Reject {
        /// The commit.
        commit: RecordName,
        /// Why, for people.
        reason: String,
    },
    /// By keepers and owners: these snapshots are dropped. Never deleted itself.
    Forget(Vec<RecordName>),
    /// By keepers, readers and stewards: these snapshots stay whatever a rule says.
    Hold {
        /// The commits.
        commits: Vec<RecordName>,
        /// Why, for people.
        reason: String,
    },
    /// Ends a hold.
    Release(RecordName),
    /// By keepers: these packs will be deleted; what is named dropped is used no more.
    Condemn(Vec<Condemned>),
    /// By keepers: where frames lie now. Its structure section holds a list of placements.
    Places {
        /// Packs that it publishes.
        packs: Vec<StoredObject>,
        /// Tables that it publishes.
        tables: Vec<StoredObject>,
    },
    /// By keepers: these packs are deleted, from this record on.
    Delete(Vec<ObjectHash>),
    /// By readers: the commit's tags change as the section for its compartment says.
    Tag(RecordName),
    /// By readers: identifiers are one patient's, or are so no more, as the section for its compartment
    /// says.
    Link,
}

impl Statement {
    /// Packs and tables that this statement publishes.
    pub fn published(&self) -> (&[StoredObject], &[StoredObject]) {
        match self {
            Self::Commit { packs, tables, .. } | Self::Places { packs, tables } => (packs, tables),
            _ => (&[], &[]),
        }
    }

    /// Its name for people.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Head(_) => "head",
            Self::Commit { .. } => "commit",
            Self::Accept { .. } => "accept",
            Self::Reject { .. } => "reject",
            Self::Forget(_) => "forget",
            Self::Hold { .. } => "hold",
            Self::Release(_) => "release",
            Self::Condemn(_) => "condemn",
            Self::Places { .. } => "places",
            Self::Delete(_) => "delete",
            Self::Tag(_) => "tag",
            Self::Link => "link",
        }
    }
}

impl Wire for Statement {
    fn write(&self, w: &mut Writer) {
        match self {
            Self::Head(changes) => w.array(2).uint(0u8).list(changes),
            Self::Commit {
                packs,
                tables,
                partial,
                accepted,
            } => {
                w.array(5).uint(1u8).list(packs).list(tables).bool(*partial);
                w.option(accepted.as_ref())
            }
            Self::Accept {
                commit,
                arrival,
                frames,
                bytes,
            } => w
                .array(5)
                .uint(2u8)
                .value(commit)
                .value(arrival)
                .uint(*frames)
                .uint(*bytes),
            Self::Reject { commit, reason } => w.array(3).uint(3u8).value(commit).text(reason),
            Self::Forget(commits) => w.array(2).uint(4u8).list(commits),
            Self::Hold { commits, reason } => w.array(3).uint(5u8).list(commits).text(reason),
            Self::Release(hold) => w.array(2).uint(6u8).value(hold),
            Self::Condemn(packs) => w.array(2).uint(7u8).list(packs),
            Self::Places { packs, tables } => w.array(3).uint(8u8).list(packs).list(tables),
            Self::Delete(packs) => w.array(2).uint(9u8).list(packs),
            Self::Tag(commit) => w.array(2).uint(10u8).value(commit),
            Self::Link => w.array(1).uint(11u8),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, FormatError> {
        let fields = r.array()?;
        let number: u64 = r.uint()?;
        let (statement, known) = match number {
            0 => (Self::Head(r.list()?), 2),
            1 => {
                let (packs, tables) = (r.list()?, r.list()?);
                let (partial, accepted) = (r.bool()?, r.option()?);
                (
                    Self::Commit {
                        packs,
                        tables,
                        partial,
                        accepted,
                    },
                    5,
                )
            }
            2 => {
                let (commit, arrival) = (r.value()?, r.value()?);
                (
                    Self::Accept {
                        commit,
                        arrival,
                        frames: r.uint()?,
                        bytes: r.uint()?,
                    },
                    5,
                )
            }
            3 => (
                Self::Reject {
                    commit: r.value()?,
                    reason: r.value()?,
                },
                3,
            ),
            4 => (Self::Forget(r.list()?), 2),
            5 => (
                Self::Hold {
                    commits: r.list()?,
                    reason: r.value()?,
                },
                3,
            ),
            6 => (Self::Release(r.value()?), 2),
            7 => (Self::Condemn(r.list()?), 2),
            8 => (
                Self::Places {
                    packs: r.list()?,
                    tables: r.list()?,
                },
                3,
            ),
            9 => (Self::Delete(r.list()?), 2),
            10 => (Self::Tag(r.value()?), 2),
            11 => (Self::Link, 1),
            number => {
                return Err(FormatError::Unknown {
                    what: "a statement",
                    number,
                });
            }
        };
        let more = fields
            .checked_sub(known)
            .ok_or(FormatError::Rule("a statement has its fields"))?;
        r.skip_fields(more)?;
        Ok(statement)
    }
}
