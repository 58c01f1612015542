//! Texts of a request: checked, counted and looked at, then dropped.

use crate::conversation::findings::{
    ScriptRules, TextFinding, pasted_script, social_engineering, unlike_person,
};
use crate::conversation::limits::MAX_MESSAGE_BYTES;
use crate::conversation::{ConversationError, Evidence, Message, Style, style_of};
use crate::crypto::sha256;
use crate::domain::{Finding, FindingKind, Reason};
use crate::store::{BehaviorProfile, ProfileKey, ProfileKind, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::command::RawText;
use crate::usecase::conversation::{Conversation, MAX_TEXT_BYTES, MAX_TEXTS};
use crate::usecase::core::Inner;
use crate::usecase::failure::invalid;

/// Bytes of a fingerprint: enough that two texts never share one by chance.
const FINGERPRINT_BYTES: usize = 16;

/// What texts came to. Holds nothing that they said.
#[derive(Clone)]
pub(super) struct Probe {
    pub(super) style: Style,
    pub(super) script: TextFinding,
    pub(super) social: TextFinding,
    /// Of the style, which only the same texts have.
    pub(super) fingerprint: Vec<u8>,
}

/// A style profile against texts.
pub(super) struct Compared {
    /// Absent when a side is too short.
    pub(super) evidence: Option<Evidence>,
    pub(super) unlike: TextFinding,
    pub(super) replayed: bool,
}

/// Names style profiles in the store.
pub(in crate::usecase) fn style_key() -> ProfileKey {
    ProfileKey { kind: ProfileKind::Style, device: None, text_id: None }
}

/// A model or profile that cannot be used is a defect of ours, not of the request.
pub(in crate::usecase) fn ours(error: ConversationError) -> UseCaseError {
    UseCaseError::Internal(Box::new(error))
}

/// The style of a profile, of all texts or of those that came one way.
pub(in crate::usecase) fn style_in(
    models: &Conversation,
    profile: &BehaviorProfile,
    only: Option<SampleOrigin>,
) -> Result<Style, UseCaseError> {
    let mut style = Style::empty(&models.background);
    for sample in profile.samples.iter().filter(|s| only.is_none_or(|o| s.origin == o)) {
        let part = Style::from_bytes(sample.features.as_slice()).map_err(ours)?;
        style.merge(&part).map_err(ours)?;
    }
    Ok(style)
}

/// A comparison; `None` when a side is too short, or what came out is not a number.
pub(in crate::usecase) fn evidence(
    models: &Conversation,
    profile: &Style,
    probe: &Style,
) -> Result<Option<Evidence>, UseCaseError> {
    match models.background.compare(profile, probe) {
        Ok(e) => Ok((e.llr.0.is_finite() && e.raw.0.is_finite()).then_some(e)),
        Err(ConversationError::TooFew { .. }) => Ok(None),
        Err(error) => Err(ours(error)),
    }
}

impl Probe {
    /// The reasons that findings in the texts are.
    pub(super) fn detected(&self, replayed: bool) -> Vec<Reason> {
        let present = |f: &TextFinding| f.finding == Finding::Present;
        let mut reasons = Vec::new();
        reasons.extend(replayed.then_some(Reason::InputReplayed));
        reasons.extend(present(&self.script).then_some(Reason::InputPasted));
        reasons.extend(present(&self.social).then_some(Reason::SocialEngineering));
        reasons
    }

    /// Whether a profile knows these texts.
    pub(super) fn known_to(&self, profile: &BehaviorProfile) -> bool {
        let own = profile.samples.iter().map(|s| &s.fingerprint);
        // No style at all is the same for all texts without words.
        self.style.words() > 0 && own.chain(&profile.seen).any(|f| f.as_slice() == self.fingerprint)
    }

    /// Compares with a profile. Runs in the engine.
    pub(super) fn compare(
        &self,
        models: &Conversation,
        profile: &BehaviorProfile,
    ) -> Result<Compared, UseCaseError> {
        let evidence = evidence(models, &style_in(models, profile, None)?, &self.style)?;
        let unlike = unlike_person(evidence.as_ref(), &models.unlike);
        debug_assert_eq!(unlike.kind, FindingKind::TextUnlikePerson);
        Ok(Compared { evidence, unlike, replayed: self.known_to(profile) })
    }
}

/// Digest of the texts as they came, for idempotency alone; it is kept sealed.
fn digest(texts: &[RawText]) -> [u8; 32] {
    let mut digests = Vec::with_capacity(40 * texts.len());
    for text in texts {
        digests.extend(sha256(text.content.as_bytes()));
        let at = text.sent_at.map_or(i64::MIN, |at| at.unix_ms());
        digests.extend(at.to_le_bytes());
    }
    sha256(&digests)
}

fn look_at(models: &Conversation, texts: Vec<RawText>) -> Result<(Probe, [u8; 32]), UseCaseError> {
    let digest = digest(&texts);
    let message = |text: RawText| Message::new(text.content, text.sent_at);
    let too_long = |error: ConversationError| invalid("texts", error.to_string());
    let messages = texts.into_iter().map(message).collect::<Result<Vec<_>, _>>();
    let messages = messages.map_err(too_long)?;
    let style = style_of(&models.background, &messages).map_err(too_long)?;
    let mut fingerprint = sha256(&style.to_bytes()).to_vec();
    fingerprint.truncate(FINGERPRINT_BYTES);
    let script = pasted_script(&messages, &ScriptRules::default());
    let social = social_engineering(&messages, &models.patterns);
    Ok((Probe { style, script, social, fingerprint }, digest))
}

impl Inner {
    /// Checks texts and makes a style of them, in the engine.
    pub(super) async fn text_probe(
        &self,
        texts: Vec<RawText>,
    ) -> Result<(Probe, [u8; 32]), UseCaseError> {
        let got = texts.len();
        if got == 0 || got > MAX_TEXTS {
            return Err(invalid("texts", format!("needs 1 to {MAX_TEXTS}, {got} came")));
        }
        let longest = texts.iter().map(|t| t.content.len()).max().unwrap_or(0);
        if longest > MAX_MESSAGE_BYTES {
            let problem = format!("one has {longest} bytes, at most {MAX_MESSAGE_BYTES} may");
            return Err(invalid("texts", problem));
        }
        let total: usize = texts.iter().map(|t| t.content.len()).sum();
        if total > MAX_TEXT_BYTES {
            let problem = format!("have {total} bytes, at most {MAX_TEXT_BYTES} may");
            return Err(invalid("texts", problem));
        }
        let models = std::sync::Arc::clone(&self.parts.conversation);
        self.compute(move || look_at(&models, texts)).await?
    }
}
