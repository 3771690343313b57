//! Packs, then tables, then the one commit record, each durable before the next.

use ov_format::content::ChunkRef;
use ov_format::entry::Time;
use ov_format::id::DatasetId;
use ov_format::list::ListItem;
use ov_format::name::{ObjectName, RecordName};
use ov_format::refs::PagePlace;
use ov_format::snapshot::{Counts, GroupChunks, Snapshot, Structure};
use ov_format::statement::{Role, Statement, StoredObject};
use ov_store::Durable;
use ov_vault::Vault;
use ov_vault::section::{SealTo, seal_section};
use ov_vault::table::{WrittenList, write_list};

use crate::agent::Agent;
use crate::error::BackupError;
use crate::frame_writer::{Published, Sealing};
use crate::options::{BackupOptions, BackupReport, Seams};

/// What a commit says, beside what was stored.
pub struct Said<'a> {
    /// The dataset.
    pub dataset: DatasetId,
    /// What it was asked for.
    pub options: &'a BackupOptions,
    /// When the run began.
    pub began: Time,
    /// The root page and its level.
    pub root: Option<(ChunkRef, u8)>,
    /// The catalog's root page and its level.
    pub catalog: Option<(ChunkRef, u8)>,
    /// What the snapshot holds.
    pub counts: Counts,
    /// Whether the run goes on.
    pub stage: Stage,
}

/// Whether a commit ends its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// A checkpoint.
    Partial,
    /// The snapshot.
    Whole,
}

/// Publishes what was stored since the last commit.
pub fn publish(
    vault: &mut Vault,
    agent: &Agent,
    sealing: &Sealing,
    seams: &Seams<'_>,
    published: Published,
    said: &Said<'_>,
    report: &mut BackupReport,
) -> Result<RecordName, BackupError> {
    let Published {
        packs,
        placements,
        chunks,
        refs,
    } = published;
    let group_key = agent.secret.group_key();
    let to_group = SealTo::Group(agent.compartment, agent.group, agent.epoch, &group_key);
    let mut lists = Lists {
        vault,
        sealing,
        tables: Vec::new(),
        durable: Vec::new(),
    };
    let placements = lists.write(placements, sealing.to_structure())?;
    let refs = lists.write(refs, sealing.to_structure())?;
    let chunks = lists.write(chunks, to_group)?;
    let Lists {
        tables,
        mut durable,
        ..
    } = lists;
    report.objects += (packs.len() + tables.len() + 1) as u64;
    report.bytes_stored += packs.iter().map(|(pack, _)| pack.length).sum::<u64>();
    report.bytes_stored += tables.iter().map(|table| table.length).sum::<u64>();

    let structure = Structure {
        dataset: said.dataset,
        root: said.root.as_ref().map(|(root, _)| PagePlace::from(root)),
        catalog: said.catalog.as_ref().map(|(root, _)| PagePlace::from(root)),
        counts: said.counts,
        placements,
        refs,
    };
    let snapshot = snapshot(said, seams);
    let (id, signer, entropy) = (vault.id(), agent.writer.member, &*seams.entropy);
    let sections = vec![
        seal_section(&structure, sealing.to_structure(), id, signer, entropy),
        seal_section(&snapshot, sealing.to_compartment(), id, signer, entropy),
        seal_section(&GroupChunks { chunks }, to_group, id, signer, entropy),
    ];
    let mut objects = Vec::new();
    for (pack, stored) in packs {
        objects.push(pack);
        durable.push(stored);
    }
    let statement = Statement::Commit {
        packs: objects,
        tables,
        partial: said.stage == Stage::Partial,
        accepted: own_accept(vault, agent, seams),
    };
    let name = vault.append(&agent.writer, seams.clock, statement, sections, &durable)?;
    let stored = vault.logs().find(&name).map_or(0, |said| said.length);
    report.bytes_stored += stored;
    Ok(name)
}

/// A member who is keeper too accepts its own commit: everything is durable here, it put it.
fn own_accept(vault: &Vault, agent: &Agent, seams: &Seams<'_>) -> Option<Time> {
    let member = vault.head().member(agent.writer.member).ok()?;
    member.may(Role::Keeper).then(|| seams.clock.now())
}

fn snapshot(said: &Said<'_>, seams: &Seams<'_>) -> Snapshot {
    let options = said.options;
    Snapshot {
        time: options.time.unwrap_or(said.began),
        ended: seams.clock.now(),
        dataset: options.dataset.clone(),
        host: options.host.clone(),
        user: options.user.clone(),
        paths: options.paths.clone(),
        tags: options.tags.clone(),
        root: said.root.map(|(root, _)| root),
        root_level: said.root.map_or(0, |(_, level)| level),
        catalog: said.catalog.map(|(root, _)| root),
        catalog_level: said.catalog.map_or(0, |(_, level)| level),
        issuer: options.issuer.clone(),
        counts: said.counts,
        program: format!("oncovault/{}", env!("CARGO_PKG_VERSION")),
    }
}

struct Lists<'a> {
    vault: &'a Vault,
    sealing: &'a Sealing,
    tables: Vec<StoredObject>,
    durable: Vec<Durable<ObjectName>>,
}

impl Lists<'_> {
    fn write<T: ListItem>(
        &mut self,
        items: Vec<T>,
        to: SealTo<'_>,
    ) -> Result<ov_format::list::ListRef, BackupError> {
        let Sealing {
            vault,
            signer,
            entropy,
            ..
        } = self.sealing;
        let store = &**self.vault.store();
        let WrittenList { list, table } =
            write_list(items, store, to, *vault, *signer, &**entropy)?;
        if let Some((table, durable)) = table {
            self.tables.push(table);
            self.durable.push(durable);
        }
        Ok(list)
    }
}
