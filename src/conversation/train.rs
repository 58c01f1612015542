//! Fits a background model: features that enough texts use, their principal components, linear discriminant
//! analysis with the two-covariance model on top, and a calibration on people that the model was not fitted on.

mod calibrate;
mod components;

use std::collections::BTreeMap;

use nalgebra::DMatrix;

use crate::conversation::ConversationError;
use crate::conversation::background::{Background, Standard, Trained, WordRange, share_weights};
use crate::conversation::features::{Counts, Feature, Habit};
use crate::conversation::limits::{MAX_DIM, MAX_FAMILY_VALUES};
use crate::conversation::message::Message;
use crate::conversation::profile::{CHUNK_WORDS, Stretches};
use crate::domain::LicenseClass;
use crate::scoring::logistic::Logistic;
use crate::scoring::plda::{Plda, PldaOptions, PldaSample};

/// Most stretches of a person that are looked at; people who write a lot must not be the model.
const MAX_STRETCHES: usize = 24;
/// Of them, most that features, components and covariances are fitted on.
const MAX_FITTED: usize = 12;

/// The texts of a person as counts.
#[derive(Debug, Clone)]
pub struct AuthorTexts {
    /// Stretches with the day they are of, days in order.
    stretches: Vec<(u32, Counts)>,
}

impl AuthorTexts {
    /// Counts the messages of a person, one list a day (or a session). Days after the first 24 stretches of about 100
    /// words are not looked at; stretches of fewer than 60 words are left out.
    pub fn new<'m, D>(days: impl IntoIterator<Item = D>) -> Self
    where
        D: IntoIterator<Item = &'m Message>,
    {
        let mut stretches: Vec<(u32, Counts)> = Vec::new();
        for (day, messages) in days.into_iter().enumerate() {
            let mut reader = Stretches::default();
            let mut own: Vec<Counts> =
                messages.into_iter().filter_map(|m| reader.push(m)).collect();
            own.extend(reader.rest());
            let long = own.into_iter().filter(|c| c.words >= CHUNK_WORDS * 3 / 5);
            stretches.extend(long.map(|c| (day as u32, c)));
            if stretches.len() >= MAX_STRETCHES {
                break;
            }
        }
        stretches.truncate(MAX_STRETCHES);
        Self { stretches }
    }

    /// Days with text.
    fn days(&self) -> usize {
        let mut days: Vec<u32> = self.stretches.iter().map(|(day, _)| *day).collect();
        days.dedup();
        days.len()
    }
}

/// A weight that cuts nothing: without cut, mean and scale a value is the bare rate.
const UNCUT: f32 = f32::MAX / 8.0;

/// Settings of a fit.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Id of the background.
    pub id: String,
    /// Licence class of what it is fitted on.
    pub license: LicenseClass,
    /// Where the texts come from, for the model's record.
    pub data: String,
    /// Principal components that the covariances are estimated in.
    pub components: usize,
    /// Most dimensions that texts are compared in.
    pub dim: usize,
    /// Share of stretches that must use a feature.
    pub least_share: f64,
    /// Most features.
    pub max_features: usize,
    /// Share of its own diagonal in the within-person covariance.
    pub shrinkage: f64,
}

impl TrainOptions {
    /// What measured best on the development authors of the card.
    pub fn new(id: &str, license: LicenseClass, data: &str) -> Self {
        Self {
            id: id.to_owned(),
            license,
            data: data.to_owned(),
            components: 80,
            dim: 64,
            least_share: 0.05,
            max_features: 4_600,
            shrinkage: 0.3,
        }
    }
}

impl Background {
    /// Fits a background. Deterministic.
    ///
    /// # Errors
    /// Fewer than 40 people, or than 20 with texts of several days; settings out of range; a fit that fails.
    pub fn train(
        authors: &[&AuthorTexts],
        options: &TrainOptions,
    ) -> Result<Self, ConversationError> {
        check(authors, options)?;
        let rows: Vec<(usize, u32, &Counts)> = authors
            .iter()
            .enumerate()
            .flat_map(|(person, a)| a.stretches.iter().map(move |(day, c)| (person, *day, c)))
            .collect();
        let fitted = fitted_rows(&rows);
        let fit_counts: Vec<&Counts> = fitted.iter().map(|i| rows[*i].2).collect();
        let mut features = select(&fit_counts, options);
        standardize(&mut features, &fit_counts);
        if features.len() < options.components {
            let (what, needed, got) = ("features", options.components, features.len());
            return Err(ConversationError::TooFew { what, needed, got });
        }
        let values = matrix(&features, &fit_counts);
        let components = components::principal(&values, options.components);
        drop(values);
        // What is not fitted on is projected all the same: the calibration uses it.
        let all: Vec<&Counts> = rows.iter().map(|r| r.2).collect();
        let coordinates = coordinates(&features, &all, &components);
        let samples = calibrate::Samples {
            rows: rows
                .iter()
                .zip(&coordinates)
                .map(|((person, day, counts), x)| calibrate::Row {
                    person: *person as u32,
                    day: *day,
                    words: counts.words,
                    x,
                })
                .collect(),
            fitted: &fitted,
        };
        let model = samples.fit(|_| true, options)?;
        let cohort = samples.cohort(|_| true, &model)?;
        let calibration = calibrate::calibrate(&samples, options)?;
        let words = rows.iter().map(|r| u64::from(r.2.words)).sum();
        let trained = Trained {
            data: options.data.clone(),
            authors: authors.len(),
            calibration_authors: authors.iter().filter(|a| a.days() > 1).count(),
            words,
        };
        let evidence = Fitted { model, cohort, calibration };
        Ok(assemble(features, &fit_counts, &components, evidence, trained, options))
    }
}

fn check(authors: &[&AuthorTexts], options: &TrainOptions) -> Result<(), ConversationError> {
    let several = authors.iter().filter(|a| a.days() > 1).count();
    for (what, needed, got) in
        [("people", 40, authors.len()), ("people with texts of several days", 20, several)]
    {
        if got < needed {
            return Err(ConversationError::TooFew { what, needed, got });
        }
    }
    for (what, limit, got) in [
        ("dimensions", MAX_DIM.min(options.components), options.dim),
        ("features", MAX_FAMILY_VALUES, options.max_features),
    ] {
        if got > limit || got == 0 {
            return Err(ConversationError::TooMuch { what, unit: "values", limit, got });
        }
    }
    Ok(())
}

/// Up to [`MAX_FITTED`] rows of each person, spread over all of theirs.
fn fitted_rows(rows: &[(usize, u32, &Counts)]) -> Vec<usize> {
    let mut by_person: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (i, row) in rows.iter().enumerate() {
        by_person.entry(row.0).or_default().push(i);
    }
    let spread = |own: Vec<usize>| {
        let take = own.len().min(MAX_FITTED);
        (0..take).map(move |k| own[k * own.len() / take])
    };
    by_person.into_values().flat_map(spread).collect()
}

/// Features used in enough stretches, most used first where there are too many; by hash.
fn select(counts: &[&Counts], options: &TrainOptions) -> Vec<Standard> {
    let mut used: BTreeMap<u32, (usize, Feature)> = BTreeMap::new();
    for counts in counts {
        for (hash, (_, feature)) in &counts.by_hash {
            used.entry(*hash).or_insert((0, *feature)).0 += 1;
        }
    }
    let least = (options.least_share * counts.len() as f64).max(2.0) as usize;
    let mut kept: Vec<(usize, Feature)> = used.into_values().filter(|u| u.0 > least).collect();
    kept.sort_by_key(|(count, feature)| (std::cmp::Reverse(*count), feature.hash));
    kept.truncate(options.max_features);
    kept.sort_by_key(|(_, feature)| feature.hash);
    let blank = |(_, feature)| Standard { feature, mean: 0.0, scale: 1.0, weight: UNCUT };
    kept.into_iter().map(blank).collect()
}

/// Mean and deviation of each feature, then its weight.
fn standardize(features: &mut [Standard], counts: &[&Counts]) {
    let n = counts.len().max(1) as f64;
    let mut scales = Vec::with_capacity(features.len());
    for standard in features.iter_mut() {
        let (mut sum, mut squares) = (0.0f64, 0.0f64);
        for counts in counts {
            let rate = f64::from(standard.value(counts));
            sum += rate;
            squares += rate * rate;
        }
        let mean = sum / n;
        standard.mean = mean as f32;
        scales.push((squares / n - mean * mean).max(1e-12).sqrt());
    }
    share_weights(features);
    for (standard, deviation) in features.iter_mut().zip(scales) {
        standard.scale = (f64::from(standard.weight) / deviation.max(1e-6)) as f32;
    }
}

fn matrix(features: &[Standard], counts: &[&Counts]) -> DMatrix<f32> {
    DMatrix::from_fn(counts.len(), features.len(), |i, j| features[j].value(counts[i]))
}

/// The principal components of each stretch.
fn coordinates(
    features: &[Standard],
    counts: &[&Counts],
    components: &DMatrix<f32>,
) -> Vec<Vec<f32>> {
    // In blocks: the values of all stretches at once would be the largest thing in memory.
    counts
        .chunks(256)
        .flat_map(|block| {
            let projected = matrix(features, block) * components;
            (0..block.len())
                .map(|i| projected.row(i).iter().copied().collect())
                .collect::<Vec<Vec<f32>>>()
        })
        .collect()
}

/// What turns projected texts into evidence.
struct Fitted {
    model: Plda,
    cohort: Vec<f64>,
    calibration: Logistic,
}

/// Joins components and discriminants into one projection of 8 bits a value.
fn assemble(
    features: Vec<Standard>,
    counts: &[&Counts],
    components: &DMatrix<f32>,
    fitted: Fitted,
    trained: Trained,
    options: &TrainOptions,
) -> Background {
    let Fitted { model, cohort, calibration } = fitted;
    let dim = model.dim();
    let discriminants = DMatrix::from_row_slice(dim, model.input(), &model.projection);
    let projection = components * discriminants.transpose();
    let dim_scale: Vec<f32> = (0..dim)
        .map(|d| (projection.column(d).amax() / f32::from(i8::MAX)).max(f32::MIN_POSITIVE))
        .collect();
    let codes = (0..features.len())
        .flat_map(|f| {
            let row: Vec<i8> = (0..dim)
                .map(|d| (projection[(f, d)] / dim_scale[d]).round().clamp(-127.0, 127.0) as i8)
                .collect();
            row
        })
        .collect();
    // Means of features over stretches, projected family by family; what the model's own mean differs from
    // their sum goes to the first family.
    let mut offset = vec![0.0f32; Habit::ALL.len() * dim];
    for (f, standard) in features.iter().enumerate() {
        let mean = counts.iter().map(|c| f64::from(standard.value(c))).sum::<f64>()
            / counts.len().max(1) as f64;
        for d in 0..dim {
            offset[standard.feature.habit.index() * dim + d] += mean as f32 * projection[(f, d)];
        }
    }
    let center = &discriminants * nalgebra::DVector::from_column_slice(&model.mean);
    for d in 0..dim {
        let sum: f32 = (0..Habit::ALL.len()).map(|h| offset[h * dim + d]).sum();
        offset[d] += center[d] - sum;
    }
    Background {
        id: options.id.clone(),
        license: options.license,
        trained,
        features,
        codes,
        dim_scale,
        offset,
        model: Plda { mean: Vec::new(), projection: Vec::new(), between: model.between },
        // As it is after a file.
        cohort: cohort.into_iter().map(|x| f64::from(x as f32)).collect(),
        calibration,
        profile_words: WordRange {
            least: calibrate::PROFILE_STRETCHES[0] as u32 * CHUNK_WORDS,
            most: 1_000,
        },
        probe_words: WordRange { least: CHUNK_WORDS, most: 500 },
        version: String::new(),
    }
    .versioned()
}

fn plda_options(options: &TrainOptions) -> PldaOptions {
    PldaOptions { dim: options.dim, shrinkage: options.shrinkage }
}

fn sample<'x>(person: u32, x: &'x [f32]) -> PldaSample<'x> {
    PldaSample { person, x }
}
