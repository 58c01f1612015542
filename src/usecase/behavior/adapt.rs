//! What an accepted claim leaves behind in a profile: fingerprints, so that its captures are recognized if
//! they come again, and, where another factor vouched for the person, the captures themselves.
//!
//! Two bounds keep an impostor from walking a profile away. An adapted capture must match the enrolled
//! captures alone, not the profile as it has become. And adapted captures stay a stated share of the
//! profile: a further one takes the place of the oldest adapted one.

use crate::behavior::Sample;
use crate::domain::{Authorization, Timestamp};
use crate::policy::BehaviorRules;
use crate::store::{BehaviorProfile, BehaviorSample, SampleOrigin, SecretBytes};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::compare::{finite, ours, samples};
use crate::usecase::behavior::models::BehaviorModels;
use crate::usecase::behavior::probe::Seen;

/// Which of the captures that were compared may be adapted: none unless together they match the enrolled
/// captures; then those that on their own do not speak against it. Runs in the engine.
pub(super) fn adaptable(
    models: &dyn BehaviorModels,
    rules: &BehaviorRules,
    profile: &BehaviorProfile,
    seen: &[Seen],
    used: &[usize],
) -> Result<Vec<usize>, UseCaseError> {
    let anchor = models.template(&samples(profile, Some(SampleOrigin::Enrolled))?).map_err(ours)?;
    let sample = |i: &usize| seen.get(*i).and_then(|s| s.sample.clone());
    let reaches = |probe: &[Sample], least| {
        let evidence = anchor.score(probe).ok().and_then(finite);
        evidence.is_some_and(|e| e.llr >= least)
    };
    let probe: Vec<Sample> = used.iter().filter_map(sample).collect();
    if !reaches(&probe, rules.adapt_llr) {
        return Ok(Vec::new());
    }
    let single = |i: &&usize| {
        sample(i).is_some_and(|s| reaches(std::slice::from_ref(&s), rules.adapt_sample_llr))
    };
    Ok(used.iter().filter(single).copied().collect())
}

/// A capture as it is kept.
pub(in crate::usecase) fn kept(
    seen: &Seen,
    sample: &Sample,
    origin: SampleOrigin,
    authorization: &Authorization,
    at: Timestamp,
) -> Result<BehaviorSample, UseCaseError> {
    Ok(BehaviorSample {
        captured_at: at,
        origin,
        authorization: authorization.clone(),
        units: sample.units,
        features: SecretBytes::new(sample.to_bytes().map_err(ours)?),
        fingerprint: SecretBytes::new(seen.fingerprint.clone()),
    })
}

/// Takes captures into a profile; how many.
pub(super) fn take_in(
    rules: &BehaviorRules,
    profile: &mut BehaviorProfile,
    seen: &[Seen],
    which: &[usize],
    other: &Authorization,
    at: Timestamp,
) -> Result<u32, UseCaseError> {
    let adapted = |p: &BehaviorProfile| {
        p.samples.iter().filter(|s| s.origin == SampleOrigin::Adapted).count()
    };
    let limit = rules.adapted_limit(profile.samples.len() - adapted(profile));
    let mut taken = 0;
    for one in which.iter().filter_map(|i| seen.get(*i)).take(limit) {
        let Some(sample) = &one.sample else { continue };
        let new = kept(one, sample, SampleOrigin::Adapted, other, at)?;
        while adapted(profile) >= limit {
            let oldest = profile.samples.iter().position(|s| s.origin == SampleOrigin::Adapted);
            let Some(oldest) = oldest else { return Ok(taken) };
            let left = profile.samples.remove(oldest);
            profile.seen.push(left.fingerprint.clone());
        }
        profile.samples.push(new);
        taken += 1;
    }
    Ok(taken)
}

/// Remembers captures that matched by their fingerprints; the oldest go where there are too many.
pub(in crate::usecase) fn remember(
    rules: &BehaviorRules,
    profile: &mut BehaviorProfile,
    fingerprints: impl IntoIterator<Item = Vec<u8>>,
) {
    for new in fingerprints.into_iter().filter(|f| !f.is_empty()).map(SecretBytes::new) {
        if !profile.seen.contains(&new) {
            profile.seen.push(new);
        }
    }
    let most = usize::try_from(rules.remembered_captures).unwrap_or(usize::MAX);
    let over = profile.seen.len().saturating_sub(most);
    profile.seen.drain(..over);
}
