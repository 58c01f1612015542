//! What must hold whatever the facts are.

use proptest::prelude::*;

use super::*;

fn any_pad() -> impl Strategy<Value = PadOutcome> {
    prop_oneof![
        5 => Just(PadOutcome::NotEvaluated),
        5 => Just(PadOutcome::BonaFide),
        1 => Just(PadOutcome::Attack)
    ]
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop_oneof![Just(Finding::Unknown), Just(Finding::Absent), Just(Finding::Present)]
}

fn any_evidence() -> impl Strategy<Value = ModalityEvidence> {
    let llr = prop_oneof![
        8 => (-12.0f64..12.0).prop_map(Some),
        1 => Just(None),
        1 => prop::sample::select(vec![f64::NAN, f64::INFINITY, f64::MIN, f64::MAX]).prop_map(Some)
    ];
    (llr, any::<bool>(), 0u64..1_200_000, any_pad()).prop_map(|(llr, enough, age_ms, pad)| {
        ModalityEvidence { llr: llr.map(Llr), enough, age_ms, ..evidence(0.0, pad) }
    })
}

/// Facts of all kinds, with odd numbers among them.
pub(super) fn any_facts() -> impl Strategy<Value = DecisionFacts> {
    let intents = prop::sample::select(vec![
        "session",
        "general_info",
        "balance",
        "block_card",
        "change_address",
        "sim_swap",
        "transfer",
        "buy_castle",
    ]);
    let subjects = prop_oneof![
        6 => Just(SubjectStanding::Enrolled),
        1 => Just(SubjectStanding::Locked),
        1 => Just(SubjectStanding::Unknown),
        1 => Just(SubjectStanding::Unclaimed)
    ];
    let evidence = prop::collection::btree_map(
        prop::sample::select(Modality::ALL.to_vec()),
        any_evidence(),
        0..4,
    );
    let factors = prop::collection::btree_map(
        prop::sample::select(vec!["pin", "otp_app", "otp_sms", "unheard_of"]).prop_map(factor),
        prop_oneof![Just(FactorOutcome::Passed), Just(FactorOutcome::Failed)],
        0..3,
    );
    let sum = prop_oneof![Just(None), (0.0f64..1e6).prop_map(Some)];
    let findings = prop::collection::btree_map(
        prop::sample::select(FindingKind::ALL.to_vec()),
        any_finding(),
        0..3,
    );
    let sim = prop_oneof![Just(None), (0u64..800_000_000).prop_map(Some)];
    let geo = prop_oneof![Just(None), Just(Some(f64::NAN)), (0.0f64..3e3).prop_map(Some)];
    let change = prop_oneof![4 => Just(None), 1 => (0u64..600_000).prop_map(Some)];
    let rest = (any_finding(), any_finding(), change, any::<bool>(), 0u32..20_000);
    (intents, subjects, evidence, factors, sum, findings, sim, geo, rest).prop_map(
        |(intent, subject, evidence, factors, sum, findings, sim, geo, rest)| {
            let mut facts = DecisionFacts { subject, evidence, factors, ..call(intent) };
            facts.intent.amount = sum.and_then(|v| Amount::new(v, "EUR").ok());
            facts.context.findings = findings;
            facts.context.sim_swap_age_ms = sim;
            facts.context.geo_velocity_kmh = geo;
            (facts.context.new_device, facts.challenge) = (rest.0, rest.1);
            (facts.changed_ms_ago, facts.open, facts.net_speech_ms) = (rest.2, rest.3, rest.4);
            facts
        },
    )
}

/// From the worst to the best.
fn rank(decision: Decision) -> u8 {
    match decision {
        Decision::Reject => 0,
        Decision::Accept => 2,
        _ => 1,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// More of any LLR never makes a worse decision, a higher risk or less assurance.
    #[test]
    fn more_evidence_is_never_worse(
        facts in any_facts(), which in 0usize..5, more in 0.0f64..15.0, shipped in 0usize..3
    ) {
        let policy = policy(SHIPPED[shipped].0);
        let before = decide_stored(&policy, &facts);
        let mut raised = facts;
        if let Some(e) = raised.evidence.get_mut(&Modality::ALL[which]) {
            // The largest number and more would be none.
            e.llr = e.llr.map(|llr| Llr(llr.0 + more)).filter(|llr| llr.0.is_finite());
        }
        let after = decide_stored(&policy, &raised);
        prop_assert!(rank(after.decision) >= rank(before.decision), "{before:#?} {after:#?}");
        prop_assert!(after.risk <= before.risk);
        prop_assert!(after.assurance >= before.assurance);
    }

    /// One more factor passed is never worse; a finding of fraud is never better.
    #[test]
    fn factors_help_and_findings_hurt(facts in any_facts(), kind in 0usize..7) {
        let policy = contact_centre();
        let before = decide_stored(&policy, &facts);
        let more = decide_stored(&policy, &passed(facts.clone(), &["id_document"]));
        prop_assert!(rank(more.decision) >= rank(before.decision));
        let worse = decide_stored(&policy, &finding(facts, FindingKind::ALL[kind]));
        prop_assert!(rank(worse.decision) <= rank(before.decision));
        prop_assert!(worse.risk >= before.risk);
    }

    /// Whatever the facts: every verdict is whole, and the same facts give the same one.
    #[test]
    fn every_verdict_is_whole(facts in any_facts(), shipped in 0usize..3) {
        let policy = policy(SHIPPED[shipped].0);
        let verdict = decide_stored(&policy, &facts);
        prop_assert!(!verdict.reasons.is_empty());
        let mut once = verdict.reasons.clone();
        once.sort();
        once.dedup();
        prop_assert_eq!(once.len(), verdict.reasons.len());
        prop_assert_eq!(verdict.decision == Decision::Accept, verdict.next == NextStep::Proceed);
        prop_assert!(verdict.contributions.iter().all(|c| c.nats.is_finite()));
        prop_assert!(verdict.thresholds.reject_log_odds <= verdict.thresholds.accept_log_odds);
        if verdict.decision == Decision::Accept {
            prop_assert!(verdict.assurance >= verdict.thresholds.required);
        }
        let stored = serde_json::to_string(&facts).expect("json");
        // JSON has no NaN: what cannot be stored is not known.
        let read: DecisionFacts = serde_json::from_str(&stored).expect("facts");
        prop_assert_eq!(&decide_stored(&policy, &read), &verdict);
        let text = serde_json::to_string(&verdict).expect("json");
        let back: SessionVerdict = serde_json::from_str(&text).expect("a verdict");
        prop_assert_eq!(back, verdict);
    }
}
