//! Enrollment: progress, gates, second speakers, consent, idempotency.

use super::world::*;
use crate::domain::*;
use crate::store::{EnrolledUtterance, Subjects as _};
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::EnrollmentState;
use crate::usecase::port::Application;

#[tokio::test]
async fn utterances_add_up_to_a_voiceprint() {
    let world = World::new().await;
    let print = world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Client);
    let listed = world.vouch.voiceprints(&by, id("anna")).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id, print);
    assert!(listed[0].utterances >= 3 && listed[0].net_speech_ms >= 20_000);
    assert_eq!(listed[0].authorization.agent, "agent-7");
    assert!(listed[0].expires_at.is_some());
    let status = world.vouch.enrollment(&by, id("anna")).await.unwrap();
    assert_eq!(status.state, EnrollmentState::Enrolled);
    assert!(world.vouch.get_subject(&by, id("anna")).await.unwrap().enrolled);
    // Without the wish to replace it, an enrolled subject is not enrolled again.
    let again = world.utterance("anna", speak(ANNA, 14.0)).await;
    assert!(matches!(again, Err(UseCaseError::AlreadyExists { .. })));
}

/// Utterances collected of a subject.
async fn collected(world: &World, subject: &str) -> Vec<EnrolledUtterance> {
    let found = world.store.subject(&tenant(), &id(subject)).await.unwrap().unwrap();
    found.enrollment.unwrap().utterances
}

#[tokio::test]
async fn what_a_microphone_brings_is_kept_as_a_telephone_would_have_brought_it() {
    let world = World::new().await;
    let by = world.by(Role::Client);
    for subject in ["whole", "live", "call"] {
        world.subject(subject).await;
        world.consent(subject, None).await;
    }
    let content = speak(ANNA, 8.0);
    let answer = world.utterance("whole", content.clone()).await.unwrap();
    assert_eq!(answer.quality.bandwidth, Bandwidth::Wide);
    let c = world.enroll_command("live");
    let mut live = world.vouch.enroll_stream(&by, c, format()).await.unwrap();
    for (number, bytes) in (1..).zip(content.chunks(3_200)) {
        let chunk = Chunk { sequence: Some(number), content: bytes.to_vec() };
        live.push(vec![chunk]).await.unwrap();
    }
    live.finish().await.unwrap();
    let (whole, live) = (collected(&world, "whole").await, collected(&world, "live").await);
    let rendition = whole[0].telephone.as_ref().expect("a rendition");
    assert_eq!(live[0].telephone.as_ref(), Some(rendition), "however the audio came");
    assert_ne!(rendition, &whole[0].embedding);
    // Half of the samples at half the rate: a call.
    let call: Vec<u8> = content.chunks_exact(4).flat_map(|two| [two[0], two[1]]).collect();
    let format = AudioFormat { sample_rate_hz: Some(8_000), ..format() };
    let c = world.enroll_command("call");
    let answer = world.vouch.enroll(&by, c, Recording { format, content: call }).await.unwrap();
    assert!(answer.utterance_accepted, "{answer:?}");
    assert!(collected(&world, "call").await[0].telephone.is_none());
}

#[tokio::test]
async fn reenrollment_replaces_once_it_is_complete() {
    let world = World::new().await;
    let old = world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Client);
    loop {
        let mut c = world.enroll_command("anna");
        c.reenroll = true;
        let audio = recording(speak(CARA, 14.0));
        let answer = world.vouch.enroll(&by, c, audio).await.unwrap();
        assert!(answer.utterance_accepted, "{answer:?}");
        if let Some(new) = answer.voiceprint {
            assert_ne!(new, old);
            break;
        }
        let decision = world.verify("anna", speak(ANNA, 12.0)).await.decision;
        assert_eq!(decision, Decision::Accept, "the old one holds until then");
    }
    let decision = world.verify("anna", speak(CARA, 12.0)).await.decision;
    assert_eq!(decision, Decision::Accept);
}

#[tokio::test]
async fn enrollment_needs_a_subject_consent_and_an_authorization() {
    let world = World::new().await;
    let refused = world.utterance("anna", speak(ANNA, 12.0)).await;
    assert!(matches!(refused, Err(UseCaseError::NotFound { .. })));
    world.subject("anna").await;
    let refused = world.utterance("anna", speak(ANNA, 12.0)).await;
    assert!(matches!(refused, Err(UseCaseError::ConsentMissing)));
    let by = world.by(Role::Admin);
    let c = SetOptOut { subject: id("anna"), opted_out: true, key: world.key() };
    world.vouch.set_opt_out(&by, c).await.unwrap();
    let refused = world.utterance("anna", speak(ANNA, 12.0)).await;
    assert!(matches!(refused, Err(UseCaseError::OptedOut)));
    let mut c = world.enroll_command("anna");
    c.authorization.factor.clear();
    let refused = world.vouch.enroll(&by, c, recording(speak(ANNA, 12.0))).await;
    assert!(matches!(refused, Err(UseCaseError::InvalidArgument { .. })));
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn poor_utterances_are_refused_with_reasons_and_audited() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let answer = world.utterance("anna", speak(ANNA, 1.5)).await.unwrap();
    assert!(!answer.utterance_accepted);
    assert_eq!(answer.reasons[0], Reason::SpeakLonger);
    assert_eq!(answer.state, EnrollmentState::None);
    assert_eq!(answer.progress.utterances, 0);
    world.is_audited(&answer.decision_id, None).await;
    assert_eq!(world.asked(), 0);
}

#[tokio::test]
async fn another_speakers_utterance_is_refused() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let first = world.utterance("anna", speak(ANNA, 12.0)).await.unwrap();
    assert!(first.utterance_accepted);
    let second = world.utterance("anna", speak(BERT, 12.0)).await.unwrap();
    assert!(!second.utterance_accepted);
    assert_eq!(second.reasons[0], Reason::SpeakerInconsistent);
    assert_eq!(second.progress, first.progress);
    assert_eq!(second.state, EnrollmentState::InProgress);
    world.is_audited(&second.decision_id, None).await;
}

#[tokio::test]
async fn a_recording_with_two_speakers_is_refused() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let mut both = speak(ANNA, 14.0);
    both.extend(speak(BERT, 14.0));
    let answer = world.utterance("anna", both).await.unwrap();
    assert!(!answer.utterance_accepted, "{answer:?}");
    assert_eq!(answer.reasons[0], Reason::MultipleSpeakers);
}

#[tokio::test]
async fn a_repeated_utterance_counts_once() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    let by = world.by(Role::Client);
    let c = world.enroll_command("anna");
    let audio = || recording(speak(ANNA, 12.0));
    let first = world.vouch.enroll(&by, c.clone(), audio()).await.unwrap();
    let again = world.vouch.enroll(&by, c, audio()).await.unwrap();
    assert_eq!(first, again);
    let status = world.vouch.enrollment(&by, id("anna")).await.unwrap();
    assert_eq!(status.progress.utterances, 1);
}

#[tokio::test]
async fn a_canceled_enrollment_starts_anew() {
    let world = World::new().await;
    world.subject("anna").await;
    world.consent("anna", None).await;
    world.utterance("anna", speak(ANNA, 12.0)).await.unwrap();
    let by = world.by(Role::Client);
    let c = OnSubject { subject: id("anna"), key: world.key() };
    let done = world.vouch.cancel_enrollment(&by, c.clone()).await.unwrap();
    assert_eq!(done.value, 1);
    assert_eq!(world.vouch.cancel_enrollment(&by, c).await.unwrap(), done);
    let answer = world.utterance("anna", speak(BERT, 12.0)).await.unwrap();
    assert!(answer.utterance_accepted);
    assert_eq!(answer.progress.utterances, 1);
}

#[tokio::test]
async fn deleted_and_renewed_voiceprints() {
    let world = World::new().await;
    let print = world.enrolled("anna", ANNA).await;
    let by = world.by(Role::Admin);
    let key = world.key();
    let done = world.vouch.renew_voiceprints(&by, key.clone()).await.unwrap();
    assert_eq!(done.value, (1, 2));
    let again = world.vouch.renew_voiceprints(&by, key).await.unwrap();
    assert_eq!(again, done);
    let c = DeleteVoiceprint { subject: id("anna"), voiceprint: print, key: world.key() };
    world.vouch.delete_voiceprint(&by, c.clone()).await.unwrap();
    world.vouch.delete_voiceprint(&by, c.clone()).await.unwrap();
    let decision = world.verify("anna", speak(ANNA, 12.0)).await.decision;
    assert_eq!(decision, Decision::NotEnrolled);
    let found = world.identify(Candidates::WholeTenant, speak(ANNA, 12.0)).await;
    assert_eq!(found.decision, Decision::NoMatch);
    let c = DeleteVoiceprint { key: world.key(), ..c };
    let missing = world.vouch.delete_voiceprint(&by, c).await;
    assert!(matches!(missing, Err(UseCaseError::NotFound { .. })));
}
