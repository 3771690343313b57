//! A pack's own directory, from which it can be read when the lists that named it are lost.

use ov_format::Wire;
use ov_format::audience::{Audience, SegmentContext};
use ov_format::id::{MemberId, VaultId};
use ov_format::object::{ObjectHeader, ObjectKind, unpad};
use ov_format::pack::{TRAILER_BYTES, decode_trailer};

use crate::pack_writer::Directory;
use crate::secrets::Secrets;
use crate::section::split_head;

/// Opens the directory of a whole pack, tried with every epoch of the structure secret; `None` if
/// it cannot be read.
pub(crate) fn read_directory(
    bytes: &[u8],
    vault: VaultId,
    secrets: &Secrets,
    signer: MemberId,
) -> Option<Directory> {
    ObjectHeader::decode_in(bytes, ObjectKind::Pack, vault).ok()?;
    let (before, trailer) = bytes.split_last_chunk::<TRAILER_BYTES>()?;
    let length = usize::try_from(decode_trailer(trailer).ok()?).ok()?;
    let tail = before.get(before.len().checked_sub(length)?..)?;
    let (head, frame) = split_head(tail).ok()?;
    secrets.structure.keys().rev().find_map(|epoch| {
        let context = SegmentContext {
            vault,
            audience: Audience::Structure,
            epoch: *epoch,
            signer,
        };
        let opener = secrets.open(&context, head).ok()?;
        let opened = opener.open_frame(0, frame).ok()?;
        Directory::from_bytes(unpad(opened.plain()).ok()?).ok()
    })
}
