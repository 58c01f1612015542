//! The one bounded door from async to CPU work: a fixed number of threads behind a queue with a limit.
//! A full queue is an answer, not a wait; a job that panics fails alone; shutting down finishes what
//! was accepted.

mod queue;

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::domain::DurationMs;
use queue::{Place, Queue};

/// Jobs that may wait, for each thread. At about 50 ms a job this is a wait of under a second.
pub const WAITING_PER_THREAD: usize = 16;
/// Most threads that can be configured.
pub const MAX_THREADS: usize = 256;
/// Name of the queue in answers and metrics.
pub const QUEUE_NAME: &str = "engine";

/// The queue is full, or closed because the server shuts down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{queue} has {limit} jobs waiting, at most {limit} may; retry in {retry_after_ms} ms")]
pub struct Busy {
    /// Which queue.
    pub queue: &'static str,
    /// How many may wait.
    pub limit: usize,
    /// When to come back, estimated from what the last jobs took.
    pub retry_after_ms: DurationMs,
}

/// An accepted job gave no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobFailed {
    /// It panicked; the thread lives on.
    #[error("a job panicked: {0}")]
    Panicked(String),
    /// The engine went away before the job ran.
    #[error("the engine stopped before the job ran")]
    Stopped,
}

/// A fixed number of threads that run jobs in order of arrival.
pub struct Engine {
    queue: Arc<Queue>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Engine {
    /// Starts `threads` threads (1 to [`MAX_THREADS`], others are clamped); `waiting` jobs may wait.
    pub fn start(threads: usize, waiting: usize) -> std::io::Result<Self> {
        let threads = threads.clamp(1, MAX_THREADS);
        let queue = Arc::new(Queue::new(waiting.max(1), threads));
        let engine =
            Self { queue: Arc::clone(&queue), threads: Mutex::new(Vec::with_capacity(threads)) };
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let thread = std::thread::Builder::new()
                .name(format!("engine-{number}"))
                .spawn(move || queue.work())?;
            engine.threads.lock().unwrap_or_else(PoisonError::into_inner).push(thread);
        }
        Ok(engine)
    }

    /// Accepts a job or says that there is no room. The future gives its result; dropping it does not
    /// stop the job.
    pub fn submit<T, F>(
        &self,
        job: F,
    ) -> Result<impl Future<Output = Result<T, JobFailed>> + Send + use<T, F>, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        match self.queue.try_place() {
            Some(place) => self.give(place, job),
            None => Err(self.busy()),
        }
    }

    /// The same, but when there is no room it waits for some, in order of arrival and at most this
    /// long; and for the result.
    pub async fn run_within<T, F>(
        &self,
        wait: Duration,
        job: F,
    ) -> Result<Result<T, JobFailed>, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        match tokio::time::timeout(wait, self.queue.place()).await {
            Ok(Some(place)) => Ok(self.give(place, job)?.await),
            Ok(None) | Err(_) => Err(self.busy()),
        }
    }

    fn give<T, F>(
        &self,
        place: Place,
        job: F,
    ) -> Result<impl Future<Output = Result<T, JobFailed>> + Send + use<T, F>, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, result) = tokio::sync::oneshot::channel();
        let work = Box::new(move || {
            let outcome = catch_unwind(AssertUnwindSafe(job))
                .map_err(|cause| JobFailed::Panicked(panic_text(cause.as_ref())));
            // The receiver may have gone: a client that hung up. The work is done all the same.
            drop(answer.send(outcome));
        });
        if !self.queue.put(place, work) {
            return Err(self.busy());
        }
        Ok(async move { result.await.unwrap_or(Err(JobFailed::Stopped)) })
    }

    fn busy(&self) -> Busy {
        let retry_after_ms = self.queue.retry_after_ms();
        Busy { queue: QUEUE_NAME, limit: self.queue.limit(), retry_after_ms }
    }

    /// Jobs waiting now.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Takes no more jobs, runs those that were accepted, ends the threads. Blocks until then.
    pub fn shutdown(&self) {
        self.queue.close();
        let threads =
            std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let own = std::thread::current().id();
        for thread in threads {
            // The last owner may be a job: a thread cannot wait for itself. Jobs do not panic out.
            if thread.thread().id() != own {
                drop(thread.join());
            }
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown();
    }
}

fn panic_text(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| cause.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    fn block<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn a_job_gives_its_result() {
        let engine = Engine::start(2, 4).expect("threads");
        let result = engine.submit(|| 6 * 7).expect("room");
        assert_eq!(block(result), Ok(42));
    }

    #[test]
    fn a_panic_fails_one_job_and_leaves_the_thread() {
        let engine = Engine::start(1, 4).expect("threads");
        let bad = engine.submit(|| -> u8 { panic!("defect {}", 1) }).expect("room");
        assert_eq!(block(bad), Err(JobFailed::Panicked("defect 1".to_owned())));
        let good = engine.submit(|| 1).expect("room");
        assert_eq!(block(good), Ok(1));
    }

    #[test]
    fn a_full_queue_answers_busy_at_once() {
        let engine = Engine::start(1, 2).expect("threads");
        let (open, gate) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let first = engine
            .submit(move || {
                started.send(()).expect("test listens");
                gate.recv().expect("test opens the gate");
            })
            .expect("room");
        running.recv().expect("the first job runs");
        let waiting: Vec<_> = (0..2).map(|n| engine.submit(move || n)).collect();
        assert!(waiting.iter().all(Result::is_ok));
        let Err(busy) = engine.submit(|| ()) else { panic!("a third job was taken") };
        assert_eq!((busy.queue, busy.limit), (QUEUE_NAME, 2));
        assert!(busy.retry_after_ms > 0);
        open.send(()).expect("the job waits");
        assert_eq!(block(first), Ok(()));
        for (n, job) in waiting.into_iter().enumerate() {
            assert_eq!(block(job.expect("taken")), Ok(n));
        }
    }

    #[test]
    fn who_can_wait_gets_a_place_in_turn() {
        let engine = Engine::start(1, 1).expect("threads");
        let (open, gate) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel();
        let first = engine
            .submit(move || {
                started.send(()).expect("test listens");
                gate.recv().expect("test opens the gate");
            })
            .expect("room");
        running.recv().expect("the first job runs");
        let second = engine.submit(|| 2).expect("room");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let short = Duration::from_millis(20);
            let full = engine.run_within(short, || ()).await.err();
            assert_eq!(full.map(|busy| busy.limit), Some(1));
            let long = Duration::from_secs(60);
            let (third, fourth, ()) =
                tokio::join!(engine.run_within(long, || 3), engine.run_within(long, || 4), async {
                    open.send(()).expect("the job waits")
                },);
            assert_eq!((third, fourth), (Ok(Ok(3)), Ok(Ok(4))));
            assert_eq!((first.await, second.await), (Ok(()), Ok(2)));
            engine.shutdown();
            assert!(engine.run_within(long, || ()).await.is_err());
        });
    }

    #[test]
    fn shutting_down_runs_what_was_accepted_and_takes_no_more() {
        let engine = Engine::start(2, 64).expect("threads");
        let done = Arc::new(AtomicUsize::new(0));
        let jobs: Vec<_> = (0..50)
            .map(|_| {
                let done = Arc::clone(&done);
                engine.submit(move || done.fetch_add(1, Ordering::SeqCst))
            })
            .collect();
        engine.shutdown();
        assert_eq!(done.load(Ordering::SeqCst), 50);
        assert!(engine.submit(|| ()).is_err());
        assert!(jobs.into_iter().all(|job| block(job.expect("taken")).is_ok()));
    }
}
