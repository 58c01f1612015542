//! The 1:1 decision.

use crate::domain::{Bandwidth, Decision, Llr, Quality, Reason};
use crate::policy::{Verdict, VerificationRules, add};

/// What is known when a claim is decided.
#[derive(Debug, Clone, Copy)]
pub struct VerificationEvidence<'a> {
    /// Calibrated evidence; absent when nothing was compared.
    pub llr: Option<Llr>,
    /// Quality of the probe.
    pub quality: &'a Quality,
    /// The audio ended; false while a live call goes on.
    pub ended: bool,
}

/// Decides a claim. Without a comparison, or with less than the least net speech, INCONCLUSIVE. An
/// LLR that is not a number is no evidence either.
pub fn decide_verification(
    rules: &VerificationRules,
    evidence: VerificationEvidence<'_>,
) -> Verdict {
    let quality = evidence.quality;
    let enough = quality.net_speech_ms >= rules.min_net_speech_ms;
    let mut reasons = Vec::new();
    let decision = match evidence.llr.filter(|llr| enough && !llr.0.is_nan()) {
        Some(llr) if llr >= rules.accept_llr => {
            reasons.push(Reason::VoiceMatch);
            Decision::Accept
        }
        Some(llr) if llr < rules.reject_llr => {
            reasons.push(Reason::VoiceMismatch);
            Decision::Reject
        }
        Some(_) => {
            reasons.push(Reason::VoiceUncertain);
            Decision::StepUp
        }
        None => {
            if !enough {
                reasons.push(Reason::SpeakLonger);
                if evidence.ended && quality.net_speech_ms > 0 {
                    reasons.push(Reason::EndedEarly);
                }
            }
            Decision::Inconclusive
        }
    };
    add_quality(&mut reasons, quality);
    add(&mut reasons, &[Reason::PadNotEvaluated]);
    (decision, reasons)
}

/// Appends what the quality says, and the bandwidth when there was speech.
pub(super) fn add_quality(reasons: &mut Vec<Reason>, quality: &Quality) {
    add(reasons, &quality.reasons);
    if quality.bandwidth == Bandwidth::Narrow && quality.net_speech_ms > 0 {
        add(reasons, &[Reason::NarrowBand]);
    }
}

impl VerificationRules {
    /// Whether this evidence ends a live verification before the audio does.
    pub fn suffices_early(&self, llr: Llr, net_speech_ms: u32) -> bool {
        let accept = llr.0 >= self.accept_llr.0 + self.early_accept_margin
            && net_speech_ms >= self.min_net_speech_ms;
        let reject = llr.0 < self.reject_llr.0 - self.early_reject_margin
            && net_speech_ms >= self.early_reject_net_speech_ms.max(self.min_net_speech_ms);
        accept || reject
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A quality with this much net speech and nothing wrong.
    pub(crate) fn quality(net_speech_ms: u32) -> Quality {
        Quality {
            net_speech_ms,
            total_ms: net_speech_ms + 1_000,
            snr_db: Some(25.0),
            level_dbfs: Some(-24.0),
            clipped_share: 0.0,
            bandwidth: Bandwidth::Wide,
            packets_lost: 0,
            packets_repeated: 0,
            reasons: vec![],
        }
    }

    #[test]
    fn decisions_follow_the_table() {
        let rules = VerificationRules::default();
        let cases = [
            (Some(4.6), 3_000, Decision::Accept, Reason::VoiceMatch),
            (Some(f64::INFINITY), 9_000, Decision::Accept, Reason::VoiceMatch),
            (Some(4.599), 3_000, Decision::StepUp, Reason::VoiceUncertain),
            (Some(-2.0), 3_000, Decision::StepUp, Reason::VoiceUncertain),
            (Some(-2.01), 3_000, Decision::Reject, Reason::VoiceMismatch),
            (Some(9.0), 2_999, Decision::Inconclusive, Reason::SpeakLonger),
            (Some(-9.0), 2_999, Decision::Inconclusive, Reason::SpeakLonger),
            (None, 0, Decision::Inconclusive, Reason::SpeakLonger),
            (Some(f64::NAN), 9_000, Decision::Inconclusive, Reason::PadNotEvaluated),
        ];
        for (llr, speech, decision, reason) in cases {
            let evidence =
                VerificationEvidence { llr: llr.map(Llr), quality: &quality(speech), ended: true };
            let (got, reasons) = decide_verification(&rules, evidence);
            assert_eq!(got, decision, "{llr:?} {speech}");
            assert!(reasons.contains(&reason), "{llr:?} {speech}: {reasons:?}");
            assert!(reasons.contains(&Reason::PadNotEvaluated));
        }
    }

    #[test]
    fn quality_reasons_and_bandwidth_are_passed_on_once() {
        let mut probe = quality(1_000);
        probe.reasons = vec![Reason::SpeakLonger, Reason::TooNoisy];
        probe.bandwidth = Bandwidth::Narrow;
        let evidence = VerificationEvidence { llr: None, quality: &probe, ended: false };
        let (_, reasons) = decide_verification(&VerificationRules::default(), evidence);
        assert_eq!(
            reasons,
            [Reason::SpeakLonger, Reason::TooNoisy, Reason::NarrowBand, Reason::PadNotEvaluated]
        );
    }

    #[test]
    fn early_ends_follow_the_table() {
        let rules = VerificationRules::default();
        let cases = [
            (5.6, 3_000, true),
            (5.5, 9_000, false),
            (9.0, 2_999, false),
            (-5.1, 5_000, true),
            (-5.1, 4_999, false),
            (-5.0, 9_000, false),
            (f64::NAN, 9_000, false),
        ];
        for (llr, speech, ends) in cases {
            assert_eq!(rules.suffices_early(Llr(llr), speech), ends, "{llr} {speech}");
        }
    }
}
