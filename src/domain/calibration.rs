//! A tenant's own calibration, fitted to what became of its decisions.

use crate::domain::{ArtifactRef, Llr, Timestamp};

/// Least [`TenantCalibration::scale`] that may be put in force.
pub const MIN_SCALE: f64 = 0.1;
/// Most.
pub const MAX_SCALE: f64 = 10.0;
/// Largest magnitude of [`TenantCalibration::shift`] that may be put in force, in nats.
pub const MAX_SHIFT: f64 = 20.0;

/// Corrects the LLRs of the calibration that ships with a back-end: `llr' = scale · llr + shift`. Two numbers, because
/// confirmed frauds are few; what net speech and channel do to a score stays as fitted on many people.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantCalibration {
    /// The voice model.
    pub model: ArtifactRef,
    /// The back-end with the calibration that is corrected, as `campplus-open-b1@1`.
    pub base: ArtifactRef,
    /// Its own version: above that of the base and of those before it.
    pub version: u32,
    /// Factor, positive.
    pub scale: f64,
    /// Nats.
    pub shift: f64,
    /// Decisions confirmed as genuine that it was fitted on.
    pub genuine: u32,
    /// Decisions confirmed as fraud.
    pub fraud: u32,
    /// Subjects behind them.
    pub subjects: u32,
    /// When.
    pub fitted_at: Timestamp,
}

impl TenantCalibration {
    /// A corrected LLR.
    pub fn corrected(&self, base: Llr) -> Llr {
        Llr(self.scale * base.0 + self.shift)
    }

    /// The LLR before it was corrected.
    pub fn base_of(&self, corrected: Llr) -> Llr {
        Llr((corrected.0 - self.shift) / self.scale)
    }

    /// What makes it unfit to be put in force, if anything does.
    pub fn unfit(&self) -> Option<String> {
        if !(MIN_SCALE..=MAX_SCALE).contains(&self.scale) {
            let got = self.scale;
            return Some(format!("its scale must lie in {MIN_SCALE} to {MAX_SCALE}, got {got}"));
        }
        if self.shift.is_nan() || self.shift.abs() > MAX_SHIFT {
            return Some(format!("its shift must be at most {MAX_SHIFT} nats, got {}", self.shift));
        }
        let least = self.base.version;
        (self.version <= least)
            .then(|| format!("its version must be above {least}, got {}", self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_correction_can_be_undone_and_is_bounded() {
        let fit = TenantCalibration {
            model: ArtifactRef::new("m", 1),
            base: ArtifactRef::new("m-b1", 2),
            version: 3,
            scale: 0.5,
            shift: -1.0,
            genuine: 30,
            fraud: 30,
            subjects: 20,
            fitted_at: Timestamp::from_unix_ms(0),
        };
        let llr = Llr(4.25);
        assert_eq!(fit.corrected(llr), Llr(1.125));
        assert_eq!(fit.base_of(fit.corrected(llr)), llr);
        assert_eq!(fit.unfit(), None);
        for scale in [0.0, -1.0, 11.0, f64::NAN] {
            assert!(TenantCalibration { scale, ..fit.clone() }.unfit().is_some(), "{scale}");
        }
        for shift in [21.0, -21.0, f64::NAN, f64::INFINITY] {
            assert!(TenantCalibration { shift, ..fit.clone() }.unfit().is_some(), "{shift}");
        }
        assert!(TenantCalibration { version: 2, ..fit }.unfit().is_some());
    }
}
