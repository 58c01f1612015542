//! From named tensors to packed layers.

use std::collections::HashMap;

use candle_core::Tensor;

use crate::voice::{VoiceError, tensors};

use super::pooling::Projection;
use super::product::Linear;
use super::shape::{
    ATTENTION, BOTTLENECK, CEPS, CHANNELS, CONTEXT_TAPS, DILATIONS, EMBEDDING, HEADS, POOLED, TAPS,
};
use super::{Block, Normalizer, Tdnn};

/// The whole network.
pub(super) fn network(tensors: &HashMap<String, Tensor>) -> Result<Tdnn, VoiceError> {
    let file = File(tensors);
    let block = |(index, dilation): (usize, usize)| -> Result<Block, VoiceError> {
        let part = |name: &str, outputs, inputs| {
            file.linear(&format!("block{index}.{name}"), outputs, inputs)
        };
        Ok(Block {
            dilation,
            reduce: part("reduce", BOTTLENECK, CHANNELS)?,
            context: part("context", BOTTLENECK, CONTEXT_TAPS * BOTTLENECK)?,
            expand: part("expand", CHANNELS, BOTTLENECK)?,
        })
    };
    let (weights, bias) = file.affine("embedding", EMBEDDING, 2 * POOLED)?;
    Ok(Tdnn {
        arch: pulp::Arch::new(),
        normalizer: Normalizer {
            mean: file.vector("mu")?.map(f64::from),
            scale: file.vector("scale")?.map(f64::from),
        },
        first: file.linear("layer0", CHANNELS, TAPS * CEPS)?,
        blocks: DILATIONS.into_iter().enumerate().map(block).collect::<Result<_, _>>()?,
        last: file.linear("final", POOLED, CHANNELS)?,
        hidden: file.linear("attention.hidden", ATTENTION, POOLED)?,
        heads: file.linear("attention.heads", HEADS, ATTENTION)?,
        projection: Projection::new(&weights, bias),
    })
}

struct File<'a>(&'a HashMap<String, Tensor>);

impl File<'_> {
    fn vector(&self, name: &str) -> Result<[f32; CEPS], VoiceError> {
        let mut vector = [0.0; CEPS];
        vector.copy_from_slice(&tensors::values(self.0, name, &[CEPS])?);
        Ok(vector)
    }

    /// Weights `[out][in]` and bias.
    fn affine(
        &self,
        name: &str,
        outputs: usize,
        inputs: usize,
    ) -> Result<(Vec<f32>, Vec<f32>), VoiceError> {
        let weights = tensors::values(self.0, &format!("{name}.weight"), &[outputs, inputs])?;
        Ok((weights, tensors::values(self.0, &format!("{name}.bias"), &[outputs])?))
    }

    fn linear(&self, name: &str, outputs: usize, inputs: usize) -> Result<Linear, VoiceError> {
        let (weights, bias) = self.affine(name, outputs, inputs)?;
        Ok(Linear::new(&weights, &bias))
    }
}
