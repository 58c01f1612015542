//! The queue behind the engine's threads.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::DurationMs;

/// Guess for a job before any has run, in milliseconds.
const FIRST_GUESS_MS: f64 = 50.0;
/// Weight of the newest job in the running mean of what a job takes.
const NEWEST_WEIGHT: f64 = 0.1;
/// Longest time a caller is sent away for, in milliseconds.
const MAX_RETRY_MS: f64 = 30_000.0;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// The right to put one job in; taken by the job until it runs.
pub(super) type Place = OwnedSemaphorePermit;

struct State {
    jobs: VecDeque<(Place, Job)>,
    closed: bool,
    mean_job_ms: f64,
}

/// A bounded first-in-first-out queue.
pub(super) struct Queue {
    state: Mutex<State>,
    news: Condvar,
    /// As many places as jobs may wait; whoever waits for one gets it in order of arrival.
    places: Arc<Semaphore>,
    limit: usize,
    threads: usize,
}

impl Queue {
    pub(super) fn new(limit: usize, threads: usize) -> Self {
        let state = State {
            jobs: VecDeque::with_capacity(limit),
            closed: false,
            mean_job_ms: FIRST_GUESS_MS,
        };
        let places = Arc::new(Semaphore::new(limit));
        Self { state: Mutex::new(state), news: Condvar::new(), places, limit, threads }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    /// A place, if there is one and nobody waits.
    pub(super) fn try_place(&self) -> Option<Place> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A place as soon as there is one; none when the queue is closed.
    pub(super) async fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).acquire_owned().await.ok()
    }

    /// Estimated time until there is room, in milliseconds.
    pub(super) fn retry_after_ms(&self) -> DurationMs {
        let state = self.lock();
        let ahead = state.jobs.len() as f64 / self.threads as f64;
        (ahead * state.mean_job_ms).clamp(1.0, MAX_RETRY_MS) as DurationMs
    }

    /// Puts a job in its place; false when the queue was closed meanwhile.
    pub(super) fn put(&self, place: Place, job: Job) -> bool {
        let mut state = self.lock();
        if state.closed {
            return false;
        }
        state.jobs.push_back((place, job));
        drop(state);
        self.news.notify_one();
        true
    }

    pub(super) fn close(&self) {
        self.places.close();
        self.lock().closed = true;
        self.news.notify_all();
    }

    /// Runs jobs until the queue is closed and empty. Jobs catch their own panics.
    #[expect(clippy::disallowed_methods, reason = "the engine measures what a job takes")]
    pub(super) fn work(&self) {
        while let Some(job) = self.take() {
            let start = Instant::now();
            job();
            let took_ms = start.elapsed().as_secs_f64() * 1_000.0;
            let mut state = self.lock();
            state.mean_job_ms += NEWEST_WEIGHT * (took_ms - state.mean_job_ms);
        }
    }

    fn take(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if let Some((place, job)) = state.jobs.pop_front() {
                drop(state);
                drop(place);
                return Some(job);
            }
            if state.closed {
                return None;
            }
            state = self.news.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// No job runs under the lock, so a poisoned lock still guards a whole state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
