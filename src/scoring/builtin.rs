//! The back-ends that ship with the program.

use crate::scoring::{BackEnd, Calibration, ScoringError};

/// The files of a back-end, compiled in; `models/<id>/CARD.md` says what it was fitted on.
pub struct BuiltIn {
    /// Id of the model whose embeddings it takes.
    pub model: &'static str,
    manifest: &'static str,
    tensors: &'static [u8],
    calibration: &'static str,
    plain: &'static str,
}

/// The files in `models/<id>`.
macro_rules! files_of {
    ($id:literal) => {
        BuiltIn {
            model: $id,
            manifest: include_str!(concat!("../../models/", $id, "/backend.toml")),
            tensors: include_bytes!(concat!("../../models/", $id, "/backend.safetensors")),
            calibration: include_str!(concat!("../../models/", $id, "/calibration.json")),
            plain: include_str!(concat!("../../models/", $id, "/calibration-plain.json")),
        }
    };
}

/// Every back-end that ships, licence class `open`.
pub const ALL: [BuiltIn; 2] = [files_of!("mfcc-tdnn"), files_of!("campplus")];

/// The back-end of a model, if one ships.
pub fn find(model: &str) -> Option<&'static BuiltIn> {
    ALL.iter().find(|built_in| built_in.model == model)
}

impl BuiltIn {
    /// The back-end with its calibration.
    ///
    /// # Errors
    /// Never for the shipped files: a test reads them.
    pub fn back_end(&self) -> Result<BackEnd, ScoringError> {
        BackEnd::from_files(self.manifest, self.tensors, self.calibration)
    }

    /// The calibration of the plain cosine.
    ///
    /// # Errors
    /// Never for the shipped files: a test reads them.
    pub fn plain(&self) -> Result<Calibration, ScoringError> {
        Calibration::from_json(self.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bandwidth, LicenseClass};
    use crate::scoring::UtteranceView;

    #[test]
    fn the_shipped_back_ends_load_and_score() {
        for built_in in &ALL {
            let back_end = built_in.back_end().unwrap();
            assert_eq!(back_end.info().license, LicenseClass::Open);
            assert_eq!(back_end.info().model.id, built_in.model);
            assert_eq!(back_end.input_dim(), 192);
            assert!(built_in.plain().is_ok());
            scores(&back_end);
        }
        assert!(find("nobody").is_none());
    }

    fn scores(back_end: &BackEnd) {
        let e: Vec<f32> = (0..192).map(|i| (i as f32 * 0.37).sin()).collect();
        let f: Vec<f32> = (0..192).map(|i| (i as f32 * 0.91).cos()).collect();
        for bandwidth in [Bandwidth::Wide, Bandwidth::Narrow] {
            let side = |embedding| {
                let utterance =
                    UtteranceView { embedding, bandwidth, net_speech_ms: 6_000, telephone: None };
                back_end.side(&[utterance]).unwrap()
            };
            let (a, b) = (side(e.as_slice()), side(f.as_slice()));
            let same = back_end.llr(back_end.raw(&a, &a), &a, &a);
            let other = back_end.llr(back_end.raw(&a, &b), &a, &b);
            assert!(same.0 > 4.0 && other.0 < 0.0, "{same:?} {other:?}");
        }
    }

    #[test]
    fn thresholds_for_identification_rise_with_the_candidates() {
        let back_end = find("campplus").unwrap().back_end().unwrap();
        let at = |n| back_end.identification_threshold(n, 0.01).unwrap();
        assert!(at(1).llr < at(10).llr && at(10).llr < at(100_000).llr);
        assert!(at(1).supported && !at(100_000).supported);
    }
}
