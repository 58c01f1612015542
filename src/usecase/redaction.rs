//! Personal data out of texts, by the tenant's choice: [`Inner::redacted_note`] is the one door that every
//! free text of a person takes before it is stored, logged or exported.

use crate::conversation::limits::MAX_MESSAGE_BYTES;
use crate::conversation::redact::{PersonalData, Redaction, detect, redact};
use crate::domain::{AuditKind, Reason, RedactionMode, TenantId};
use crate::store::{Directory, Effect};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, RedactText, SetRedaction};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;
use crate::usecase::output::{Done, RedactedText};
use crate::usecase::request::Content;

/// RPC, for idempotency.
const METHOD: &str = "vouch.v1.ConversationService/SetRedaction";
/// The act in the audit.
pub const ACT_SET: &str = "redaction chosen";

/// A text without its personal data; pseudonyms are under the key of the tenant.
pub fn redacted(
    store: &dyn Directory,
    tenant: &TenantId,
    mode: RedactionMode,
    text: &str,
) -> String {
    // A tenant that is gone has no key: then nothing may link its texts.
    let key = |kind: PersonalData, value: &str| store.pseudonym(tenant, kind.as_str(), value);
    let has_key = store.tenant(tenant).is_some();
    match mode {
        RedactionMode::Pseudonymize if has_key => {
            let token = |kind: PersonalData, value: &str| key(kind, value).unwrap_or_default();
            redact(text, Redaction::Pseudonymize(&token))
        }
        _ => redact(text, Redaction::Anonymize),
    }
}

impl Inner {
    /// The tenant's choice.
    pub(super) fn redaction(&self, tenant: &TenantId) -> RedactionMode {
        self.parts.store.tenant(tenant).map(|t| t.redaction).unwrap_or_default()
    }

    /// A free text about a person as it may be stored, logged or exported: personal data replaced or
    /// removed, by the tenant's choice. What no pattern tells (a street, a name without introduction) stays.
    ///
    /// # Errors
    /// More than [`MAX_MESSAGE_BYTES`].
    pub(super) fn redacted_note(
        &self,
        tenant: &TenantId,
        field: &'static str,
        text: &str,
    ) -> Result<String, UseCaseError> {
        let (limit, got) = (MAX_MESSAGE_BYTES, text.len());
        if got > limit {
            return Err(invalid(field, format!("has {got} bytes, at most {limit} may")));
        }
        Ok(self.without_personal_data(tenant, text))
    }

    /// The same for a text whose length was checked.
    pub(super) fn without_personal_data(&self, tenant: &TenantId, text: &str) -> String {
        redacted(self.parts.store.as_ref(), tenant, self.redaction(tenant), text)
    }

    /// The same for a caller, with how much was found; nothing is kept.
    pub(super) fn redact_text(
        &self,
        by: &Caller,
        c: &RedactText,
    ) -> Result<RedactedText, UseCaseError> {
        require(by, Right::Redact)?;
        Ok(RedactedText {
            text: self.redacted_note(&by.tenant, "text", &c.text)?,
            found: u32::try_from(detect(&c.text).len()).unwrap_or(u32::MAX),
            mode: self.redaction(&by.tenant),
        })
    }

    pub(super) async fn set_redaction(
        &self,
        by: Caller,
        c: SetRedaction,
    ) -> Result<Done<RedactionMode>, UseCaseError> {
        require(&by, Right::SetRedaction)?;
        let request = Content::new().text(c.mode.as_str()).request(METHOD, &c.key);
        if let Some(answer) = self.remembered(&by, &request).await? {
            return Ok(answer);
        }
        let mut draft = self.draft(&by, AuditKind::Redaction, ACT_SET);
        draft.event.reasons = vec![Reason::Administrative];
        draft.event.details.insert("mode".to_owned(), c.mode.as_str().to_owned());
        draft.effects = vec![Effect::SetRedaction(c.mode)];
        let versions = self.versions(&by.tenant);
        let answer = Done { value: c.mode, decision_id: draft.decision.clone(), versions };
        Ok(self.commit(&by, &request, draft, answer).await?.0)
    }

    pub(super) fn redaction_mode(&self, by: &Caller) -> Result<RedactionMode, UseCaseError> {
        require(by, Right::Redact)?;
        Ok(self.redaction(&by.tenant))
    }
}
