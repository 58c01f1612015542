//! Which captures of an enrollment are kept.

use crate::behavior::{BehaviorError, Sample};
use crate::domain::{Authorization, Llr, Reason, Timestamp};
use crate::policy::{BehaviorRules, refuse_capture};
use crate::store::{BehaviorProfile, BehaviorSample, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::adapt::kept;
use crate::usecase::behavior::compare::{finite, known, ours, same_shape, samples};
use crate::usecase::behavior::models::{BehaviorHistory, BehaviorModels, BehaviorTemplate};
use crate::usecase::behavior::probe::{Probe, Seen, detected, failed};
use crate::usecase::output::CaptureOutcome;

/// What became of the captures.
pub(super) struct Judged {
    pub(super) outcomes: Vec<CaptureOutcome>,
    pub(super) kept: Vec<BehaviorSample>,
}

/// What captures are held against as they are kept one after the other.
struct Collected<'m> {
    models: &'m dyn BehaviorModels,
    samples: Vec<Sample>,
    history: Box<dyn BehaviorHistory>,
    /// A template, and of how many samples it was made. It is made anew when they have doubled: one for
    /// each capture would cost the square of their number.
    template: Option<(usize, Box<dyn BehaviorTemplate + 'm>)>,
}

impl Collected<'_> {
    /// Why a capture is not kept; empty when it is.
    fn refuse(&mut self, rules: &BehaviorRules, one: &Seen) -> Result<Vec<Reason>, UseCaseError> {
        let Some(sample) = &one.sample else {
            return Ok(vec![Reason::MoreInput]);
        };
        let cues = detected(&self.history.findings(&one.capture));
        let fits = self.samples.first().is_none_or(|first| same_shape(first, sample));
        if !fits {
            let mut reasons = refuse_capture(rules, &cues, None);
            reasons.push(Reason::OtherText);
            return Ok(reasons);
        }
        let consistency = self.consistency(rules, sample)?;
        Ok(refuse_capture(rules, &cues, consistency))
    }

    /// LLR of a sample against those before it; `None` while they, or it, say too little.
    fn consistency(
        &mut self,
        rules: &BehaviorRules,
        sample: &Sample,
    ) -> Result<Option<Llr>, UseCaseError> {
        let count = self.samples.len();
        if u32::try_from(count).unwrap_or(u32::MAX) < rules.consistency_captures {
            return Ok(None);
        }
        let stale = self.template.as_ref().is_none_or(|(made_of, _)| count >= 2 * made_of);
        if stale {
            self.template = match self.models.template(&self.samples) {
                Ok(template) => Some((count, template)),
                Err(BehaviorError::TooFew { .. }) => None,
                Err(error) => return Err(ours(error)),
            };
        }
        let Some((_, template)) = &self.template else { return Ok(None) };
        match template.score(std::slice::from_ref(sample)) {
            Ok(evidence) => Ok(finite(evidence).filter(|e| e.enough).map(|e| e.llr)),
            Err(BehaviorError::TooFew { .. }) => Ok(None),
            Err(BehaviorError::Mismatch { .. }) => Ok(Some(Llr(f64::NEG_INFINITY))),
            Err(error) => Err(failed(0, error)),
        }
    }
}

/// Judges captures in their order. `before` are the profiles whose captures must not come again. Runs in
/// the engine.
pub(super) fn judge(
    models: &dyn BehaviorModels,
    rules: &BehaviorRules,
    before: &[&BehaviorProfile],
    pending: Option<&BehaviorProfile>,
    probe: &Probe,
    (authorization, at): (&Authorization, Timestamp),
) -> Result<Judged, UseCaseError> {
    let own = pending.map(|p| samples(p, None)).transpose()?.unwrap_or_default();
    let known: Vec<&[u8]> = before.iter().flat_map(|p| known(p)).collect();
    let history = models.history(&known);
    let mut collected = Collected { models, samples: own, history, template: None };
    let mut judged = Judged { outcomes: Vec::new(), kept: Vec::new() };
    for one in &probe.seen {
        let reasons = collected.refuse(rules, one)?;
        let accepted = reasons.is_empty();
        if let (true, Some(sample)) = (accepted, &one.sample) {
            let new = kept(one, sample, SampleOrigin::Enrolled, authorization, at)?;
            judged.kept.push(new);
            collected.samples.push(sample.clone());
            collected.history.add(&one.fingerprint);
        }
        let capture = one.capture.capture.clone();
        judged.outcomes.push(CaptureOutcome { capture, accepted, reasons });
    }
    Ok(judged)
}
