//! A back-end as files: `backend.toml` (what it is), `backend.safetensors` (its numbers) and
//! `calibration.json`. Reading and writing of bytes only; the files are the caller's.

use std::borrow::Cow;

use safetensors::tensor::{Dtype, TensorView, View};
use safetensors::{SafeTensors, serialize};

use crate::scoring::plda::Plda;
use crate::scoring::{BackEnd, BackEndInfo, BackEndParts, Calibration, ScoringError, Uncertainty};

/// File that says what a back-end is.
pub const MANIFEST_FILE: &str = "backend.toml";
/// File with its numbers.
pub const TENSORS_FILE: &str = "backend.safetensors";
/// File with its calibration.
pub const CALIBRATION_FILE: &str = "calibration.json";

/// Largest magnitude of an 8-bit code.
const CODE_MAX: f32 = 127.0;

/// Largest tensor file that is read, in bytes.
pub const MAX_TENSORS_BYTES: usize = 16 * 1024 * 1024;

fn unusable(why: impl std::fmt::Display) -> ScoringError {
    ScoringError::Artifact(why.to_string())
}

impl BackEnd {
    /// Reads a back-end from the contents of its three files.
    pub fn from_files(
        manifest_toml: &str,
        tensors: &[u8],
        calibration_json: &str,
    ) -> Result<Self, ScoringError> {
        let info: BackEndInfo = toml::from_str(manifest_toml)
            .map_err(|why| unusable(format!("{why}(of an earlier version? then fit it again)")))?;
        let calibration = Calibration::from_json(calibration_json)?;
        Self::new(info, BackEndParts::from_bytes(tensors)?, calibration)
    }
}

impl BackEndInfo {
    /// The content of [`MANIFEST_FILE`].
    pub fn to_toml(&self) -> Result<String, ScoringError> {
        toml::to_string(self).map_err(unusable)
    }
}

struct Plain {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for &Plain {
    fn dtype(&self) -> Dtype {
        self.dtype
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }
    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

fn floats(values: &[f32], shape: Vec<usize>) -> Plain {
    Plain { dtype: Dtype::F32, shape, bytes: values.iter().flat_map(|x| x.to_le_bytes()).collect() }
}

/// Rows in 8 bits, and the scale of each.
fn coded(rows: &[f32], dim: usize) -> (Plain, Plain) {
    let (mut scales, mut bytes) = (Vec::new(), Vec::with_capacity(rows.len()));
    for row in rows.chunks_exact(dim.max(1)) {
        let largest = row.iter().fold(0f32, |a, x| a.max(x.abs()));
        let scale = largest.max(f32::MIN_POSITIVE) / CODE_MAX;
        scales.push(scale);
        bytes.extend(row.iter().map(|x| ((x / scale).round() as i8).to_le_bytes()[0]));
    }
    let shape = vec![scales.len(), dim];
    let scales = floats(&scales, vec![scales.len()]);
    (Plain { dtype: Dtype::I8, shape, bytes }, scales)
}

fn decoded(codes: &TensorView<'_>, scales: &[f32]) -> Result<Vec<f32>, ScoringError> {
    let dim = match codes.shape() {
        [rows, dim] if *rows == scales.len() && *dim > 0 => *dim,
        shape => return Err(unusable(format!("cohort of shape {shape:?}"))),
    };
    if codes.dtype() != Dtype::I8 {
        return Err(unusable("the cohort is not coded in 8 bits"));
    }
    let rows = codes.data().chunks_exact(dim).zip(scales);
    let decode = |code: &u8, scale: f32| f32::from(i8::from_le_bytes([*code])) * scale;
    Ok(rows.flat_map(|(row, scale)| row.iter().map(move |code| decode(code, *scale))).collect())
}

impl BackEndParts {
    /// The content of [`TENSORS_FILE`]. The cohort is coded in 8 bits with one scale a speaker, so
    /// what is read back differs from it by up to 1/254 of the largest value of each vector.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ScoringError> {
        let (input, dim) = (self.mean_wide.len(), self.plda.dim());
        let Uncertainty { constant, per_second, telephone } = self.uncertainty;
        let uncertainty = [constant, per_second, telephone].map(|x| x as f32);
        let (codes, scales) = coded(&self.cohort, dim);
        let tensors = [
            ("cohort", codes),
            ("cohort_scale", scales),
            ("mean_wide", floats(&self.mean_wide, vec![input])),
            ("mean_narrow", floats(&self.mean_narrow, vec![input])),
            ("projection", floats(&self.projection, vec![input, input])),
            ("people.mean", floats(&self.plda.mean, vec![input])),
            ("people.projection", floats(&self.plda.projection, vec![dim, input])),
            ("people.between", floats(&self.plda.between, vec![dim])),
            ("uncertainty", floats(&uncertainty, vec![uncertainty.len()])),
        ];
        let views = tensors.iter().map(|(name, tensor)| (*name, tensor));
        serialize(views, None).map_err(unusable)
    }

    /// Reads [`TENSORS_FILE`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ScoringError> {
        if bytes.len() > MAX_TENSORS_BYTES {
            let got = bytes.len();
            return Err(unusable(format!(
                "at most {MAX_TENSORS_BYTES} bytes of numbers, got {got}"
            )));
        }
        let file = SafeTensors::deserialize(bytes).map_err(unusable)?;
        let named = |name: &str| match file.tensor(name) {
            Ok(tensor) => read_floats(&tensor),
            Err(why) => Err(unusable(format!("{name}: {why}; fit the back-end again"))),
        };
        let [constant, per_second, telephone] = named("uncertainty")?[..] else {
            return Err(unusable("the uncertainty has not three weights"));
        };
        Ok(Self {
            mean_wide: named("mean_wide")?,
            mean_narrow: named("mean_narrow")?,
            projection: named("projection")?,
            plda: Plda {
                mean: named("people.mean")?,
                projection: named("people.projection")?,
                between: named("people.between")?,
            },
            uncertainty: Uncertainty {
                constant: f64::from(constant),
                per_second: f64::from(per_second),
                telephone: f64::from(telephone),
            },
            cohort: decoded(&file.tensor("cohort").map_err(unusable)?, &named("cohort_scale")?)?,
        })
    }
}

fn read_floats(tensor: &TensorView<'_>) -> Result<Vec<f32>, ScoringError> {
    if tensor.dtype() != Dtype::F32 {
        return Err(unusable(format!("{:?} where F32 is due", tensor.dtype())));
    }
    let (words, _) = tensor.data().as_chunks::<4>();
    Ok(words.iter().map(|w| f32::from_le_bytes(*w)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RawScore;
    use crate::scoring::backend::testing::back_end;

    #[test]
    fn a_back_end_survives_its_files() {
        let before = back_end();
        let manifest = before.info().to_toml().unwrap();
        let tensors = before.parts().to_bytes().unwrap();
        let calibration = before.calibration().to_json().unwrap();
        let after = BackEnd::from_files(&manifest, &tensors, &calibration).unwrap();
        assert_eq!(after.info(), before.info());
        let at = [(-3.0, 500), (0.0, 3_000), (9.0, 50_000)];
        for (raw, ms) in at {
            let conditions =
                crate::scoring::Conditions { net_speech_ms: [ms, 8_000], narrow_share: [0.0, 1.0] };
            let llr = |b: &BackEnd| b.calibration().llr(RawScore(raw), &conditions).0;
            assert!((llr(&after) - llr(&before)).abs() < 1e-12);
        }
        let pairs = after.parts().cohort.iter().zip(&before.parts().cohort);
        for (a, b) in pairs {
            assert!((a - b).abs() < 0.01, "{a} {b}");
        }
        let rest = |b: &BackEnd| BackEndParts { cohort: Vec::new(), ..b.parts().clone() };
        assert!(rest(&after) == rest(&before));
    }

    #[test]
    fn broken_files_are_refused() {
        let good = back_end();
        let tensors = good.parts().to_bytes().unwrap();
        for end in [0, 7, 8, 40, tensors.len() - 1] {
            assert!(BackEndParts::from_bytes(&tensors[..end]).is_err(), "{end}");
        }
        let earlier = [("mean_wide", floats(&[0.5], vec![1]))];
        let earlier = serialize(earlier.iter().map(|(name, x)| (*name, x)), None).unwrap();
        let error = BackEndParts::from_bytes(&earlier).err().unwrap().to_string();
        assert!(error.contains("uncertainty") && error.contains("again"), "{error}");
        let manifest = good.info().to_toml().unwrap();
        let calibration = good.calibration().to_json().unwrap();
        assert!(BackEnd::from_files("id = 1", &tensors, &calibration).is_err());
        assert!(BackEnd::from_files(&manifest, &tensors, "{}").is_err());
        let falling = calibration.replacen("\"slope\": [\n    ", "\"slope\": [\n    -", 1);
        assert_ne!(falling, calibration);
        assert!(BackEnd::from_files(&manifest, &tensors, &falling).is_err());
    }
}
