//! The chunks that one commit published: from the local copy of its list, else from the vault.

use ov_format::Wire;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::list::{GroupChunk, decode_list_page, encode_list};
use ov_format::name::{ObjectName, RecordName};
use ov_format::snapshot::GroupChunks;
use ov_vault::section::open_section;
use ov_vault::table::read_list;
use ov_vault::{Vault, VaultError};

use crate::agent::Agent;
use crate::local_file::LocalFiles;

fn file_name(folder: &str, commit: &RecordName) -> String {
    format!("{folder}/list-{}", commit.hash)
}

/// The list from the vault, unless there is a local copy; then there is one.
pub fn of_commit(
    vault: &Vault,
    agent: &Agent,
    files: &LocalFiles,
    folder: &str,
    commit: &RecordName,
) -> Result<Vec<GroupChunk>, VaultError> {
    if let Some(chunks) = local(files, folder, commit) {
        return Ok(chunks);
    }
    let chunks = fetch(vault, agent, commit)?;
    keep(files, folder, commit, chunks.clone());
    Ok(chunks)
}

/// The local copy of a list.
pub fn local(files: &LocalFiles, folder: &str, commit: &RecordName) -> Option<Vec<GroupChunk>> {
    let bytes = files.read(&file_name(folder, commit))?;
    Pages::from_bytes(&bytes).ok()?.chunks().ok()
}

/// Keeps a local copy of a list.
pub fn keep(files: &LocalFiles, folder: &str, commit: &RecordName, chunks: Vec<GroupChunk>) {
    let pages = Pages(encode_list(chunks));
    files.write(&file_name(folder, commit), &pages.to_bytes());
}

fn fetch(vault: &Vault, agent: &Agent, commit: &RecordName) -> Result<Vec<GroupChunk>, VaultError> {
    let record = vault.record(commit)?;
    let audience = Audience::Group(agent.compartment, agent.group);
    let mut chunks = Vec::new();
    for section in &record.record.sections {
        // Other compartments and epochs have other ids: nothing in them can be found again.
        if section.audience != audience || section.epoch != agent.epoch {
            continue;
        }
        let object = ObjectName::Record(*commit);
        let member = commit.log.member;
        let open = |context: &SegmentContext, head: &[u8]| agent.secrets.open(context, head);
        let group: GroupChunks = open_section(section, object, vault.id(), member, &open)?;
        let context = SegmentContext {
            vault: vault.id(),
            audience,
            epoch: section.epoch,
            signer: member,
        };
        let store = &**vault.store();
        read_list(
            &group.chunks,
            store,
            &context,
            object,
            &open,
            &mut |chunk| chunks.push(chunk),
        )?;
    }
    Ok(chunks)
}

/// Pages of a list, as kept in the local state.
struct Pages(Vec<Vec<u8>>);

impl Pages {
    fn chunks(&self) -> Result<Vec<GroupChunk>, ov_format::FormatError> {
        let mut chunks = Vec::new();
        for page in &self.0 {
            chunks.extend(decode_list_page::<GroupChunk>(page)?);
        }
        Ok(chunks)
    }
}

impl Wire for Pages {
    fn write(&self, w: &mut ov_format::cbor::Writer) {
        w.list(&self.0);
    }

    fn read(r: &mut ov_format::cbor::Reader<'_>) -> Result<Self, ov_format::FormatError> {
        Ok(Self(r.list()?))
    }
}
