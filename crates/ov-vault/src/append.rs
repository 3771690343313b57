//! Adding a statement to one's own log.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use ov_format::id::{InstanceId, MemberId, ObjectHash, VaultId};
use ov_format::name::{LogId, ObjectName, RecordName};
use ov_format::record::{Record, Section, SignedRecord};
use ov_format::statement::Statement;
use ov_seal::member::MemberSecret;
use ov_seal::sign::Domain;
use ov_store::{Durable, Listed, Listing};

use crate::clock::Clock;
use crate::error::VaultError;
use crate::logs::Said;
use crate::mover::is_loss;
use crate::vault::Vault;

/// Who writes: a member, on one machine.
pub struct Writer {
    /// The member.
    pub member: MemberId,
    /// Its keys.
    pub secret: MemberSecret,
    /// This installation.
    pub instance: InstanceId,
    /// A file that processes of this member on this machine lock while they append; none where
    /// there can be one process alone.
    pub lock: Option<PathBuf>,
}

impl Vault {
    /// Appends a statement to the writer's log on this target and returns when it is durable.
    ///
    /// `published` must hold every pack and table that the statement publishes: they are durable
    /// before the record that names them, whatever dies in between.
    pub fn append(
        &mut self,
        writer: &Writer,
        clock: &dyn Clock,
        statement: Statement,
        sections: Vec<Section>,
        published: &[Durable<ObjectName>],
    ) -> Result<RecordName, VaultError> {
        check_published(&statement, published)?;
        let _lock = writer.lock.as_deref().map(lock).transpose()?;
        let log = LogId {
            member: writer.member,
            target: self.target(),
        };
        self.read_own_tip(log)?;
        let tips = self.logs().tips.get(&log).map_or(&[][..], Vec::as_slice);
        let number = tips.first().map_or(0, |tip| tip.number.saturating_add(1));
        let record = Record {
            vault: self.id(),
            log,
            number,
            previous: tips.iter().map(|tip| tip.hash).collect(),
            seen: self.newest_of_others(log),
            instance: writer.instance,
            time: clock.now(),
            statement,
            sections,
        };
        let signed = sign(record, &writer.secret);
        let bytes = signed.encode();
        let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
        let name = RecordName { log, number, hash };
        self.store().put_new(&ObjectName::Record(name), &bytes)?;
        self.remember(name, bytes.len(), signed.record);
        Ok(name)
    }

    /// One listing from the last known number: another process of this member may have appended.
    fn read_own_tip(&mut self, log: LogId) -> Result<(), VaultError> {
        let known = self.logs().tips.get(&log).and_then(|tips| tips.first());
        let from = known.map_or(0, |tip| tip.number);
        let mut names = Vec::new();
        self.store().list(
            Listing::LogFrom(log, from),
            &mut |Listed { name, .. }| {
                if let ObjectName::Record(name) = name {
                    names.push(name);
                }
                Ok(())
            },
        )?;
        let mut own = Vec::new();
        for name in names {
            if !self.is_anothers(&name)? {
                own.push(name);
            }
        }
        let mut names = own;
        let last = names.iter().map(|name| name.number).max();
        names.retain(|name| Some(name.number) == last);
        // Listings may lag behind what this process itself has put: never go back.
        if last.is_some_and(|last| last >= from) {
            self.logs_mut().tips.insert(log, names);
        }
        Ok(())
    }

    /// Whether a record lies in a log whose member did not sign it. What cannot be read may be the
    /// member's.
    fn is_anothers(&self, name: &RecordName) -> Result<bool, VaultError> {
        if let Some(signed) = self.is_signed(name) {
            return Ok(!signed);
        }
        match self.record(name) {
            Ok(read) => {
                let SignedRecord {
                    signed, signature, ..
                } = &read;
                Ok(!self.head().verifies(name.log.member, signed, signature))
            }
            Err(error) if is_loss(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn newest_of_others(&self, own: LogId) -> Vec<RecordName> {
        let others = self.logs().tips.iter().filter(|(log, _)| **log != own);
        others.flat_map(|(_, tips)| tips.iter().copied()).collect()
    }

    fn remember(&mut self, name: RecordName, length: usize, record: Record) {
        let length = length.try_into().unwrap_or(u64::MAX);
        self.keep(name, length, record.clone());
        if let Statement::Head(changes) = &record.statement {
            changes
                .iter()
                .for_each(|change| self.head_mut().apply(change));
        }
        let logs = self.logs_mut();
        logs.witnesses.expect(&record);
        logs.witnesses.hear(&record);
        let said = Said {
            name,
            length,
            time: record.time,
            instance: record.instance,
            statement: record.statement,
        };
        logs.tips.insert(name.log, vec![name]);
        logs.said.entry(name.log).or_default().push(said);
    }
}

/// Signs a record.
pub fn sign(record: Record, secret: &MemberSecret) -> SignedRecord {
    let signed = record.signed_bytes();
    let signature = Box::new(*secret.sign(Domain::Record, &signed).bytes());
    SignedRecord {
        record,
        signed,
        signature,
    }
}

/// The vault's first record names itself: it is signed with zeros for the vault, and its hash is
/// the vault's id.
pub fn found(record: Record, secret: &MemberSecret) -> (VaultId, RecordName, Vec<u8>) {
    let log = record.log;
    let bytes = sign(record, secret).encode();
    let hash = ObjectHash(*blake3::hash(&bytes).as_bytes());
    (
        VaultId(hash.0),
        RecordName {
            log,
            number: 0,
            hash,
        },
        bytes,
    )
}

fn check_published(
    statement: &Statement,
    published: &[Durable<ObjectName>],
) -> Result<(), VaultError> {
    let (packs, tables) = statement.published();
    let names = packs
        .iter()
        .map(|pack| ObjectName::Pack(pack.hash))
        .chain(tables.iter().map(|table| ObjectName::Table(table.hash)));
    for name in names {
        if !published.iter().any(|durable| **durable == name) {
            return Err(VaultError::Incomplete(format!(
                "{name} is not known to be durable"
            )));
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, VaultError> {
    let state = |source| VaultError::State {
        path: path.to_owned(),
        source,
    };
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path)
        .map_err(state)?;
    file.lock().map_err(state)?;
    Ok(file)
}

/// Locks a file for as long as the returned handle lives; an error if another process has it.
pub fn lock_or_busy(path: &Path, what: &'static str) -> Result<File, VaultError> {
    let state = |source| VaultError::State {
        path: path.to_owned(),
        source,
    };
    let open = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .open(path);
    let file = open.map_err(state)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(VaultError::Busy(what)),
        Err(TryLockError::Error(source)) => Err(state(source)),
    }
}
