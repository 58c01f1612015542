//! Behavior: enrollment, verification, streams, adaptation, replays, rights.

use std::sync::atomic::Ordering;

use super::rhythm::typed;
use super::world::*;
use crate::behavior::{Device, RawCapture};
use crate::domain::*;
use crate::policy::VoicePolicy;
use crate::store::{StoreError, Subjects as _};
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::*;
use crate::usecase::port::Application;

/// How long Anna and Bert hold keys, in milliseconds.
const ANNA_MS: f64 = 90.0;
const BERT_MS: f64 = 140.0;
const TEXT: &str = "hunter2secret";

fn captures(hold_ms: f64, numbers: std::ops::Range<u32>) -> Vec<RawCapture> {
    numbers.map(|n| typed(TEXT, hold_ms, n)).collect()
}

fn authorization(factor: &str) -> Authorization {
    Authorization { agent: "agent-7".into(), factor: factor.into() }
}

fn otp(adapt: bool) -> Option<OtherFactor> {
    Some(OtherFactor { checked: authorization("otp"), adapt })
}

impl World {
    async fn agree(&self, subject: &str, purpose: Purpose) {
        let c = RecordConsent {
            subject: id(subject),
            notice_id: "behavior".into(),
            notice_version: "1".into(),
            purpose,
            channel: "app".into(),
            collector: "agent-7".into(),
            given_at: None,
            expires_at: None,
            key: self.key(),
        };
        self.vouch.record_consent(&self.by(Role::Agent), c).await.unwrap();
    }

    fn offer(&self, subject: &str, captures: Vec<RawCapture>) -> EnrollBehavior {
        EnrollBehavior {
            subject: id(subject),
            captures,
            authorization: authorization("id_document"),
            reenroll: false,
            key: self.key(),
        }
    }

    async fn keep(
        &self,
        subject: &str,
        captures: Vec<RawCapture>,
    ) -> Result<BehaviorEnrollment, UseCaseError> {
        let c = self.offer(subject, captures);
        self.vouch.enroll_behavior(&self.by(Role::Client), c).await
    }

    /// A subject with consent and a profile of ten repetitions.
    async fn with_profile(&self, subject: &str, hold_ms: f64) -> BehaviorProfileId {
        self.subject(subject).await;
        self.agree(subject, Purpose::BehaviorAuthentication).await;
        let answer = self.keep(subject, captures(hold_ms, 0..10)).await.unwrap();
        assert_eq!(answer.state, EnrollmentState::Enrolled, "{answer:?}");
        answer.profile.unwrap()
    }

    fn claim(&self, captures: Vec<RawCapture>, other: Option<OtherFactor>) -> VerifyBehavior {
        VerifyBehavior { subject: id("anna"), captures, other, key: self.key() }
    }

    async fn try_claim(
        &self,
        captures: Vec<RawCapture>,
        other: Option<OtherFactor>,
    ) -> Result<BehaviorVerification, UseCaseError> {
        let c = self.claim(captures, other);
        self.vouch.verify_behavior(&self.by(Role::Admin), c).await
    }

    /// Somebody claims to be Anna; audited.
    async fn type_as(
        &self,
        hold_ms: f64,
        n: u32,
        other: Option<OtherFactor>,
    ) -> BehaviorVerification {
        let answer = self.try_claim(vec![typed(TEXT, hold_ms, n)], other).await.unwrap();
        self.is_audited(&answer.decision_id, Some(answer.decision)).await;
        answer
    }

    async fn profiles(&self, subject: &str) -> Vec<BehaviorProfileInfo> {
        self.vouch.behavior_profiles(&self.by(Role::Client), id(subject)).await.unwrap()
    }
}

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
    assert_eq!(wrong.reasons, [Reason::MoreInput, Reason::CaptureInconsistent]);
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
async fn a_replay_is_found_wherever_the_first_one_was() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let replayed = |answer: &BehaviorVerification| {
        assert_eq!(answer.decision, Decision::Reject, "{answer:?}");
        assert_eq!(answer.reasons, [Reason::InputReplayed]);
        assert_eq!(answer.findings[0].kind, BehaviorFinding::Replay);
        assert_eq!(answer.findings[0].state, Finding::Present);
    };
    // One that was enrolled, one that was accepted, one that matched and was stepped up.
    replayed(&world.type_as(ANNA_MS, 3, otp(false)).await);
    world.type_as(ANNA_MS, 20, otp(false)).await;
    replayed(&world.type_as(ANNA_MS, 20, otp(false)).await);
    world.type_as(ANNA_MS, 21, None).await;
    replayed(&world.type_as(ANNA_MS, 21, otp(false)).await);
    // Twice within one request.
    let twice = vec![typed(TEXT, ANNA_MS, 22), typed(TEXT, ANNA_MS, 22)];
    replayed(&world.try_claim(twice, otp(false)).await.unwrap());
    // What never matched is not remembered.
    for _ in 0..2 {
        let other = world.type_as(BERT_MS, 23, None).await;
        assert_eq!(other.reasons, [Reason::BehaviorMismatch]);
    }
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
        &[Reason::CaptureInconsistent],
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
async fn adaptation_needs_another_factor_and_stays_a_minority() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    assert_eq!(world.type_as(ANNA_MS, 20, otp(false)).await.adapted, 0);
    for n in 21..30 {
        assert_eq!(world.type_as(ANNA_MS, n, otp(true)).await.adapted, 1);
    }
    let profile = world.profiles("anna").await.remove(0);
    // 4 of 14 is the most that is under 30 %.
    assert_eq!((profile.progress.captures, profile.adapted), (14, 4));
    // What was adapted and has left again is still recognized.
    for n in [21, 29] {
        assert_eq!(world.type_as(ANNA_MS, n, otp(true)).await.reasons, [Reason::InputReplayed]);
    }
    let by = world.by(Role::Analyst);
    let c = world.claim(captures(ANNA_MS, 60..61), otp(true));
    let refused = world.vouch.verify_behavior(&by, c).await.unwrap_err();
    assert!(matches!(refused, UseCaseError::PermissionDenied { .. }));
}

#[tokio::test]
async fn small_steps_do_not_walk_a_profile_away() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    // An impostor with the other factor moves by half a millisecond a time.
    let mut farthest = ANNA_MS;
    for n in 0..100 {
        let hold_ms = ANNA_MS + 0.5 * f64::from(n);
        if world.type_as(hold_ms, 100 + n, otp(true)).await.adapted > 0 {
            farthest = hold_ms;
        }
        world.clock.forward(86_400_000 * 2);
    }
    // 10 - |x - mean| >= 4.6 against what was enrolled, whatever came since.
    assert!((95.0..96.0).contains(&farthest), "{farthest}");
    assert_eq!(world.type_as(BERT_MS, 300, otp(true)).await.decision, Decision::Reject);
    assert_eq!(world.type_as(ANNA_MS, 301, otp(true)).await.decision, Decision::Accept);
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
async fn a_stream_says_how_it_stands_and_decides_once() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let c = ObserveBehavior { subject: id("anna"), other: otp(true), key: world.key() };
    let by = world.by(Role::Admin);
    let mut live = world.vouch.observe_behavior(&by, c.clone()).await.unwrap();
    for n in 0..3 {
        let update = live.push(typed(TEXT, ANNA_MS, 20 + n)).await.unwrap();
        assert_eq!((update.decision, update.captures), (Decision::Accept, n + 1));
    }
    let wrong = RawCapture { device: Device::Tablet, ..typed(TEXT, ANNA_MS, 30) };
    assert!(live.push(wrong).await.is_err());
    let result = live.finish().await.unwrap();
    assert_eq!((result.decision, result.captures, result.adapted), (Decision::Accept, 3, 3));
    world.is_audited(&result.decision_id, Some(Decision::Accept)).await;
    // A repeat is the same decision, whatever is sent.
    let mut again = world.vouch.observe_behavior(&by, c).await.unwrap();
    again.push(typed(TEXT, BERT_MS, 40)).await.unwrap();
    assert_eq!(again.finish().await.unwrap(), result);
}

#[tokio::test]
async fn a_stream_without_a_capture_concludes_nothing() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    for (subject, decision) in [("anna", Decision::Inconclusive), ("nobody", Decision::NotEnrolled)]
    {
        let c = ObserveBehavior { subject: id(subject), other: None, key: world.key() };
        let live = world.vouch.observe_behavior(&world.by(Role::Client), c).await.unwrap();
        let result = live.finish().await.unwrap();
        assert_eq!((result.decision, result.kind, result.captures), (decision, None, 0));
    }
}

#[tokio::test]
async fn the_latest_captures_of_a_stream_count() {
    let world = World::new().await;
    world.with_profile("anna", ANNA_MS).await;
    let c = ObserveBehavior { subject: id("anna"), other: None, key: world.key() };
    let mut live = world.vouch.observe_behavior(&world.by(Role::Admin), c).await.unwrap();
    for n in 0..64 {
        live.push(typed(TEXT, BERT_MS, 100 + n)).await.unwrap();
    }
    let mut last = None;
    for n in 0..64 {
        last = Some(live.push(typed(TEXT, ANNA_MS, 200 + n)).await.unwrap());
    }
    let last = last.unwrap();
    assert_eq!(last.captures, 64);
    assert_eq!(last.reasons[0], Reason::BehaviorMatch, "{last:?}");
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

#[tokio::test]
async fn a_policy_may_let_behavior_stand_alone() {
    let mut policy = VoicePolicy::default();
    policy.behavior.accept_alone = true;
    let world = World::with(Setting { policy, ..Setting::default() }).await;
    world.with_profile("anna", ANNA_MS).await;
    assert_eq!(world.type_as(ANNA_MS, 20, None).await.decision, Decision::Accept);
}
