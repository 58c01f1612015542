//! From a public checkpoint to the weights file this program reads.

use std::path::Path;

use candle_core::{DType, Tensor};

use crate::voice::VoiceError;

/// Training counters in checkpoints; they take no part in inference.
const COUNTER: &str = "num_batches_tracked";

/// Reads a pickled checkpoint and gives its f32 tensors as safetensors bytes. The same checkpoint
/// gives the same bytes: names are sorted and nothing else is stored.
///
/// The pickle reader builds tensors only; it runs no code that a checkpoint may carry.
pub fn checkpoint_to_safetensors(checkpoint: &Path) -> Result<Vec<u8>, VoiceError> {
    let weights = |e: candle_core::Error| VoiceError::Weights(e.to_string());
    let mut tensors: Vec<(String, Tensor)> = candle_core::pickle::read_all(checkpoint)
        .map_err(weights)?
        .into_iter()
        .filter(|(name, _)| !name.ends_with(COUNTER))
        .collect();
    if tensors.is_empty() {
        return Err(VoiceError::Weights("the checkpoint holds no tensors".to_owned()));
    }
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    for (name, tensor) in &mut tensors {
        if tensor.dtype() != DType::F32 {
            return Err(VoiceError::Weights(format!(
                "`{name}` is {:?}, expected F32",
                tensor.dtype()
            )));
        }
        *tensor = tensor.contiguous().map_err(weights)?;
    }
    safetensors::serialize(tensors, None).map_err(|e| VoiceError::Weights(e.to_string()))
}
