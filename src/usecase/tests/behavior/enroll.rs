//! Captures become a profile.

use super::*;

#[tokio::test]
async fn captures_become_a_profile_over_several_requests() {
    let world = World::new().await;
    world.subject("anna").await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let some = world.keep("anna", captures(ANNA_MS, 0..7)).await.unwrap();
    assert_eq!(some.state, EnrollmentState::InProgress);
    assert_eq!(some.progress.text(), "7 of 10 captures");
    assert_eq!(some.reasons, [Reason::EnrollmentInProgress]);
    assert!(some.captures.iter().all(|o| o.accepted));
    let rest = world.keep("anna", captures(ANNA_MS, 7..10)).await.unwrap();
    assert_eq!(rest.state, EnrollmentState::Enrolled);
    assert_eq!((rest.reasons, rest.profile), (vec![Reason::EnrollmentComplete], some.profile));
    world.is_audited(&rest.decision_id, None).await;
    let again = world.keep("anna", captures(ANNA_MS, 20..21)).await.unwrap_err();
    assert!(matches!(again, UseCaseError::AlreadyExists { what: "behavior profile" }));
    let profiles = world.profiles("anna").await;
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0].background.to_string(), "rhythm-fixed_text@1");
    assert_eq!((profiles[0].kind, profiles[0].progress.units), (BehaviorKind::FixedText, 130));
    let subject = world.vouch.get_subject(&world.by(Role::Client), id("anna")).await.unwrap();
    assert_eq!((subject.behavior_profiles, subject.enrolled), (1, false));
}

#[tokio::test]
async fn a_profile_ends_and_does_not_outlive_its_background() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    world.rhythm.version.store(2, Ordering::SeqCst);
    let answer = world.type_as(ANNA_MS, 20, otp(false)).await;
    assert_eq!(answer.decision, Decision::NotEnrolled);
    assert_eq!(answer.reasons, [Reason::ModelMismatch]);
    assert_eq!(world.profiles("anna").await[0].state, EnrollmentState::Stale);
    world.rhythm.version.store(1, Ordering::SeqCst);
    world.clock.forward(366 * 86_400_000);
    let answer = world.type_as(ANNA_MS, 21, otp(false)).await;
    assert_eq!(
        (answer.decision, &answer.reasons[..]),
        (Decision::Expired, &[Reason::TemplateExpired][..])
    );
    // One that has ended is in nobody's way.
    let renewed = world.keep("anna", captures(ANNA_MS, 30..40)).await.unwrap();
    assert_eq!(renewed.state, EnrollmentState::Enrolled);
    let profiles = world.profiles("anna").await;
    assert_eq!((profiles.len(), profiles[0].progress.captures), (1, 10));
}

#[tokio::test]
async fn enrollment_refuses_single_captures_for_cause() {
    let world = World::new().await;
    world.subject("anna").await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let mut mixed = captures(ANNA_MS, 0..4);
    mixed.push(typed(TEXT, ANNA_MS, 2));
    mixed.push(typed(TEXT, BERT_MS, 5));
    mixed.push(typed("hi", ANNA_MS, 6));
    mixed.push(typed("hunter2secre", ANNA_MS, 7));
    let mut script = typed(TEXT, ANNA_MS, 8);
    if let RawEvents::Keystroke(keys) = &mut script.events {
        keys.iter_mut().for_each(|k| k.up_ms = k.down_ms + 88.0);
    }
    mixed.push(script);
    let answer = world.keep("anna", mixed).await.unwrap();
    let refused: Vec<&[Reason]> =
        answer.captures.iter().filter(|o| !o.accepted).map(|o| &o.reasons[..]).collect();
    let wanted: [&[Reason]; 5] = [
        &[Reason::InputReplayed],
        &[Reason::CaptureInconsistent],
        &[Reason::MoreInput],
        &[Reason::OtherText],
        &[Reason::InputScripted],
    ];
    assert_eq!(refused, wanted);
    assert_eq!(answer.progress.text(), "4 of 10 captures");
    assert_eq!(answer.reasons[0], Reason::EnrollmentInProgress);
}

#[tokio::test]
async fn two_clients_lose_no_capture() {
    let world = World::new().await;
    world.subject("anna").await;
    world.agree("anna", Purpose::BehaviorAuthentication).await;
    let (by, vouch) = (world.by(Role::Client), &world.vouch);
    // Pairs, each of two clients at once, until the profile is complete.
    for pair in 0..5 {
        let one = world.offer("anna", captures(ANNA_MS, 2 * pair..2 * pair + 1));
        let two = world.offer("anna", captures(ANNA_MS, 2 * pair + 1..2 * pair + 2));
        let (a, b) = tokio::join!(vouch.enroll_behavior(&by, one), vouch.enroll_behavior(&by, two));
        let kept = [a.unwrap(), b.unwrap()].map(|e| e.progress.captures);
        assert!(kept.contains(&(2 * pair + 1)) && kept.contains(&(2 * pair + 2)), "{kept:?}");
    }
    assert_eq!(world.profiles("anna").await[0].progress.captures, 10);
    // The same capture of two clients: one passes, the other is the replay.
    let both = || world.claim(captures(ANNA_MS, 50..51), otp(false));
    let (a, b) =
        tokio::join!(vouch.verify_behavior(&by, both()), vouch.verify_behavior(&by, both()));
    let mut decisions = [a.unwrap().decision, b.unwrap().decision];
    decisions.sort_by_key(|d| *d == Decision::Reject);
    assert_eq!(decisions, [Decision::Accept, Decision::Reject]);
}

#[tokio::test]
async fn a_profile_is_replaced_when_the_new_one_is_complete_and_deleted_by_right() {
    let world = World::new().await;
    let old = world.with_profile("anna", ANNA_MS).await;
    let by = world.by(Role::Client);
    let mut c = world.offer("anna", captures(BERT_MS, 0..6));
    c.reenroll = true;
    world.vouch.enroll_behavior(&by, c.clone()).await.unwrap();
    assert_eq!(world.profiles("anna").await.len(), 2);
    assert_eq!(world.type_as(ANNA_MS, 20, otp(false)).await.decision, Decision::Accept);
    c.captures = captures(BERT_MS, 6..10);
    c.key = world.key();
    let new = world.vouch.enroll_behavior(&by, c).await.unwrap();
    assert_eq!(new.state, EnrollmentState::Enrolled);
    assert_eq!(world.profiles("anna").await.len(), 1);
    assert_eq!(world.type_as(BERT_MS, 20, otp(false)).await.decision, Decision::Accept);
    let delete = |profile| DeleteBehaviorProfile { subject: id("anna"), profile, key: world.key() };
    let refused = world.vouch.delete_behavior_profile(&by, delete(old.clone())).await;
    assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
    let privacy = world.by(Role::Privacy);
    let gone = world.vouch.delete_behavior_profile(&privacy, delete(old)).await;
    assert!(matches!(gone, Err(UseCaseError::NotFound { what: "behavior profile" })));
    let profile = new.profile.unwrap();
    world.vouch.delete_behavior_profile(&privacy, delete(profile)).await.unwrap();
    assert_eq!(world.profiles("anna").await.len(), 0);
}
