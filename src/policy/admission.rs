//! What keeps a subject from being compared at all.

use crate::domain::{ConsentRefusal, Decision, Reason};
use crate::policy::Verdict;

/// Where a subject stands when somebody claims to be them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Why there is no proof of consent, if there is none. `None` for a subject that does not exist.
    pub refused: Option<ConsentRefusal>,
    /// Unsuccessful attempts reached a limit.
    pub locked: bool,
    /// There were so many locks that another factor is needed first, and none was passed.
    pub factor_needed: bool,
    /// A voiceprint exists.
    pub has_template: bool,
    /// It was made by the model in force.
    pub model_matches: bool,
    /// It is past its expiry.
    pub expired: bool,
}

/// `None` when the subject may be compared; otherwise the decision and why. An opt-out comes first,
/// so that nothing else is told about such a subject.
pub fn admit(standing: Standing) -> Option<Verdict> {
    let refusal = match standing {
        Standing { refused: Some(ConsentRefusal::OptedOut), .. } => {
            (Decision::OptedOut, Reason::OptedOut)
        }
        Standing { refused: Some(ConsentRefusal::NoCurrentConsent), .. } => {
            (Decision::OptedOut, Reason::NoConsent)
        }
        Standing { locked: true, .. } => (Decision::Locked, Reason::TooManyAttempts),
        Standing { factor_needed: true, .. } => (Decision::Locked, Reason::OtherFactorNeeded),
        Standing { has_template: false, .. } => (Decision::NotEnrolled, Reason::NoTemplate),
        Standing { model_matches: false, .. } => (Decision::NotEnrolled, Reason::ModelMismatch),
        Standing { expired: true, .. } => (Decision::Expired, Reason::TemplateExpired),
        _ => return None,
    };
    Some((refusal.0, vec![refusal.1, Reason::PadNotEvaluated]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_follow_the_table() {
        let fit = Standing {
            refused: None,
            locked: false,
            factor_needed: false,
            has_template: true,
            model_matches: true,
            expired: false,
        };
        assert_eq!(admit(fit), None);
        let out = Some(ConsentRefusal::OptedOut);
        let none = Some(ConsentRefusal::NoCurrentConsent);
        let cases = [
            (
                Standing { factor_needed: true, expired: true, ..fit },
                Decision::Locked,
                Reason::OtherFactorNeeded,
            ),
            (
                Standing { refused: out, locked: true, has_template: false, ..fit },
                Decision::OptedOut,
                Reason::OptedOut,
            ),
            (
                Standing { refused: none, expired: true, ..fit },
                Decision::OptedOut,
                Reason::NoConsent,
            ),
            (
                Standing { locked: true, factor_needed: true, expired: true, ..fit },
                Decision::Locked,
                Reason::TooManyAttempts,
            ),
            (Standing { has_template: false, ..fit }, Decision::NotEnrolled, Reason::NoTemplate),
            (
                Standing { model_matches: false, expired: true, ..fit },
                Decision::NotEnrolled,
                Reason::ModelMismatch,
            ),
            (Standing { expired: true, ..fit }, Decision::Expired, Reason::TemplateExpired),
        ];
        for (standing, decision, reason) in cases {
            let (got, reasons) = admit(standing).expect("a refusal");
            assert_eq!((got, reasons[0]), (decision, reason), "{standing:?}");
            assert!(reasons.contains(&Reason::PadNotEvaluated));
        }
    }
}
