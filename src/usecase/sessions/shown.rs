//! Answers of the machine as a role may see them.

use std::sync::Arc;

use crate::domain::{AgeClass, ArtifactRef, Decision, Llr, Versions};
use crate::policy::session::{Outside, SessionRouting};
use crate::session::call::{Assessment, CallLimits, Decided, Standing};
use crate::usecase::output::ShownScore;
use crate::usecase::sessions::policy::SessionPolicy;
use crate::usecase::sessions::words::{
    ClaimOrigin, Personalization, ShownAssessment, ShownDecision, ShownEvidence, ShownLimits,
};

/// Steps of the risk for roles without fine scores: whoever tries voices must not climb by it.
const COARSE_RISK: u8 = 10;

/// Risk of constant answers, in points: neither low nor high.
const CONSTANT_RISK: u8 = 50;

/// What is in force, and what its reader may see.
#[derive(Clone)]
pub(super) struct View {
    /// Knows what may be told.
    pub(super) policy: Arc<dyn SessionPolicy>,
    /// LLRs and probabilities as they are.
    pub(super) fine: bool,
    /// Model and calibration of the tenant.
    pub(super) versions: Versions,
    /// Language of the session.
    pub(super) language: Option<String>,
    /// Present only where the tenant enabled it and the caller was categorized.
    pub(super) age_class: Option<AgeClass>,
}

fn score(llr: Llr, fine: bool) -> ShownScore {
    ShownScore { band: llr.band(), llr: fine.then_some(llr), raw: None }
}

impl View {
    fn versions(&self, policy: &ArtifactRef) -> Versions {
        Versions { policy: policy.clone(), ..self.versions.clone() }
    }

    fn evidence(&self, standing: &Standing) -> ShownEvidence {
        let measured = &standing.measured;
        ShownEvidence {
            modality: standing.modality,
            score: measured.llr.map(|llr| score(llr, self.fine)),
            amount: measured.amount,
            enough: measured.enough,
            age_ms: standing.age_ms,
            before_change: standing.before_change,
            pad: measured.pad,
        }
    }

    /// How sure a hint is tells an age, finer than the queue does.
    fn routing(&self, route: SessionRouting) -> SessionRouting {
        SessionRouting { confidence: route.confidence.filter(|_| self.fine), ..route }
    }

    /// What may greet a caller: only whom a search found and the policy accepts, and nothing else about them.
    fn personalization(&self, a: &Assessment) -> Option<Personalization> {
        match &a.claim {
            Some((subject, ClaimOrigin::Identified { .. }))
                if a.verdict.decision == Decision::Accept =>
            {
                Some(Personalization {
                    subject: subject.clone(),
                    language: self.language.clone(),
                    age_class: self.age_class,
                })
            }
            _ => None,
        }
    }

    /// An estimate on the way.
    pub(super) fn estimate(&self, a: &Assessment) -> ShownAssessment {
        self.assessment(a, false)
    }

    fn assessment(&self, a: &Assessment, last: bool) -> ShownAssessment {
        let plain = self.plain(a);
        if self.fine {
            return plain;
        }
        match self.policy.told(&a.facts, &a.verdict, last) {
            None => plain,
            Some(told) if told.decision == Decision::Accept => plain,
            Some(told) => constant(plain, told),
        }
    }

    fn plain(&self, a: &Assessment) -> ShownAssessment {
        let verdict = &a.verdict;
        let risk = verdict.risk.points();
        ShownAssessment {
            ask: a.ask.clone(),
            intent: a.facts.intent.id.clone(),
            decision: verdict.decision,
            reasons: verdict.reasons.clone(),
            next: verdict.next,
            factors: verdict.factors.clone(),
            evidence: a.evidence.iter().map(|standing| self.evidence(standing)).collect(),
            fused: verdict.fused.map(|llr| score(llr, self.fine)),
            p_genuine: self.fine.then_some(verdict.p_genuine),
            risk: if self.fine { risk } else { risk / COARSE_RISK * COARSE_RISK },
            routing: verdict.routing.clone().map(|route| self.routing(route)),
            claim: a.claim.clone(),
            personalization: self.personalization(a),
            changes: a.changes,
            versions: self.versions(&verdict.policy),
            fusion: verdict.fusion.clone(),
        }
    }

    /// A decision.
    pub(super) fn decision(&self, decided: &Decided) -> ShownDecision {
        ShownDecision {
            assessment: self.assessment(&decided.assessment, true),
            decision: decided.decision.clone(),
        }
    }
}

/// An answer that tells nothing about the subject. A hint at a queue would: rules may look at the decision.
fn constant(plain: ShownAssessment, told: Outside) -> ShownAssessment {
    ShownAssessment {
        decision: told.decision,
        reasons: told.reasons,
        next: told.next,
        factors: told.factors,
        evidence: Vec::new(),
        fused: None,
        p_genuine: None,
        risk: CONSTANT_RISK,
        routing: None,
        changes: 0,
        ..plain
    }
}

/// Limits as told.
pub(super) fn limits(limits: &CallLimits) -> ShownLimits {
    ShownLimits {
        idle_ms: limits.idle_ms,
        total_ms: limits.total_ms,
        resume_window_ms: limits.resume_window_ms,
        max_intents: limits.max_intents,
        max_challenges: limits.max_challenges,
    }
}
