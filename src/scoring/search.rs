//! 1:N search: the `k` nearest of many unit vectors by cosine, in memory.
//!
//! Each vector is kept as `f32` and, under a random rotation, as a 4-bit code. A scan over the codes
//! estimates every cosine with a known deviation; vectors whose estimate lies no more than
//! six deviations below the `k`-th best exact cosine are compared in full, at an eighth of the memory
//! traffic of a full scan.
//!
//! **What is guaranteed.** Every score is the exact cosine in `f32`, and hits are in order, equal ones
//! by key. Up to [`SURE_VECTORS`] vectors, and for [`SearchIndex::search_among`] always, everything
//! is compared in full and the hits are those of a full scan. Beyond, a vector that belongs among the
//! hits is missed if its estimate is off by more than six deviations: with a probability of about
//! 1e-9, over the choice of the rotation, for vectors and queries chosen without regard to it, and
//! less the further its cosine lies above that of the last hit. In up to 37 dimensions six deviations
//! are more than an estimate can be off, and nothing is missed.

mod code;
mod kernel;
mod rotation;
mod scan;
mod top;

use std::collections::HashMap;
use std::hash::Hash;

use pulp::Arch;

use self::code::{Codes, QueryCode};
use self::kernel::dot;
use self::rotation::Rotation;
use self::scan::{Deferred, Scan, scan, scan_in_full};
use self::top::Top;

/// Largest dimension of a vector.
pub const MAX_DIM: usize = 1_024;
/// Most vectors in an index.
pub const MAX_VECTORS: usize = 1 << 24;
/// Most vectors of an index that are all compared in full: 3 MB of 192 values each, read in a fraction
/// of a millisecond.
pub const SURE_VECTORS: usize = 4_096;
/// Most hits of one search.
pub const MAX_HITS: usize = 1_000;
/// How far from 1 the norm of a vector may be.
pub const NORM_TOLERANCE: f32 = 1e-3;

/// Why a vector or a search was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SearchError {
    /// The dimension of the index, or of a vector, is wrong.
    #[error("vectors must have {expected} values, got {got}")]
    Dimension {
        /// Values a vector of this index has.
        expected: usize,
        /// Values that came.
        got: usize,
    },
    /// No index can have this dimension.
    #[error("the dimension must be 1 to {MAX_DIM}, got {0}")]
    BadDimension(usize),
    /// Not a unit vector (or not finite).
    #[error("vectors must have norm 1 within {NORM_TOLERANCE}, got another norm")]
    NotUnit,
    /// The index is full.
    #[error("the index holds at most {MAX_VECTORS} vectors")]
    Full,
    /// Too many hits, or none, were asked for.
    #[error("a search gives 1 to {MAX_HITS} hits, asked for {0}")]
    Hits(usize),
}

/// One result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit<K> {
    /// Whose vector.
    pub key: K,
    /// Scalar product with the query, computed in `f32`.
    pub score: f32,
}

/// Buffers of a search; make one a thread and use it again.
#[derive(Debug, Clone, Default)]
pub struct SearchScratch {
    rotated: Vec<f32>,
    query: QueryCode,
    deferred: Vec<Deferred>,
    top: Top,
    slots: Vec<u32>,
}

/// Unit vectors by key. Order of insertion has no influence on results.
#[derive(Clone)]
pub struct SearchIndex<K> {
    arch: Arch,
    dim: usize,
    sure_vectors: usize,
    rotation: Rotation,
    /// A rotated vector on its way to its code.
    rotated: Vec<f32>,
    /// `len × dim`, row-major.
    rows: Vec<f32>,
    codes: Codes,
    keys: Vec<K>,
    slots: HashMap<K, u32>,
}

impl<K: Copy + Eq + Hash + Ord> SearchIndex<K> {
    /// An empty index of vectors of `dim` values.
    pub fn new(dim: usize) -> Result<Self, SearchError> {
        Self::on(Arch::new(), dim)
    }

    fn on(arch: Arch, dim: usize) -> Result<Self, SearchError> {
        if !(1..=MAX_DIM).contains(&dim) {
            return Err(SearchError::BadDimension(dim));
        }
        Ok(Self {
            arch,
            dim,
            sure_vectors: SURE_VECTORS,
            rotation: Rotation::new(dim),
            rotated: Vec::new(),
            rows: Vec::new(),
            codes: Codes::new(dim),
            keys: Vec::new(),
            slots: HashMap::new(),
        })
    }

    /// Makes room for `additional` more vectors, so that loading moves nothing.
    pub fn reserve(&mut self, additional: usize) {
        let additional = additional.min(MAX_VECTORS - self.len());
        self.rows.reserve(additional * self.dim);
        self.codes.reserve(self.len() + additional);
        self.keys.reserve(additional);
        self.slots.reserve(additional);
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Values of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Bytes that vectors, codes, keys and the key table occupy, spare capacity included.
    pub fn memory_bytes(&self) -> usize {
        // One control byte a bucket in the standard table; a bucket is a key and a slot.
        let bucket = size_of::<(K, u32)>() + 1;
        self.rows.capacity() * size_of::<f32>()
            + self.codes.memory_bytes()
            + self.keys.capacity() * size_of::<K>()
            + self.slots.capacity() * 8 / 7 * bucket
    }

    /// The vector of `key`.
    pub fn get(&self, key: &K) -> Option<&[f32]> {
        self.slots.get(key).map(|&slot| self.row(slot as usize))
    }

    /// Puts a unit vector in, in place of the one under the same key if there is one; says whether
    /// there was.
    pub fn insert(&mut self, key: K, vector: &[f32]) -> Result<bool, SearchError> {
        self.check(vector)?;
        if let Some(&slot) = self.slots.get(&key) {
            let start = slot as usize * self.dim;
            self.rows[start..start + self.dim].copy_from_slice(vector);
            self.encode(slot as usize, vector);
            return Ok(true);
        }
        if self.len() >= MAX_VECTORS {
            return Err(SearchError::Full);
        }
        let slot = self.len();
        self.rows.extend_from_slice(vector);
        self.encode(slot, vector);
        self.keys.push(key);
        self.slots.insert(key, slot as u32);
        Ok(false)
    }

    fn encode(&mut self, slot: usize, vector: &[f32]) {
        self.rotation.apply(vector, &mut self.rotated);
        self.codes.set(slot, &self.rotated);
        self.rotated.fill(0.0);
    }

    /// Takes the vector of `key` out; says whether there was one. The freed memory is overwritten.
    pub fn remove(&mut self, key: &K) -> bool {
        let Some(slot) = self.slots.remove(key) else {
            return false;
        };
        let slot = slot as usize;
        let last = self.len() - 1;
        if slot != last {
            let moved = last * self.dim;
            self.rows.copy_within(moved..moved + self.dim, slot * self.dim);
            self.codes.copy(last, slot);
            self.keys[slot] = self.keys[last];
            self.slots.insert(self.keys[slot], slot as u32);
        }
        self.rows[last * self.dim..].fill(0.0);
        self.rows.truncate(last * self.dim);
        self.codes.clear(last);
        self.keys.truncate(last);
        true
    }

    /// The `k` best of all vectors into `hits` (cleared first), best first, equal scores by key; what
    /// is sure and what is not stands at the head of this module. `query` is a unit vector.
    pub fn search(
        &self,
        query: &[f32],
        k: usize,
        scratch: &mut SearchScratch,
        hits: &mut Vec<Hit<K>>,
    ) -> Result<(), SearchError> {
        self.check_search(query, k)?;
        self.rotation.apply(query, &mut scratch.rotated);
        scratch.query.set(&scratch.rotated);
        scratch.top.start(k);
        let everything = Scan {
            codes: &self.codes,
            rows: &self.rows,
            keys: &self.keys,
            query,
            query_code: &scratch.query,
            deferred: &mut scratch.deferred,
            top: &mut scratch.top,
        };
        if self.len() <= self.sure_vectors {
            scan_in_full(self.arch, everything);
        } else {
            scan(self.arch, everything);
        }
        self.collect(&scratch.top, hits);
        Ok(())
    }

    /// As [`SearchIndex::search`], among the given keys only. Keys that are not in the index are
    /// passed over; a key given twice counts once. Every comparison is made in full. Gives how many
    /// were compared.
    pub fn search_among(
        &self,
        query: &[f32],
        keys: &[K],
        k: usize,
        scratch: &mut SearchScratch,
        hits: &mut Vec<Hit<K>>,
    ) -> Result<usize, SearchError> {
        self.check_search(query, k)?;
        scratch.top.start(k);
        scratch.slots.clear();
        let known = keys.iter().filter_map(|key| self.slots.get(key));
        scratch.slots.extend(known);
        scratch.slots.sort_unstable();
        scratch.slots.dedup();
        for &slot in &scratch.slots {
            let score = dot(self.arch, query, self.row(slot as usize));
            scratch.top.offer(score, slot, &self.keys);
        }
        self.collect(&scratch.top, hits);
        Ok(scratch.slots.len())
    }

    fn collect(&self, top: &Top, hits: &mut Vec<Hit<K>>) {
        hits.clear();
        hits.extend(
            top.best().iter().map(|&(score, slot)| Hit { key: self.keys[slot as usize], score }),
        );
    }

    fn row(&self, slot: usize) -> &[f32] {
        &self.rows[slot * self.dim..(slot + 1) * self.dim]
    }

    fn check(&self, vector: &[f32]) -> Result<(), SearchError> {
        if vector.len() != self.dim {
            return Err(SearchError::Dimension { expected: self.dim, got: vector.len() });
        }
        let off = (norm(vector) - 1.0).abs();
        // A NaN is no number of the range either.
        if (0.0..=f64::from(NORM_TOLERANCE)).contains(&off) {
            Ok(())
        } else {
            Err(SearchError::NotUnit)
        }
    }

    fn check_search(&self, query: &[f32], k: usize) -> Result<(), SearchError> {
        if !(1..=MAX_HITS).contains(&k) {
            return Err(SearchError::Hits(k));
        }
        self.check(query)
    }
}

impl<K> std::fmt::Debug for SearchIndex<K> {
    /// Sizes only: vectors are biometric data, keys name people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SearchIndex")
            .field("dim", &self.dim)
            .field("len", &self.keys.len())
            .finish_non_exhaustive()
    }
}

/// Euclidean norm, in `f64`.
fn norm(vector: &[f32]) -> f64 {
    let squares = vector.iter().map(|&x| f64::from(x) * f64::from(x));
    squares.sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests;
