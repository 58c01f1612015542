//! What an accepted claim leaves behind in a voiceprint, where something else than the voice vouched for the person.
//!
//! Three bounds keep an impostor from walking a voiceprint away. The voice must match the enrolled utterances alone, not
//! the voiceprint as it has become. Adapted utterances stay a stated share of it, in number and in speech. And a
//! further one takes the place of the oldest adapted one, never of an enrolled one.

use crate::domain::{Authorization, ConsentProof, Llr, Purpose, Quality, UtteranceId};
use crate::policy::AdaptationRules;
use crate::store::{
    Effect, Embedding, EnrolledUtterance, NewUtterance, SampleOrigin, SubjectSnapshot,
};
use crate::usecase::UseCaseError;
use crate::usecase::core::{Draft, Inner};
use crate::usecase::parts::VoiceParts;
use crate::usecase::voice::Probe;

/// Names of details in the record of the decision.
const ADAPTED: &str = "adapted_utterance";
const DROPPED: &str = "adapted_dropped";
const ENROLLED_LLR: &str = "llr_against_enrolled";

/// A recording that may be adapted.
#[derive(Clone)]
pub(super) struct Heard {
    pub(super) probe: Probe,
    pub(super) quality: Quality,
}

/// Adapted utterances that make way, oldest first, and how much speech the new one counts for; `None` where there is no
/// place for any.
fn room(
    rules: &AdaptationRules,
    utterances: &[EnrolledUtterance],
    net_speech_ms: u32,
) -> Option<(Vec<UtteranceId>, u32)> {
    let of = |origin| utterances.iter().filter(move |u| u.origin == origin);
    let speech = |all: &mut dyn Iterator<Item = &EnrolledUtterance>| {
        all.fold(0u32, |sum, u| sum.saturating_add(u.net_speech_ms))
    };
    let most_utterances = rules.most_utterances(of(SampleOrigin::Enrolled).count());
    let most_speech = rules.most_speech_ms(speech(&mut of(SampleOrigin::Enrolled)));
    if most_utterances == 0 || most_speech == 0 {
        return None;
    }
    // A longer one weighs no more than all that may be adapted.
    let counted = net_speech_ms.min(most_speech);
    let mut kept: Vec<&EnrolledUtterance> = of(SampleOrigin::Adapted).collect();
    let mut dropped = Vec::new();
    while kept.len() >= most_utterances
        || speech(&mut kept.iter().copied()).saturating_add(counted) > most_speech
    {
        if kept.is_empty() {
            return None;
        }
        dropped.push(kept.remove(0).id.clone());
    }
    Some((dropped, counted))
}

impl Inner {
    /// Adds an accepted voice to the voiceprint of a draft's subject, under the limits of the policy; whether it did. The
    /// draft must name the subject at the version of the snapshot.
    pub(super) fn adapt_voice(
        &self,
        draft: &mut Draft,
        voice: &VoiceParts,
        heard: &Heard,
        snapshot: &SubjectSnapshot,
        vouched: &Authorization,
    ) -> Result<bool, UseCaseError> {
        let policy = &self.parts.policy;
        let rules = &policy.adaptation;
        let Some(print) = &snapshot.voiceprint else { return Ok(false) };
        if !rules.enabled || !rules.takes(&heard.quality, &policy.enrollment) {
            return Ok(false);
        }
        let (consents, purpose) = (&snapshot.consents, Purpose::VoiceAuthentication);
        let Ok(consent) = ConsentProof::find(snapshot.opted_out, consents, purpose, draft.at)
        else {
            return Ok(false);
        };
        let Some(llr) = against_enrolled(voice, &print.utterances, &heard.probe)? else {
            return Ok(false);
        };
        if llr.0.is_nan() || llr < rules.adapt_llr {
            return Ok(false);
        }
        let room = room(rules, &print.utterances, heard.probe.net_speech_ms);
        let Some((drop, net_speech_ms)) = room else { return Ok(false) };
        let id = UtteranceId::new(draft.at, self.id_bytes());
        let details = &mut draft.event.details;
        details.insert(ADAPTED.to_owned(), id.as_str().to_owned());
        details.insert(DROPPED.to_owned(), drop.len().to_string());
        details.insert(ENROLLED_LLR.to_owned(), llr.0.to_string());
        let utterance = Box::new(NewUtterance {
            id,
            captured_at: draft.at,
            embedding: Embedding::new(heard.probe.embedding.clone()),
            // Of a call only its speech frames are kept.
            telephone: None,
            extractor: voice.extractor.artifact(),
            bandwidth: heard.probe.bandwidth,
            net_speech_ms,
            quality: heard.quality.clone(),
            authorization: vouched.clone(),
        });
        let voiceprint = print.id.clone();
        draft.effects.push(Effect::AdaptVoiceprint { voiceprint, utterance, drop, consent });
        Ok(true)
    }
}

/// LLR against the enrolled utterances alone.
fn against_enrolled(
    voice: &VoiceParts,
    utterances: &[EnrolledUtterance],
    probe: &Probe,
) -> Result<Option<Llr>, UseCaseError> {
    let enrolled: Vec<EnrolledUtterance> =
        utterances.iter().filter(|u| u.origin == SampleOrigin::Enrolled).cloned().collect();
    if enrolled.is_empty() {
        return Ok(None);
    }
    let template = voice.utterances_side(&enrolled)?;
    Ok(Some(voice.score(&template, &voice.probe_side(probe)?).llr))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ArtifactRef, Bandwidth, ConsentId, Timestamp};
    use crate::usecase::listen::nothing_heard;

    fn utterance(name: &str, net_speech_ms: u32, origin: SampleOrigin) -> EnrolledUtterance {
        EnrolledUtterance {
            id: UtteranceId::parse(name).unwrap(),
            captured_at: Timestamp::from_unix_ms(0),
            embedding: Embedding::new(vec![1.0]),
            telephone: None,
            extractor: ArtifactRef::new("m", 1),
            bandwidth: Bandwidth::Wide,
            net_speech_ms,
            quality: nothing_heard(),
            authorization: Authorization { agent: "a".into(), factor: "otp".into() },
            consent: ConsentId::parse("c").unwrap(),
            origin,
        }
    }

    #[test]
    fn the_oldest_adapted_ones_make_way_and_enrolled_ones_never() {
        let rules = AdaptationRules::default();
        let mut print: Vec<_> =
            (0..5).map(|n| utterance(&format!("e{n}"), 7_000, SampleOrigin::Enrolled)).collect();
        // 35 s enrolled: two adapted ones, 15 s.
        assert_eq!(room(&rules, &print, 6_000), Some((vec![], 6_000)));
        assert_eq!(room(&rules, &print, 60_000), Some((vec![], 15_000)));
        print.push(utterance("a0", 6_000, SampleOrigin::Adapted));
        print.push(utterance("a1", 6_000, SampleOrigin::Adapted));
        let id = |name| UtteranceId::parse(name).unwrap();
        assert_eq!(room(&rules, &print, 6_000), Some((vec![id("a0")], 6_000)));
        assert_eq!(room(&rules, &print, 12_000), Some((vec![id("a0"), id("a1")], 12_000)));
        let few: Vec<_> = print.into_iter().take(2).collect();
        assert_eq!(room(&rules, &few, 6_000), None);
    }
}
