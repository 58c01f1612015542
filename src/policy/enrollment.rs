//! Whether an utterance may become part of a voiceprint, and whether the voiceprint is complete.

use crate::domain::{Llr, Quality, Reason};
use crate::policy::{EnrollmentRules, add};

/// What is known of an utterance.
#[derive(Debug, Clone, Copy)]
pub struct UtteranceEvidence<'a> {
    /// Its quality.
    pub quality: &'a Quality,
    /// LLR against the utterances before it; absent for the first.
    pub consistency: Option<Llr>,
    /// Lowest LLR of one part of the recording against the rest; absent when too short to split.
    pub same_recording: Option<Llr>,
}

/// What became of an utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// It may be kept.
    pub accepted: bool,
    /// Why not, or what to do better; those that refuse come first.
    pub reasons: Vec<Reason>,
}

/// Judges one utterance.
pub fn judge_utterance(rules: &EnrollmentRules, evidence: UtteranceEvidence<'_>) -> Judgement {
    let mut reasons = refusals_by_quality(rules, evidence.quality);
    let too_low = |llr: Option<Llr>, least: Llr| llr.is_some_and(|l| l.0.is_nan() || l < least);
    if too_low(evidence.same_recording, rules.same_recording_llr) {
        reasons.push(Reason::MultipleSpeakers);
    }
    if too_low(evidence.consistency, rules.consistency_llr) {
        reasons.push(Reason::SpeakerInconsistent);
    }
    let accepted = reasons.is_empty();
    super::verification::add_quality(&mut reasons, evidence.quality);
    add(&mut reasons, &[Reason::PadNotEvaluated]);
    Judgement { accepted, reasons }
}

/// Gates that need no comparison; empty when the utterance passes them.
pub fn refusals_by_quality(rules: &EnrollmentRules, quality: &Quality) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if quality.net_speech_ms < rules.min_utterance_net_speech_ms {
        reasons.push(Reason::SpeakLonger);
    }
    if quality.snr_db.is_some_and(|snr| snr < rules.min_snr_db) {
        reasons.push(Reason::TooNoisy);
    }
    if quality.clipped_share > rules.max_clipped_share {
        reasons.push(Reason::Clipped);
    }
    reasons
}

impl EnrollmentRules {
    /// Whether this much makes a voiceprint.
    pub fn is_complete(&self, net_speech_ms: u32, utterances: u32) -> bool {
        net_speech_ms >= self.required_net_speech_ms && utterances >= self.min_utterances
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::verification::tests::quality;

    #[test]
    fn judgements_follow_the_table() {
        let good = quality(5_000);
        let with = |change: fn(&mut Quality)| {
            let mut q = good.clone();
            change(&mut q);
            q
        };
        let cases = [
            (good.clone(), None, None, None),
            (good.clone(), Some(0.0), Some(-1.0), None),
            (with(|q| q.net_speech_ms = 1_999), None, None, Some(Reason::SpeakLonger)),
            (with(|q| q.snr_db = Some(7.9)), None, None, Some(Reason::TooNoisy)),
            (with(|q| q.snr_db = None), None, None, None),
            (with(|q| q.clipped_share = 0.03), None, None, Some(Reason::Clipped)),
            (good.clone(), Some(-0.1), None, Some(Reason::SpeakerInconsistent)),
            (good.clone(), Some(f64::NAN), None, Some(Reason::SpeakerInconsistent)),
            (good.clone(), Some(3.0), Some(-1.1), Some(Reason::MultipleSpeakers)),
        ];
        for (quality, consistency, same_recording, refusal) in cases {
            let evidence = UtteranceEvidence {
                quality: &quality,
                consistency: consistency.map(Llr),
                same_recording: same_recording.map(Llr),
            };
            let got = judge_utterance(&EnrollmentRules::default(), evidence);
            assert_eq!(got.accepted, refusal.is_none(), "{evidence:?}");
            if let Some(reason) = refusal {
                assert_eq!(got.reasons[0], reason);
            }
        }
    }

    #[test]
    fn completion_needs_speech_and_utterances() {
        let rules = EnrollmentRules::default();
        for (speech, utterances, complete) in
            [(20_000, 3, true), (19_999, 9, false), (60_000, 2, false), (0, 0, false)]
        {
            assert_eq!(rules.is_complete(speech, utterances), complete);
        }
    }
}
