//! Enrollment by live audio. Nothing is written before it is finished: a caller who hangs up leaves
//! nothing.

use std::sync::Arc;

use crate::domain::AudioFormat;
use crate::session::{EnrollmentEffect, EnrollmentEvent, EnrollmentSession};
use crate::usecase::UseCaseError;
use crate::usecase::command::{Caller, Chunk, Enroll};
use crate::usecase::core::{Inner, Shared, to_the_end};
use crate::usecase::enroll::{Contribution, count, net_speech};
use crate::usecase::hear::Keep;
use crate::usecase::listen::LiveAudio;
use crate::usecase::live_request::{Hearing, Remembered, Repeat, Reserved};
use crate::usecase::output::{Enrollment, EnrollmentUpdate, Progress};
use crate::usecase::port::{LiveEnrollment, Reply};
use crate::usecase::tape::Tape;

/// An enrollment contribution on its way.
struct Live {
    inner: Shared,
    audio: LiveAudio,
    session: EnrollmentSession,
    contribution: Arc<Contribution>,
    /// Progress before this utterance.
    before: Progress,
    /// Net speech so far, in milliseconds.
    heard_ms: u32,
    hearing: Hearing,
    _reserved: Reserved,
}

/// A repeated request: the answer is known.
struct Known(Repeat<Enrollment>);

impl Inner {
    pub(super) async fn enroll_stream(
        self: Shared,
        by: Caller,
        c: Enroll,
        format: AudioFormat,
    ) -> Result<Box<dyn LiveEnrollment>, UseCaseError> {
        self.check_enroll(&by, &c)?;
        let method = "vouch.v1.EnrollmentService/EnrollStream";
        // The audio is not known yet: a live request is named by its configuration, and then by what it hears.
        let request = Self::enroll_content(&c).text(&format!("{format:?}")).request(method, &c.key);
        let reserved = self.live_keys.reserve(&by.tenant, &request)?;
        if let Some(Remembered { answer, heard }) = self.remembered(&by, &request).await? {
            return Ok(Box::new(Known(Repeat::new(answer, heard))));
        }
        let voice = self.voice(&by.tenant)?;
        let basis = self.basis(&by, &c).await?;
        let pending = basis.snapshot.enrollment.as_ref();
        let collected = pending.map_or(&[][..], |p| &p.utterances);
        let before = self.progress(net_speech(collected), count(collected));
        let least = self.parts.policy.enrollment.min_utterance_net_speech_ms;
        // Its parts are compared with each other in the end, so that the frames are needed, and its audio is
        // heard once more as a telephone would bring it.
        let keep = Keep::FramesAndAudio(Tape::default());
        let audio = self.capture(&voice, format, least, keep)?;
        let captured_at = self.now();
        Ok(Box::new(Live {
            audio,
            session: EnrollmentSession::new(),
            contribution: Arc::new(Contribution { by, request, command: c, voice, captured_at }),
            before,
            heard_ms: 0,
            hearing: Hearing::default(),
            _reserved: reserved,
            inner: self,
        }))
    }
}

impl LiveEnrollment for Live {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, Option<EnrollmentUpdate>> {
        Box::pin(async move {
            self.hearing.hear(&chunks);
            let (quality, full) = self.inner.hear_chunks(&self.audio, chunks).await?;
            self.heard_ms = quality.net_speech_ms;
            let event = if full {
                EnrollmentEvent::Full
            } else {
                let net_speech_ms = quality.net_speech_ms;
                EnrollmentEvent::Heard { net_speech_ms }
            };
            let tell = self.session.step(event) == Some(EnrollmentEffect::SendUpdate);
            Ok(tell.then(|| {
                let heard = quality.net_speech_ms;
                let mut progress = self.before.clone();
                progress.net_speech_ms = progress.net_speech_ms.saturating_add(heard);
                EnrollmentUpdate { progress, quality }
            }))
        })
    }

    fn patience_ms(&self) -> u64 {
        u64::from(self.session.patience_ms(self.heard_ms))
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        self.audio.duration_ms(bytes)
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Enrollment> {
        Box::pin(to_the_end(async move {
            self.hearing.end();
            let quality = self.inner.hear_end(&self.audio).await?;
            self.session.step(EnrollmentEvent::AudioEnded);
            let voice = self.contribution.voice.clone();
            let rules = self.inner.parts.policy.enrollment.clone();
            let heard = self
                .inner
                .on_live(&self.audio, move |capture| {
                    let none = Tape::default();
                    let tape = capture.tape().unwrap_or(&none);
                    voice.utterance(capture.frames(), tape, quality, &rules)
                })
                .await?;
            let audio = Some(self.hearing.heard());
            self.inner.conclude_enrollment(&self.contribution, heard, audio).await
        }))
    }
}

impl LiveEnrollment for Known {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, Option<EnrollmentUpdate>> {
        let heard = self.0.hear(&chunks);
        Box::pin(async move { heard.map(|_| None) })
    }

    fn patience_ms(&self) -> u64 {
        0
    }

    fn duration_ms(&self, _: usize) -> u64 {
        0
    }

    fn finish(self: Box<Self>) -> Reply<'static, Enrollment> {
        Box::pin(async move { self.0.checked() })
    }
}
