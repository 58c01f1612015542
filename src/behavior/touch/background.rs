//! What is known about people in general: a model for each kind of stroke with its calibration, and its file.

use serde::{Deserialize, Serialize};

use crate::behavior::touch::calibrate::{MAX_LLR, quality, widths};
use crate::behavior::touch::cohort::Cohort;
use crate::behavior::touch::features::DIM;
use crate::behavior::touch::kind::Kind;
use crate::behavior::touch::model::{GroupModel, KindModel, Scores};
use crate::behavior::touch::quantile::Quantiles;
use crate::behavior::{BehaviorError, Sample, SampleKind};
use crate::scoring::ScoringError;
use crate::scoring::logistic::Logistic;
use crate::scoring::plda::Plda;

/// Layout of the file and of rows.
const VERSION: u32 = 2;
/// Most strokes of a group's cohort.
const MAX_COHORT: usize = 8_192;

/// A model of a kind with its calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// The model.
    pub model: KindModel,
    /// From its scores and how many strokes they come from to an LLR.
    pub calibration: Logistic,
}

/// Background models of strokes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "File", into = "File")]
pub struct Background {
    /// One for each kind that there was enough to fit on.
    pub kinds: Vec<Calibrated>,
}

impl Background {
    /// The model of a kind.
    pub fn kind(&self, kind: Kind) -> Option<&Calibrated> {
        self.kinds.iter().find(|k| k.model.kind == kind)
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// Not JSON of this layout, or numbers that cannot have come from a fit.
    pub fn from_json(text: &str) -> Result<Self, BehaviorError> {
        serde_json::from_str(text).map_err(|e| BehaviorError::Background(e.to_string()))
    }

    /// Its file; numbers have five digits.
    ///
    /// # Errors
    /// None for a background that was checked.
    pub fn to_json(&self) -> Result<String, BehaviorError> {
        serde_json::to_string(self).map_err(|e| BehaviorError::Background(e.to_string()))
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Says what is wrong.
    pub fn check(&self) -> Result<(), BehaviorError> {
        self.kinds.iter().try_for_each(Calibrated::check)
    }
}

impl Calibrated {
    /// The LLR of scores against so many enrolled strokes, not cut.
    pub fn llr(&self, scores: &Scores, enrolled: usize) -> f64 {
        self.calibration.llr(&quality(scores, enrolled)).clamp(-4.0 * MAX_LLR, 4.0 * MAX_LLR)
    }

    fn check(&self) -> Result<(), BehaviorError> {
        let damaged = |what: &str| BehaviorError::Background(format!("{what} of touch is damaged"));
        let (model, d) = (&self.model, self.model.kind.values().len());
        self.calibration.check()?;
        model.plda.check()?;
        if model.plda.input() != d {
            return Err(ScoringError::Dimension { expected: d, got: model.plda.input() }.into());
        }
        let positive = |x: &f32| x.is_finite() && (0.0..1e3).contains(x);
        if model.weights.len() != d || !model.weights.iter().all(positive) {
            return Err(damaged("a weight"));
        }
        if !widths(model).contains(&self.calibration.mean.len()) {
            return Err(damaged("a calibration"));
        }
        let variance = |x: f64| x.is_finite() && (0.0..1e6).contains(&x);
        if !variance(model.session) || !variance(model.stroke) || model.stroke == 0.0 {
            return Err(damaged("a variance"));
        }
        if model.groups.len() != model.kind.groups() {
            return Err(damaged("a group"));
        }
        for group in &model.groups {
            group.quantiles.check(d)?;
            let good = group.mean.len() == d && group.mean.iter().all(|x| x.is_finite());
            if !good || group.cohort.person.len() > MAX_COHORT {
                return Err(damaged("a mean or a cohort"));
            }
        }
        Ok(())
    }
}

/// Refuses samples that are not rows of strokes.
pub(super) fn check_sample(sample: &Sample) -> Result<(), BehaviorError> {
    let why = if sample.kind != SampleKind::Touch {
        "not strokes"
    } else if sample.dim != DIM || !sample.rows.len().is_multiple_of(sample.dim) {
        "rows of another length"
    } else if !sample.rows.iter().all(|x| x.is_finite()) {
        "a number that is not finite"
    } else {
        return Ok(());
    };
    Err(BehaviorError::Sample { kind: SampleKind::Touch, why })
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    kinds: Vec<KindFile>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindFile {
    kind: Kind,
    groups: Vec<GroupFile>,
    plda: Plda,
    session: f64,
    stroke: f64,
    weights: Vec<f32>,
    calibration: Logistic,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupFile {
    quantiles: Quantiles,
    mean: Vec<f32>,
    cohort_person: Vec<u16>,
    /// Two hexadecimal digits a value.
    cohort: String,
}

impl From<Background> for File {
    fn from(background: Background) -> Self {
        let kinds = background.kinds.into_iter().map(|k| {
            let Calibrated { model, calibration: c } = k;
            let groups = model.groups.into_iter().map(|g| GroupFile {
                quantiles: Quantiles { knots: short(&g.quantiles.knots) },
                mean: short(&g.mean),
                cohort: g.cohort.codes.iter().map(|c| format!("{c:02x}")).collect(),
                cohort_person: g.cohort.person,
            });
            KindFile {
                kind: model.kind,
                groups: groups.collect(),
                plda: Plda {
                    mean: short(&model.plda.mean),
                    projection: short(&model.plda.projection),
                    between: short(&model.plda.between),
                },
                session: digits(model.session),
                stroke: digits(model.stroke),
                weights: short(&model.weights),
                calibration: Logistic {
                    mean: c.mean.into_iter().map(digits).collect(),
                    scale: c.scale.into_iter().map(digits).collect(),
                    weights: c.weights.into_iter().map(digits).collect(),
                    bias: digits(c.bias),
                },
            }
        });
        Self { version: VERSION, kinds: kinds.collect() }
    }
}

impl TryFrom<File> for Background {
    type Error = BehaviorError;

    fn try_from(file: File) -> Result<Self, BehaviorError> {
        if file.version != VERSION {
            return Err(BehaviorError::Background(format!(
                "touch: version {VERSION} is read, got {}",
                file.version
            )));
        }
        let kinds = file.kinds.into_iter().map(kind_of);
        let background = Self { kinds: kinds.collect::<Result<_, _>>()? };
        background.check()?;
        Ok(background)
    }
}

fn kind_of(file: KindFile) -> Result<Calibrated, BehaviorError> {
    let mut groups = Vec::with_capacity(file.groups.len());
    for group in file.groups {
        let codes = hex_bytes(&group.cohort)
            .ok_or_else(|| BehaviorError::Background("a cohort is not hexadecimal".to_owned()))?;
        let mut cohort = Cohort::stored(group.cohort_person, codes);
        if cohort.person.len() > MAX_COHORT {
            let (limit, got) = (MAX_COHORT, cohort.person.len());
            return Err(BehaviorError::TooMuch { what: "a cohort", unit: "strokes", limit, got });
        }
        cohort.prepare(&file.weights)?;
        groups.push(GroupModel { quantiles: group.quantiles, mean: group.mean, cohort });
    }
    let model = KindModel {
        kind: file.kind,
        groups,
        plda: file.plda,
        session: file.session,
        stroke: file.stroke,
        weights: file.weights,
    };
    Ok(Calibrated { model, calibration: file.calibration })
}

fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let digit = |c: u8| (c as char).to_digit(16).map(|d| d as u8);
    pairs.iter().map(|[a, b]| Some(digit(*a)? << 4 | digit(*b)?)).collect()
}

fn short(values: &[f32]) -> Vec<f32> {
    values.iter().map(|x| digits(f64::from(*x)) as f32).collect()
}

/// Five significant digits.
fn digits(x: f64) -> f64 {
    format!("{x:.4e}").parse().unwrap_or(x)
}
