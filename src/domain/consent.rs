//! Consent as a record, and the proof that one was current.

use crate::domain::{ConsentId, Timestamp};

/// What a subject can consent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Enrollment, verification and identification by voice.
    VoiceAuthentication,
    /// Enrollment and verification by how somebody types, swipes and moves a pointer.
    BehaviorAuthentication,
    /// Enrollment and verification by how somebody writes or words things.
    ConversationAuthentication,
}

/// Who authorized an act and how the subject was authenticated when it happened.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Authorization {
    /// Pseudonymous id of the agent or system.
    pub agent: String,
    /// How the subject was authenticated, e.g. `id_document`, `otp`.
    pub factor: String,
}

/// One agreement of one subject to one purpose (GDPR Art. 7: demonstrable, withdrawable).
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ConsentRecord {
    /// Its id.
    pub id: ConsentId,
    /// The notice given, e.g. `voice-privacy`.
    pub notice_id: String,
    /// Its version.
    pub notice_version: String,
    /// What it covers.
    pub purpose: Purpose,
    /// How it was given: `call`, `app`, `web`, `paper`.
    pub channel: String,
    /// Pseudonymous id of who collected it.
    pub collector: String,
    /// When it was given.
    pub given_at: Timestamp,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
    /// When it was withdrawn, if it was.
    pub withdrawn_at: Option<Timestamp>,
}

impl ConsentRecord {
    /// Given already, not withdrawn, not expired.
    pub fn is_current(&self, now: Timestamp) -> bool {
        self.given_at <= now
            && self.withdrawn_at.is_none_or(|at| at > now)
            && self.expires_at.is_none_or(|at| at > now)
    }
}

/// Evidence that a current consent for a purpose was seen. Storing or using a template takes one;
/// only [`ConsentProof::find`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentProof {
    consent: ConsentId,
    purpose: Purpose,
    checked_at: Timestamp,
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConsentRefusal {
    /// The subject opted out of biometric processing altogether.
    #[error("the subject opted out")]
    OptedOut,
    /// No record for the purpose is current.
    #[error("no current consent covers this use")]
    NoCurrentConsent,
}

impl ConsentProof {
    /// Looks for a current record; an opt-out beats every consent.
    pub fn find(
        opted_out: bool,
        records: &[ConsentRecord],
        purpose: Purpose,
        now: Timestamp,
    ) -> Result<Self, ConsentRefusal> {
        if opted_out {
            return Err(ConsentRefusal::OptedOut);
        }
        let current = records.iter().find(|r| r.purpose == purpose && r.is_current(now));
        match current {
            Some(record) => Ok(Self { consent: record.id.clone(), purpose, checked_at: now }),
            None => Err(ConsentRefusal::NoCurrentConsent),
        }
    }

    /// The record that was seen.
    pub fn consent_id(&self) -> &ConsentId {
        &self.consent
    }

    /// The purpose it covers.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// When it was seen.
    pub fn checked_at(&self) -> Timestamp {
        self.checked_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ConsentRecord {
        ConsentRecord {
            id: ConsentId::parse("c1").expect("valid id"),
            notice_id: "n".into(),
            notice_version: "1".into(),
            purpose: Purpose::VoiceAuthentication,
            channel: "call".into(),
            collector: "agent-1".into(),
            given_at: Timestamp::from_unix_ms(100),
            expires_at: Some(Timestamp::from_unix_ms(200)),
            withdrawn_at: None,
        }
    }

    fn find(opted_out: bool, r: ConsentRecord, now: i64) -> Result<ConsentProof, ConsentRefusal> {
        let now = Timestamp::from_unix_ms(now);
        ConsentProof::find(opted_out, &[r], Purpose::VoiceAuthentication, now)
    }

    #[test]
    fn only_a_current_record_gives_a_proof() {
        assert!(find(false, record(), 150).is_ok());
        assert_eq!(find(false, record(), 99), Err(ConsentRefusal::NoCurrentConsent));
        assert_eq!(find(false, record(), 200), Err(ConsentRefusal::NoCurrentConsent));
        let withdrawn =
            ConsentRecord { withdrawn_at: Some(Timestamp::from_unix_ms(120)), ..record() };
        assert_eq!(find(false, withdrawn, 150), Err(ConsentRefusal::NoCurrentConsent));
    }

    #[test]
    fn an_opt_out_beats_a_consent() {
        assert_eq!(find(true, record(), 150), Err(ConsentRefusal::OptedOut));
    }
}
