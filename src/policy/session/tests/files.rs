//! Policy files: the shipped ones, and hostile ones.

use proptest::prelude::*;

use super::*;

/// The text of the default policy with one piece replaced.
fn changed(from: &str, to: &str) -> String {
    let (_, text) = SHIPPED[0];
    assert!(text.contains(from), "{from:?} does not stand in the file");
    text.replacen(from, to, 1)
}

fn load(text: &str) -> Result<ActivePolicy, SessionPolicyError> {
    ActivePolicy::from_toml(text, Fusion::cautious())
}

#[test]
fn shipped_policies_are_sound_and_named_after_their_profile() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    for (name, text) in SHIPPED {
        let policy = load(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        is_shared(&policy);
        assert_eq!(policy.version(), &ArtifactRef::new(name, 1));
        assert_eq!(policy.file().profile.as_str(), name);
        let again = toml::to_string(policy.file()).expect("toml");
        assert_eq!(load(&again).expect("sound").file(), policy.file());
    }
    assert!(shipped(DEFAULT_POLICY, Fusion::cautious()).is_some_and(|p| p.is_ok()));
    assert!(shipped("lenient", Fusion::cautious()).is_none());
}

#[test]
fn what_is_wrong_is_named() {
    let cases = [
        ("genuine = 0.998", "genuine = 1.0", "prior.genuine"),
        ("genuine = 0.998", "genuine = nan", "prior.genuine"),
        ("context_gain_limit = 1.0", "context_gain_limit = 9.0", "prior.context_gain_limit"),
        ("same_after_change = 0.5", "same_after_change = 0.4", "evidence.same_after_change"),
        ("max_age_ms = 900_000", "max_age_ms = 0", "evidence.max_age_ms"),
        ("biometrics_llr = 4.6", "biometrics_llr = -1.0", "assurance.biometrics_llr"),
        (
            "factors = [\"none\", \"low\"",
            "factors = [\"low\", \"none\"",
            "more categories must not give less",
        ),
        (
            "with_biometrics = [\"low\", \"substantial\"",
            "with_biometrics = [\"none\", \"none\"",
            "must not lower",
        ),
        ("on_attack = \"STEP_UP\"", "on_attack = \"ACCEPT\"", "assurance.on_attack"),
        ("ladder = [\"speak_longer\"", "ladder = [\"proceed\"", "no steps of a ladder"),
        ("\"other_factor\", \"human\"]", "\"other_factor\"]", "must be `human`"),
        ("\"challenge\", \"other_factor\"", "\"challenge\", \"challenge\"", "twice"),
        ("passed = 2.5", "passed = 99.0", "factors.pin.passed"),
        ("failed = -1.5", "failed = 1.5", "factors.pin.failed"),
        ("device_new = -1.5", "device_new = 1.5", "context.device_new"),
        ("within_hours = 72.0", "within_hours = 12.0", "hours must rise"),
        (
            "remote_access = { present = -4.0 }",
            "remote_access = { present = 4.0 }",
            "remote_access",
        ),
        ("false_accept = 100.0", "false_accept = 0.0", "intents.session.false_accept"),
        ("step_up = 1.0", "step_up = 15.0", "intents.session.step_up"),
        ("amount_share = 0.6", "amount_share = 1.6", "intents.transfer.amount_share"),
        ("prior_genuine = 0.95 ", "prior_genuine = 2.0 ", "intents.sim_swap.prior_genuine"),
        ("session_intent = \"session\"", "session_intent = \"call\"", "no intent `call`"),
        ("currency = \"EUR\"", "currency = \"euro\"", "ISO 4217"),
        ("USD = 0.9", "USD = -0.9", "rates.USD"),
        ("USD = 0.9", "EUR = 0.9", "its rate is 1"),
        ("id = \"contact-centre\"", "id = \"a b\"", "version.id"),
        ("version = 1 }", "version = 0 }", "counts from 1"),
        ("name = \"young_sim\"", "name = \"watchlist\"", "two rules"),
        ("name = \"senior\"", "name = \"watchlist\"", "two rules"),
        ("at_most = \"STEP_UP\"", "at_most = \"ACCEPT\"", "rules.watchlist.at_most"),
        ("next = \"human\"", "next = \"proceed\"", "rules.watchlist.next"),
        ("watchlist == 'present'", "watchlist == 'there'", "rule watchlist, line 1, column 14"),
        ("sim_swap_known && sim_swap_hours", "sim_swap_hours", "rule young_sim, line 1, column 1"),
        ("age_class == 'SENIOR'", "age_class == 'OLD'", "rule senior, line 1, column 14"),
        ("requires = \"low\"", "requires = \"lowest\"", "unknown variant"),
        ("[prior]", "[prior]\nfraud = 0.1", "unknown field"),
        ("[prior]", "[prior", "line"),
        // What the profile promises.
        ("with_biometrics = [\"low\"", "with_biometrics = [\"substantial\"", "contact-centre"),
        ("without_pad = \"low\"", "without_pad = \"substantial\"", "contact-centre"),
    ];
    for (from, to, why) in cases {
        let error = load(&changed(from, to)).expect_err(to).to_string();
        assert!(error.contains(why), "{to}: {error}");
    }
}

#[test]
fn a_decision_rule_that_asks_for_age_is_refused() {
    let asking = ["age_class == 'SENIOR'", "senior_known && p_senior > 0.5", "language_known"];
    for text in asking {
        let error = load(&changed("watchlist == 'present'", text)).expect_err(text).to_string();
        assert!(error.contains("is not known here"), "{error}");
    }
}

#[test]
fn no_profile_can_be_kept_without_its_promise() {
    let strict = |name: &str, from: &str, to: &str| {
        let (_, text) = SHIPPED.iter().find(|(n, _)| *n == name).expect("shipped");
        assert!(text.contains(from), "{from}");
        load(&text.replacen(from, to, 1)).map(|_| ()).expect_err(to).to_string()
    };
    let sca = [
        ("with_biometrics = [\"none\"", "with_biometrics = [\"low\"", "second, independent"),
        ("factors = [\"none\", \"low\"", "factors = [\"none\", \"substantial\"", "one element"),
        (
            "[intents.transfer]\nrequires = \"substantial\"",
            "[intents.transfer]\nrequires = \"low\"",
            "a payment needs two",
        ),
        ("without_pad = \"low\"", "without_pad = \"high\"", "check for attacks"),
    ];
    for (from, to, why) in sca {
        let error = strict("psd2-sca", from, to);
        assert!(error.contains(why) && error.contains("psd2-sca"), "{error}");
    }
    let claim = |fmr: &str, comparisons: &str| {
        format!(
            "[fmr_claim]\nfmr = {fmr}\ncomparisons = {comparisons}\nfalse_matches = 0\n\
             source = \"card\"\n\n[prior]"
        )
    };
    let nist = [
        ("with_biometrics = [\"none\"", "with_biometrics = [\"low\"".to_owned(), "without them"),
        (
            "[factors.otp_app]\ncategory = \"possession\"",
            "[factors.otp_app]\ncategory = \"inherence\"".to_owned(),
            "no factor of its own",
        ),
        ("[prior]", claim("1e-4", "20000"), "95 % confidence"),
        ("[prior]", claim("1e-3", "20000"), "1 in 10,000"),
    ];
    for (from, to, why) in nist {
        let error = strict("nist-800-63b", from, &to);
        assert!(error.contains(why), "{error}");
    }
    let (_, text) = SHIPPED[2];
    load(&text.replacen("[prior]", &claim("1e-4", "30000"), 1)).expect("a claim with its evidence");
}

#[test]
fn size_is_bounded() {
    let (_, text) = SHIPPED[0];
    let long = format!("{text}\n#{}", "x".repeat(MAX_POLICY_BYTES));
    assert!(matches!(load(&long), Err(SessionPolicyError::TooLarge { .. })));
    let rules: String = (0..33)
        .map(|i| format!("\n[[rules]]\nname = \"r{i}\"\nwhen = \"true\"\nat_most = \"STEP_UP\"\n"))
        .collect();
    let error = load(&format!("{text}{rules}")).expect_err("many rules").to_string();
    assert!(error.contains("rules: 0 to 32 entries, got 37"), "{error}");
    let nested = format!("x = {}1{}", "[".repeat(20_000), "]".repeat(20_000));
    assert!(matches!(load(&nested), Err(SessionPolicyError::Shape(_))));
    for odd in ["", "\u{0}", "= = =", "[[intents]]", "version = 1"] {
        assert!(load(odd).is_err(), "{odd:?}");
    }
}

#[test]
fn a_broken_fusion_is_refused() {
    let mut fusion = Fusion::cautious();
    fusion.weights[0].weight = -1.0;
    assert!(ActivePolicy::from_toml(SHIPPED[0].1, fusion).is_err());
}

#[test]
fn a_rule_that_cannot_be_evaluated_caps() {
    // Not zero on any sample, so it loads; on these facts it divides by zero.
    let odd = "(elapsed_s == 7.0 ? 1 : 0) > 0 && 1 / (elapsed_s == 7.0 ? 0 : 1) > 0";
    let policy = load(&changed("watchlist == 'present'", odd)).expect("loads");
    let facts = DecisionFacts { elapsed_ms: 7_000, ..voice(call("balance"), 7.0, PAD) };
    let verdict = decide_stored(&policy, &facts);
    assert_eq!((verdict.decision, verdict.next), (Decision::StepUp, NextStep::Human));
    assert!(verdict.reasons.contains(&SessionReason::RuleFailed));
    let other = DecisionFacts { elapsed_ms: 8_000, ..facts };
    assert_eq!(decide_stored(&policy, &other).decision, Decision::Accept);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A file with a stretch cut out or doubled loads or is refused, and nothing else happens.
    #[test]
    fn mangled_files_are_answered(from in 0usize..7_000, len in 0usize..400, doubled in any::<bool>()) {
        let (_, text) = SHIPPED[0];
        let start = from.min(text.len());
        let end = (start + len).min(text.len());
        let (Some(head), Some(middle), Some(tail)) =
            (text.get(..start), text.get(start..end), text.get(end..)) else { return Ok(()) };
        let mangled =
            if doubled { format!("{head}{middle}{middle}{tail}") } else { format!("{head}{tail}") };
        let _ = load(&mangled);
    }
}

/// Text at a place.
fn at(text: &str, place: Place) -> &str {
    let line = text.lines().nth(place.line - 1).expect("a line");
    let start = line.char_indices().nth(place.column - 1).map_or(line.len(), |(i, _)| i);
    &line[start..]
}

#[test]
fn problems_point_into_the_file() {
    let cases = [
        ("genuine = 0.998", "genuine = 1.5", "genuine = 1.5"),
        ("genuine = 0.998", "genuine = oops", "oops"),
        ("genuine = 0.998", "genuin = 0.998", "genuin"),
        ("passed = 2.5", "passed = 99.0", "passed = 99.0"),
        (
            "remote_access = { present = -4.0 }",
            "remote_access = { present = 4.0 }",
            "present = 4.0",
        ),
        ("at_most = \"STEP_UP\"", "at_most = \"ACCEPT\"", "at_most = \"ACCEPT\""),
        ("watchlist == 'present'", "watchlost == 'present'", "watchlost"),
        ("remote_access == 'present' ||", "remote_acces == 'present' ||", "remote_acces =="),
        ("decision == 'REJECT' ||", "decisio == 'REJECT' ||", "decisio =="),
    ];
    for (from, to, want) in cases {
        let text = changed(from, to);
        let problem = read_policy(&text, Fusion::cautious()).expect_err(to);
        let found = at(&text, problem.place.unwrap_or_else(|| panic!("{to}: {problem}")));
        assert!(found.starts_with(want), "{to}: {problem}: {found}");
        assert!(problem.to_string().starts_with("line "), "{problem}");
    }
    let (_, text) = SHIPPED[0];
    assert!(read_policy(text, Fusion::cautious()).is_ok());
    let long = "#".repeat(MAX_POLICY_BYTES + 1);
    let problem = read_policy(&long, Fusion::cautious()).expect_err("too long");
    assert_eq!(problem.place, None);
    assert!(problem.message.contains("65536"), "{problem}");
}
