//! Signed heads of the chain, one JSON object a line.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::AuditError;
use crate::crypto::{Encoder, Signer, VerifyKey};
use crate::domain::Timestamp;
use crate::store::AuditHead;

/// Largest checkpoint file read, in bytes: over a million checkpoints.
const MAX_FILE_BYTES: u64 = 512 * 1024 * 1024;

/// A signed head.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Last record covered, from 1.
    pub sequence: u64,
    /// Its chain hash, 64 hex digits.
    pub head: String,
    /// When it was signed, milliseconds since the Unix epoch.
    pub at: Timestamp,
    /// Short name of the key.
    pub key: String,
    /// Ed25519 signature, 128 hex digits.
    pub signature: String,
}

fn message(sequence: u64, head: &[u8; 32], at: Timestamp) -> Encoder {
    Encoder::new("vouch.checkpoint.v1").uint(sequence).bytes(head).int(at.unix_ms())
}

impl Checkpoint {
    /// Signs a head.
    pub fn sign(head: &AuditHead, at: Timestamp, signer: &Signer) -> Self {
        let signature = signer.sign(message(head.sequence, &head.hash, at).as_slice());
        Self {
            sequence: head.sequence,
            head: hex::encode(head.hash),
            at,
            key: signer.verify_key().key_id(),
            signature: hex::encode(signature),
        }
    }

    /// Its hash, if the signature is by `key`.
    pub fn verified(&self, key: VerifyKey) -> Option<[u8; 32]> {
        let mut head = [0; 32];
        hex::decode_to_slice(&self.head, &mut head).ok()?;
        let signature = hex::decode(&self.signature).ok()?;
        let message = message(self.sequence, &head, self.at);
        key.verify(message.as_slice(), &signature).then_some(head)
    }
}

/// The file checkpoints are appended to.
#[derive(Debug)]
pub struct CheckpointFile {
    file: File,
    path: PathBuf,
}

impl CheckpointFile {
    /// Opens or creates it. A last line that a crash left unfinished is dropped.
    ///
    /// # Errors
    /// [`AuditError::File`], [`AuditError::BadLine`].
    pub fn open(path: &Path) -> Result<(Self, Vec<Checkpoint>), AuditError> {
        let error = file_error(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let mut file = options.open(path).map_err(&error)?;
        let text = read_all(&mut file, path)?;
        let whole = whole_lines(&text);
        let checkpoints = parse(&text[..whole], path)?;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(&error)?;
        }
        file.seek(SeekFrom::End(0)).map_err(&error)?;
        let path = path.to_owned();
        Ok((Self { file, path }, checkpoints))
    }

    /// Appends a checkpoint and waits until it is on disk.
    ///
    /// # Errors
    /// [`AuditError::File`].
    pub fn append(&mut self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        let error = file_error(&self.path);
        let mut line =
            serde_json::to_vec(checkpoint).map_err(std::io::Error::other).map_err(&error)?;
        line.push(b'\n');
        let start = self.file.stream_position().map_err(&error)?;
        let written = self.file.write_all(&line).and_then(|()| self.file.sync_data());
        if let Err(problem) = written {
            // Half a line must not stand before the next one.
            self.file.set_len(start).map_err(&error)?;
            self.file.seek(SeekFrom::Start(start)).map_err(&error)?;
            return Err(error(problem));
        }
        Ok(())
    }
}

/// Reads a checkpoint file; an unfinished last line is ignored.
///
/// # Errors
/// [`AuditError::File`], [`AuditError::BadLine`].
pub fn read_checkpoints(path: &Path) -> Result<Vec<Checkpoint>, AuditError> {
    let mut file = File::open(path).map_err(file_error(path))?;
    let text = read_all(&mut file, path)?;
    parse_checkpoints(&text, path)
}

/// Reads the text of a checkpoint file; an unfinished last line is ignored. `path` is for the error.
///
/// # Errors
/// [`AuditError::BadLine`].
pub fn parse_checkpoints(text: &str, path: &Path) -> Result<Vec<Checkpoint>, AuditError> {
    parse(&text[..whole_lines(text)], path)
}

/// Length of the text up to the end of its last whole line, in bytes.
fn whole_lines(text: &str) -> usize {
    text.rfind('\n').map_or(0, |end| end + 1)
}

fn read_all(file: &mut File, path: &Path) -> Result<String, AuditError> {
    let bytes = file.metadata().map_err(file_error(path))?.len();
    if bytes > MAX_FILE_BYTES {
        // Read in part, its newest heads would be taken for a torn line.
        let problem = format!("{bytes} bytes, more than the limit of {MAX_FILE_BYTES}");
        return Err(file_error(path)(std::io::Error::other(problem)));
    }
    let mut text = String::new();
    file.take(MAX_FILE_BYTES).read_to_string(&mut text).map_err(file_error(path))?;
    Ok(text)
}

fn parse(text: &str, path: &Path) -> Result<Vec<Checkpoint>, AuditError> {
    let lines = text.lines().enumerate();
    lines
        .map(|(index, line)| {
            serde_json::from_str(line).map_err(|_| AuditError::BadLine {
                path: path.display().to_string(),
                line: index + 1,
            })
        })
        .collect()
}

fn file_error(path: &Path) -> impl Fn(std::io::Error) -> AuditError + use<> {
    let path = path.display().to_string();
    move |source| AuditError::File { path: path.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Key256;

    proptest::proptest! {
        #[test]
        fn any_text_is_checkpoints_or_an_error(text in "(\\{\"sequence\":[0-9]{1,25},)?\\PC*\n?") {
            let key = Signer::from_seed(&Key256::from_bytes([1; 32])).verify_key();
            for checkpoint in parse(&text, Path::new("x")).unwrap_or_default() {
                assert!(checkpoint.verified(key).is_none());
            }
        }
    }

    #[test]
    fn a_file_too_long_to_read_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        // A hole takes no room.
        File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
        assert!(matches!(CheckpointFile::open(&path), Err(AuditError::File { .. })));
        assert!(matches!(read_checkpoints(&path), Err(AuditError::File { .. })));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), MAX_FILE_BYTES + 1);
    }
}
