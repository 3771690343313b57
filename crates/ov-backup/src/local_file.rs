//! The agent's local state: files sealed under a key from its key file. Any of them may be
//! deleted or damaged; then it is read from the vault or the source again.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ov_seal::aead::AeadKey;
use ov_seal::entropy::Entropy;
use ov_seal::kdf::{Key32, derive, purpose};

use crate::error::BackupError;

/// Plain bytes in one sealed block.
pub const BLOCK_BYTES: usize = 256 * 1024;

const SALT_BYTES: usize = 32;

/// What a sealed block has beside its plain bytes: its length before it, then the byte that says
/// whether the file ends here, and the tag of the seal.
const LENGTH_BYTES: usize = 4;
const SEAL_BYTES: usize = 1 + 16;

/// The folder `state/<vault>/<member>/`.
#[derive(Clone)]
pub struct LocalFiles {
    folder: Option<PathBuf>,
    key: Key32,
    entropy: std::sync::Arc<dyn Entropy>,
}

impl LocalFiles {
    /// Opens or makes the folder, readable by its owner alone. Without a folder nothing is kept.
    pub fn open(
        folder: Option<&Path>,
        key: &Key32,
        entropy: std::sync::Arc<dyn Entropy>,
    ) -> Result<Self, BackupError> {
        if let Some(folder) = folder {
            for sub in ["index", "tree", "frames", "last"] {
                make_folder(&folder.join(sub))?;
            }
        }
        Ok(Self {
            folder: folder.map(Path::to_owned),
            key: key.clone(),
            entropy,
        })
    }

    /// Makes a folder inside the state folder.
    pub fn make_folder(&self, name: &str) -> Result<(), BackupError> {
        self.path(name).map_or(Ok(()), |path| make_folder(&path))
    }

    /// Waits for a lock that other runs of this member may hold; it is held as long as the handle
    /// lives. Where a file system knows no locks there is none: two runs at once may then undo each
    /// other's work on copies, which costs reading.
    pub fn lock(&self, name: &str) -> Option<fs::File> {
        let open = fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path(name)?);
        let file = open.ok()?;
        file.lock().ok()?;
        Some(file)
    }

    /// Names of the files in a folder of the state; none if it cannot be read.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = self
            .path(folder)
            .and_then(|path| fs::read_dir(path).ok())
            .into_iter()
            .flatten();
        entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect()
    }

    /// A name that no other file has: 16 hex digits.
    pub fn new_name(&self) -> String {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        format!("{:016x}", u64::from_be_bytes(bytes))
    }

    /// The path of a file in the state folder; `None` if nothing is kept.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(name))
    }

    /// Reads a whole file; `None` if it is not there or not as it was written.
    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        let mut blocks = self.reader(name)?;
        let mut whole = Vec::new();
        loop {
            match blocks.next_block() {
                Some(Block::Data(block)) => whole.extend_from_slice(&block),
                Some(Block::End) => return Some(whole),
                None => return None,
            }
        }
    }

    /// Writes a whole file. Failure is no error: the file is a copy.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        if let Some(mut writer) = self.writer(name) {
            for block in bytes.chunks(BLOCK_BYTES) {
                writer.push(block);
            }
            writer.finish();
        }
    }

    /// Removes a file.
    pub fn remove(&self, name: &str) {
        if let Some(path) = self.path(name) {
            let _ = fs::remove_file(path);
        }
    }

    /// Starts reading a file block by block.
    pub fn reader(&self, name: &str) -> Option<BlockReader> {
        let mut file = std::io::BufReader::new(fs::File::open(self.path(name)?).ok()?);
        let mut salt = [0; SALT_BYTES];
        file.read_exact(&mut salt).ok()?;
        Some(BlockReader {
            file,
            key: self.file_key(&salt),
            number: 0,
        })
    }

    /// Opens a complete file whose `blocks` blocks have `plain_bytes` plain bytes each, to read them
    /// in any order; `None` if it is not there or of another length.
    pub fn blocks(&self, name: &str, plain_bytes: usize, blocks: u64) -> Option<BlockFile> {
        let file = fs::File::open(self.path(name)?).ok()?;
        let stride = u64::try_from(LENGTH_BYTES + plain_bytes + SEAL_BYTES).ok()?;
        let ends = u64::try_from(SALT_BYTES + LENGTH_BYTES + SEAL_BYTES).ok()?;
        if file.metadata().ok()?.len() != ends.checked_add(blocks.checked_mul(stride)?)? {
            return None;
        }
        let mut salt = [0; SALT_BYTES];
        file.read_exact_at(&mut salt, 0).ok()?;
        Some(BlockFile {
            file,
            key: self.file_key(&salt),
            plain_bytes,
            stride,
        })
    }

    fn file_key(&self, salt: &[u8; SALT_BYTES]) -> AeadKey {
        AeadKey::new(&derive(purpose::LOCAL_STATE, &[self.key.bytes(), salt]))
    }

    /// Starts writing a file under a temporary name; [`BlockWriter::finish`] puts it in place.
    pub fn writer(&self, name: &str) -> Option<BlockWriter> {
        let path = self.path(name)?;
        let temporary = path.with_extension("new");
        let _ = fs::remove_file(&temporary);
        let open = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary);
        let mut file = std::io::BufWriter::new(open.ok()?);
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        file.write_all(&salt).ok()?;
        Some(BlockWriter {
            file,
            key: self.file_key(&salt),
            number: 0,
            path,
            temporary,
            failed: Failed::No,
        })
    }
}

fn make_folder(path: &Path) -> Result<(), BackupError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| BackupError::State {
        path: path.to_owned(),
        source,
    })
}

/// A block as read.
pub enum Block {
    /// Its plain bytes.
    Data(Vec<u8>),
    /// The file is complete and ends here.
    End,
}

/// Reads blocks in order.
pub struct BlockReader {
    file: std::io::BufReader<fs::File>,
    key: AeadKey,
    number: u64,
}

impl BlockReader {
    /// The next block; `None` if the file is damaged or cut.
    pub fn next_block(&mut self) -> Option<Block> {
        let mut length = [0; 4];
        self.file.read_exact(&mut length).ok()?;
        let length = usize::try_from(u32::from_le_bytes(length)).ok()?;
        // Not `vec![0; length]`: a damaged length must not allocate what is not there.
        let mut block = Vec::with_capacity(length.min(BLOCK_BYTES + SEAL_BYTES));
        let limit = u64::try_from(length).ok()?;
        let mut file = self.file.by_ref().take(limit);
        file.read_to_end(&mut block).ok()?;
        self.key.open_in_place(self.number, b"", &mut block).ok()?;
        self.number += 1;
        match block.pop()? {
            0 => Some(Block::Data(block)),
            _ => Some(Block::End),
        }
    }
}

/// Reads blocks of one size in any order.
pub struct BlockFile {
    file: fs::File,
    key: AeadKey,
    plain_bytes: usize,
    stride: u64,
}

impl BlockFile {
    /// The plain bytes of a block, counted from 0; `None` if it is damaged.
    pub fn read_at(&self, number: u64) -> Option<Vec<u8>> {
        let salt = u64::try_from(SALT_BYTES + LENGTH_BYTES).ok()?;
        let at = number.checked_mul(self.stride)?.checked_add(salt)?;
        let mut block = vec![0; self.plain_bytes + SEAL_BYTES];
        self.file.read_exact_at(&mut block, at).ok()?;
        self.key.open_in_place(number, b"", &mut block).ok()?;
        let end = block.pop()?;
        (end == 0 && block.len() == self.plain_bytes).then_some(block)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Failed {
    No,
    Yes,
}

/// Writes blocks in order.
pub struct BlockWriter {
    file: std::io::BufWriter<fs::File>,
    key: AeadKey,
    number: u64,
    path: PathBuf,
    temporary: PathBuf,
    failed: Failed,
}

impl BlockWriter {
    /// Adds a block.
    pub fn push(&mut self, plain: &[u8]) {
        self.put(plain, 0);
    }

    fn put(&mut self, plain: &[u8], end: u8) {
        let mut block = Vec::with_capacity(plain.len() + SEAL_BYTES);
        block.extend_from_slice(plain);
        // The last byte says whether this is the end, so that a cut file is not a shorter one.
        block.push(end);
        self.key.seal_in_place(self.number, b"", &mut block);
        self.number += 1;
        let length = u32::try_from(block.len()).unwrap_or(u32::MAX).to_le_bytes();
        let written = self
            .file
            .write_all(&length)
            .and_then(|()| self.file.write_all(&block));
        if written.is_err() {
            self.failed = Failed::Yes;
        }
    }

    /// Ends the file and puts it in place of an older one.
    pub fn finish(self) {
        let path = self.path.clone();
        self.finish_at(&path);
    }

    /// Ends the file and puts it at another path.
    pub fn finish_at(mut self, path: &Path) {
        self.put(b"", 1);
        if self.file.flush().is_ok() && self.failed == Failed::No {
            let _ = fs::rename(&self.temporary, path);
        } else {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}
