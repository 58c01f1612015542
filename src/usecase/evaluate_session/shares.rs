//! What a policy decides in the sessions of an evaluation: how many of the genuine ones are stepped up, how many of the others
//! get through.

use crate::domain::{Decision, PadOutcome, SessionChannel};
use crate::policy::session::{
    DecisionFacts, FactorOutcome, IntentAsked, ModalityEvidence, SubjectStanding, decide_stored,
    shipped,
};
use crate::scoring::metrics::{Trial, resample};
use crate::usecase::evaluate_behavior::figures::Figure;
use crate::usecase::evaluate_session::EvaluateSessionError;
use crate::usecase::evaluate_session::chimera::Session;
use crate::usecase::evaluate_session::fused::Fused;
use crate::usecase::evaluate_session::protocol::{Ask, ProtocolFile, Scenario};

/// Net speech of a session with voice: enough for any shipped policy. Scores of voice rest on tests of a few seconds.
const NET_SPEECH_MS: u32 = 10_000;

/// Shares of decisions, 0 to 1, with intervals by bootstrap over chimeric people.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Shares {
    /// Sessions.
    pub sessions: u64,
    /// ACCEPT.
    pub accept: Figure,
    /// STEP_UP, and INCONCLUSIVE, which asks for more as well.
    pub step_up: Figure,
    /// REJECT.
    pub reject: Figure,
}

/// One question in one scenario.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ShareRow {
    /// What is asked.
    pub ask: String,
    /// What is known.
    pub scenario: String,
    /// Sessions of the person.
    pub genuine: Shares,
    /// Sessions of somebody else.
    pub impostor: Shares,
}

/// Counts decisions.
///
/// # Errors
/// No such policy.
pub fn rows(
    protocol: &ProtocolFile,
    sessions: &[Session],
    fused: &Fused,
) -> Result<Vec<ShareRow>, EvaluateSessionError> {
    let name = &protocol.shares.policy;
    let found = shipped(name, fused.fusion.clone()).ok_or_else(|| format!("no policy {name}"));
    let policy = found.and_then(|policy| policy.map_err(|e| e.to_string()));
    let policy = policy.map_err(EvaluateSessionError::Protocol)?;
    let mut rows = Vec::new();
    for ask in &protocol.shares.asks {
        for scenario in &protocol.shares.scenarios {
            let decide = |session| decide_stored(&policy, &facts(session, ask, scenario)).decision;
            let all: Vec<(&Session, Decision)> =
                sessions.iter().map(|session| (session, decide(session))).collect();
            rows.push(ShareRow {
                ask: ask.name(),
                scenario: scenario.name.clone(),
                genuine: shares(protocol, &all, true)?,
                impostor: shares(protocol, &all, false)?,
            });
        }
    }
    Ok(rows)
}

/// The facts of a session: an enrolled person by phone, nothing known of the number or the device.
fn facts(session: &Session, ask: &Ask, scenario: &Scenario) -> DecisionFacts {
    let mut facts =
        DecisionFacts::new(ask.intent.clone(), SessionChannel::Phone, SubjectStanding::Enrolled);
    facts.intent = IntentAsked { id: ask.intent.clone(), amount: ask.amount.clone() };
    if scenario.evidence {
        let pad = match scenario.checked {
            true => PadOutcome::BonaFide,
            false => PadOutcome::NotEvaluated,
        };
        let evidence = session.llrs.iter().map(|(modality, llr)| {
            let model = crate::domain::ArtifactRef::new("evaluation", 1);
            let one = ModalityEvidence { llr: Some(*llr), enough: true, age_ms: 0, model, pad };
            (*modality, one)
        });
        facts.evidence = evidence.collect();
        facts.net_speech_ms = NET_SPEECH_MS;
    }
    let passed = scenario.factors.iter().map(|name| (name.clone(), FactorOutcome::Passed));
    facts.factors = passed.collect();
    facts
}

fn shares(
    protocol: &ProtocolFile,
    decided: &[(&Session, Decision)],
    genuine: bool,
) -> Result<Shares, EvaluateSessionError> {
    let kept: Vec<(&Session, [bool; 3])> = decided
        .iter()
        .filter(|(session, _)| session.genuine() == genuine)
        .map(|(session, decision)| (*session, sort(*decision)))
        .collect();
    let trials: Vec<Trial> = kept
        .iter()
        .map(|(s, _)| Trial { score: 0.0, target: genuine, speakers: [s.person, s.actor] })
        .collect();
    let share = |weights: &[f64]| {
        let total: f64 = weights.iter().sum();
        let of = |i: usize| {
            let taken = kept.iter().zip(weights).filter(|((_, sorts), _)| sorts[i]);
            // From 0.0 on: an empty sum is -0.0.
            (total > 0.0).then(|| taken.fold(0.0, |sum, (_, w)| sum + w) / total)
        };
        (0..3).map(of).collect::<Vec<Option<f64>>>()
    };
    let whole = share(&vec![1.0; kept.len()]);
    let intervals = resample(&trials, &|_| protocol.seed, protocol.replicates, &share)?;
    let figure = |i: usize| Figure {
        value: whole.get(i).copied().flatten().unwrap_or(0.0),
        interval: intervals.get(i).copied().flatten(),
    };
    Ok(Shares {
        sessions: kept.len() as u64,
        accept: figure(0),
        step_up: figure(1),
        reject: figure(2),
    })
}

fn sort(decision: Decision) -> [bool; 3] {
    match decision {
        Decision::Accept => [true, false, false],
        Decision::Reject => [false, false, true],
        _ => [false, true, false],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::evaluate_session::chimera::tests::{judged, protocol};

    #[test]
    fn evidence_lets_genuine_people_through_and_others_not() {
        let mut protocol = protocol();
        protocol.genuine = 3;
        protocol.impostor = 6;
        protocol.shares.asks.truncate(2);
        let (sessions, fused) = judged(&protocol);
        let rows = rows(&protocol, &sessions, &fused).unwrap();
        assert_eq!(rows.len(), 2 * protocol.shares.scenarios.len());
        for row in &rows {
            for shares in [&row.genuine, &row.impostor] {
                let sum = shares.accept.value + shares.step_up.value + shares.reject.value;
                assert!((sum - 1.0).abs() < 1e-9, "{row:?}");
            }
        }
        let find = |ask: &str, scenario: &str| {
            rows.iter().find(|r| r.ask == ask && r.scenario == scenario).unwrap()
        };
        // Without anything known nobody is accepted; with evidence that was checked more of the genuine than of the others.
        assert_eq!(find("balance", "no biometrics").genuine.accept.value, 0.0);
        let with = find("balance", "biometrics, checked");
        assert!(with.genuine.accept.value > 5.0 * with.impostor.accept.value, "{with:?}");
        // Substantial assurance needs a second element.
        let alone = find("change_address", "biometrics, checked");
        assert_eq!(alone.genuine.accept.value, 0.0);
    }
}
