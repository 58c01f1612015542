//! Who may do what: the one table of rights.

use crate::domain::Role;
use crate::usecase::UseCaseError;
use crate::usecase::command::Caller;

/// A right. Each names its roles in [`Right::roles`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Register a subject.
    CreateSubject,
    /// Read subjects, enrollments and voiceprints (never biometric content).
    ReadSubject,
    /// Record a consent, opt a subject back in.
    Consent,
    /// Withdraw a consent, opt a subject out. Open to more roles than giving it: ending the use of
    /// one's data must be as easy as allowing it (GDPR Art. 7(3)).
    Withdraw,
    /// Add a number to a subject, or remove one.
    PhoneNumber,
    /// Erase a subject.
    Erase,
    /// Have everything held on a subject handed out.
    Export,
    /// Enroll, cancel an enrollment.
    Enroll,
    /// Delete a voiceprint.
    DeleteVoiceprint,
    /// Renew a tenant's voiceprints.
    Renew,
    /// Verify and identify.
    Compare,
    /// Let a claim accepted with another factor refresh a profile of behavior.
    Adapt,
    /// Delete a profile of behavior or style.
    DeleteBehaviorProfile,
    /// Have personal data taken out of a text, and see the tenant's choice.
    Redact,
    /// Choose how that is done for the tenant.
    SetRedaction,
    /// Propose, approve, reject and go back to policies of sessions, run one in shadow.
    ChangePolicy,
    /// Read them, check a file, ask what another one would have decided.
    ReadPolicy,
    /// Read and explain decisions and the head of the chain.
    ReadAudit,
    /// Have a decision explained as for a customer or an agent.
    Explain,
    /// Have a decision explained with all numbers.
    ExplainInFull,
    /// Record what became of a decision.
    RecordFeedback,
    /// Read that.
    ReadFeedback,
    /// List models.
    ReadModels,
    /// Categorize a caller by age. Of a role of its own: nobody who enrolls or verifies may do it by
    /// the way.
    ClassifyAge,
    /// Enable and disable that for the tenant, and see whether it is.
    SetAgeClass,
}

impl Right {
    /// The roles that have it, and the same in words.
    fn roles(self) -> (&'static [Role], &'static str) {
        use Role::{Admin, Agent, Analyst, Auditor, Client, Privacy, Reviewer, Router};
        match self {
            Self::CreateSubject | Self::Withdraw | Self::PhoneNumber => {
                (&[Client, Agent, Privacy, Admin], "client, agent, privacy or admin")
            }
            Self::ReadSubject => (
                &[Client, Agent, Analyst, Reviewer, Privacy, Admin],
                "client, agent, analyst, reviewer, privacy or admin",
            ),
            Self::Consent => (&[Agent, Privacy, Admin], "agent, privacy or admin"),
            Self::Erase | Self::Export => (&[Privacy, Admin], "privacy or admin"),
            Self::Enroll | Self::Compare | Self::Adapt => {
                (&[Client, Agent, Admin], "client, agent or admin")
            }
            Self::DeleteVoiceprint | Self::DeleteBehaviorProfile => {
                (&[Agent, Privacy, Admin], "agent, privacy or admin")
            }
            Self::Redact => (
                &[Client, Agent, Analyst, Reviewer, Auditor, Privacy, Admin],
                "client, agent, analyst, reviewer, auditor, privacy or admin",
            ),
            Self::SetRedaction => (&[Privacy, Admin], "privacy or admin"),
            Self::Renew | Self::ChangePolicy => (&[Admin], "admin"),
            Self::ReadPolicy => (&[Analyst, Auditor, Admin], "analyst, auditor or admin"),
            Self::ReadAudit | Self::ReadFeedback => (
                &[Analyst, Reviewer, Auditor, Privacy, Admin],
                "analyst, reviewer, auditor, privacy or admin",
            ),
            Self::Explain => (
                &[Agent, Analyst, Reviewer, Auditor, Privacy, Admin],
                "agent, analyst, reviewer, auditor, privacy or admin",
            ),
            Self::ExplainInFull | Self::RecordFeedback => {
                (&[Analyst, Reviewer, Admin], "analyst, reviewer or admin")
            }
            Self::ReadModels => (Role::ALL, "any"),
            Self::ClassifyAge => (&[Router, Admin], "router or admin"),
            Self::SetAgeClass => (&[Admin], "admin"),
        }
    }
}

/// Refuses a caller whose role lacks the right.
///
/// # Errors
/// [`UseCaseError::PermissionDenied`] with the roles that have it.
pub fn require(by: &Caller, right: Right) -> Result<(), UseCaseError> {
    let (roles, needs) = right.roles();
    if roles.contains(&by.role) {
        return Ok(());
    }
    Err(UseCaseError::PermissionDenied { needs })
}

/// Whether LLRs, raw scores and thresholds may be shown; the others get a coarse band. An auditor
/// checks the chain and the reasons, which needs no numbers to climb hills with.
pub fn sees_fine_scores(role: Role) -> bool {
    matches!(role, Role::Analyst | Role::Reviewer | Role::Admin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ApiKeyId, TenantId};

    fn may(role: Role, right: Right) -> bool {
        let by = Caller {
            tenant: TenantId::parse("t").expect("an id"),
            key: ApiKeyId::parse("k").expect("an id"),
            role,
        };
        require(&by, right).is_ok()
    }

    #[test]
    fn rights_follow_the_table() {
        // In the order of Role::ALL: client, agent, analyst, reviewer, auditor, privacy, admin, router.
        let table = [
            (Right::CreateSubject, "xx...xx."),
            (Right::ReadSubject, "xxxx.xx."),
            (Right::Consent, ".x...xx."),
            (Right::Withdraw, "xx...xx."),
            (Right::PhoneNumber, "xx...xx."),
            (Right::Erase, ".....xx."),
            (Right::Export, ".....xx."),
            (Right::Enroll, "xx....x."),
            (Right::DeleteVoiceprint, ".x...xx."),
            (Right::Renew, "......x."),
            (Right::Compare, "xx....x."),
            (Right::Adapt, "xx....x."),
            (Right::DeleteBehaviorProfile, ".x...xx."),
            (Right::Redact, "xxxxxxx."),
            (Right::SetRedaction, ".....xx."),
            (Right::ChangePolicy, "......x."),
            (Right::ReadPolicy, "..x.x.x."),
            (Right::ReadAudit, "..xxxxx."),
            (Right::Explain, ".xxxxxx."),
            (Right::ExplainInFull, "..xx..x."),
            (Right::RecordFeedback, "..xx..x."),
            (Right::ReadFeedback, "..xxxxx."),
            (Right::ReadModels, "xxxxxxxx"),
            (Right::ClassifyAge, "......xx"),
            (Right::SetAgeClass, "......x."),
        ];
        for (right, row) in table {
            for (role, mark) in Role::ALL.iter().zip(row.chars()) {
                assert_eq!(may(*role, right), mark == 'x', "{role:?} {right:?}");
            }
        }
    }

    #[test]
    fn few_roles_see_fine_scores() {
        let fine: Vec<Role> = Role::ALL.iter().copied().filter(|r| sees_fine_scores(*r)).collect();
        assert_eq!(fine, [Role::Analyst, Role::Reviewer, Role::Admin]);
    }
}
