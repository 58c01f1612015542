//! Subjects and their rights: register, read, consent, opt out.

use crate::domain::{AuditKind, ConsentId, ConsentRecord, Reason, SubjectId, Timestamp};
use crate::store::{Effect, MAX_PAGE_SIZE, PageRequest, SubjectTarget};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, CreateSubject, RecordConsent, SetOptOut, WithdrawConsent};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::{Done, Page, SubjectInfo};
use crate::usecase::request::Content;

/// Longest text of a consent record or an authorization, in bytes.
pub const MAX_TEXT_BYTES: usize = 128;
/// How far in the future a consent may have been given, in milliseconds: clocks differ.
pub const CLOCK_SKEW_MS: u64 = 60_000;

/// Refuses texts that are empty, too long or hold control characters.
pub(super) fn check_text(field: &'static str, text: &str) -> Result<(), UseCaseError> {
    if text.is_empty() {
        return Err(invalid(field, "needs at least 1 character"));
    }
    if text.len() > MAX_TEXT_BYTES {
        let problem = format!("has {} bytes, at most {MAX_TEXT_BYTES} may", text.len());
        return Err(invalid(field, problem));
    }
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "has a control character"));
    }
    Ok(())
}

/// Any version of a subject: the effect does not depend on what was read.
pub(super) fn any_version(subject: &SubjectId) -> SubjectTarget {
    SubjectTarget { id: subject.clone(), expected_version: None }
}

fn with_currency(consents: Vec<ConsentRecord>, now: Timestamp) -> Vec<(ConsentRecord, bool)> {
    let current = |c: ConsentRecord| {
        let is_current = c.is_current(now);
        (c, is_current)
    };
    consents.into_iter().map(current).collect()
}

impl Inner {
    pub(super) async fn create_subject(
        &self,
        by: Caller,
        c: CreateSubject,
    ) -> Result<Done<SubjectInfo>, UseCaseError> {
        require(&by, Right::CreateSubject)?;
        let request = Content::new()
            .optional(c.subject.as_ref().map(SubjectId::as_str))
            .request("vouch.v1.SubjectService/CreateSubject", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Subject, "subject created");
        let id = c.subject.unwrap_or_else(|| SubjectId::new(draft.at, self.id_bytes()));
        draft.subject = Some(any_version(&id));
        draft.event.subject = Some(id.clone());
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects = vec![Effect::CreateSubject];
        let answer = Done {
            value: SubjectInfo {
                id,
                created_at: draft.at,
                opted_out: false,
                consents: Vec::new(),
                enrolled: false,
                behavior_profiles: 0,
                phone_numbers: 0,
            },
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        Ok(self.commit(&by, &request, draft, answer).await?.0)
    }

    pub(super) async fn get_subject(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<SubjectInfo, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let snapshot = self.snapshot(&by.tenant, subject).await?;
        let snapshot = snapshot.ok_or(UseCaseError::NotFound { what: "subject" })?;
        Ok(SubjectInfo {
            id: snapshot.id,
            created_at: snapshot.created_at,
            opted_out: snapshot.opted_out,
            consents: with_currency(snapshot.consents, self.now()),
            enrolled: snapshot.voiceprint.is_some(),
            behavior_profiles: snapshot.behavior_profiles,
            phone_numbers: snapshot.phone_numbers,
        })
    }

    pub(super) async fn list_subjects(
        &self,
        by: &Caller,
        page_size: usize,
        token: Option<String>,
    ) -> Result<Page<SubjectInfo>, UseCaseError> {
        require(by, Right::ReadSubject)?;
        let request = page_request(page_size, token)?;
        let page = self.parts.store.subjects(&by.tenant, request).await?;
        let now = self.now();
        let shown = page.items.into_iter().map(|s| SubjectInfo {
            id: s.id,
            created_at: s.created_at,
            opted_out: s.opted_out,
            consents: with_currency(s.consents, now),
            enrolled: s.enrolled,
            behavior_profiles: s.behavior_profiles,
            phone_numbers: s.phone_numbers,
        });
        Ok(Page { items: shown.collect(), next: page.next })
    }

    pub(super) async fn record_consent(
        &self,
        by: Caller,
        c: RecordConsent,
    ) -> Result<Done<(ConsentRecord, bool)>, UseCaseError> {
        require(&by, Right::Consent)?;
        for (field, text) in [
            ("consent.notice_id", &c.notice_id),
            ("consent.notice_version", &c.notice_version),
            ("consent.channel", &c.channel),
            ("consent.collector", &c.collector),
        ] {
            check_text(field, text)?;
        }
        let request = consent_content(&c).request("vouch.v1.SubjectService/RecordConsent", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Consent, "consent recorded");
        let given_at = c.given_at.unwrap_or(draft.at);
        if given_at > draft.at.plus_ms(CLOCK_SKEW_MS) {
            let problem = format!("{given_at} is in the future");
            return Err(invalid("consent.given_at", problem));
        }
        if c.expires_at.is_some_and(|end| end <= given_at) {
            let problem = "is not after the consent was given";
            return Err(invalid("consent.expires_at", problem));
        }
        let record = ConsentRecord {
            id: ConsentId::new(draft.at, self.id_bytes()),
            notice_id: c.notice_id,
            notice_version: c.notice_version,
            purpose: c.purpose,
            channel: c.channel,
            collector: c.collector,
            given_at,
            expires_at: c.expires_at,
            withdrawn_at: None,
        };
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        draft.event.consent = Some(record.id.clone());
        draft.effects = vec![Effect::PutConsent(record.clone())];
        let current = record.is_current(draft.at);
        let answer = Done {
            value: (record, current),
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        let (answer, _) = self.commit(&by, &request, draft, answer).await?;
        self.refresh(&by, &c.subject).await?;
        Ok(answer)
    }

    pub(super) async fn withdraw_consent(
        &self,
        by: Caller,
        c: WithdrawConsent,
    ) -> Result<Done<u32>, UseCaseError> {
        require(&by, Right::Withdraw)?;
        let request = Content::new()
            .subject(&c.subject)
            .text(&format!("{:?}", c.purpose))
            .request("vouch.v1.SubjectService/WithdrawConsent", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Consent, "consent withdrawn");
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects = vec![Effect::WithdrawConsents(c.purpose)];
        let (decision_id, versions) = (draft.decision.clone(), self.versions(&by.tenant));
        let done = self
            .commit_built(&by, &request, draft, move |applied| Done {
                value: applied.withdrawn,
                decision_id,
                versions,
            })
            .await?;
        self.refresh(&by, &c.subject).await?;
        Ok(done.0)
    }

    pub(super) async fn set_opt_out(
        &self,
        by: Caller,
        c: SetOptOut,
    ) -> Result<Done<()>, UseCaseError> {
        let right = if c.opted_out { Right::Withdraw } else { Right::Consent };
        require(&by, right)?;
        let request = Content::new()
            .subject(&c.subject)
            .flag(c.opted_out)
            .request("vouch.v1.SubjectService/SetOptOut", &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let act = if c.opted_out { "subject opted out" } else { "subject opted in" };
        let mut draft = self.draft(&by, AuditKind::Subject, act);
        draft.subject = Some(any_version(&c.subject));
        draft.event.subject = Some(c.subject.clone());
        draft.event.reasons = vec![Reason::Administrative];
        draft.effects = vec![Effect::SetOptOut(c.opted_out)];
        let answer = Done {
            value: (),
            decision_id: draft.decision.clone(),
            versions: self.versions(&by.tenant),
        };
        let (answer, _) = self.commit(&by, &request, draft, answer).await?;
        self.refresh(&by, &c.subject).await?;
        Ok(answer)
    }

    /// Brings the tenant's gallery in step with the store for one subject.
    pub(super) async fn refresh(
        &self,
        by: &Caller,
        subject: &SubjectId,
    ) -> Result<(), UseCaseError> {
        let Ok(voice) = self.voice(&by.tenant) else {
            return Ok(());
        };
        let gallery = self.galleries.of(&by.tenant)?;
        let store = self.parts.store.as_ref();
        gallery.refresh(store, &voice, (&by.tenant, subject), self.now()).await
    }
}

/// A page request, if the size is in its range.
pub(super) fn page_request(
    size: usize,
    token: Option<String>,
) -> Result<PageRequest, UseCaseError> {
    let fits = u32::try_from(size).ok().filter(|s| (1..=MAX_PAGE_SIZE).contains(s));
    let size = fits.ok_or_else(|| {
        let problem = format!("must be from 1 to {MAX_PAGE_SIZE}, {size} came");
        invalid("page_size", problem)
    })?;
    Ok(PageRequest { size, token })
}

fn consent_content(c: &RecordConsent) -> Content {
    let ms = |t: Option<Timestamp>| t.map(|t| t.unix_ms().to_string());
    Content::new()
        .subject(&c.subject)
        .text(&c.notice_id)
        .text(&c.notice_version)
        .text(&format!("{:?}", c.purpose))
        .text(&c.channel)
        .text(&c.collector)
        .optional(ms(c.given_at).as_deref())
        .optional(ms(c.expires_at).as_deref())
}
