//! Single-thread matrix kernels: register tiles over packed weights, written with `pulp` so that
//! one source serves AVX-512, AVX2, NEON and plain scalar machines without unsafe code.
//!
//! Layout everywhere: activations are time-major (a frame's channels are neighbors), weights are
//! packed so that output channels fill vector lanes. A tile of `R` frames × `V` vectors of output
//! channels stays in registers while it walks over its inputs.

mod aligned;
mod packed;
mod tile;

pub(crate) use aligned::AlignedBuf;
pub(crate) use packed::{Packed, TileShape};
pub(crate) use tile::{ROW_QUANTUM, TileJob, accumulate, for_each_tile, lanes, lanes_mut};
