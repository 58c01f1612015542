//! A double of the application. What it does follows from the subject id, so that a test reads in one
//! place: see [`manner`].

mod answers;
mod application;
mod live;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use vouch::domain::SubjectId;
use vouch::usecase::UseCaseError;
use vouch::usecase::port::Reply;

/// The one valid key.
pub const KEY: &str = "vk_0123_test-secret";

/// What happens for subject ids of a certain name.
pub mod manner {
    /// Unary calls take [`super::SLOW`]; each pushed chunk takes [`super::SLOW_PUSH`].
    pub const SLOW: &str = "slow-subject";
    /// Panics.
    pub const PANIC: &str = "panic-subject";
    /// Streams: the third chunk gives the final decision.
    pub const EARLY: &str = "early-subject";
    /// Streams: a second of audio is needed for news.
    pub const PATIENT: &str = "patient-subject";
    /// The store is not available.
    pub const STORE_DOWN: &str = "store-down-subject";
    /// The engine is full.
    pub const BUSY: &str = "busy-subject";
    /// No model.
    pub const NO_MODEL: &str = "no-model-subject";
}

pub const SLOW: Duration = Duration::from_millis(700);
pub const SLOW_PUSH: Duration = Duration::from_millis(400);

#[derive(Default)]
pub struct Counts {
    /// Keys presented.
    pub authenticated: AtomicUsize,
    /// Use-cases begun.
    pub begun: AtomicUsize,
    /// Unary use-cases ended.
    pub ended: AtomicUsize,
    /// Chunks taken by live objects.
    pub pushed: AtomicUsize,
    /// How often, one or several at once.
    pub batches: AtomicUsize,
    /// Live objects finished.
    pub finished: AtomicUsize,
    /// Live objects dropped without being finished.
    pub dropped: AtomicUsize,
}

pub struct Double {
    pub counts: Arc<Counts>,
    pub ready: AtomicBool,
    pub model: AtomicBool,
}

impl Default for Double {
    fn default() -> Self {
        Self { counts: Arc::default(), ready: AtomicBool::new(true), model: AtomicBool::new(true) }
    }
}

impl Double {
    pub fn count(&self, pick: impl Fn(&Counts) -> &AtomicUsize) -> usize {
        pick(&self.counts).load(Ordering::SeqCst)
    }

    fn unary<T: Send + 'static>(&self, subject: Option<&SubjectId>, value: T) -> Reply<'static, T> {
        let counts = Arc::clone(&self.counts);
        let subject = subject.map(|s| s.as_str().to_owned()).unwrap_or_default();
        counts.begun.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            refuse(&subject)?;
            if subject == manner::SLOW {
                tokio::time::sleep(SLOW).await;
            }
            counts.ended.fetch_add(1, Ordering::SeqCst);
            Ok(value)
        })
    }
}

fn refuse(subject: &str) -> Result<(), UseCaseError> {
    match subject {
        manner::PANIC => panic!("asked to"),
        manner::STORE_DOWN => {
            Err(UseCaseError::StoreUnavailable("disk /var/secret-place is full".into()))
        }
        manner::BUSY => Err(UseCaseError::Busy { queue: "engine", retry_after_ms: 250 }),
        manner::NO_MODEL => Err(UseCaseError::ModelMissing { model: "campplus".into() }),
        _ => Ok(()),
    }
}
