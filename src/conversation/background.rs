//! The background model: which features are counted, how usual they are, into which few dimensions they are
//! projected, how much people differ there, and what a score is worth.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::conversation::ConversationError;
use crate::conversation::features::{Counts, Feature, Habit, Unit};
use crate::conversation::limits::{MAX_BACKGROUND_BYTES, MAX_COHORT, MAX_DIM, MAX_FAMILY_VALUES};
use crate::conversation::profile::Style;
use crate::domain::LicenseClass;
use crate::scoring::logistic::Logistic;
use crate::scoring::plda::Plda;

/// A standardized feature is cut here: one rare mark must not decide alone.
pub(super) const CUT: f32 = 4.0;

/// The background that ships, as JSON; its card is `models/behavior-text/CARD.md`.
const BUILT_IN: &str = include_str!("../../models/behavior-text/background.json");

/// What a background was fitted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trained {
    /// Where the texts come from.
    pub data: String,
    /// People.
    pub authors: usize,
    /// Of them, people with texts of several days: their texts calibrate.
    pub calibration_authors: usize,
    /// Words, blank-separated.
    pub words: u64,
}

/// Fewest and most words of a side that the calibration has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordRange {
    /// Fewest.
    pub least: u32,
    /// Most; more count as these.
    pub most: u32,
}

/// A background model. Made by [`Background::train`](crate::conversation::train) or read from JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    pub(super) id: String,
    pub(super) license: LicenseClass,
    pub(super) trained: Trained,
    /// By hash, rising.
    pub(super) features: Vec<Standard>,
    /// `features.len() × dim`, row-major, in units of `dim_scale`.
    pub(super) codes: Vec<i8>,
    pub(super) dim_scale: Vec<f32>,
    /// `Habit::ALL.len() × dim`: projected mean of each family.
    pub(super) offset: Vec<f32>,
    /// Variances between people; holds no projection.
    pub(super) model: Plda,
    /// People of the background in projected space, `dim` values each.
    pub(super) cohort: Vec<f64>,
    pub(super) calibration: Logistic,
    pub(super) profile_words: WordRange,
    pub(super) probe_words: WordRange,
    pub(super) version: String,
}

/// A feature with its usual rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Standard {
    pub(super) feature: Feature,
    /// Mean of the square root of its rate.
    pub(super) mean: f32,
    /// Weight over standard deviation.
    pub(super) scale: f32,
    /// Weight of the unit shared among its features; the cut is in units of it.
    pub(super) weight: f32,
}

impl Standard {
    /// Its standardized value in a stretch of text.
    pub(super) fn value(&self, counts: &Counts) -> f32 {
        let count = counts.by_hash.get(&self.feature.hash).map_or(0, |(count, _)| *count);
        let total = counts.totals.get(self.feature.unit as usize).copied().unwrap_or(0);
        let rate = (count as f32 / (total as f32 + 1.0)).sqrt();
        let cut = CUT * self.weight;
        ((rate - self.mean) * self.scale).clamp(-cut, cut)
    }
}

impl Background {
    /// The background that ships, licence class `open`.
    ///
    /// # Errors
    /// Never: a test reads it.
    pub fn built_in() -> Result<Self, ConversationError> {
        Self::from_json(BUILT_IN)
    }

    /// Its id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its licence class.
    pub fn license(&self) -> LicenseClass {
        self.license
    }

    /// What it was fitted on.
    pub fn trained(&self) -> &Trained {
        &self.trained
    }

    /// Its name in styles: the id and a checksum of what decides about sums, so that a refit is another one.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The checksum in [`Self::version`].
    pub fn checksum(&self) -> u32 {
        let hex = self.version.rsplit_once('@').map_or("", |(_, hex)| hex);
        u32::from_str_radix(hex, 16).unwrap_or_default()
    }

    /// With [`Self::version`] filled in.
    pub(super) fn versioned(mut self) -> Self {
        let step = |h: u64, byte: u8| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        let mut h = self.codes.iter().fold(0xcbf2_9ce4_8422_2325, |h, c| step(h, *c as u8));
        for standard in &self.features {
            let bytes = standard.feature.hash.to_le_bytes();
            for byte in bytes.into_iter().chain(standard.mean.to_le_bytes()) {
                h = step(h, byte);
            }
        }
        let id: String = self.id.chars().take(64).collect();
        self.version = format!("{id}@{:08x}", (h ^ (h >> 32)) as u32);
        self
    }

    /// People of the background, in projected space.
    pub(super) fn cohort(&self) -> impl Iterator<Item = &[f64]> {
        self.cohort.chunks_exact(self.dim().max(1))
    }

    /// Dimensions that texts are compared in.
    pub fn dim(&self) -> usize {
        self.dim_scale.len()
    }

    /// Adds a stretch of text to a style.
    pub(super) fn add(&self, counts: &Counts, style: &mut Style) {
        let dim = self.dim();
        let weight = f64::from(counts.words) / f64::from(super::profile::CHUNK_WORDS);
        style.words = style.words.saturating_add(counts.words);
        let projected = self.project(counts);
        debug_assert_eq!(style.sums.len(), Habit::ALL.len() * dim);
        for (sum, value) in style.sums.iter_mut().zip(projected) {
            *sum += weight * value;
        }
    }

    /// Projected features of each family, `Habit::ALL.len() × dim`, less their mean.
    fn project(&self, counts: &Counts) -> Vec<f64> {
        let dim = self.dim();
        let mut out: Vec<f64> = self.offset.iter().map(|x| -f64::from(*x)).collect();
        for (standard, codes) in self.features.iter().zip(self.codes.chunks_exact(dim.max(1))) {
            let value = standard.value(counts);
            let start = standard.feature.habit.index() * dim;
            let row = out.get_mut(start..start + dim).unwrap_or_default();
            for ((x, code), scale) in row.iter_mut().zip(codes).zip(&self.dim_scale) {
                *x += f64::from(value * f32::from(*code) * scale);
            }
        }
        out
    }

    /// Its JSON, numbers as base64.
    ///
    /// # Errors
    /// Never for a background that was trained or read.
    pub fn to_json(&self) -> Result<String, ConversationError> {
        let f32s = |f: &dyn Fn(&Standard) -> f32| {
            STANDARD
                .encode(self.features.iter().flat_map(|s| f(s).to_le_bytes()).collect::<Vec<_>>())
        };
        let file = File {
            format: FORMAT.to_owned(),
            id: self.id.clone(),
            license: self.license,
            trained: self.trained.clone(),
            hashes: STANDARD.encode(
                self.features.iter().flat_map(|s| s.feature.hash.to_le_bytes()).collect::<Vec<_>>(),
            ),
            kinds: STANDARD.encode(
                self.features
                    .iter()
                    .map(|s| ((s.feature.unit as u8) << 4) | s.feature.habit as u8)
                    .collect::<Vec<_>>(),
            ),
            mean: f32s(&|s| s.mean),
            scale: f32s(&|s| s.scale),
            codes: STANDARD.encode(self.codes.iter().map(|c| *c as u8).collect::<Vec<_>>()),
            dim_scale: self.dim_scale.clone(),
            offset: self.offset.clone(),
            between: self.model.between.clone(),
            cohort: STANDARD.encode(
                self.cohort.iter().flat_map(|x| (*x as f32).to_le_bytes()).collect::<Vec<_>>(),
            ),
            calibration: self.calibration.clone(),
            profile_words: self.profile_words,
            probe_words: self.probe_words,
        };
        serde_json::to_string_pretty(&file).map_err(|e| unusable(e.to_string()))
    }

    /// Reads [`Self::to_json`].
    ///
    /// # Errors
    /// More than [`MAX_BACKGROUND_BYTES`], and what is not a background.
    pub fn from_json(json: &str) -> Result<Self, ConversationError> {
        let (limit, got) = (MAX_BACKGROUND_BYTES, json.len());
        if got > limit {
            let (what, unit) = ("a background", "bytes");
            return Err(ConversationError::TooMuch { what, unit, limit, got });
        }
        let file: File = serde_json::from_str(json).map_err(|e| unusable(e.to_string()))?;
        file.checked()
    }
}

const FORMAT: &str = "vouch-text-background-1";

fn unusable(why: impl Into<String>) -> ConversationError {
    ConversationError::Artifact { what: "background", why: why.into() }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    id: String,
    license: LicenseClass,
    trained: Trained,
    hashes: String,
    kinds: String,
    mean: String,
    scale: String,
    codes: String,
    dim_scale: Vec<f32>,
    offset: Vec<f32>,
    between: Vec<f32>,
    cohort: String,
    calibration: Logistic,
    profile_words: WordRange,
    probe_words: WordRange,
}

impl File {
    fn checked(self) -> Result<Background, ConversationError> {
        if self.format != FORMAT {
            return Err(unusable(format!("format is not {FORMAT}")));
        }
        let numbers = self.numbers()?;
        self.check(&numbers)?;
        let Numbers { hashes, kinds, mean, scale, codes, cohort } = numbers;
        let mut features = Vec::with_capacity(hashes.len());
        for (((hash, kind), mean), scale) in hashes.into_iter().zip(kinds).zip(mean).zip(scale) {
            let (unit, habit) = kind_of(kind).ok_or(unusable("a feature of no kind"))?;
            let feature = Feature { hash, unit, habit };
            features.push(Standard { feature, mean, scale, weight: 0.0 });
        }
        share_weights(&mut features);
        Ok(Background {
            id: self.id,
            license: self.license,
            trained: self.trained,
            features,
            codes,
            dim_scale: self.dim_scale,
            offset: self.offset,
            model: Plda { mean: Vec::new(), projection: Vec::new(), between: self.between },
            cohort: cohort.into_iter().map(f64::from).collect(),
            calibration: self.calibration,
            profile_words: self.profile_words,
            probe_words: self.probe_words,
            version: String::new(),
        }
        .versioned())
    }

    fn numbers(&self) -> Result<Numbers, ConversationError> {
        let bytes = |text: &str| STANDARD.decode(text).map_err(|e| unusable(e.to_string()));
        let floats = |text: &str| -> Result<Vec<f32>, ConversationError> {
            let bytes = bytes(text)?;
            Ok(bytes.as_chunks::<4>().0.iter().map(|w| f32::from_le_bytes(*w)).collect())
        };
        let hashes = bytes(&self.hashes)?;
        Ok(Numbers {
            hashes: hashes.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect(),
            kinds: bytes(&self.kinds)?,
            mean: floats(&self.mean)?,
            scale: floats(&self.scale)?,
            codes: bytes(&self.codes)?.into_iter().map(|b| b as i8).collect(),
            cohort: floats(&self.cohort)?,
        })
    }

    fn check(&self, numbers: &Numbers) -> Result<(), ConversationError> {
        let (n, dim) = (numbers.hashes.len(), self.dim_scale.len());
        let shapes = numbers.kinds.len() == n
            && numbers.mean.len() == n
            && numbers.scale.len() == n
            && n <= MAX_FAMILY_VALUES
            && (1..=MAX_DIM).contains(&dim)
            && numbers.codes.len() == n * dim
            && self.offset.len() == Habit::ALL.len() * dim
            && self.between.len() == dim
            && numbers.cohort.len().is_multiple_of(dim)
            && numbers.cohort.len() / dim <= MAX_COHORT;
        if !shapes {
            return Err(unusable("lengths do not fit together"));
        }
        let parts = [
            &numbers.mean,
            &numbers.scale,
            &numbers.cohort,
            &self.dim_scale,
            &self.offset,
            &self.between,
        ];
        let finite = parts.iter().all(|part| part.iter().all(|x| x.is_finite()));
        if !finite || self.between.iter().any(|b| *b < 0.0) {
            return Err(unusable("a number is not finite, or a variance negative"));
        }
        if !numbers.hashes.windows(2).all(|w| w[0] < w[1]) {
            return Err(unusable("the features are not in order"));
        }
        self.calibration.check()?;
        if self.calibration.weights.len() != super::compare::CALIBRATION_VALUES {
            return Err(unusable("the calibration takes other values"));
        }
        let ranges = [self.profile_words, self.probe_words];
        if ranges.iter().any(|r| r.least == 0 || r.least > r.most) {
            return Err(unusable("a range of words is empty"));
        }
        Ok(())
    }
}

/// What stands as base64 in the file.
struct Numbers {
    hashes: Vec<u32>,
    kinds: Vec<u8>,
    mean: Vec<f32>,
    scale: Vec<f32>,
    codes: Vec<i8>,
    cohort: Vec<f32>,
}

fn kind_of(byte: u8) -> Option<(Unit, Habit)> {
    Some((*Unit::ALL.get(usize::from(byte >> 4))?, *Habit::ALL.get(usize::from(byte & 15))?))
}

/// Gives each feature its share of the weight of its unit.
pub(super) fn share_weights(features: &mut [Standard]) {
    let mut counts = [0usize; Unit::COUNT];
    for standard in features.iter() {
        counts[standard.feature.unit as usize] += 1;
    }
    for standard in features {
        let unit = standard.feature.unit;
        standard.weight = (unit.weight() / counts[unit as usize].max(1) as f32).sqrt();
    }
}
