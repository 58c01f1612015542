//! Reading named tensors of a weights file.

use std::collections::HashMap;

use candle_core::{DType, Tensor};

use crate::voice::VoiceError;

/// The values of `name`, which must have shape `dims`, row-major, in single precision whatever they
/// are stored in.
pub(super) fn values(
    tensors: &HashMap<String, Tensor>,
    name: &str,
    dims: &[usize],
) -> Result<Vec<f32>, VoiceError> {
    let tensor =
        tensors.get(name).ok_or_else(|| VoiceError::Weights(format!("`{name}` is missing")))?;
    if tensor.dims() != dims {
        return Err(VoiceError::Weights(format!(
            "`{name}` has shape {:?}, expected {dims:?}",
            tensor.dims()
        )));
    }
    let values = tensor
        .flatten_all()
        .and_then(|flat| flat.to_dtype(DType::F32))
        .and_then(|flat| flat.to_vec1::<f32>())
        .map_err(|e| VoiceError::Weights(format!("`{name}`: {e}")))?;
    match values.iter().all(|v| v.is_finite()) {
        true => Ok(values),
        false => Err(VoiceError::Weights(format!("`{name}` is not finite"))),
    }
}
