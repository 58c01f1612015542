//! The open-set 1:N decision.

use crate::domain::{Decision, Llr, Quality, Reason};
use crate::policy::verification::add_quality;
use crate::policy::{Verdict, add};

/// What is known when an identification is decided.
#[derive(Debug, Clone, Copy)]
pub struct IdentificationEvidence<'a> {
    /// LLR of the best candidate; absent when nobody was compared.
    pub best: Option<Llr>,
    /// LLR needed among this many so that the stated rate holds; absent when nobody was compared.
    pub threshold: Option<Llr>,
    /// More voiceprints were searched than the calibration supports.
    pub extrapolated: bool,
    /// Quality of the probe.
    pub quality: &'a Quality,
}

/// Decides who it is. Under the least net speech INCONCLUSIVE; nobody at the threshold NO_MATCH; an
/// extrapolated threshold is never good enough to accept, the answer is STEP_UP.
pub fn decide_identification(
    min_net_speech_ms: u32,
    evidence: IdentificationEvidence<'_>,
) -> Verdict {
    let quality = evidence.quality;
    let mut reasons = Vec::new();
    let decision = if quality.net_speech_ms < min_net_speech_ms {
        reasons.push(Reason::SpeakLonger);
        Decision::Inconclusive
    } else {
        match (evidence.best, evidence.threshold) {
            (Some(best), Some(threshold)) if best >= threshold => {
                if evidence.extrapolated {
                    Decision::StepUp
                } else {
                    reasons.push(Reason::VoiceMatch);
                    Decision::Accept
                }
            }
            (Some(_), _) => {
                reasons.push(Reason::BelowIdentificationThreshold);
                Decision::NoMatch
            }
            (None, _) => {
                reasons.push(Reason::NoTemplate);
                Decision::NoMatch
            }
        }
    };
    if evidence.extrapolated {
        add(&mut reasons, &[Reason::Extrapolated]);
    }
    add_quality(&mut reasons, quality);
    add(&mut reasons, &[Reason::PadNotEvaluated]);
    (decision, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::verification::tests::quality;

    #[test]
    fn decisions_follow_the_table() {
        use Decision::{Accept, Inconclusive, NoMatch, StepUp};
        let cases = [
            (Some(8.0), Some(7.0), false, 3_000, Accept),
            (Some(7.0), Some(7.0), false, 3_000, Accept),
            (Some(6.9), Some(7.0), false, 3_000, NoMatch),
            (Some(8.0), Some(7.0), true, 3_000, StepUp),
            (Some(6.9), Some(7.0), true, 3_000, NoMatch),
            (Some(8.0), Some(7.0), false, 2_999, Inconclusive),
            (None, None, false, 3_000, NoMatch),
            (Some(8.0), None, false, 3_000, NoMatch),
            (Some(f64::NAN), Some(7.0), false, 3_000, NoMatch),
            (Some(8.0), Some(f64::NAN), false, 3_000, NoMatch),
        ];
        for (best, threshold, extrapolated, speech, decision) in cases {
            let evidence = IdentificationEvidence {
                best: best.map(Llr),
                threshold: threshold.map(Llr),
                extrapolated,
                quality: &quality(speech),
            };
            let (got, reasons) = decide_identification(3_000, evidence);
            assert_eq!(got, decision, "{best:?} {threshold:?} {extrapolated}");
            assert!(reasons.contains(&Reason::PadNotEvaluated));
            assert_eq!(reasons.contains(&Reason::Extrapolated), extrapolated);
        }
    }
}
