//! The hash chain of the audit log over salted commitments.
//!
//! `hash(n) = SHA-256(hash(n-1), n, id, tenant, time, kind, decision, reasons, commitment)`;
//! `commitment = HMAC-SHA256(salt, payload)` with a random 32-byte salt. Who destroys salt and payload
//! leaves the chain whole and the payload beyond guessing.

use ring::hmac;

use crate::crypto::{Encoder, sha256};

/// Randomness of a commitment.
pub type Salt = [u8; 32];

/// Commits to `payload`.
pub fn commitment(salt: &Salt, payload: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, salt);
    let mut out = [0; 32];
    out.copy_from_slice(hmac::sign(&key, payload).as_ref());
    out
}

/// The part of an audit record that is linked and stays when its subject is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainEntry {
    /// Id of the record.
    pub decision_id: String,
    /// Tenant.
    pub tenant: String,
    /// Milliseconds since the Unix epoch.
    pub at_unix_ms: i64,
    /// Kind of act.
    pub kind: String,
    /// The decision, where there was one.
    pub decision: Option<String>,
    /// Reasons, each between commas.
    pub reasons: String,
    /// Commitment to the payload.
    pub commitment: [u8; 32],
}

impl ChainEntry {
    /// The chain hash of this entry at `sequence` (from 1) after `previous` (zeros before the first).
    pub fn link(&self, previous: &[u8; 32], sequence: u64) -> [u8; 32] {
        let fields = Encoder::new("vouch.chain.v1")
            .bytes(previous)
            .uint(sequence)
            .text(&self.decision_id)
            .text(&self.tenant)
            .int(self.at_unix_ms)
            .text(&self.kind);
        let fields = match &self.decision {
            Some(decision) => fields.text(decision),
            None => fields.null(),
        };
        sha256(fields.text(&self.reasons).bytes(&self.commitment).as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_counts() {
        let entry = ChainEntry {
            decision_id: "d".into(),
            tenant: "t".into(),
            at_unix_ms: 5,
            kind: "k".into(),
            decision: None,
            reasons: ",".into(),
            commitment: commitment(&[1; 32], b"payload"),
        };
        let hash = entry.link(&[0; 32], 1);
        let variants = [
            ChainEntry { decision_id: "e".into(), ..entry.clone() },
            ChainEntry { tenant: "u".into(), ..entry.clone() },
            ChainEntry { at_unix_ms: 6, ..entry.clone() },
            ChainEntry { kind: "l".into(), ..entry.clone() },
            ChainEntry { decision: Some(String::new()), ..entry.clone() },
            ChainEntry { reasons: ",X,".into(), ..entry.clone() },
            ChainEntry { commitment: commitment(&[2; 32], b"payload"), ..entry.clone() },
            ChainEntry { commitment: commitment(&[1; 32], b"payloae"), ..entry.clone() },
        ];
        for other in variants {
            assert_ne!(other.link(&[0; 32], 1), hash, "{other:?}");
        }
        assert_ne!(entry.link(&[0; 32], 2), hash);
        assert_ne!(entry.link(&[1; 32], 1), hash);
    }
}
