//! Conditions: what is permitted, what is refused and where, and that nothing makes it panic.

use proptest::prelude::*;

use super::scope::{Kind, all};
use super::*;
use crate::domain::{Finding, FindingKind, IntentId, Modality, PadOutcome, SessionChannel};
use crate::policy::session::assess::assess;
use crate::policy::session::tests::{contact_centre, evidence};
use crate::policy::session::{ActivePolicy, DecisionFacts, SubjectStanding};

fn names(policy: &ActivePolicy) -> Names {
    Names {
        intents: policy.file().intents.keys().map(|k| k.to_string()).collect(),
        factors: policy.file().factors.keys().map(|k| k.to_string()).collect(),
    }
}

fn compile(text: &str, scope: Scope) -> Result<Condition, Fault> {
    let policy = contact_centre();
    Condition::compile(text, scope, &names(&policy), &Samples::of(&policy))
}

fn facts() -> DecisionFacts {
    let intent = IntentId::parse("transfer").expect("a name");
    let mut facts = DecisionFacts::new(intent, SessionChannel::Phone, SubjectStanding::Enrolled);
    facts.evidence.insert(Modality::Voice, evidence(2.5, PadOutcome::NotEvaluated));
    facts.context.findings.insert(FindingKind::RemoteAccess, Finding::Present);
    facts.context.sim_swap_age_ms = Some(2 * 3_600_000);
    facts
}

#[test]
fn conditions_have_the_value_of_their_facts() {
    let policy = contact_centre();
    let facts = facts();
    let values = Bound::new(&decision_values(&policy, &facts, &assess(&policy, &facts)));
    let cases = [
        ("true", true),
        ("intent == 'transfer'", true),
        ("intent in ['sim_swap', 'transfer'] && channel == \"phone\"", true),
        ("channel != 'phone'", false),
        ("remote_access == 'present' && automation == 'unknown'", true),
        ("voice_measured && voice_llr > 2.0", true),
        ("voice_measured && voice_llr > 2", true),
        ("voice_measured && (voice_llr + 1.0) * 2.0 >= 7.0", true),
        ("voice_measured ? voice_llr < 0.0 : true", false),
        ("text_measured && text_llr > -100.0", false),
        ("!text_measured || text_llr > 0.0", true),
        ("!(sim_swap_known && sim_swap_hours < 24.0)", false),
        ("sim_swap_known\n && sim_swap_hours == 2.0", true),
        ("'pin' in factors_passed", false),
        ("-risk < 0.0 && p_genuine > 0.0 && p_genuine < 1.0", true),
        ("amount_known && amount > 0.0", false),
        ("pad_evaluated", false),
        ("(subject in ['enrolled']) == true", true),
    ];
    for (text, want) in cases {
        let condition = compile(text, DECISION_SCOPE).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert_eq!(condition.holds(&values), Ok(want), "{text}");
    }
}

#[test]
fn what_is_refused_says_where_and_why() {
    let cases = [
        ("", 1, 1, ""),
        ("intent ==", 1, 10, ""),
        ("true && colour == 'red'", 1, 9, "`colour` is not known"),
        ("true &&\n  age_class == 'SENIOR'", 2, 3, "`age_class` is not known"),
        ("p_senior > 0.5", 1, 1, "`p_senior` is not known"),
        ("language == 'de'", 1, 1, "`language` is not known"),
        ("risk > 10.0 && voice_llr > 3.0", 1, 16, "`voice_measured && …`"),
        ("voice_llr > 3.0 && voice_measured", 1, 1, "may be unknown"),
        ("voice_measured || voice_llr > 3.0", 1, 19, "may be unknown"),
        ("!voice_measured && voice_llr > 3.0", 1, 20, "may be unknown"),
        ("channel == 'phnoe'", 1, 12, "known are phone, app"),
        ("'fax' != channel", 1, 1, "never the value"),
        ("intent in ['transfer', 'transfr']", 1, 24, "never the value"),
        ("'fingerprint' in factors_passed", 1, 1, "known are device_biometric"),
        ("risk", 1, 1, "a condition must be true or false"),
        ("risk && true", 1, 1, "true or false is due"),
        ("risk > 'high'", 1, 8, "a number is due"),
        ("risk == 'high'", 1, 6, "never equal"),
        ("risk * 2 > 100.0", 1, 6, "do not mix"),
        ("true ? risk : true", 1, 15, "one type"),
        ("[1, 2] == [1]", 1, 2, "only text"),
        ("intent in []", 1, 11, "at least one"),
        ("intent in intent", 1, 11, "text in a list"),
        ("has(risk.x)", 1, 4, "function `has`"),
        ("['a'].all(x, x == 'a')", 1, 10, "function `all`"),
        ("['a'].exists(x, true)", 1, 13, "function `exists`"),
        ("['a'].map(x, x) == ['a']", 1, 10, "function `map`"),
        ("size(intent) > 3", 1, 5, "function `size`"),
        ("intent.startsWith('t')", 1, 18, "function `startsWith`"),
        ("intent.x == 'a'", 1, 7, "field `x`"),
        ("intent[0] == 'a'", 1, 7, "not permitted"),
        ("{'a': true}['a']", 1, 12, "not permitted"),
        ("null == null", 1, 1, "not permitted"),
        ("b'x' == b'x'", 1, 1, "not permitted"),
        ("1u < 2u", 1, 1, "not permitted"),
        ("7 % 2 == 1", 1, 3, "not permitted"),
        ("1 / 0 == 1", 1, 1, "sample `nothing known`"),
        ("true // caf\u{e9}", 1, 12, "ASCII"),
        ("true\t&& true", 1, 5, "ASCII"),
    ];
    for (text, line, column, why) in cases {
        let fault = compile(text, DECISION_SCOPE).expect_err(text);
        assert!(fault.why.contains(why), "{text}: {fault:?}");
        assert_eq!((fault.line, fault.column), (line, column), "{text}: {fault:?}");
    }
}

#[test]
fn age_and_language_are_for_routing_alone() {
    let texts = [
        "age_class == 'SENIOR'",
        "senior_known && p_senior > 0.2",
        "language_known && language == 'de'",
        "decision == 'REJECT' && next_step == 'stop'",
    ];
    for text in texts {
        compile(text, ROUTING_SCOPE).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        assert!(compile(text, DECISION_SCOPE).is_err(), "{text}");
    }
    for variable in all(DECISION_SCOPE) {
        let parts = variable.name.split('_');
        assert!(parts.into_iter().all(|p| p != "age" && p != "senior"), "{}", variable.name);
    }
}

#[test]
fn every_name_has_a_value_or_a_guard_that_is_false() {
    let policy = contact_centre();
    for (sample, values) in Samples::of(&policy).iter() {
        for variable in all(ROUTING_SCOPE) {
            let known = values.iter().any(|(name, _)| *name == variable.name);
            let guard = variable.guard.map(|guard| {
                let found = values.iter().find(|(name, _)| *name == guard);
                matches!(found, Some((_, cel::Value::Bool(true))))
            });
            assert_eq!(known, guard.unwrap_or(true), "{sample}: {}", variable.name);
            if let Kind::Word(words) = variable.kind {
                let value = values.iter().find(|(name, _)| *name == variable.name);
                let Some((_, cel::Value::String(word))) = value else {
                    panic!("{} is no text", variable.name)
                };
                assert!(words.contains(&word.as_str()), "{}: {word}", variable.name);
            }
        }
    }
}

#[test]
fn size_is_bounded() {
    let long = format!("risk > 1.0{}", " ".repeat(MAX_CONDITION_BYTES));
    assert!(compile(&long, DECISION_SCOPE).expect_err("long").why.contains("1024 bytes"));
    let many = vec!["true"; 80].join("&&");
    assert!(compile(&many, DECISION_SCOPE).expect_err("many").why.contains("128 parts"));
    let (open, close) = ("(".repeat(200), ")".repeat(200));
    // A chain of signs is folded by the parser; all that is asked is an answer in time.
    for sign in ["!", "-"] {
        let _ = compile(&(sign.repeat(900) + "true"), DECISION_SCOPE);
    }
    for text in [
        format!("{open}true{close}"),
        "[".repeat(500),
        "true?".repeat(150) + "true" + &":true".repeat(150),
        "a.".repeat(500) + "a",
        "f(".repeat(300),
    ] {
        assert!(compile(&text, DECISION_SCOPE).is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever text comes, there is an answer, and what compiles has a value on any facts.
    #[test]
    fn no_text_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        "true", "risk", "voice_measured", "voice_llr", "intent", "'transfer'", "'x", "\"", "(", ")",
        "[", "]", "{", "}", "&&", "||", "!", "?", ":", "==", "<", " in ", "+", "-", "*", "/", "%", "1",
        "2.5", "1e999", "99999999999999999999", "0x", ".", ",", "\n", " ", "has", "all", "\\", "`",
        "b'", "r\"", "'''", "//", "null", "factors_passed", "$", "#", "@", "1u", "\u{0}",
    ]), 0..24)) {
        let text: String = pieces.concat();
        if let Ok(condition) = compile(&text, DECISION_SCOPE) {
            let policy = contact_centre();
            let facts = facts();
            let values = Bound::new(&decision_values(&policy, &facts, &assess(&policy, &facts)));
            let _ = condition.holds(&values);
        }
    }
}
