//! Who backs up, and into what.

use ov_format::id::{CompartmentId, DatasetId, GroupId};
use ov_seal::compartment::{AgentSecret, chunk_id};
use ov_vault::append::Writer;
use ov_vault::secrets::Secrets;

use crate::error::BackupError;

/// An agent in one compartment.
pub struct Agent {
    /// Signs its statements.
    pub writer: Writer,
    /// Its secrets.
    pub secrets: Secrets,
    /// The compartment.
    pub compartment: CompartmentId,
    /// Its dedup group.
    pub group: GroupId,
    /// The epoch of ids and sealing keys.
    pub epoch: u32,
    /// Names, cuts and finds chunks.
    pub secret: AgentSecret,
}

impl Agent {
    /// The agent of a member in the compartment with this name; without a name, in its only one,
    /// or in the first that was made.
    pub fn new(
        writer: Writer,
        secrets: Secrets,
        compartment: Option<&str>,
    ) -> Result<Self, BackupError> {
        let newest = secrets.agent.iter().filter_map(|(id, epochs)| {
            let (_, keys) = epochs.last_key_value()?;
            Some((*id, keys))
        });
        let found = newest.clone().find(|(_, keys)| match compartment {
            Some(name) => keys.name == name,
            None => true,
        });
        let Some((id, keys)) = found else {
            let names: Vec<&str> = newest.map(|(_, keys)| keys.name.as_str()).collect();
            let names = if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            };
            return Err(BackupError::Compartment(
                compartment.unwrap_or("any").to_owned(),
                names,
            ));
        };
        let (group, epoch, secret) = (keys.group, keys.epoch, keys.secret.clone());
        Ok(Self {
            writer,
            secrets,
            compartment: id,
            group,
            epoch,
            secret,
        })
    }

    /// The id of a dataset: keepers see it, and learn nothing of the name. It depends on the
    /// group, so no agent of another group can write into it.
    pub fn dataset(&self, name: &str) -> DatasetId {
        let text = [b"oncovault dataset\0", name.as_bytes()].concat();
        let hash = chunk_id(&self.secret.page_key(), &text);
        let mut id = [0; DatasetId::BYTES];
        id.copy_from_slice(&hash.0[..DatasetId::BYTES]);
        DatasetId(id)
    }
}
