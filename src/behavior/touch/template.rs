//! A person's strokes, compared with those of a probe.

use crate::behavior::event::Device;
use crate::behavior::touch::background::{Background, Calibrated, check_sample};
use crate::behavior::touch::calibrate::MAX_LLR;
use crate::behavior::touch::fallback::{self, Robust};
use crate::behavior::touch::habits;
use crate::behavior::touch::kind::{Kind, kind, mean_lean};
use crate::behavior::touch::model::{GroupSide, MIN_ENROLLED, strangeness};
use crate::behavior::{BehaviorError, Evidence, Habit, Sample, SampleKind};
use crate::domain::{Llr, RawScore};

/// Strokes of a probe from which the evidence is called enough.
pub const ENOUGH_PROBE: usize = 5;
/// Enrolled strokes from which the evidence is called enough.
pub const ENOUGH_ENROLLED: usize = 20;
/// Fewest enrolled strokes that the calibration was fitted on: below, an LLR shrinks with them.
const FITTED_ENROLLED: usize = 15;

/// What somebody enrolled, ready to be compared.
#[derive(Debug, Clone)]
pub struct Template<'b> {
    device: Device,
    /// Mean lean of the enrolled strokes towards words.
    lean: f64,
    strokes: usize,
    kinds: Vec<Enrolled<'b>>,
    robust: Vec<Robust>,
}

/// Enrolled strokes of a kind that the background knows and is fit for; others are compared by the fallback.
#[derive(Debug, Clone)]
struct Enrolled<'b> {
    known: &'b Calibrated,
    side: Vec<GroupSide>,
    strokes: usize,
}

/// A comparison before it is cut.
struct Compared {
    raw: f64,
    llr: f64,
    used: usize,
}

impl<'b> Template<'b> {
    /// Makes a profile of samples of one device class.
    ///
    /// # Errors
    /// No samples, samples of another kind or shape, or of several device classes.
    pub fn new(
        enrolled: &[Sample],
        background: Option<&'b Background>,
    ) -> Result<Self, BehaviorError> {
        let device = device_of(enrolled, None)?;
        let rows: Vec<&[f32]> = enrolled.iter().flat_map(Sample::iter).collect();
        let lean = mean_lean(rows.iter().copied());
        let sorted: Vec<(Kind, &[f32])> = rows.iter().map(|r| (kind(r, lean), *r)).collect();
        let kinds = background.map_or(&[][..], |b| &b.kinds).iter().filter_map(|known| {
            let own = of_kind(&sorted, known.model.kind);
            let side = known.model.side(&own, true);
            let strange = strangeness(&side, known.model.dim());
            // Few strokes are strange by chance.
            let allowed = known.model.kind.most_strange() + 1.0 / own.len().max(1) as f64;
            (own.len() >= MIN_ENROLLED && strange <= allowed).then_some(Enrolled {
                known,
                side,
                strokes: own.len(),
            })
        });
        let (kinds, robust) = (kinds.collect(), fallback::robust(&sorted));
        Ok(Self { device, lean, strokes: rows.len(), kinds, robust })
    }

    /// Enrolled strokes.
    pub fn strokes(&self) -> usize {
        self.strokes
    }

    /// Compares the strokes of all samples together. Strokes of a kind or direction that was not enrolled take no part.
    ///
    /// # Errors
    /// No samples, samples of another kind or shape, or of another device class; [`BehaviorError::TooFew`] where no stroke
    /// is of a kind and direction that was enrolled.
    pub fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        device_of(probe, Some(self.device))?;
        let rows: Vec<&[f32]> = probe.iter().flat_map(Sample::iter).collect();
        // Both sides say together whether strokes between the kinds are words.
        let company = (self.lean + mean_lean(rows.iter().copied())) / 2.0;
        let sorted: Vec<(Kind, &[f32])> = rows.iter().map(|r| (kind(r, company), *r)).collect();
        let mut habits = Vec::new();
        let mut compared = Compared { raw: 0.0, llr: 0.0, used: 0 };
        for kind in Kind::ALL {
            let own = of_kind(&sorted, kind);
            match self.kinds.iter().find(|k| k.known.model.kind == kind) {
                Some(enrolled) => enrolled.compare(&own, &mut compared, &mut habits),
                None => self.without(kind, &own, &mut compared),
            }
        }
        if compared.used == 0 {
            let what = "a probe: strokes of an enrolled kind and direction";
            return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
        }
        habits::strongest(&mut habits);
        let known = (self.strokes as f64 / FITTED_ENROLLED as f64).min(1.0);
        Ok(Evidence {
            raw: RawScore(compared.raw),
            llr: Llr(known * compared.llr.clamp(-MAX_LLR, MAX_LLR)),
            enough: compared.used >= ENOUGH_PROBE && self.strokes >= ENOUGH_ENROLLED,
            habits,
        })
    }

    fn without(&self, kind: Kind, probe: &[&[f32]], all: &mut Compared) {
        let found: Vec<f64> =
            probe.iter().filter_map(|r| fallback::deviation(&self.robust, kind, r)).collect();
        if !found.is_empty() {
            let mean = found.iter().sum::<f64>() / found.len() as f64;
            let llr = fallback::llr(kind, mean, found.len());
            all.raw += llr;
            all.llr += llr.clamp(-fallback::MAX_LLR, fallback::MAX_LLR);
            all.used += found.len();
        }
    }
}

impl Enrolled<'_> {
    fn compare(&self, probe: &[&[f32]], all: &mut Compared, habits: &mut Vec<Habit>) {
        let model = &self.known.model;
        let side = model.side(probe, false);
        let scores = model.scores(&self.side, &side);
        if scores.used > 0 {
            let llr = self.known.llr(&scores, self.strokes);
            habits.extend(habits::between(model, &self.side, &side, llr));
            all.raw += llr;
            all.llr += llr;
            all.used += scores.used;
        }
    }
}

fn of_kind<'a>(rows: &[(Kind, &'a [f32])], kind: Kind) -> Vec<&'a [f32]> {
    rows.iter().filter(|(k, _)| *k == kind).map(|(_, row)| *row).collect()
}

/// Checks samples and says which class of device they are of.
fn device_of(samples: &[Sample], expected: Option<Device>) -> Result<Device, BehaviorError> {
    let first = samples.first().ok_or(BehaviorError::TooFew {
        what: "samples of strokes",
        needed: 1,
        got: 0,
    })?;
    let device = expected.unwrap_or(first.device);
    for sample in samples {
        check_sample(sample)?;
        sample.check_like(SampleKind::Touch, device)?;
    }
    Ok(device)
}
