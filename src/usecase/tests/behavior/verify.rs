//! Claims, rights, attempts, hostile captures.

use super::*;

#[tokio::test]
async fn the_right_rhythm_passes_with_another_factor_and_is_stepped_up_alone() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let alone = world.type_as(ANNA_MS, 20, None).await;
    assert_eq!(alone.decision, Decision::StepUp);
    assert_eq!(alone.reasons, [Reason::BehaviorMatch, Reason::BehaviorAlone]);
    let both = world.type_as(ANNA_MS, 21, otp(false)).await;
    assert_eq!(
        (both.decision, &both.reasons[..]),
        (Decision::Accept, &[Reason::BehaviorMatch][..])
    );
    assert_eq!((both.captures, both.units, both.adapted), (1, 13, 0));
    assert!(both.enough && both.score.unwrap().llr.is_some());
    let other = world.type_as(BERT_MS, 22, otp(false)).await;
    assert_eq!(other.decision, Decision::Reject);
    assert_eq!(other.reasons, [Reason::BehaviorMismatch]);
    assert_eq!(other.versions.model.unwrap().to_string(), "rhythm-fixed_text@1");
}

#[tokio::test]
async fn behavior_cannot_vouch_for_itself() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let other = Some(OtherFactor { checked: authorization("Keystroke"), adapt: false });
    let refused = world.try_claim(captures(ANNA_MS, 20..21), other).await.unwrap_err();
    let field = "other_factor.factor";
    assert!(matches!(refused, UseCaseError::InvalidArgument { field: f, .. } if f == field));
}

#[tokio::test]
async fn names_of_factors_are_checked() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let named = |name: &str| Some(OtherFactor { checked: authorization(name), adapt: false });
    for own in ["behavior", "typing-rhythm", "strong_keystrokes", "Swipe", "mouse2", "touch"] {
        let refused = world.try_claim(captures(ANNA_MS, 20..21), named(own)).await.unwrap_err();
        let said = refused.to_string();
        assert!(said.contains("cannot vouch for itself"), "{own}: {said}");
    }
    for odd in ["one time", "otp;", "p\u{e4}ssword", "key\u{200b}stroke"] {
        let refused = world.try_claim(captures(ANNA_MS, 20..21), named(odd)).await.unwrap_err();
        let field = "other_factor.factor";
        assert!(matches!(refused, UseCaseError::InvalidArgument { field: f, .. } if f == field));
    }
    for (n, other) in ["otp", "touch_id", "TouchID", "id_document", "voice"].iter().enumerate() {
        let typed = captures(ANNA_MS, 40 + n as u32..41 + n as u32);
        let answer = world.try_claim(typed, named(other)).await.unwrap();
        assert_eq!(answer.decision, Decision::Accept, "{other}");
    }
}

#[tokio::test]
async fn other_devices_and_texts_are_never_compared() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let here = typed(TEXT, ANNA_MS, 20);
    let phone = RawCapture { device: Device::Phone, ..here.clone() };
    let name = RawCapture { text_id: Some("name".into()), ..here.clone() };
    let free = RawCapture { text_id: None, ..here.clone() };
    for elsewhere in [phone.clone(), name, free] {
        let answer = world.try_claim(vec![elsewhere], otp(false)).await.unwrap();
        assert_eq!(answer.decision, Decision::NotEnrolled);
        assert_eq!((answer.reasons, answer.score), (vec![Reason::NoTemplate], None));
    }
    let mixed = world.try_claim(vec![here, phone], None).await.unwrap_err();
    assert!(matches!(mixed, UseCaseError::InvalidArgument { field: "captures", .. }));
    // The text itself was another one: nothing is compared, nothing counts.
    let wrong = world.try_claim(vec![typed("hunter", ANNA_MS, 21)], otp(false)).await.unwrap();
    assert_eq!(wrong.decision, Decision::Inconclusive);
    assert_eq!(wrong.reasons, [Reason::OtherText]);
}

#[tokio::test]
async fn refusals_are_decisions_and_nothing_is_compared() {
    let world = World::new().await;
    let claim = |subject: &str| VerifyBehavior {
        subject: id(subject),
        captures: captures(ANNA_MS, 20..21),
        other: otp(false),
        key: world.key(),
    };
    world.subject("new").await;
    world.agree("new", Purpose::BehaviorAuthentication).await;
    world.subject("voice").await;
    world.agree("voice", Purpose::VoiceAuthentication).await;
    world.with_profile("out", ANNA_MS).await;
    let c = SetOptOut { subject: id("out"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&world.by(Role::Privacy), c).await.unwrap();
    for (subject, decision, reason) in [
        ("nobody", Decision::NotEnrolled, Reason::NoTemplate),
        ("new", Decision::NotEnrolled, Reason::NoTemplate),
        ("voice", Decision::OptedOut, Reason::NoConsent),
        ("out", Decision::OptedOut, Reason::OptedOut),
    ] {
        let by = world.by(Role::Admin);
        let answer = world.vouch.verify_behavior(&by, claim(subject)).await.unwrap();
        assert_eq!((answer.decision, &answer.reasons[..]), (decision, &[reason][..]), "{subject}");
        assert!(answer.score.is_none() && answer.findings.is_empty() && answer.captures == 0);
    }
    let offered = world.keep("voice", captures(ANNA_MS, 0..1)).await;
    assert!(matches!(offered, Err(UseCaseError::ConsentMissing)));
    let offered = world.keep("out", captures(ANNA_MS, 0..1)).await;
    assert!(matches!(offered, Err(UseCaseError::OptedOut)));
    let offered = world.keep("nobody", captures(ANNA_MS, 0..1)).await;
    assert!(matches!(offered, Err(UseCaseError::NotFound { what: "subject" })));
}

#[tokio::test]
async fn a_conflict_is_tried_again() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let conflict = || StoreError::Conflict { expected: 1, found: 2 };
    world.store.refuse_next(vec![conflict(), conflict()]);
    assert_eq!(world.type_as(ANNA_MS, 20, otp(false)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn attempts_are_counted_apart_from_those_by_voice_and_over_all_profiles() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    for n in 0..5 {
        assert_eq!(world.type_as(BERT_MS, n, None).await.decision, Decision::Reject);
    }
    let locked = world.type_as(ANNA_MS, 20, otp(false)).await;
    assert_eq!((locked.decision, locked.score), (Decision::Locked, None));
    let snapshot = world.store.subject(&tenant(), &id("anna")).await.unwrap().unwrap();
    assert!(!snapshot.attempts.is_locked(Timestamp::from_unix_ms(1_700_000_000_000)));
    assert_eq!(snapshot.attempts.failed, 0);
    world.clock.forward(31 * 60_000);
    assert_eq!(world.type_as(ANNA_MS, 21, otp(false)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn a_match_that_is_stepped_up_alone_is_no_failed_attempt() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    for n in 20..35 {
        assert_eq!(world.type_as(ANNA_MS, n, None).await.decision, Decision::StepUp);
    }
    assert_eq!(world.type_as(ANNA_MS, 40, otp(false)).await.decision, Decision::Accept);
}

#[tokio::test]
async fn repeats_answer_the_same_and_other_content_is_refused() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let by = world.by(Role::Admin);
    let c = world.claim(captures(ANNA_MS, 20..21), otp(false));
    let first = world.vouch.verify_behavior(&by, c.clone()).await.unwrap();
    let again = world.vouch.verify_behavior(&by, c.clone()).await.unwrap();
    assert_eq!(first, again);
    let other = VerifyBehavior { captures: captures(ANNA_MS, 21..22), ..c };
    let refused = world.vouch.verify_behavior(&by, other).await.unwrap_err();
    assert!(matches!(refused, UseCaseError::IdempotencyMismatch));
}

#[tokio::test]
async fn few_roles_see_scores_and_habits() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let fine = world.type_as(ANNA_MS, 20, otp(false)).await;
    assert_eq!(fine.habits[0].what, "hold time");
    let c = world.claim(captures(ANNA_MS, 21..22), otp(false));
    let coarse = world.vouch.verify_behavior(&world.by(Role::Client), c).await.unwrap();
    let score = coarse.score.unwrap();
    assert_eq!((score.llr, score.raw, coarse.habits.len()), (None, None, 0));
    let (vouch, decision) = (&world.vouch, &fine.decision_id);
    let explain = |role| {
        let (c, by) =
            (ExplainDecision { decision: decision.clone(), audience: None }, world.by(role));
        async move { (vouch.explain(&by, c).await.unwrap().1).join(" ") }
    };
    let (fine, coarse) = (explain(Role::Reviewer).await, explain(Role::Auditor).await);
    assert!(fine.contains("hold time 2:"), "{fine}");
    assert!(
        !coarse.contains("hold time") && coarse.contains("fixed text on a desktop"),
        "{coarse}"
    );
}

#[tokio::test]
async fn hostile_captures_are_refused_by_place_without_their_content() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let with = |change: fn(&mut Vec<RawKey>)| {
        let mut capture = typed(TEXT, ANNA_MS, 20);
        if let RawEvents::Keystroke(keys) = &mut capture.events {
            change(keys);
        }
        capture
    };
    let hostile = [
        with(Vec::clear),
        with(|keys| keys[3].down_ms = f64::NAN),
        with(|keys| keys[3].up_ms = -5.0),
        with(|keys| keys[3].up_ms = f64::INFINITY),
        with(|keys| keys[3].key = "hunter2".repeat(1_000)),
        with(|keys| {
            let key = keys[0].clone();
            keys.resize(1_000_000, key);
        }),
        with(|keys| {
            keys.iter_mut().enumerate().for_each(|(i, k)| {
                k.down_ms -= 1e7 * i as f64;
                k.up_ms -= 1e7 * i as f64;
            })
        }),
        RawCapture { text_id: Some("hunter2 secret".into()), ..typed(TEXT, ANNA_MS, 20) },
    ];
    for bad in hostile {
        let request = vec![typed(TEXT, ANNA_MS, 21), bad];
        let refused = world.try_claim(request.clone(), None).await.unwrap_err();
        let text = refused.to_string();
        assert!(matches!(refused, UseCaseError::BadCapture { index: 1, .. }), "{text}");
        assert!(!text.contains("hunter"), "{text}");
        let refused = world.keep("anna", request).await.unwrap_err();
        assert!(matches!(refused, UseCaseError::BadCapture { index: 1, .. }));
    }
    for many in [vec![], captures(ANNA_MS, 0..257)] {
        let refused = world.try_claim(many, None).await.unwrap_err();
        assert!(matches!(refused, UseCaseError::InvalidArgument { field: "captures", .. }));
    }
    let single = world.try_claim(vec![typed("h", ANNA_MS, 22)], None).await.unwrap();
    assert_eq!(single.reasons, [Reason::MoreInput]);
}

#[tokio::test]
async fn a_policy_may_let_behavior_stand_alone() {
    let mut policy = VoicePolicy::default();
    policy.behavior.accept_alone = true;
    let world = World::with(Setting { policy, ..Setting::default() }).await;
    world.with_profile("anna", ANNA_MS).await;
    assert_eq!(world.type_as(ANNA_MS, 20, None).await.decision, Decision::Accept);
}
