//! What the `state` row says: which rows there are, and where the audit chain ends.
//!
//! The sum is a multiset hash: the keyed hashes of all rows' MACs added modulo 2^256 (Clarke et al.
//! 2003, MSet-Add-Hash). Both the summands and the sum are secret, so that nobody without the key can
//! look for another set of genuine rows with the same sum.

use zeroize::Zeroizing;

use super::keys::RootKeys;
use super::table::{Row, Table, Value};
use crate::crypto::Entropy;
use crate::store::{AuditHead, StoreError};

/// Key of the only row of `state` and of `keyring`.
pub(super) const ONLY: i64 = 1;

/// Sum modulo 2^256, least significant word first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RowSum([u64; 4]);

impl RowSum {
    pub fn add(&mut self, root: &RootKeys, mac: &[u8; 32]) {
        let mut carry = false;
        for (word, summand) in self.0.iter_mut().zip(summand(root, mac)) {
            let (sum, over1) = word.overflowing_add(summand);
            let (sum, over2) = sum.overflowing_add(u64::from(carry));
            (*word, carry) = (sum, over1 || over2);
        }
    }

    pub fn remove(&mut self, root: &RootKeys, mac: &[u8; 32]) {
        let mut borrow = false;
        for (word, summand) in self.0.iter_mut().zip(summand(root, mac)) {
            let (rest, under1) = word.overflowing_sub(summand);
            let (rest, under2) = rest.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (rest, under1 || under2);
        }
    }
}

fn summand(root: &RootKeys, mac: &[u8; 32]) -> [u64; 4] {
    let hash = root.sum.mac(mac);
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hash.chunks_exact(8)) {
        *word = bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
    }
    words
}

/// The content of the `state` row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Ledger {
    pub sum: RowSum,
    pub head: AuditHead,
    /// Version of the `state` row: counts group commits.
    pub commits: u64,
}

impl Ledger {
    /// The `state` row of this ledger.
    pub fn row(&self, root: &RootKeys, entropy: &dyn Entropy) -> Row {
        let mut plain = Zeroizing::new(Vec::with_capacity(72));
        for word in self.sum.0 {
            plain.extend_from_slice(&word.to_le_bytes());
        }
        plain.extend_from_slice(&self.head.sequence.to_le_bytes());
        plain.extend_from_slice(&self.head.hash);
        let place = Table::State.place(b"", self.commits);
        let sealed = root.state.seal(place.as_slice(), &plain, entropy);
        let values = vec![Value::Int(ONLY), Value::Blob(sealed)];
        Row::make(&root.integrity, Table::State, values, self.commits)
    }

    /// Reads a `state` row whose MAC was right.
    pub fn from_row(root: &RootKeys, row: &Row) -> Result<Self, StoreError> {
        let place = Table::State.place(b"", row.version);
        let plain = root
            .state
            .open(place.as_slice(), row.blob(1)?)
            .map_err(|_| row.broken("the sealed value does not open"))?;
        let word = |i: usize| -> Option<u64> {
            let bytes = plain.get(8 * i..8 * i + 8)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let read = || {
            Some(Self {
                sum: RowSum([word(0)?, word(1)?, word(2)?, word(3)?]),
                head: AuditHead { sequence: word(4)?, hash: plain.get(40..72)?.try_into().ok()? },
                commits: row.version,
            })
        };
        read().ok_or_else(|| row.broken("the sealed value is too short"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::{Key256, SystemEntropy};

    #[test]
    fn the_sum_forgets_order_and_undoes() {
        let root = RootKeys::new(Key256::from_bytes([1; 32]));
        let macs: Vec<[u8; 32]> = (0..50).map(|i| [i; 32]).collect();
        let (mut a, mut b) = (RowSum::default(), RowSum::default());
        macs.iter().for_each(|m| a.add(&root, m));
        macs.iter().rev().for_each(|m| b.add(&root, m));
        assert_eq!(a, b);
        b.remove(&root, &macs[3]);
        assert_ne!(a, b);
        b.add(&root, &macs[4]);
        assert_ne!(a, b, "a row twice is not another row once");
        macs.iter().for_each(|m| a.remove(&root, m));
        assert_eq!(a, RowSum::default());
    }

    #[test]
    fn a_ledger_is_read_back() {
        let root = RootKeys::new(Key256::from_bytes([1; 32]));
        let ledger = Ledger {
            sum: RowSum([1, 2, 3, u64::MAX]),
            head: AuditHead { sequence: 9, hash: [7; 32] },
            commits: 4,
        };
        let row = ledger.row(&root, &SystemEntropy);
        assert_eq!(Ledger::from_row(&root, &row), Ok(ledger));
    }
}
