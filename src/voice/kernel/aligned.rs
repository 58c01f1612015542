//! Buffers of f32 that start on a cache line.

use std::ops::{Deref, DerefMut};

/// Bytes of a cache line, and of the widest vector register in use.
const LINE_BYTES: usize = 64;
const LINE_F32: usize = LINE_BYTES / size_of::<f32>();

/// A growable `[f32]` whose first element is aligned to a cache line, so that vector loads do not
/// straddle two lines. Alignment is for speed only.
#[derive(Default)]
pub(crate) struct AlignedBuf {
    storage: Vec<f32>,
    start: usize,
    len: usize,
}

impl AlignedBuf {
    /// `len` zeros.
    pub(crate) fn zeroed(len: usize) -> Self {
        let mut buf = Self::default();
        buf.ensure(len);
        buf
    }

    /// At least `len` elements; what was inside is kept only if nothing grew.
    pub(crate) fn ensure(&mut self, len: usize) {
        if len <= self.len {
            return;
        }
        self.storage = vec![0.0; len + LINE_F32];
        let misaligned_bytes = self.storage.as_ptr().addr() % LINE_BYTES;
        self.start = match misaligned_bytes {
            0 => 0,
            bytes => (LINE_BYTES - bytes) / size_of::<f32>(),
        };
        self.len = len;
    }
}

impl Deref for AlignedBuf {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.storage[self.start..self.start + self.len]
    }
}

impl DerefMut for AlignedBuf {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.storage[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_on_a_cache_line() {
        for len in [1, 15, 16, 17, 1_000] {
            let buf = AlignedBuf::zeroed(len);
            assert_eq!(buf.len(), len);
            assert_eq!(buf.as_ptr().addr() % LINE_BYTES, 0);
        }
    }
}
