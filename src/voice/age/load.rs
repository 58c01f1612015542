//! Reading a head: `age.toml` says what it is, `age.safetensors` holds its numbers.

use std::collections::HashMap;

use candle_core::{DType, Device, Tensor};

use super::{AgeError, AgeHead, AgeHeadInfo, NET_SPEECH_S};
use crate::domain::{ADULT_YEARS, SENIOR_YEARS};

/// Largest file of numbers, in bytes.
pub const MAX_TENSORS_BYTES: usize = 16 * 1024 * 1024;
/// Most values of an embedding, and most hidden units.
const MAX_WIDTH: usize = 4_096;
/// Most bins.
const MAX_BINS: usize = 256;
/// Ages an edge may lie at, in years.
const AGE_RANGE: [f64; 2] = [0.0, 130.0];
/// Temperatures a head may come to, whatever it is given.
const TEMPERATURES: [f64; 2] = [1e-3, 1e3];

/// Every tensor of a head.
const NAMES: [&str; 8] = [
    "mean_wide",
    "mean_narrow",
    "edges",
    "hidden.weight",
    "hidden.bias",
    "output.weight",
    "output.bias",
    "temperature",
];

fn unusable(why: impl std::fmt::Display) -> AgeError {
    AgeError::Tensors(why.to_string())
}

struct Tensors(HashMap<String, Tensor>);

impl Tensors {
    fn read(bytes: &[u8]) -> Result<Self, AgeError> {
        if bytes.len() > MAX_TENSORS_BYTES {
            let got = bytes.len();
            return Err(unusable(format!("at most {MAX_TENSORS_BYTES} bytes, got {got}")));
        }
        let tensors = candle_core::safetensors::load_buffer(bytes, &Device::Cpu);
        let tensors = tensors.map_err(unusable)?;
        if let Some(name) = tensors.keys().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(unusable(format!("`{name}` is not known")));
        }
        Ok(Self(tensors))
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, AgeError> {
        let tensor = self.0.get(name);
        let tensor = tensor.ok_or_else(|| unusable(format!("`{name}` is missing")))?;
        Ok(tensor.dims().to_vec())
    }

    /// Length of a vector, 1 to `most`.
    fn length(&self, name: &str, most: usize) -> Result<usize, AgeError> {
        match self.shape(name)?.as_slice() {
            [n] if (1..=most).contains(n) => Ok(*n),
            shape => Err(unusable(format!("`{name}` has shape {shape:?}, due is [1 to {most}]"))),
        }
    }

    /// The finite values of a tensor, row-major.
    fn get(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, AgeError> {
        let got = self.shape(name)?;
        if got != shape {
            return Err(unusable(format!("`{name}` has shape {got:?}, due is {shape:?}")));
        }
        let tensor = &self.0[name];
        if !matches!(tensor.dtype(), DType::F32 | DType::F16) {
            let got = tensor.dtype();
            return Err(unusable(format!("`{name}` is {got:?}, due is F32 or F16")));
        }
        let flat = tensor.flatten_all().and_then(|t| t.to_dtype(DType::F32));
        let values = flat.and_then(|t| t.to_vec1::<f32>()).map_err(unusable)?;
        match values.iter().all(|x| x.is_finite()) {
            true => Ok(values),
            false => Err(unusable(format!("`{name}` holds NaN or infinity"))),
        }
    }
}

impl AgeHead {
    /// Reads a head from the contents of its two files.
    ///
    /// # Errors
    /// A manifest or numbers that are missing, unknown, out of shape or range. 18 and 65 must be edges.
    pub fn from_files(manifest_toml: &str, tensors: &[u8]) -> Result<Self, AgeError> {
        let info: AgeHeadInfo =
            toml::from_str(manifest_toml).map_err(|e| AgeError::Manifest(e.to_string()))?;
        if info.id.is_empty() || info.version == 0 {
            let problem = "needs an id and a version from 1".to_owned();
            return Err(AgeError::Manifest(problem));
        }
        let tensors = Tensors::read(tensors)?;
        let width = tensors.length("mean_wide", MAX_WIDTH)?;
        let hidden = tensors.length("hidden.bias", MAX_WIDTH)?;
        let bins = tensors.length("output.bias", MAX_BINS)?;
        let edges = tensors.get("edges", &[bins + 1])?.into_iter().map(f64::from).collect();
        let head = Self {
            info,
            mean_wide: tensors.get("mean_wide", &[width])?,
            mean_narrow: tensors.get("mean_narrow", &[width])?,
            edges: checked_edges(edges)?,
            hidden_weight: tensors.get("hidden.weight", &[hidden, width + 2])?,
            hidden_bias: tensors.get("hidden.bias", &[hidden])?,
            output_weight: tensors.get("output.weight", &[bins, hidden])?,
            output_bias: tensors.get("output.bias", &[bins])?,
            temperature: checked_temperature(&tensors.get("temperature", &[3])?)?,
        };
        Ok(head)
    }
}

fn checked_edges(edges: Vec<f64>) -> Result<Vec<f64>, AgeError> {
    let [least, most] = AGE_RANGE;
    if edges.iter().any(|e| !(least..=most).contains(e)) {
        return Err(unusable(format!("an edge is not within {least} to {most} years")));
    }
    if edges.windows(2).any(|pair| pair[0] >= pair[1]) {
        return Err(unusable("the edges do not rise"));
    }
    for limit in [ADULT_YEARS, SENIOR_YEARS] {
        if !edges.contains(&limit) {
            return Err(unusable(format!("{limit} is not among the edges")));
        }
    }
    Ok(edges)
}

/// The logarithm is linear, so the ends of its inputs bound it.
fn checked_temperature(values: &[f32]) -> Result<[f64; 3], AgeError> {
    let &[constant, speech, narrow] = values else {
        return Err(unusable("`temperature` does not have 3 values"));
    };
    let values = [constant, speech, narrow].map(f64::from);
    let [least, most] = TEMPERATURES;
    for seconds in NET_SPEECH_S {
        for narrow in [0.0, 1.0] {
            let t = (values[0] + values[1] * seconds.ln() + values[2] * narrow).exp();
            if !(least..=most).contains(&t) {
                let problem = format!("the temperature comes to {t}, not within {least} to {most}");
                return Err(unusable(problem));
            }
        }
    }
    Ok(values)
}
