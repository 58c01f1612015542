//! Walks the chain and holds it against the checkpoints. Needs no secret.

use std::fmt;
use std::path::Path;

use super::AuditError;
use super::checkpoint::{Checkpoint, read_checkpoints};
use crate::crypto::VerifyKey;
use crate::domain::Timestamp;
use crate::store::AuditHead;
use crate::store::sqlite::{ChainReader, ChainRow};

/// Links read at a time.
const PAGE: u32 = 1_000;

/// What is wrong with the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    /// The record's columns do not give its hash.
    Changed,
    /// The record is not there, others after it are.
    Removed,
    /// The record stands at another position.
    Reordered,
    /// The chain ends before the last checkpoint: cut off, or an old copy was put back.
    CutOff,
    /// The chain is consistent in itself but is not the one that was signed.
    Rewritten,
    /// The checkpoint's signature is not by the key.
    BadSignature,
    /// The checkpoint is older than the one before it in the file.
    CheckpointOrder,
}

/// The first thing that is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// The first record it concerns.
    pub sequence: u64,
    /// What.
    pub problem: Problem,
    /// For [`Problem::Reordered`] where the record stands, otherwise the checkpoint that shows it.
    pub other: Option<u64>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.sequence;
        let other = self.other.unwrap_or(0);
        match self.problem {
            Problem::Changed => write!(f, "record {n} was changed"),
            Problem::Removed => write!(f, "record {n} was removed"),
            Problem::Reordered => write!(f, "record {n} was moved to position {other}"),
            Problem::CutOff => write!(
                f,
                "the chain was cut off or rolled back: record {n} is missing, \
                 the checkpoint at {other} covers it"
            ),
            Problem::Rewritten => write!(
                f,
                "the chain was rewritten: a record from {n} to {other} is not the one signed \
                 at {other}"
            ),
            Problem::BadSignature => write!(f, "the checkpoint at {n} has a wrong signature"),
            Problem::CheckpointOrder => write!(f, "the checkpoint at {n} is out of order"),
        }
    }
}

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Records in the database.
    pub records: u64,
    /// Of these, with their payload erased.
    pub erased: u64,
    /// Last record that follows from the ones before it.
    pub head: AuditHead,
    /// Checkpoints whose signature is right.
    pub checkpoints: u64,
    /// Last record covered by a right checkpoint.
    pub anchored: AuditHead,
    /// When that was signed.
    pub anchored_at: Option<Timestamp>,
    /// The first thing that is wrong; `None` when all is in order.
    pub finding: Option<Finding>,
}

impl Report {
    /// Records not yet covered by a checkpoint: these could be cut off unnoticed.
    pub fn unanchored(&self) -> u64 {
        self.records.saturating_sub(self.anchored.sequence)
    }
}

/// Verifies the database at `store` against a checkpoint file and the public key of its signer.
///
/// # Errors
/// [`AuditError`] when something cannot be read. What is wrong with the chain is in the report.
pub async fn verify(
    store: &Path,
    checkpoints: &Path,
    key: VerifyKey,
) -> Result<Report, AuditError> {
    check(store, &read_checkpoints(checkpoints)?, key).await
}

/// The same with checkpoints that were read already.
pub(super) async fn check(
    store: &Path,
    checkpoints: &[Checkpoint],
    key: VerifyKey,
) -> Result<Report, AuditError> {
    let (signed, mut finding) = check_signatures(checkpoints, key);
    let mut reader = ChainReader::open(store).await?;
    let mut walk = Walk {
        position: 0,
        head: AuditHead::default(),
        records: 0,
        erased: 0,
        anchored: AuditHead::default(),
        signed: &signed,
        finding: None,
    };
    loop {
        let rows = reader.after(walk.position, PAGE).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            walk.step(row);
        }
    }
    if let Some(found) = walk.finding.filter(|f| f.problem == Problem::Changed) {
        walk.finding = Some(explain(&mut reader, found, walk.head).await?);
    }
    walk.finish();
    finding = walk.finding.or(finding);
    let anchored_at =
        checkpoints.iter().find(|c| c.sequence == walk.anchored.sequence).map(|c| c.at);
    Ok(Report {
        records: walk.records,
        erased: walk.erased,
        head: walk.head,
        checkpoints: signed.len() as u64,
        anchored: walk.anchored,
        anchored_at,
        finding,
    })
}

/// Heads with a right signature, in order; and the first that is wrong.
fn check_signatures(
    checkpoints: &[Checkpoint],
    key: VerifyKey,
) -> (Vec<AuditHead>, Option<Finding>) {
    let mut signed: Vec<AuditHead> = Vec::new();
    let mut finding = None;
    for checkpoint in checkpoints {
        let sequence = checkpoint.sequence;
        let problem = match checkpoint.verified(key) {
            None => Problem::BadSignature,
            Some(hash) if signed.last().is_none_or(|last| last.sequence < sequence) => {
                signed.push(AuditHead { sequence, hash });
                continue;
            }
            Some(_) => Problem::CheckpointOrder,
        };
        finding.get_or_insert(Finding { sequence, problem, other: None });
    }
    (signed, finding)
}

struct Walk<'c> {
    /// Last position read.
    position: u64,
    /// Last record that follows from the ones before it.
    head: AuditHead,
    records: u64,
    erased: u64,
    anchored: AuditHead,
    /// Checkpoints not reached yet.
    signed: &'c [AuditHead],
    finding: Option<Finding>,
}

impl Walk<'_> {
    /// Takes the next row. After the first finding rows are only counted.
    fn step(&mut self, row: &ChainRow) {
        self.position = row.sequence;
        self.records += 1;
        self.erased += u64::from(!row.has_payload);
        if self.finding.is_some() {
            return;
        }
        let expected = self.head.sequence + 1;
        if row.sequence != expected {
            self.find(expected, Problem::Removed, None);
            return;
        }
        let hash = row
            .link
            .as_ref()
            .filter(|(entry, hash)| entry.link(&self.head.hash, expected) == *hash)
            .map(|(_, hash)| *hash);
        let Some(hash) = hash else {
            self.find(expected, Problem::Changed, None);
            return;
        };
        self.head = AuditHead { sequence: expected, hash };
        if let Some((next, rest)) =
            self.signed.split_first().filter(|(c, _)| c.sequence == expected)
        {
            if next.hash != hash {
                let first = self.anchored.sequence + 1;
                self.find(first, Problem::Rewritten, Some(expected));
                return;
            }
            self.anchored = self.head;
            self.signed = rest;
        }
    }

    /// A checkpoint that was never reached covers records that are missing.
    fn finish(&mut self) {
        if let (None, Some(last)) = (self.finding, self.signed.last()) {
            let first = self.head.sequence + 1;
            self.find(first, Problem::CutOff, Some(last.sequence));
        }
    }

    fn find(&mut self, sequence: u64, problem: Problem, other: Option<u64>) {
        self.finding = Some(Finding { sequence, problem, other });
    }
}

/// Whether the record that belongs where the chain breaks stands somewhere after it.
async fn explain(
    reader: &mut ChainReader,
    found: Finding,
    head: AuditHead,
) -> Result<Finding, AuditError> {
    let mut position = found.sequence;
    loop {
        let rows = reader.after(position, PAGE).await?;
        let Some(last) = rows.last() else {
            return Ok(found);
        };
        position = last.sequence;
        let belongs = |row: &&ChainRow| {
            row.link
                .as_ref()
                .is_some_and(|(entry, hash)| entry.link(&head.hash, found.sequence) == *hash)
        };
        if let Some(moved) = rows.iter().find(belongs) {
            return Ok(Finding {
                problem: Problem::Reordered,
                other: Some(moved.sequence),
                ..found
            });
        }
    }
}
