//! A calibration from feedback: `vouch calibrate --from-feedback`.
//!
//! Decisions by voice whose outcome was confirmed are trials with a truth. The LLR each would have had under the
//! calibration that ships is found from what its record keeps, and a logistic regression over it gives the two numbers
//! of a [`TenantCalibration`]. Which decisions people look into is no matter of chance, so the result is a
//! candidate for a person to judge, and nothing is in force before it is activated.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    ArtifactRef, AuditKind, Event, EventScore, Llr, Modality, RawScore, SubjectId,
    TenantCalibration, TenantId, Timestamp,
};
use crate::policy::session::DecisionFacts;
use crate::scoring::calibration::{FitOptions, LabeledTrial, cross_validate, fit};
use crate::scoring::metrics::{Figures, Trial, figures};
use crate::scoring::{BackEnd, Conditions, ScoringError};
use crate::session::call::evidence::best_of;
use crate::store::{FeedbackFilter, MAX_PAGE_SIZE, PageRequest, Store, StoreError};
use crate::usecase::sessions::record::FACTS;

/// Fewest decisions confirmed as genuine (false alarms included).
pub const MIN_GENUINE: usize = 30;
/// Fewest decisions confirmed as fraud.
pub const MIN_FRAUD: usize = 30;
/// Most outcomes that are read, the newest ones.
pub const MAX_OUTCOMES: usize = 100_000;
/// Name of the detail of a verification's record that holds what its calibration was told.
pub const CONDITIONS: &str = "conditions";
/// Penalty on the quality measures, which are all the same here; it keeps the fit determined.
const RIDGE: f64 = 1e-3;
/// Folds of the cross-validation, by claimed subject.
const FOLDS: u32 = 5;
/// Seed of the folds.
const SEED: u64 = 1;

/// Why there is no candidate, or why it cannot be activated.
#[derive(Debug, thiserror::Error)]
pub enum RecalibrateError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The fit.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
    /// Too few outcomes.
    #[error("a calibration from feedback needs {needed} decisions {what}, there are {got}")]
    TooFew {
        /// Which.
        what: &'static str,
        /// How many.
        needed: usize,
        /// How many there are.
        got: usize,
    },
    /// What the fit came to is out of range.
    #[error("the calibration is unfit: {0}")]
    Unfit(String),
    /// The candidate was made for somebody else.
    #[error("the candidate is for tenant {found}, not for {expected}")]
    OtherTenant {
        /// Whose calibration is to be changed.
        expected: TenantId,
        /// Whose feedback it was fitted on.
        found: TenantId,
    },
    /// The candidate was made with another model or back-end.
    #[error("the candidate corrects {found}, in force is {expected}: fit it anew")]
    OtherBackEnd {
        /// Model and back-end in force.
        expected: String,
        /// Those of the candidate.
        found: String,
    },
    /// The candidate is not newer than what is in force.
    #[error("the candidate has version {found}, in force is version {active}")]
    NotNewer {
        /// In force.
        active: u32,
        /// Of the candidate.
        found: u32,
    },
}

/// Outcomes that gave no trial, by why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PassedOver {
    /// An override says nothing about who it was.
    pub overridden: u32,
    /// Not by voice, or nothing was compared, or somebody else had taken over since it was.
    pub not_compared: u32,
    /// By another model or back-end.
    pub other_back_end: u32,
    /// By an earlier calibration, from before records kept what is needed to undo it.
    pub unknown_calibration: u32,
}

/// A decision with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfirmedTrial {
    /// Who was claimed.
    pub subject: Option<SubjectId>,
    /// It was them.
    pub genuine: bool,
    /// LLR under the calibration that ships.
    pub base: Llr,
}

/// What feedback gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Collected {
    /// Trials.
    pub trials: Vec<ConfirmedTrial>,
    /// The others.
    pub passed_over: PassedOver,
}

/// A calibration to be judged by a person before it is activated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Whose feedback it was fitted on.
    pub tenant: TenantId,
    /// What would be put in force.
    pub calibration: TenantCalibration,
    /// Outcomes that gave no trial.
    pub passed_over: PassedOver,
    /// Figures of what is in force, on the same decisions.
    pub before: Figures,
    /// Figures of the candidate on the decisions it was fitted on.
    pub after: Figures,
    /// Figures on subjects that were held out; absent when there are too few for folds.
    pub held_out: Option<Figures>,
}

/// The LLR a record would have under the calibration that ships, or why there is none.
struct Undo<'a> {
    back_end: &'a BackEnd,
    active: Option<&'a TenantCalibration>,
}

impl Undo<'_> {
    fn base_llr(&self, event: &Event, passed: &mut PassedOver) -> Option<Llr> {
        let Some((score, llr)) = scored(event) else {
            passed.not_compared += 1;
            return None;
        };
        let versions = event.versions.as_ref();
        let model = versions.and_then(|v| v.model.as_ref());
        let by = versions.and_then(|v| v.calibration.as_ref());
        let base = self.back_end.reference();
        if model != Some(&self.back_end.info().model) || by.map(|by| &by.id) != Some(&base.id) {
            passed.other_back_end += 1;
            return None;
        }
        let kept = event.details.get(CONDITIONS);
        let conditions = kept.and_then(|text| serde_json::from_str::<Conditions>(text).ok());
        if let (Some(raw), Some(conditions)) = (score, conditions) {
            return Some(self.back_end.calibration().llr(raw, &conditions));
        }
        let version = by.map(|by| by.version);
        if version == Some(base.version) {
            return Some(llr);
        }
        let active = self.active.filter(|active| version == Some(active.version));
        if active.is_none() {
            passed.unknown_calibration += 1;
        }
        active.map(|active| active.base_of(llr))
    }
}

/// Raw score (of a verification) and LLR of the voice in a record.
fn scored(event: &Event) -> Option<(Option<RawScore>, Llr)> {
    match event.kind {
        AuditKind::Verification => {
            let EventScore { raw, llr } = event.score?;
            Some((Some(raw), llr))
        }
        AuditKind::Session => {
            let facts: DecisionFacts = serde_json::from_str(event.details.get(FACTS)?).ok()?;
            let voice = facts.evidence.get(&Modality::Voice).filter(|voice| voice.enough)?;
            // What was said of the decision is said of who was there then, not of whose voice came before.
            if facts.changed_ms_ago.is_some_and(|changed| voice.age_ms > changed) {
                return None;
            }
            // A claim that was found by voice was held against the best of many: the calibration said more.
            let among = facts.searched.map_or(0.0, best_of);
            Some((None, Llr(voice.llr?.0 + among)))
        }
        _ => None,
    }
}

/// Reads what became of a tenant's decisions by voice; `active` is the calibration in force, if it has its own.
///
/// # Errors
/// The store cannot be read.
pub async fn collect(
    store: &dyn Store,
    tenant: &TenantId,
    back_end: &BackEnd,
    active: Option<&TenantCalibration>,
) -> Result<Collected, RecalibrateError> {
    let undo = Undo { back_end, active };
    let mut collected = Collected::default();
    let (mut token, mut read) = (None, 0);
    loop {
        let page = PageRequest { size: MAX_PAGE_SIZE, token };
        let page = store.feedbacks(tenant, &FeedbackFilter::default(), page).await?;
        for stored in page.items.into_iter().take(MAX_OUTCOMES - read) {
            read += 1;
            let passed = &mut collected.passed_over;
            let Some(genuine) = stored.current.kind.genuine() else {
                passed.overridden += 1;
                continue;
            };
            let record = store.decision(tenant, &stored.decision).await?;
            let Some(event) = record.and_then(|record| record.event) else {
                passed.not_compared += 1;
                continue;
            };
            if let Some(base) = undo.base_llr(&event, passed) {
                collected.trials.push(ConfirmedTrial { subject: stored.subject, genuine, base });
            }
        }
        token = page.next;
        if token.is_none() || read >= MAX_OUTCOMES {
            return Ok(collected);
        }
    }
}

/// Fits a candidate.
///
/// # Errors
/// Fewer than [`MIN_GENUINE`] or [`MIN_FRAUD`] decisions, scores that do not rise from fraud to genuine, or numbers out
/// of range.
pub fn candidate(
    tenant: &TenantId,
    collected: &Collected,
    back_end: &BackEnd,
    active: Option<&TenantCalibration>,
    at: Timestamp,
) -> Result<Candidate, RecalibrateError> {
    let genuine = collected.trials.iter().filter(|trial| trial.genuine).count();
    let fraud = collected.trials.len() - genuine;
    for (what, needed, got) in
        [("confirmed as genuine", MIN_GENUINE, genuine), ("confirmed as fraud", MIN_FRAUD, fraud)]
    {
        if got < needed {
            return Err(RecalibrateError::TooFew { what, needed, got });
        }
    }
    let base = back_end.reference();
    let version = active.map_or(base.version, |active| active.version.max(base.version)) + 1;
    // The base LLR takes the place of the raw score, and no measure takes part.
    let conditions = Conditions { net_speech_ms: [1, 1], narrow_share: [0.0, 0.0] };
    let trials: Vec<LabeledTrial> = collected
        .trials
        .iter()
        .map(|t| LabeledTrial {
            raw: RawScore(t.base.0),
            conditions,
            target: t.genuine,
            weight: 1.0,
        })
        .collect();
    let people = people(&collected.trials);
    let subjects = people.iter().flatten().max().map_or(0, |most| most + 1);
    let pairs = fraud as u64;
    let options =
        FitOptions { version, ridge: RIDGE, prior: 0.5, speakers: u64::from(subjects), pairs };
    let fitted = fit(&trials, &options)?;
    let calibration = TenantCalibration {
        model: back_end.info().model.clone(),
        base,
        version,
        scale: fitted.slope[0],
        shift: fitted.offset[0],
        genuine: u32::try_from(genuine).unwrap_or(u32::MAX),
        fraud: u32::try_from(fraud).unwrap_or(u32::MAX),
        subjects,
        fitted_at: at,
    };
    if let Some(why) = calibration.unfit() {
        return Err(RecalibrateError::Unfit(why));
    }
    let judged = |llr: &dyn Fn(Llr) -> Llr| {
        let scored = collected.trials.iter().zip(&people).map(|(t, speakers)| Trial {
            score: llr(t.base).0,
            target: t.genuine,
            speakers: *speakers,
        });
        figures(&scored.collect::<Vec<_>>())
    };
    let held_out = cross_validate(&trials, &people, &options, FOLDS, SEED);
    Ok(Candidate {
        tenant: tenant.clone(),
        passed_over: collected.passed_over,
        before: judged(&|base| active.map_or(base, |active| active.corrected(base)))?,
        after: judged(&|base| calibration.corrected(base))?,
        held_out: held_out.and_then(|held_out| figures(&held_out)).ok(),
        calibration,
    })
}

/// The claimed subject on both sides: who a fraudster was is not known.
fn people(trials: &[ConfirmedTrial]) -> Vec<[u32; 2]> {
    let mut numbers: HashMap<Option<&SubjectId>, u32> = HashMap::new();
    let number = |trial| {
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        [*numbers.entry(trial).or_insert(next); 2]
    };
    trials.iter().map(|trial| trial.subject.as_ref()).map(number).collect()
}

/// Refuses a candidate that was not made for what is in force, or is not newer.
///
/// # Errors
/// [`RecalibrateError::OtherTenant`], [`RecalibrateError::OtherBackEnd`], [`RecalibrateError::NotNewer`],
/// [`RecalibrateError::Unfit`].
pub fn check(
    candidate: &Candidate,
    tenant: &TenantId,
    back_end: &BackEnd,
    active: Option<&TenantCalibration>,
) -> Result<(), RecalibrateError> {
    let fitted = &candidate.calibration;
    if candidate.tenant != *tenant {
        let (expected, found) = (tenant.clone(), candidate.tenant.clone());
        return Err(RecalibrateError::OtherTenant { expected, found });
    }
    if !corrects(fitted, back_end) {
        let name = |model: &ArtifactRef, base: &ArtifactRef| format!("{base} of model {model}");
        return Err(RecalibrateError::OtherBackEnd {
            expected: name(&back_end.info().model, &back_end.reference()),
            found: name(&fitted.model, &fitted.base),
        });
    }
    if let Some(active) = active.filter(|active| active.version >= fitted.version) {
        let (active, found) = (active.version, fitted.version);
        return Err(RecalibrateError::NotNewer { active, found });
    }
    match fitted.unfit() {
        Some(why) => Err(RecalibrateError::Unfit(why)),
        None => Ok(()),
    }
}

/// Whether a calibration was made for this back-end as it ships.
pub fn corrects(calibration: &TenantCalibration, back_end: &BackEnd) -> bool {
    calibration.model == back_end.info().model && calibration.base == back_end.reference()
}

/// What the audit says of a calibration that was put in force.
pub fn details(calibration: &TenantCalibration) -> [(String, String); 7] {
    let c = calibration;
    [
        ("calibration", ArtifactRef::new(c.base.id.clone(), c.version).to_string()),
        ("base", c.base.to_string()),
        ("scale", c.scale.to_string()),
        ("shift", c.shift.to_string()),
        ("genuine", c.genuine.to_string()),
        ("fraud", c.fraud.to_string()),
        ("subjects", c.subjects.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
}

#[cfg(test)]
mod tests;
