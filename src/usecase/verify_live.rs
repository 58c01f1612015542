//! Verification by live audio: estimates while the caller speaks, a final decision as soon as the
//! evidence suffices.

use std::future::Future;
use std::sync::Arc;

use crate::domain::{AudioFormat, PadStatus, Quality};
use crate::policy::{VerificationEvidence, decide_verification};
use crate::scoring::Side;
use crate::session::{VerificationEffect, VerificationEvent, VerificationSession};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, Chunk, Verify};
use crate::usecase::core::{Inner, Shared, to_the_end};
use crate::usecase::hear::Keep;
use crate::usecase::listen::{LiveAudio, nothing_heard, streamed};
use crate::usecase::live_request::{Hearing, Remembered, Repeat, Reserved};
use crate::usecase::output::{Verification, VerificationUpdate};
use crate::usecase::port::{LiveVerification, Reply, VerificationStep};
use crate::usecase::request::Content;
use crate::usecase::verify::{Claim, Evidence, check_other, for_role, full, other_content, shown};
use crate::usecase::voice::{Probe, Score};

/// A claim on its way to a decision.
struct Live {
    inner: Shared,
    claim: Arc<Claim>,
    audio: LiveAudio,
    session: VerificationSession,
    /// Absent when the claim is refused without a comparison.
    template: Option<Side>,
    /// The last comparison: probe and score.
    last: Option<(Side, Score)>,
    /// Its probe, for a claim that may be adapted.
    probe: Option<Probe>,
    quality: Quality,
    hearing: Hearing,
    /// Until the decision is taken.
    reserved: Option<Reserved>,
    /// The decision was taken or is being taken.
    concluded: bool,
}

/// A repeated request: the answer is known.
struct Known(Repeat<Verification>);

impl Inner {
    pub(super) async fn verify_stream(
        self: Shared,
        by: Caller,
        c: Verify,
        format: AudioFormat,
    ) -> Result<Box<dyn LiveVerification>, UseCaseError> {
        require(&by, Right::Compare)?;
        check_other(&by, &c)?;
        // The audio is not known yet: a live request is named by its configuration, and then by what it hears.
        let content = Content::new()
            .subject(&c.subject)
            .flag(c.no_early_decision)
            .text(&format!("{format:?}"));
        let request =
            other_content(content, &c).request("vouch.v1.VerificationService/VerifyStream", &c.key);
        let reserved = self.live_keys.reserve(&by.tenant, &request)?;
        if let Some(Remembered { answer, heard }) = self.remembered(&by, &request).await? {
            return Ok(Box::new(Known(Repeat::new(for_role(answer, &by), heard))));
        }
        let voice = self.voice(&by.tenant)?;
        let rules = self.parts.policy.verification.clone();
        let keep = Keep::Stream(Arc::clone(&voice.extractor).stream());
        let audio = self.capture(&voice, format, rules.min_net_speech_ms, keep)?;
        let session = VerificationSession::new(rules, !c.no_early_decision);
        let claim = Claim { by, request, command: c, voice };
        let template = if self.refusal(&claim).await?.is_some() {
            None
        } else {
            self.template(&claim).await?
        };
        Ok(Box::new(Live {
            inner: self,
            claim: Arc::new(claim),
            audio,
            session,
            template,
            last: None,
            probe: None,
            quality: nothing_heard(),
            hearing: Hearing::default(),
            reserved: Some(reserved),
            concluded: false,
        }))
    }

    async fn template(&self, claim: &Claim) -> Result<Option<Side>, UseCaseError> {
        let snapshot = self.snapshot(&claim.by.tenant, &claim.command.subject).await?;
        let print = snapshot.and_then(|s| s.voiceprint);
        let side = print.map(|print| claim.voice.voiceprint_side(&print));
        Ok(side.transpose()?)
    }
}

impl Live {
    /// Takes the decision in a task of its own: from here on hanging up changes nothing.
    async fn conclude(&mut self, ended: bool) -> Result<Verification, UseCaseError> {
        let evidence = self.evidence(ended);
        self.concluded = true;
        to_the_end(self.decided(evidence)).await
    }

    /// The decision, and then the key is free: what is remembered speaks for it from here on.
    fn decided(
        &mut self,
        evidence: Evidence,
    ) -> impl Future<Output = Result<Verification, UseCaseError>> + use<> {
        let (inner, claim) = (Arc::clone(&self.inner), Arc::clone(&self.claim));
        let (heard, reserved) = (self.hearing.heard(), self.reserved.take());
        async move {
            let answer = inner.conclude(&claim, evidence, Some(heard)).await;
            drop(reserved);
            answer
        }
    }

    fn evidence(&self, ended: bool) -> Evidence {
        if self.template.is_none() {
            return Evidence::none();
        }
        Evidence {
            side: self.last.as_ref().map(|(side, _)| side.clone()),
            probe: self.probe.clone(),
            quality: self.quality.clone(),
            ended,
        }
    }

    /// Embeds the speech so far and compares it: `all` of it, or for an estimate what is computed.
    async fn compare(&mut self, all: bool) -> Result<Option<VerificationEffect>, UseCaseError> {
        let Some(template) = self.template.clone() else {
            return Ok(None);
        };
        let voice = self.claim.voice.clone();
        let quality = self.quality.clone();
        let compared = self
            .inner
            .on_live(&self.audio, move |capture| {
                let probe = streamed(capture, &quality, all)?;
                let side = voice.probe_side(&probe)?;
                let score = voice.score(&template, &side);
                Ok((side, score, probe))
            })
            .await?;
        let event = VerificationEvent::Scored {
            llr: Some(compared.1.llr),
            net_speech_ms: self.quality.net_speech_ms,
        };
        let (side, score, probe) = compared;
        self.last = Some((side, score));
        self.probe = Some(probe).filter(|_| self.claim.command.wants_adaptation());
        Ok(self.session.step(event))
    }

    fn update(&self) -> VerificationUpdate {
        let score = self.last.as_ref().map(|(_, score)| *score);
        let evidence = VerificationEvidence {
            llr: score.map(|s| s.llr),
            quality: &self.quality,
            ended: false,
        };
        let rules = &self.inner.parts.policy.verification;
        let (decision, reasons) = decide_verification(rules, evidence);
        VerificationUpdate {
            decision,
            reasons,
            score: score.map(|s| shown(full(s), &self.claim.by)),
            quality: self.quality.clone(),
            pad: PadStatus::NotEvaluated,
            versions: self.inner.versions(&self.claim.by.tenant),
        }
    }

    async fn take(&mut self, chunks: Vec<Chunk>) -> Result<VerificationStep, UseCaseError> {
        if self.concluded {
            return Ok(VerificationStep::Quiet);
        }
        if self.template.is_none() {
            return Ok(VerificationStep::Final(self.conclude(false).await?));
        }
        self.hearing.hear(&chunks);
        self.quality = self.inner.hear_chunks(&self.audio, chunks).await?.0;
        let heard = VerificationEvent::Heard { net_speech_ms: self.quality.net_speech_ms };
        let mut effect = self.session.step(heard);
        if effect == Some(VerificationEffect::Embed) {
            // Locked or withdrawn by now: no more estimates, or calls begun side by side before a lock
            // would be a way around it.
            if self.inner.refusal(&self.claim).await?.is_some() {
                return Ok(VerificationStep::Final(self.conclude(false).await?));
            }
            effect = self.compare(false).await?;
        }
        match effect {
            Some(VerificationEffect::Finalize { ended }) => {
                Ok(VerificationStep::Final(self.conclude(ended).await?))
            }
            Some(_) => Ok(VerificationStep::Update(self.update())),
            None => Ok(VerificationStep::Quiet),
        }
    }

    async fn end(&mut self) -> Result<Verification, UseCaseError> {
        if self.template.is_some() {
            self.hearing.end();
            self.quality = self.inner.hear_end(&self.audio).await?;
            let heard = VerificationEvent::Heard { net_speech_ms: self.quality.net_speech_ms };
            // The end asks for its own comparison, so that one is not made twice.
            if self.session.step(heard) == Some(VerificationEffect::Embed)
                || self.session.step(VerificationEvent::AudioEnded)
                    == Some(VerificationEffect::Embed)
            {
                self.compare(true).await?;
            }
        }
        self.conclude(true).await
    }
}

impl LiveVerification for Live {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, VerificationStep> {
        Box::pin(self.take(chunks))
    }

    fn patience_ms(&self) -> u64 {
        match self.template {
            Some(_) => u64::from(self.session.patience_ms()),
            None => 0,
        }
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        self.audio.duration_ms(bytes)
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Verification> {
        Box::pin(to_the_end(async move { self.end().await }))
    }
}

impl Drop for Live {
    /// A caller who hangs up after a comparison was made has used an attempt: it is decided and
    /// audited with what was heard, or estimates could be collected without limit.
    fn drop(&mut self) {
        let compared = self.last.is_some() && !self.concluded;
        if let (true, Ok(runtime)) = (compared, tokio::runtime::Handle::try_current()) {
            let decided = self.decided(self.evidence(true));
            runtime.spawn(async move {
                if let Err(error) = decided.await {
                    tracing::error!(%error, "an abandoned verification was not recorded");
                }
            });
        }
    }
}

impl LiveVerification for Known {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, VerificationStep> {
        let answer = self.0.hear(&chunks);
        let step = answer.map(|a| a.map_or(VerificationStep::Quiet, VerificationStep::Final));
        Box::pin(async move { step })
    }

    fn patience_ms(&self) -> u64 {
        0
    }

    fn duration_ms(&self, _: usize) -> u64 {
        0
    }

    fn finish(self: Box<Self>) -> Reply<'static, Verification> {
        Box::pin(async move { self.0.checked() })
    }
}
