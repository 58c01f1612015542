//! Behavior: what the tests share.

mod enroll;
mod remember;
mod stream;
mod verify;

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
pub(super) const ANNA_MS: f64 = 90.0;
pub(super) const BERT_MS: f64 = 140.0;
pub(super) const TEXT: &str = "hunter2secret";

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
    pub(in crate::usecase::tests) async fn agree(&self, subject: &str, purpose: Purpose) {
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

    pub(in crate::usecase::tests) async fn keep(
        &self,
        subject: &str,
        captures: Vec<RawCapture>,
    ) -> Result<BehaviorEnrollment, UseCaseError> {
        let c = self.offer(subject, captures);
        self.vouch.enroll_behavior(&self.by(Role::Client), c).await
    }

    /// A subject with consent and a profile of ten repetitions.
    pub(in crate::usecase::tests) async fn with_profile(
        &self,
        subject: &str,
        hold_ms: f64,
    ) -> BehaviorProfileId {
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
    pub(in crate::usecase::tests) async fn type_as(
        &self,
        hold_ms: f64,
        n: u32,
        other: Option<OtherFactor>,
    ) -> BehaviorVerification {
        let answer = self.try_claim(vec![typed(TEXT, hold_ms, n)], other).await.unwrap();
        self.is_audited(&answer.decision_id, Some(answer.decision)).await;
        answer
    }

    pub(in crate::usecase::tests) async fn profiles(
        &self,
        subject: &str,
    ) -> Vec<BehaviorProfileInfo> {
        self.vouch.behavior_profiles(&self.by(Role::Client), id(subject)).await.unwrap()
    }
}
