//! Identification by live audio: who it might be while the caller speaks, a final decision as soon as
//! somebody is found beyond doubt, or when the audio ends.

use std::future::Future;
use std::sync::Arc;

use crate::domain::{AudioFormat, Llr, PadStatus, Quality, SubjectId};
use crate::policy::VerificationRules;
use crate::session::{VerificationEffect, VerificationEvent, VerificationSession};
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require};
use crate::usecase::command::{Caller, Chunk, Identify};
use crate::usecase::core::{Inner, Shared, to_the_end};
use crate::usecase::gallery::Gallery;
use crate::usecase::hear::Keep;
use crate::usecase::identify::{Question, Search, content, for_role, look, ranked};
use crate::usecase::listen::{LiveAudio, nothing_heard, streamed};
use crate::usecase::live_request::{Hearing, Remembered, Repeat, Reserved};
use crate::usecase::output::{Identification, IdentificationUpdate, RankedCandidate};
use crate::usecase::port::{IdentificationStep, LiveIdentification, Reply};
use crate::usecase::verify::shown;

/// A search on its way to a decision.
struct Live {
    inner: Shared,
    question: Arc<Question>,
    gallery: Arc<Gallery>,
    /// Who may be found; everybody when absent.
    list: Option<Arc<[SubjectId]>>,
    audio: LiveAudio,
    session: VerificationSession,
    /// The last search.
    last: Option<Search>,
    quality: Quality,
    hearing: Hearing,
    /// Until the decision is taken.
    reserved: Option<Reserved>,
    /// The decision was taken or is being taken.
    concluded: bool,
}

/// A repeated request: the answer is known.
struct Known(Repeat<Identification>);

/// When to search and when the evidence suffices: as for a claim, with evidence counted from the
/// threshold for as many as were searched. That nobody was found is known at the end alone.
fn schedule(rules: &VerificationRules) -> VerificationRules {
    VerificationRules { accept_llr: Llr(0.0), reject_llr: Llr(f64::NEG_INFINITY), ..rules.clone() }
}

impl Inner {
    pub(super) async fn identify_stream(
        self: Shared,
        by: Caller,
        c: Identify,
        format: AudioFormat,
    ) -> Result<Box<dyn LiveIdentification>, UseCaseError> {
        require(&by, Right::Compare)?;
        let list = self.candidates(&c)?;
        // The audio is not known yet: a live request is named by its configuration, and then by what it hears.
        let request = content(&c, list.as_deref())
            .flag(c.no_early_decision)
            .text(&format!("{format:?}"))
            .request("vouch.v1.IdentificationService/IdentifyStream", &c.key);
        let reserved = self.live_keys.reserve(&by.tenant, &request)?;
        if let Some(Remembered { answer, heard }) = self.remembered(&by, &request).await? {
            let answer = self.still_known(for_role(answer, &by), &by)?;
            return Ok(Box::new(Known(Repeat::new(answer, heard))));
        }
        let voice = self.voice(&by.tenant)?;
        let gallery = self.galleries.of(&by.tenant)?;
        let rules = schedule(&self.parts.policy.verification);
        let keep = Keep::Stream(Arc::clone(&voice.extractor).stream());
        let audio = self.capture(&voice, format, rules.min_net_speech_ms, keep)?;
        let session = VerificationSession::new(rules, !c.no_early_decision);
        let question = Question { by, request, max_results: c.max_results, voice };
        Ok(Box::new(Live {
            inner: self,
            question: Arc::new(question),
            gallery,
            list: list.map(Into::into),
            audio,
            session,
            last: None,
            quality: nothing_heard(),
            hearing: Hearing::default(),
            reserved: Some(reserved),
            concluded: false,
        }))
    }
}

impl Live {
    /// Takes the decision in a task of its own: from here on hanging up changes nothing.
    async fn conclude(&mut self) -> Result<Identification, UseCaseError> {
        self.concluded = true;
        to_the_end(self.decided()).await
    }

    /// The decision, and then the key is free: what is remembered speaks for it from here on.
    fn decided(&mut self) -> impl Future<Output = Result<Identification, UseCaseError>> + use<> {
        let (inner, question) = (Arc::clone(&self.inner), Arc::clone(&self.question));
        let (search, heard) = (self.found(), self.hearing.heard());
        let reserved = self.reserved.take();
        async move {
            let answer = inner.answer(&question, search, Some(heard)).await;
            drop(reserved);
            answer
        }
    }

    /// What is known so far.
    fn found(&self) -> Search {
        match &self.last {
            Some(search) => Search { quality: self.quality.clone(), ..search.clone() },
            None => Search::nobody(self.quality.clone()),
        }
    }

    /// Embeds the speech so far and searches for it: `all` of it, or for an estimate what is computed.
    async fn search(&mut self, all: bool) -> Result<Option<VerificationEffect>, UseCaseError> {
        let voice = self.question.voice.clone();
        let (gallery, list) = (Arc::clone(&self.gallery), self.list.clone());
        let (quality, now) = (self.quality.clone(), self.inner.now());
        let search = self
            .inner
            .on_live(&self.audio, move |capture| {
                let probe = streamed(capture, &quality, all)?;
                look(&voice, &gallery, list.as_deref(), (&probe, quality), now)
            })
            .await?;
        let threshold = self.inner.threshold(&self.question, &search)?;
        let best = search.ranked.first().map(|(_, score)| score.llr);
        let above = match (best, threshold) {
            (Some(best), Some(t)) if t.supported => Some(Llr(best.0 - t.llr)),
            _ => None,
        };
        self.last = Some(search);
        let net_speech_ms = self.quality.net_speech_ms;
        Ok(self.session.step(VerificationEvent::Scored { llr: above, net_speech_ms }))
    }

    fn update(&self) -> Result<IdentificationUpdate, UseCaseError> {
        let search = self.found();
        let threshold = self.inner.threshold(&self.question, &search)?;
        let (decision, reasons) = self.inner.verdict(&search, threshold.as_ref());
        let by = &self.question.by;
        let candidates = ranked(&search.ranked, self.question.max_results)
            .into_iter()
            .map(|c| RankedCandidate { score: shown(c.score, by), ..c });
        Ok(IdentificationUpdate {
            decision,
            reasons,
            candidates: candidates.collect(),
            searched: u32::try_from(search.searched).unwrap_or(u32::MAX),
            extrapolated: threshold.is_some_and(|t| !t.supported),
            quality: search.quality,
            pad: PadStatus::NotEvaluated,
            versions: self.inner.versions(&by.tenant),
        })
    }

    async fn take(&mut self, chunks: Vec<Chunk>) -> Result<IdentificationStep, UseCaseError> {
        if self.concluded {
            return Ok(IdentificationStep::Quiet);
        }
        self.hearing.hear(&chunks);
        self.quality = self.inner.hear_chunks(&self.audio, chunks).await?.0;
        let heard = VerificationEvent::Heard { net_speech_ms: self.quality.net_speech_ms };
        let mut effect = self.session.step(heard);
        if effect == Some(VerificationEffect::Embed) {
            effect = self.search(false).await?;
        }
        match effect {
            Some(VerificationEffect::Finalize { .. }) => {
                Ok(IdentificationStep::Final(self.conclude().await?))
            }
            Some(_) => Ok(IdentificationStep::Update(self.update()?)),
            None => Ok(IdentificationStep::Quiet),
        }
    }

    async fn end(&mut self) -> Result<Identification, UseCaseError> {
        self.hearing.end();
        self.quality = self.inner.hear_end(&self.audio).await?;
        let heard = VerificationEvent::Heard { net_speech_ms: self.quality.net_speech_ms };
        // The end asks for its own search, so that one is not made twice.
        if self.session.step(heard) == Some(VerificationEffect::Embed)
            || self.session.step(VerificationEvent::AudioEnded) == Some(VerificationEffect::Embed)
        {
            self.search(true).await?;
        }
        self.conclude().await
    }
}

impl LiveIdentification for Live {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, IdentificationStep> {
        Box::pin(self.take(chunks))
    }

    fn patience_ms(&self) -> u64 {
        u64::from(self.session.patience_ms())
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        self.audio.duration_ms(bytes)
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Identification> {
        Box::pin(to_the_end(async move { self.end().await }))
    }
}

impl Drop for Live {
    /// A caller who hangs up after a search was made has had an answer: it is decided and audited with
    /// what was heard, or voices could be tried without a record.
    fn drop(&mut self) {
        let searched = self.last.is_some() && !self.concluded;
        if let (true, Ok(runtime)) = (searched, tokio::runtime::Handle::try_current()) {
            let decided = self.decided();
            runtime.spawn(async move {
                if let Err(error) = decided.await {
                    tracing::error!(%error, "an abandoned identification was not recorded");
                }
            });
        }
    }
}

impl LiveIdentification for Known {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, IdentificationStep> {
        let answer = self.0.hear(&chunks);
        let step = answer.map(|a| a.map_or(IdentificationStep::Quiet, IdentificationStep::Final));
        Box::pin(async move { step })
    }

    fn patience_ms(&self) -> u64 {
        0
    }

    fn duration_ms(&self, _: usize) -> u64 {
        0
    }

    fn finish(self: Box<Self>) -> Reply<'static, Identification> {
        Box::pin(async move { self.0.checked() })
    }
}
