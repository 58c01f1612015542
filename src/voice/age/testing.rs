//! Small heads for tests: random ones, and ones that read an age off the first value.

use std::borrow::Cow;

use safetensors::serialize;
use safetensors::tensor::{Dtype, View};

use super::AgeHead;
use crate::domain::{ArtifactRef, LicenseClass};

/// A tensor by its values.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl View for &Raw {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }
    fn data_len(&self) -> usize {
        self.values.len() * 4
    }
}

/// Named tensors of a head.
pub(crate) type Named = Vec<(&'static str, Raw)>;

pub(crate) fn raw(values: Vec<f32>, shape: &[usize]) -> Raw {
    Raw { shape: shape.to_vec(), values }
}

/// Edges that every test head has.
pub(crate) const EDGES: [f32; 6] = [0.0, 18.0, 40.0, 65.0, 80.0, 100.0];

/// Numbers that look random and are the same everywhere.
fn wave(n: usize, scale: f32, phase: f32) -> Vec<f32> {
    (0..n).map(|i| scale * (i as f32 * 1.7 + (i * i % 13) as f32 * 0.9 + phase).sin()).collect()
}

/// A head without meaning: `dim` values, 7 hidden units, 5 bins.
pub(crate) fn random(dim: usize) -> Named {
    let (hidden, bins) = (7, EDGES.len() - 1);
    vec![
        ("mean_wide", raw(wave(dim, 0.05, 0.3), &[dim])),
        ("mean_narrow", raw(wave(dim, 0.05, 1.1), &[dim])),
        ("edges", raw(EDGES.to_vec(), &[bins + 1])),
        ("hidden.weight", raw(wave(hidden * (dim + 2), 0.4, 0.7), &[hidden, dim + 2])),
        ("hidden.bias", raw(wave(hidden, 0.2, 0.1), &[hidden])),
        ("output.weight", raw(wave(bins * hidden, 0.6, 2.0), &[bins, hidden])),
        ("output.bias", raw(wave(bins, 0.3, 0.5), &[bins])),
        ("temperature", raw(vec![0.4, -0.2, 0.3], &[3])),
    ]
}

/// A head that always answers this bin of [`EDGES`], as surely as `logit` says, whatever it hears.
pub(crate) fn always(dim: usize, bin: usize, logit: f32) -> Named {
    let mut tensors = random(dim);
    for (name, tensor) in &mut tensors {
        match *name {
            "output.weight" | "temperature" => tensor.values.fill(0.0),
            "output.bias" => {
                tensor.values.fill(0.0);
                tensor.values[bin] = logit;
            }
            _ => {}
        }
    }
    tensors
}

pub(crate) fn bytes(tensors: &Named) -> Vec<u8> {
    serialize(tensors.iter().map(|(name, tensor)| (*name, tensor)), None).unwrap()
}

pub(crate) fn manifest(model: &ArtifactRef, class: LicenseClass) -> String {
    let class = match class {
        LicenseClass::Open => "open",
        LicenseClass::Research => "research",
    };
    format!(
        "id = \"test-age-{class}\"\nversion = 2\nlicense = \"{class}\"\ndata = [\"nobody\"]\n\
         [model]\nid = \"{}\"\nversion = {}\n",
        model.id, model.version
    )
}

pub(crate) fn head(tensors: &Named, model: &ArtifactRef, class: LicenseClass) -> AgeHead {
    AgeHead::from_files(&manifest(model, class), &bytes(tensors)).unwrap()
}
