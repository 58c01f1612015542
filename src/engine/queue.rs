//! The queue behind the engine's threads.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::domain::DurationMs;

/// Guess for a job before any has run, in milliseconds.
const FIRST_GUESS_MS: f64 = 50.0;
/// Weight of the newest job in the running mean of what a job takes.
const NEWEST_WEIGHT: f64 = 0.1;
/// Longest time a caller is sent away for, in milliseconds.
const MAX_RETRY_MS: f64 = 30_000.0;

pub(super) type Job = Box<dyn FnOnce() + Send>;

/// What became of an offered job.
pub(super) enum Offer {
    /// It will run.
    Taken,
    /// No room, or closed.
    Full {
        /// Estimated time until there is room.
        retry_after_ms: DurationMs,
    },
}

struct State {
    jobs: VecDeque<Job>,
    closed: bool,
    mean_job_ms: f64,
}

/// A bounded first-in-first-out queue.
pub(super) struct Queue {
    state: Mutex<State>,
    news: Condvar,
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
        Self { state: Mutex::new(state), news: Condvar::new(), limit, threads }
    }

    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    pub(super) fn len(&self) -> usize {
        self.lock().jobs.len()
    }

    pub(super) fn offer(&self, job: Job) -> Offer {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= self.limit {
            let ahead = state.jobs.len() as f64 / self.threads as f64;
            let wait = (ahead * state.mean_job_ms).clamp(1.0, MAX_RETRY_MS);
            return Offer::Full { retry_after_ms: wait as DurationMs };
        }
        state.jobs.push_back(job);
        drop(state);
        self.news.notify_one();
        Offer::Taken
    }

    pub(super) fn close(&self) {
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
            if let Some(job) = state.jobs.pop_front() {
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
