//! Live objects of the double: they count what they are given.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vouch::domain::*;
use vouch::usecase::command::*;
use vouch::usecase::output::*;
use vouch::usecase::port::*;

use super::answers::*;
use super::{Counts, SLOW_PUSH, manner};

/// A live object that takes 16-bit audio at 16 kHz.
pub struct LiveDouble {
    subject: String,
    counts: Arc<Counts>,
    bytes: usize,
    chunks: usize,
    finished: bool,
}

impl LiveDouble {
    pub fn new(subject: &SubjectId, counts: &Arc<Counts>) -> Self {
        counts.begun.fetch_add(1, Ordering::SeqCst);
        Self {
            subject: subject.as_str().to_owned(),
            counts: Arc::clone(counts),
            bytes: 0,
            chunks: 0,
            finished: false,
        }
    }

    async fn take(&mut self, chunks: Vec<Chunk>) {
        for chunk in &chunks {
            if self.subject == manner::SLOW {
                tokio::time::sleep(SLOW_PUSH).await;
            }
            self.bytes += chunk.content.len();
        }
        self.chunks += chunks.len();
        self.counts.pushed.fetch_add(chunks.len(), Ordering::SeqCst);
        self.counts.batches.fetch_add(1, Ordering::SeqCst);
    }

    fn patience(&self) -> u64 {
        if self.subject == manner::PATIENT { 1_000 } else { 0 }
    }

    fn total_ms(&self) -> u32 {
        u32::try_from(self.bytes / 32).unwrap()
    }

    fn end(&mut self) {
        self.finished = true;
        self.counts.finished.fetch_add(1, Ordering::SeqCst);
    }
}

impl Drop for LiveDouble {
    fn drop(&mut self) {
        if !self.finished {
            self.counts.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl LiveVerification for LiveDouble {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, VerificationStep> {
        Box::pin(async move {
            self.take(chunks).await;
            if self.subject == manner::EARLY && self.chunks >= 3 {
                self.end();
                return Ok(VerificationStep::Final(verification(self.total_ms())));
            }
            let v = verification(self.total_ms());
            Ok(VerificationStep::Update(VerificationUpdate {
                decision: Decision::Inconclusive,
                reasons: vec![Reason::SpeakLonger],
                score: v.score,
                quality: v.quality,
                pad: v.pad,
                versions: v.versions,
            }))
        })
    }

    fn patience_ms(&self) -> u64 {
        self.patience()
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        bytes as u64 / 32
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Verification> {
        Box::pin(async move {
            self.end();
            Ok(verification(self.total_ms()))
        })
    }
}

impl LiveIdentification for LiveDouble {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, IdentificationStep> {
        Box::pin(async move {
            self.take(chunks).await;
            let candidate = RankedCandidate {
                subject: SubjectId::parse("s-7").unwrap(),
                rank: 1,
                score: ShownScore { band: ScoreBand::High, llr: None, raw: None },
            };
            Ok(IdentificationStep::Update(IdentificationUpdate {
                decision: Decision::NoMatch,
                reasons: vec![Reason::BelowIdentificationThreshold],
                candidates: vec![candidate],
                searched: 99,
                extrapolated: true,
                quality: quality(self.total_ms()),
                pad: PadStatus::NotEvaluated,
                versions: versions(),
            }))
        })
    }

    fn patience_ms(&self) -> u64 {
        self.patience()
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        bytes as u64 / 32
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Identification> {
        Box::pin(async move {
            self.end();
            Ok(identification(99, self.total_ms()))
        })
    }
}

impl LiveBehavior for LiveDouble {
    fn push(&mut self, _: RawCapture) -> Reply<'_, BehaviorUpdate> {
        Box::pin(async move {
            if self.subject == manner::SLOW {
                tokio::time::sleep(SLOW_PUSH).await;
            }
            self.chunks += 1;
            self.counts.pushed.fetch_add(1, Ordering::SeqCst);
            let v = behavior_verification(self.chunks as u32);
            Ok(BehaviorUpdate {
                decision: Decision::Inconclusive,
                reasons: vec![Reason::MoreInput],
                score: v.score,
                findings: v.findings,
                captures: v.captures,
                units: v.units,
                enough: false,
                versions: v.versions,
            })
        })
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, BehaviorVerification> {
        Box::pin(async move {
            self.end();
            Ok(behavior_verification(self.chunks as u32))
        })
    }
}

impl LiveEnrollment for LiveDouble {
    fn push(&mut self, chunks: Vec<Chunk>) -> Reply<'_, Option<EnrollmentUpdate>> {
        Box::pin(async move {
            self.take(chunks).await;
            Ok(Some(EnrollmentUpdate {
                progress: progress(self.total_ms()),
                quality: quality(self.total_ms()),
            }))
        })
    }

    fn patience_ms(&self) -> u64 {
        self.patience()
    }

    fn duration_ms(&self, bytes: usize) -> u64 {
        bytes as u64 / 32
    }

    fn finish(mut self: Box<Self>) -> Reply<'static, Enrollment> {
        Box::pin(async move {
            self.end();
            Ok(enrollment(self.total_ms()))
        })
    }
}
