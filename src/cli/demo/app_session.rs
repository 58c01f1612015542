//! An app session: the person types a phrase, another factor is asked for, then a program takes over.

use std::io::Write;
use std::time::Duration;

use super::call::intent;
use super::report;
use super::script::{Script, ScriptError};
use super::typist::Typist;
use crate::grpc::proto as pb;
use pb::run_request::Message as Sent;

/// Typings that are enrolled: as many as the default policy asks for.
const ENROLLED: usize = 10;
/// Typings in the session before anything is asked.
const TYPED: usize = 3;
/// Rhythm of the person.
const PERSON: u64 = 1;

impl<W: Write> Script<'_, W> {
    /// Enrolls made-up typing of the first person and runs a session of an app with it.
    pub(super) async fn app_session(&mut self) -> Result<(), ScriptError> {
        let name = self.people[0].name.clone();
        self.report.section(&format!(
            "An app session: {name} types a phrase (made up by a formula, nobody's recording) and \
             transfers money"
        ))?;
        let mut typist = Typist::new(PERSON);
        self.enroll_typing(&name, &mut typist).await?;
        let open = pb::OpenSession {
            channel: pb::SessionChannel::App as i32,
            subject_id: name,
            idempotency_key: self.key(),
            ..Default::default()
        };
        let typed: Vec<pb::BehaviorCapture> =
            (0..TYPED).map(|n| typist.types(&format!("app-{n}"))).collect();
        let again = typed[0].clone();
        let mut messages: Vec<(Duration, Sent)> =
            typed.into_iter().map(|capture| now(Sent::Capture(capture))).collect();
        messages.push(intent("balance", "balance", None));
        messages.push(intent("transfer", "transfer", Some(12_000.0)));
        messages.push(now(Sent::Context(passed("otp_app"))));
        messages.push(intent("transfer-2", "transfer", Some(12_000.0)));
        // A program plays the first typing back under another name.
        let played = pb::BehaviorCapture { capture_id: "app-played".to_owned(), ..again };
        messages.push(now(Sent::Capture(played)));
        messages.push(intent("address", "change_address", None));
        messages.push(now(Sent::Close(pb::CloseSession {})));
        self.report.line(
            "   3 typings, two questions; a one-time code passes; the first typing is played back",
        )?;
        self.run_session(open, messages).await?;
        Ok(())
    }

    async fn enroll_typing(&mut self, name: &str, typist: &mut Typist) -> Result<(), ScriptError> {
        let consent = pb::Consent {
            notice_id: "demo-notice".into(),
            notice_version: "1".into(),
            purpose: pb::ConsentPurpose::BehaviorAuthentication as i32,
            channel: "app".into(),
            collector: "demo".into(),
            given_at: None,
            expires_at: None,
        };
        let record = pb::RecordConsentRequest {
            subject_id: name.to_owned(),
            consent: Some(consent),
            idempotency_key: self.key(),
        };
        self.client.record_consent(record).await?;
        let request = pb::EnrollBehaviorRequest {
            subject_id: name.to_owned(),
            captures: (0..ENROLLED).map(|n| typist.types(&format!("enroll-{n}"))).collect(),
            authorization: Some(pb::Authorization {
                agent: "demo-agent".into(),
                factor: "in_person".into(),
            }),
            reenroll: false,
            idempotency_key: self.key(),
        };
        let answer = self.client.enroll_behavior(request).await?;
        let progress = answer.progress.map(|p| p.text).unwrap_or_default();
        self.report
            .line(&format!("   enrolled: {progress}; {}", report::reasons(&answer.reasons)))?;
        Ok(())
    }
}

fn now(message: Sent) -> (Duration, Sent) {
    (Duration::ZERO, message)
}

/// The event of a factor that was passed.
fn passed(factor: &str) -> pb::ContextEvent {
    let fact = pb::context_event::Fact::Factor(pb::FactorResult {
        factor: factor.to_owned(),
        passed: true,
    });
    pb::ContextEvent { fact: Some(fact) }
}
