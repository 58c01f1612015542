//! The best few so far.

/// The best `k` of what was offered, best first.
#[derive(Debug, Clone, Default)]
pub(super) struct Top {
    k: usize,
    /// Score and slot.
    best: Vec<(f32, u32)>,
}

impl Top {
    /// Forgets everything and keeps `k` from now on.
    pub(super) fn start(&mut self, k: usize) {
        self.k = k;
        self.best.clear();
        self.best.reserve(k);
    }

    /// What a score must reach to have a chance.
    #[inline(always)]
    pub(super) fn threshold(&self) -> f32 {
        if self.best.len() < self.k {
            return f32::NEG_INFINITY;
        }
        self.best.last().map_or(f32::INFINITY, |last| last.0)
    }

    /// Takes a score in if it is among the best; equal scores rank by key.
    pub(super) fn offer<K: Ord>(&mut self, score: f32, slot: u32, keys: &[K]) {
        if score < self.threshold() {
            return;
        }
        let key = &keys[slot as usize];
        let at = self.best.partition_point(|&(other, other_slot)| {
            other > score || (other == score && keys[other_slot as usize] < *key)
        });
        if at >= self.k {
            return;
        }
        self.best.truncate(self.k - 1);
        self.best.insert(at, (score, slot));
    }

    /// Scores and slots, best first.
    pub(super) fn best(&self) -> &[(f32, u32)] {
        &self.best
    }
}
