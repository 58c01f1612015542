//! Style of texts: enrollment, verification, adaptation, replays, sessions, redaction.

use super::world::*;
use crate::domain::*;
use crate::usecase::UseCaseError;
use crate::usecase::command::*;
use crate::usecase::output::*;
use crate::usecase::port::Application;

/// Chat of a made-up person; `day` changes the words, not the habits.
pub(super) fn chat(careful: bool, day: u64, words: usize) -> Vec<RawText> {
    const GLUE: [&str; 10] =
        ["the", "so", "but", "just", "really", "you", "it", "that", "maybe", "then"];
    const TOPIC: [&str; 5] = ["card", "transfer", "printer", "invoice", "phone"];
    let mut state = (day + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize
    };
    let (mut texts, mut written) = (Vec::new(), 0);
    while written < words {
        let count = if careful { 12 } else { 4 } + step() % 4;
        let mut line: Vec<String> = Vec::new();
        for i in 0..count {
            let word = match step() % 3 {
                0 => TOPIC[step() % TOPIC.len()],
                _ => GLUE[step() % GLUE.len()],
            };
            let mut word = word.to_owned();
            if careful && i == 0 {
                word[..1].make_ascii_uppercase();
            }
            if careful && step() % 4 == 0 && i + 1 < count {
                word.push(',');
            }
            line.push(word);
        }
        written += count;
        let end = if careful { "." } else { " ... lol :)" };
        texts.push(RawText { content: format!("{}{end}", line.join(" ")), sent_at: None });
    }
    texts
}

fn authorization(factor: &str) -> Authorization {
    Authorization { agent: "agent-7".into(), factor: factor.into() }
}

fn otp(adapt: bool) -> Option<OtherFactor> {
    Some(OtherFactor { checked: authorization("otp"), adapt })
}

impl World {
    async fn agree_to(&self, subject: &str, purpose: Purpose) {
        let c = RecordConsent {
            subject: id(subject),
            notice_id: "chat".into(),
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

    async fn write(
        &self,
        subject: &str,
        texts: Vec<RawText>,
    ) -> Result<TextEnrollment, UseCaseError> {
        let c = EnrollTexts {
            subject: id(subject),
            texts,
            authorization: authorization("id_document"),
            reenroll: false,
            key: self.key(),
        };
        self.vouch.enroll_texts(&self.by(Role::Client), c).await
    }

    async fn with_style(&self, subject: &str, careful: bool) -> BehaviorProfileId {
        self.subject(subject).await;
        self.style(subject, careful).await
    }

    /// Consent and a profile for a subject that exists.
    pub(super) async fn style(&self, subject: &str, careful: bool) -> BehaviorProfileId {
        self.agree_to(subject, Purpose::ConversationAuthentication).await;
        let answer = self.write(subject, chat(careful, 1, 600)).await.unwrap();
        assert_eq!(answer.state, EnrollmentState::Enrolled, "{answer:?}");
        answer.profile.unwrap()
    }

    async fn claims(
        &self,
        texts: Vec<RawText>,
        other: Option<OtherFactor>,
    ) -> Result<TextVerification, UseCaseError> {
        let c = VerifyTexts { subject: id("anna"), texts, other, key: self.key() };
        let answer = self.vouch.verify_texts(&self.by(Role::Admin), c).await?;
        self.is_audited(&answer.decision_id, Some(answer.decision)).await;
        Ok(answer)
    }
}

#[tokio::test]
async fn texts_become_a_profile_over_several_requests() {
    let world = World::new().await;
    world.subject("anna").await;
    let early = world.write("anna", chat(true, 0, 300)).await.unwrap_err();
    assert!(matches!(early, UseCaseError::ConsentMissing));
    world.agree_to("anna", Purpose::BehaviorAuthentication).await;
    let other = world.write("anna", chat(true, 0, 300)).await.unwrap_err();
    assert!(matches!(other, UseCaseError::ConsentMissing), "a consent of its own");
    world.agree_to("anna", Purpose::ConversationAuthentication).await;
    let some = world.write("anna", chat(true, 0, 300)).await.unwrap();
    assert_eq!((some.state, some.accepted), (EnrollmentState::InProgress, true));
    assert!(some.progress.words >= 300 && some.progress.required_words == 500);
    let few = world.write("anna", chat(true, 5, 20)).await.unwrap();
    assert_eq!((few.accepted, &few.reasons[..]), (false, &[Reason::MoreInput][..]));
    let same = world.write("anna", chat(true, 0, 300)).await.unwrap();
    assert_eq!((same.accepted, &same.reasons[..]), (false, &[Reason::InputReplayed][..]));
    let rest = world.write("anna", chat(true, 1, 300)).await.unwrap();
    assert_eq!((rest.state, rest.profile), (EnrollmentState::Enrolled, some.profile));
    assert_eq!(rest.reasons, [Reason::EnrollmentComplete]);
    world.is_audited(&rest.decision_id, None).await;
    let again = world.write("anna", chat(true, 2, 100)).await.unwrap_err();
    assert!(matches!(again, UseCaseError::AlreadyExists { what: "style profile" }));
    let client = world.by(Role::Client);
    let profiles = world.vouch.style_profiles(&client, id("anna")).await.unwrap();
    assert_eq!(profiles.len(), 1);
    assert_eq!(profiles[0].background.id, "behavior-text");
    let behavior = world.vouch.behavior_profiles(&client, id("anna")).await.unwrap();
    assert!(behavior.is_empty(), "a style is none of them");
}

#[tokio::test]
async fn the_right_style_needs_another_factor_and_another_style_fails() {
    let world = World::new().await;
    world.with_style("anna", true).await;
    let alone = world.claims(chat(true, 7, 250), None).await.unwrap();
    assert_eq!(alone.decision, Decision::StepUp, "{alone:?}");
    assert_eq!(alone.reasons, [Reason::BehaviorMatch, Reason::BehaviorAlone]);
    let both = world.claims(chat(true, 8, 250), otp(false)).await.unwrap();
    assert_eq!(both.decision, Decision::Accept, "{both:?}");
    assert!(both.enough && !both.habits.is_empty() && !both.adapted);
    let other = world.claims(chat(false, 9, 250), otp(false)).await.unwrap();
    assert_eq!(other.decision, Decision::Reject, "{other:?}");
    let few = world.claims(chat(true, 10, 40), otp(false)).await.unwrap();
    assert_eq!((few.decision, few.score), (Decision::Inconclusive, None));
    let none = world.claims(vec![RawText { content: "🙂🙂".into(), sent_at: None }], None).await;
    assert_eq!(none.unwrap().decision, Decision::Inconclusive);
}

#[tokio::test]
async fn a_replay_is_rejected_and_adaptation_needs_another_factor() {
    let world = World::new().await;
    world.with_style("anna", true).await;
    let enrolled = world.claims(chat(true, 1, 600), otp(true)).await.unwrap();
    assert_eq!((enrolled.decision, enrolled.reasons[0]), (Decision::Reject, Reason::InputReplayed));
    let first = world.claims(chat(true, 7, 150), otp(true)).await.unwrap();
    assert_eq!((first.decision, first.adapted), (Decision::Accept, true), "{first:?}");
    let again = world.claims(chat(true, 7, 150), otp(true)).await.unwrap();
    assert_eq!(again.decision, Decision::Reject);
    for day in 20..26 {
        world.claims(chat(true, day, 120), otp(true)).await.unwrap();
    }
    let info = world.vouch.style_profiles(&world.by(Role::Admin), id("anna")).await.unwrap();
    let (all, adapted) = (info[0].progress.words, info[0].adapted_words);
    assert!(adapted > 0 && f64::from(adapted) / f64::from(all) <= 0.3, "{adapted} of {all}");
    for factor in ["style", "Typing", "chat"] {
        let other = Some(OtherFactor { checked: authorization(factor), adapt: false });
        assert!(world.claims(chat(true, 30, 150), other).await.is_err(), "{factor}");
    }
}

#[tokio::test]
async fn failures_lock_and_refusals_look_at_nothing() {
    let world = World::new().await;
    world.with_style("anna", true).await;
    for day in 0..5 {
        let answer = world.claims(chat(false, 100 + day, 250), None).await.unwrap();
        assert_eq!(answer.decision, Decision::Reject, "{answer:?}");
    }
    let locked = world.claims(chat(true, 7, 250), otp(false)).await.unwrap();
    assert_eq!((locked.decision, locked.words), (Decision::Locked, 0));
    assert!(locked.findings.is_empty() && locked.score.is_none());
}

#[tokio::test]
async fn limits_name_themselves() {
    let world = World::new().await;
    world.with_style("anna", true).await;
    let text = |content: String| RawText { content, sent_at: None };
    for texts in [
        vec![],
        vec![text("a".into()); 2_049],
        vec![text("é".repeat(8_193))],
        vec![text("a ".repeat(8_192)); 65],
    ] {
        let refused = world.claims(texts, None).await.unwrap_err();
        assert!(matches!(refused, UseCaseError::InvalidArgument { field: "texts", .. }));
    }
    let odd = vec![text("\0\u{1b}[2J\u{202e}".into()), text(String::new()), text("\n".repeat(9))];
    assert_eq!(world.claims(odd, None).await.unwrap().decision, Decision::Inconclusive);
}

#[tokio::test]
async fn personal_data_is_replaced_as_the_tenant_chose() {
    let world = World::new().await;
    let (privacy, agent) = (world.by(Role::Privacy), world.by(Role::Agent));
    let note = "Called back: anna.meier@example.org, +49 170 1234567";
    let redact = || RedactText { text: note.into() };
    let first = world.vouch.redact_text(&agent, redact()).await.unwrap();
    assert_eq!((first.found, first.mode), (2, RedactionMode::Pseudonymize));
    assert!(!first.text.contains("meier") && first.text.contains("<EMAIL_"), "{}", first.text);
    let again = world.vouch.redact_text(&agent, redact()).await.unwrap();
    assert!(first == again, "pseudonyms are stable");
    let set = || SetRedaction { mode: RedactionMode::Anonymize, key: world.key() };
    let refused = world.vouch.set_redaction(&agent, set()).await;
    assert!(matches!(refused, Err(UseCaseError::PermissionDenied { .. })));
    let done = world.vouch.set_redaction(&privacy, set()).await.unwrap();
    world.is_audited(&done.decision_id, None).await;
    let plain = world.vouch.redact_text(&agent, redact()).await.unwrap();
    assert_eq!(plain.text, "Called back: <EMAIL>, <PHONE>");
    let long = RedactText { text: "a".repeat(16_385) };
    assert!(world.vouch.redact_text(&agent, long).await.is_err());
}
