//! Records of decisions: explanations, what would have changed them, replays, what is told outside.

use proptest::prelude::*;

use super::properties::any_facts;
use super::*;

#[test]
fn what_would_have_changed_it_does_change_it() {
    let policy = contact_centre();
    let facts = voice(call("balance"), 2.0, NO_PAD);
    let record = DecisionRecord::make(&policy, facts.clone());
    assert_eq!(record.verdict.decision, Decision::StepUp);
    // An element from 4.6 on: 2.6 more.
    let more = Change::MoreLlr { modality: Modality::Voice, nats: 2.6 };
    let accept = |change| Counterfactual { change, decision: Decision::Accept };
    assert!(record.would_change.contains(&accept(more)), "{:?}", record.would_change);
    assert!(record.would_change.contains(&accept(Change::Factor(factor("pin")))));
    let less = DecisionRecord::make(&policy, voice(call("balance"), 5.0, NO_PAD));
    let change = Change::LessLlr { modality: Modality::Voice, nats: 0.5 };
    let out = Counterfactual { change, decision: Decision::StepUp };
    assert!(less.would_change.contains(&out), "{:?}", less.would_change);
}

#[test]
fn pad_findings_rules_and_sums_are_tried() {
    let policy = contact_centre();
    let accept = |change| Counterfactual { change, decision: Decision::Accept };
    let pad = passed(voice(call("change_address"), 6.5, NO_PAD), &["pin"]);
    let record = DecisionRecord::make(&policy, pad);
    assert!(record.would_change.contains(&accept(Change::Pad)), "{record:#?}");
    let both = passed(call("change_address"), &["pin", "id_document"]);
    let record = DecisionRecord::make(&policy, finding(both, FindingKind::SecondVoice));
    let without = accept(Change::WithoutFinding(FindingKind::SecondVoice));
    assert!(record.would_change.contains(&without), "{record:#?}");
    let rule = crate::domain::RuleName::parse("somebody_else_at_the_controls").expect("a name");
    assert!(record.would_change.contains(&accept(Change::WithoutRule(rule))), "{record:#?}");
    // With PIN and SMS: log-odds 4.595 + 4.5; accepted up to 0.6 x + 50 = 4 (e^9.095 + 1).
    let sum = passed(amount(call("transfer"), 1e6, "EUR"), &["pin", "otp_sms"]);
    let record = DecisionRecord::make(&policy, sum);
    let odds = 99.0 * 4.5f64.exp();
    let most = ((4.0 * (odds + 1.0) - 50.0) / 0.6).floor();
    assert!(record.would_change.contains(&accept(Change::Amount(most))), "{record:#?}");
}

#[test]
fn one_record_speaks_to_three() {
    let policy = contact_centre();
    let mut facts = finding(voice(call("sim_swap"), -6.0, NO_PAD), FindingKind::SecondVoice);
    facts.changed_ms_ago = Some(1_000);
    let record = DecisionRecord::make(&policy, facts);
    let stored = serde_json::to_string(&record).expect("json");
    let record: DecisionRecord = serde_json::from_str(&stored).expect("a record");
    let text = |audience| {
        let e = record.explain(audience);
        format!("{}\n{}", e.headline, e.lines.join("\n"))
    };
    let customer = text(Audience::Customer);
    assert!(customer.starts_with("A colleague will go on from here."), "{customer}");
    assert!(customer.contains("your voice") && customer.contains("ask for a person"), "{customer}");
    for secret in ["second", "took over", "LLR", "threshold", "risk", "match", "fraud"] {
        assert!(!customer.to_lowercase().contains(secret), "{secret}: {customer}");
    }
    assert!(!customer.chars().any(|c| c.is_ascii_digit()), "{customer}");
    let agent = text(Audience::Agent);
    assert!(agent.contains("hand over") && agent.contains("second voice"), "{agent}");
    assert!(!agent.contains("-6.0") && !agent.contains("nats"), "{agent}");
    let analyst = text(Audience::Analyst);
    for part in [
        "sim_swap REJECT",
        "-6.00 voice",
        "+2.94 prior",
        "-1.50 context: second_voice",
        "refused under",
        "contact-centre@1",
        "cautious@1",
        "8.0 s of speech",
        "rule applied",
    ] {
        assert!(analyst.contains(part), "{part}: {analyst}");
    }
}

#[test]
fn a_replay_counts_what_changes() {
    let (policy, text) = (contact_centre(), SHIPPED[0].1);
    let stricter = text.replacen("biometrics_llr = 4.6", "biometrics_llr = 6.0", 1);
    let stricter = stricter.replacen("version = 1 }", "version = 2 }", 1);
    let stricter = ActivePolicy::from_toml(&stricter, Fusion::cautious()).expect("sound");
    let stored: Vec<DecisionFacts> =
        (0..100).map(|i| voice(call("balance"), f64::from(i) * 0.08, NO_PAD)).collect();
    let report = what_if(&policy, &stricter, &stored);
    // From 4.6: 58..100 are accepted; from 6.0: 75..100.
    assert_eq!((report.outcomes_before.accepts, report.outcomes_after.accepts), (42, 25));
    assert_eq!((report.outcomes_before.step_ups, report.outcomes_after.step_ups), (58, 75));
    assert_eq!((report.changed, report.decisions), (17, 100));
    let fraud = |from: usize| -> f64 {
        stored[from..].iter().map(|f| 1.0 - decide_stored(&policy, f).p_genuine.value()).sum()
    };
    assert!((report.fraud_per_mille() - 10.0 * (fraud(75) - fraud(58))).abs() < 1e-9);
    let summary = report.summary();
    let start = "contact-centre@2 for contact-centre@1 over 100 decisions: step-ups +29.3 %, accepts \
                 \u{2212}40.5 %, expected fraud \u{2212}";
    assert!(summary.starts_with(start), "{summary}");
    // A policy that believes more does not look better for it.
    let bold = text.replacen("genuine = 0.998", "genuine = 0.99999", 1);
    let bold = ActivePolicy::from_toml(&bold, Fusion::cautious()).expect("sound");
    let same = what_if(&policy, &bold, &stored);
    assert_eq!(same.outcomes_before.accepts, same.outcomes_after.accepts);
    assert!(same.fraud_per_mille().abs() < 1e-12);
    let none = what_if(&policy, &bold, &[]);
    assert_eq!((none.step_ups_percent(), none.fraud_per_mille()), (None, 0.0));
}

#[test]
fn a_shadow_is_compared() {
    let facts = voice(call("balance"), 5.0, PAD);
    let active = decide_stored(&contact_centre(), &facts);
    let shadow = ShadowComparison::make(&active, &policy("psd2-sca"), &facts);
    assert!(!shadow.agrees());
    assert_eq!(shadow.decisions, [Decision::Accept, Decision::StepUp]);
    assert!(ShadowComparison::make(&active, &contact_centre(), &facts).agrees());
}

#[test]
fn answers_outside_are_coarse_and_may_be_constant() {
    let open = contact_centre();
    let verdict = decide_stored(&open, &voice(call("balance"), 3.456, NO_PAD));
    let told = outside(&open, &verdict);
    assert_eq!(told.band, Some(Llr(3.456).band()));
    assert_eq!(told.coarse_risk.map(|r| r % 25), Some(0));
    let constant = policy("psd2-sca");
    let answer = |subject, llr| {
        let facts = DecisionFacts { subject, ..voice(call("sim_swap"), llr, NO_PAD) };
        outside(&constant, &decide_stored(&constant, &facts))
    };
    let rejected = answer(SubjectStanding::Enrolled, -7.0);
    let others = [
        SubjectStanding::Unknown,
        SubjectStanding::NotEnrolled,
        SubjectStanding::OptedOut,
        SubjectStanding::NoConsent,
        SubjectStanding::Expired,
        SubjectStanding::Locked,
        SubjectStanding::FactorNeeded,
        SubjectStanding::SourceLocked,
    ];
    for subject in others {
        assert_eq!(answer(subject, 7.0), rejected, "{subject:?}");
    }
    assert_eq!((rejected.decision, rejected.band), (Decision::StepUp, None));
    let accepted = passed(voice(call("balance"), 7.0, PAD), &["otp_app"]);
    let told = outside(&constant, &decide_stored(&constant, &accepted));
    assert_eq!((told.decision, told.band.is_some()), (Decision::Accept, true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every change that is named leads to another decision, and every record can be told to anybody.
    #[test]
    fn records_of_any_facts_are_whole(facts in any_facts()) {
        let record = DecisionRecord::make(&contact_centre(), facts);
        for c in &record.would_change {
            prop_assert_ne!(c.decision, record.verdict.decision);
        }
        for audience in [Audience::Customer, Audience::Agent, Audience::Analyst] {
            prop_assert!(!record.explain(audience).headline.is_empty());
        }
    }
}
