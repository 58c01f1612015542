//! The back-ends that ship with the program.

use crate::scoring::{BackEnd, Calibration, ScoringError};

/// The back-end for CAM++ embeddings, licence class `open`; see `models/campplus/CARD.md`.
pub fn campplus() -> Result<BackEnd, ScoringError> {
    BackEnd::from_files(
        include_str!("../../models/campplus/backend.toml"),
        include_bytes!("../../models/campplus/backend.safetensors"),
        include_str!("../../models/campplus/calibration.json"),
    )
}

/// The calibration of the plain cosine of CAM++ embeddings.
pub fn campplus_plain() -> Result<Calibration, ScoringError> {
    Calibration::from_json(include_str!("../../models/campplus/calibration-plain.json"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Bandwidth, LicenseClass};
    use crate::scoring::UtteranceView;

    #[test]
    fn the_shipped_back_end_loads_and_scores() {
        let back_end = campplus().unwrap();
        assert_eq!(back_end.info().license, LicenseClass::Open);
        assert_eq!(back_end.info().model.id, "campplus");
        assert_eq!((back_end.input_dim(), back_end.dim()), (192, 192));
        assert!(campplus_plain().is_ok());
        let e: Vec<f32> = (0..192).map(|i| (i as f32 * 0.37).sin()).collect();
        let f: Vec<f32> = (0..192).map(|i| (i as f32 * 0.91).cos()).collect();
        for bandwidth in [Bandwidth::Wide, Bandwidth::Narrow] {
            let side = |embedding| {
                let utterance = UtteranceView { embedding, bandwidth, net_speech_ms: 6_000 };
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
        let back_end = campplus().unwrap();
        let at = |n| back_end.identification_threshold(n, 0.01).unwrap();
        assert!(at(1).llr < at(10).llr && at(10).llr < at(100_000).llr);
        assert!(at(1).supported && !at(100_000).supported);
    }
}
