//! Moving sealed frames to new packs, and saying where they lie now.

use std::collections::BTreeSet;

use ov_format::audience::{Audience, SegmentContext};
use ov_format::content::FrameRef;
use ov_format::id::{ObjectHash, SegmentId};
use ov_format::list::Placement;
use ov_format::name::{ObjectName, RecordName};
use ov_format::snapshot::Places;
use ov_format::statement::{Statement, StoredObject};
use ov_seal::frame::SealedFrame;
use ov_seal::segment::segment_id;
use ov_seal::structure::StructurePublic;
use ov_store::{Durable, Store, StoreError};

use crate::error::VaultError;
use crate::frames::{fetch_head, fetch_place};
use crate::graph::Graph;
use crate::keeper::Keeper;
use crate::pack_writer::{PackWriter, SegmentHead};
use crate::section::{SealTo, seal_section};
use crate::table::{WrittenList, write_list};
use crate::vault::Vault;

/// Frames on their way. Memory: one pack, one frame, and what lies where.
pub(crate) struct Mover<'a> {
    keeper: &'a Keeper<'a>,
    epoch: u32,
    structure: StructurePublic,
    head: Option<SegmentHead>,
    pack: PackWriter,
    packs: Vec<(StoredObject, Durable<ObjectName>)>,
    placements: Vec<Placement>,
    /// Stored bytes of the frames moved.
    pub bytes: u64,
}

/// Where frames lie now, said in a record.
pub(crate) struct Moved {
    pub name: RecordName,
    pub placements: Vec<Placement>,
    pub packs: Vec<StoredObject>,
}

impl<'a> Mover<'a> {
    pub fn new(vault: &Vault, keeper: &'a Keeper<'a>) -> Result<Self, VaultError> {
        let (epoch, structure) = vault.head().structure_key()?;
        Ok(Self {
            keeper,
            epoch,
            structure,
            head: None,
            pack: PackWriter::new(vault.id()),
            packs: Vec::new(),
            placements: Vec::new(),
            bytes: 0,
        })
    }

    /// Reads frames from `from` and packs them for `vault`'s target. Returns those that no place
    /// holds any more.
    pub fn add(
        &mut self,
        vault: &Vault,
        from: &dyn Store,
        graph: &Graph,
        frames: &BTreeSet<FrameRef>,
    ) -> Result<BTreeSet<FrameRef>, VaultError> {
        let mut lost = BTreeSet::new();
        for frame in frames {
            match self.add_one(vault, from, graph, frame) {
                Ok(()) => {}
                Err(error) if is_loss(&error) => {
                    lost.insert(*frame);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    fn add_one(
        &mut self,
        vault: &Vault,
        from: &dyn Store,
        graph: &Graph,
        frame: &FrameRef,
    ) -> Result<(), VaultError> {
        let bytes = fetch_any(from, graph, frame)?;
        let head = match self.head.take() {
            Some(head) if head.id == frame.segment => head,
            _ => fetch_segment_head(vault, from, graph, &frame.segment)?,
        };
        if !self.pack.fits(&head, bytes.len()) {
            self.flush(vault)?;
        }
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.pack.push(&head, frame.frame, &SealedFrame::new(bytes));
        self.head = Some(head);
        Ok(())
    }

    fn flush(&mut self, vault: &Vault) -> Result<(), VaultError> {
        let pack = std::mem::replace(&mut self.pack, PackWriter::new(vault.id()));
        if pack.is_empty() {
            return Ok(());
        }
        let to = SealTo::Structure(self.epoch, &self.structure);
        let finished = pack.finish(to, self.keeper.writer.member, self.keeper.entropy);
        let name = ObjectName::Pack(finished.object.hash);
        let durable = vault.store().put_new(&name, &finished.bytes)?;
        self.packs.push((finished.object, durable));
        self.placements.extend(finished.placements);
        Ok(())
    }

    /// Stores the last pack and says where everything lies.
    pub fn publish(mut self, vault: &mut Vault) -> Result<Option<Moved>, VaultError> {
        self.flush(vault)?;
        if self.packs.is_empty() {
            return Ok(None);
        }
        let (packs, durable) = self.packs.into_iter().unzip();
        let placements = self.placements;
        say_places(vault, self.keeper, packs, durable, placements).map(Some)
    }
}

/// Says where frames lie. The packs are durable.
pub(crate) fn say_places(
    vault: &mut Vault,
    keeper: &Keeper<'_>,
    packs: Vec<StoredObject>,
    mut durable: Vec<Durable<ObjectName>>,
    placements: Vec<Placement>,
) -> Result<Moved, VaultError> {
    let (epoch, structure) = vault.head().structure_key()?;
    let to = SealTo::Structure(epoch, &structure);
    let (id, signer) = (vault.id(), keeper.writer.member);
    let store = &**vault.store();
    let WrittenList { list, table } =
        write_list(placements.clone(), store, to, id, signer, keeper.entropy)?;
    let mut tables = Vec::new();
    if let Some((table, stored)) = table {
        tables.push(table);
        durable.push(stored);
    }
    let section = seal_section(&Places { placements: list }, to, id, signer, keeper.entropy);
    let statement = Statement::Places {
        packs: packs.clone(),
        tables,
    };
    let name = vault.append(
        keeper.writer,
        keeper.clock,
        statement,
        vec![section],
        &durable,
    )?;
    Ok(Moved {
        name,
        placements,
        packs,
    })
}

/// The stored bytes of a frame, from whatever pack still holds them: a condemned or deleted one
/// that is there is as good as any, since the hash was signed.
fn fetch_any(from: &dyn Store, graph: &Graph, frame: &FrameRef) -> Result<Vec<u8>, VaultError> {
    let mut tried = None;
    for place in graph.places(frame).into_iter().rev() {
        match fetch_place(from, &place) {
            Ok(bytes) => return Ok(bytes),
            Err(error) if is_loss(&error) => tried = Some(error),
            Err(error) => return Err(error),
        }
    }
    let FrameRef { segment, frame } = frame;
    Err(tried.unwrap_or_else(|| {
        VaultError::Incomplete(format!("frame {frame} of segment {segment} is in no pack"))
    }))
}

/// Header and slots of a segment, proven by the id that the header gives and the hash of both.
fn fetch_segment_head(
    vault: &Vault,
    from: &dyn Store,
    graph: &Graph,
    segment: &SegmentId,
) -> Result<SegmentHead, VaultError> {
    for placement in graph.placements(segment).iter().rev() {
        let bytes = match fetch_head(from, placement) {
            Ok(bytes) => bytes,
            Err(error) if is_loss(&error) => continue,
            Err(error) => return Err(error),
        };
        let context = SegmentContext {
            vault: vault.id(),
            audience: Audience::Compartment(placement.compartment),
            epoch: placement.epoch,
            signer: placement.signer,
        };
        if segment_id(&context, &bytes).is_ok_and(|id| id == *segment) {
            return Ok(SegmentHead {
                id: *segment,
                compartment: placement.compartment,
                epoch: placement.epoch,
                signer: placement.signer,
                bytes,
            });
        }
    }
    Err(VaultError::Incomplete(format!(
        "the head of segment {segment} is in no pack"
    )))
}

/// Whether an error says that data is lost or damaged, and not that the target fails.
pub(crate) fn is_loss(error: &VaultError) -> bool {
    match error {
        VaultError::Damaged(_) | VaultError::Incomplete(_) => true,
        VaultError::Store(error) => is_store_loss(error),
        _ => false,
    }
}

fn is_store_loss(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::NotFound { .. }
            | StoreError::Short { .. }
            | StoreError::Damaged { .. }
            | StoreError::TooLong { .. }
    )
}

/// Puts the moved frames into the graph, without reading the record again.
pub(crate) fn remember(graph: &mut Graph, moved: &Moved) -> Vec<(ObjectHash, FrameRef)> {
    let mut places = Vec::new();
    for placement in &moved.placements {
        for frame in &placement.frames {
            let frame = FrameRef {
                segment: placement.segment,
                frame: frame.number,
            };
            places.push((placement.pack, frame));
        }
        graph.add_placement(placement.clone(), &moved.name);
    }
    places
}
