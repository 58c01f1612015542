//! The receiving side of a live stream: first the configuration, then audio, into a queue that holds a
//! limited span of audio, until the client closes it or a timer does.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};
use tonic::{Status, Streaming};

use crate::grpc::{convert, proto, status};
use crate::usecase::command::Chunk;

/// Most chunks waiting, however short they are: the backlog limit in chunks of one millisecond.
const MAX_WAITING_CHUNKS: usize = 2_000;
/// Longest audio that waits for more before it is handed over, in milliseconds. Ten packets of the
/// usual length: by then what a hand-over costs is small against what hearing them does.
const MAX_GATHER_MS: u64 = 200;
/// Most chunks that wait for more, however short they are.
const MAX_GATHER_CHUNKS: usize = 100;
/// Bytes whose duration is asked for, to learn the rate of a stream.
pub const PROBE_BYTES: usize = 1 << 20;
/// Until the rate is known: 48 kHz, two channels, four bytes a sample.
const FASTEST_BYTES_PER_MS: u64 = 384;

/// What a message of a live stream carries.
pub enum Part<C> {
    /// The configuration.
    Config(C),
    /// Audio.
    Audio(proto::AudioChunk),
    /// Nothing.
    Empty,
}

/// A message of a live stream.
pub trait StreamRequest: Send + 'static {
    /// Its configuration.
    type Config: Send;
    /// What it carries.
    fn part(self) -> Part<Self::Config>;
}

/// Timers and limits of live streams.
#[derive(Debug, Clone)]
pub struct LiveSettings {
    /// Longest time without a message.
    pub idle: Duration,
    /// Longest stream.
    pub total: Duration,
    /// Most audio received and not yet processed, in milliseconds.
    pub max_backlog_ms: u64,
    /// Turns true when the server stops.
    pub stop: watch::Receiver<bool>,
}

/// Why no more audio comes. After each the stream is finished with what was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Closed,
    Idle,
    Total,
    Stopping,
}

/// The receiving side of one live stream.
pub struct Inbox<R> {
    stream: Streaming<R>,
    settings: LiveSettings,
    started: Instant,
    last_message: Instant,
    client_deadline: Option<Instant>,
    /// Fires at or before the next deadline; moved only when it fires, not with every message.
    alarm: Pin<Box<Sleep>>,
    stopping: Pin<Box<dyn Future<Output = ()> + Send>>,
    queue: Vec<Chunk>,
    waiting_bytes: u64,
    in_work_bytes: u64,
    probe_ms: u64,
    /// Audio that is gathered before it is handed over.
    gather_ms: u64,
    end: Option<End>,
}

impl<R: StreamRequest> Inbox<R> {
    /// Starts the timers.
    pub fn new(
        stream: Streaming<R>,
        settings: LiveSettings,
        client_deadline: Option<Instant>,
    ) -> Self {
        let now = Instant::now();
        let mut stop = settings.stop.clone();
        Self {
            stream,
            started: now,
            last_message: now,
            client_deadline,
            alarm: Box::pin(sleep_until(now)),
            stopping: Box::pin(async move {
                // An error means the sender is gone, which is a stop as well.
                let _ = stop.wait_for(|&stop| stop).await;
            }),
            settings,
            queue: Vec::new(),
            waiting_bytes: 0,
            in_work_bytes: 0,
            probe_ms: 0,
            gather_ms: 0,
            end: None,
        }
    }

    /// The first message.
    pub async fn config(&mut self) -> Result<R::Config, Status> {
        match self.next().await? {
            Ok(message) => match message.part() {
                Part::Config(config) => Ok(config),
                Part::Audio(_) => Err(status::stream_order(
                    "the first message must carry the configuration, this one carries audio",
                )),
                Part::Empty => Err(status::stream_order("the first message is empty")),
            },
            Err(End::Closed) => {
                Err(status::stream_order("the stream was closed before its configuration came"))
            }
            Err(End::Idle) => Err(status::deadline(self.settings.idle)),
            Err(End::Total) => Err(status::deadline(self.settings.total)),
            Err(End::Stopping) => Err(status::stopping()),
        }
    }

    /// Waits for one more message, or the end. Cancel-safe. Not to be called after the end.
    pub async fn receive(&mut self) -> Result<(), Status> {
        match self.next().await? {
            Err(end) => self.end = Some(end),
            Ok(message) => match message.part() {
                Part::Audio(chunk) => self.store(convert::chunk(chunk))?,
                Part::Config(_) => {
                    return Err(status::stream_order(
                        "the configuration comes once, as the first message",
                    ));
                }
                Part::Empty => return Err(status::stream_order("a message is empty")),
            },
        }
        Ok(())
    }

    /// Nothing more will come.
    pub fn ended(&self) -> bool {
        self.end.is_some()
    }

    /// Nothing more will come and nothing waits.
    pub fn finished(&self) -> bool {
        self.ended() && self.queue.is_empty()
    }

    /// The chunks that wait, if they are enough to be worth it; they count as waiting until
    /// [`Inbox::processed`].
    pub fn pop(&mut self) -> Option<Vec<Chunk>> {
        let enough = self.ended()
            || self.queue.len() >= MAX_GATHER_CHUNKS
            || span_ms(self.waiting_bytes, self.probe_ms) >= self.gather_ms;
        if self.queue.is_empty() || !enough {
            return None;
        }
        self.in_work_bytes = self.waiting_bytes;
        Some(std::mem::take(&mut self.queue))
    }

    /// The chunks last popped were processed; [`PROBE_BYTES`] of this stream last `probe_ms`, and less
    /// than `patience_ms` of audio will not bring news.
    pub fn processed(&mut self, probe_ms: u64, patience_ms: u64) {
        self.waiting_bytes -= std::mem::take(&mut self.in_work_bytes);
        self.probe_ms = probe_ms;
        // Far from where the backlog is refused, and not before the rate is known.
        let most = MAX_GATHER_MS.min(self.settings.max_backlog_ms / 4);
        self.gather_ms = if probe_ms == 0 { 0 } else { patience_ms.min(most) };
    }

    async fn next(&mut self) -> Result<Result<R, End>, Status> {
        loop {
            tokio::select! {
                biased;
                () = &mut self.stopping => return Ok(Err(End::Stopping)),
                () = &mut self.alarm => {
                    if let Some(over) = self.over(Instant::now()) {
                        return over;
                    }
                }
                message = self.stream.message() => return match message? {
                    None => Ok(Err(End::Closed)),
                    Some(message) => {
                        self.last_message = Instant::now();
                        Ok(Ok(message))
                    }
                },
            }
        }
    }

    /// Which time is up, if any; else the alarm is set to the next.
    fn over(&mut self, now: Instant) -> Option<Result<Result<R, End>, Status>> {
        if let Some(at) = self.client_deadline.filter(|at| *at <= now) {
            return Some(Err(status::deadline(at.duration_since(self.started))));
        }
        let total_at = self.started + self.settings.total;
        if total_at <= now {
            return Some(Ok(Err(End::Total)));
        }
        let idle_at = self.last_message + self.settings.idle;
        if idle_at <= now {
            return Some(Ok(Err(End::Idle)));
        }
        let next = self.client_deadline.map_or(total_at, |at| at.min(total_at)).min(idle_at);
        self.alarm.as_mut().reset(next);
        None
    }

    fn store(&mut self, chunk: Chunk) -> Result<(), Status> {
        let limit_ms = self.settings.max_backlog_ms;
        let waiting_bytes = self.waiting_bytes + chunk.content.len() as u64;
        let backlog_ms = span_ms(waiting_bytes, self.probe_ms);
        if backlog_ms > limit_ms {
            return Err(status::backlog(backlog_ms, limit_ms));
        }
        if self.queue.len() >= MAX_WAITING_CHUNKS {
            return Err(status::busy(
                "the queue of audio chunks of this stream",
                Duration::from_millis(limit_ms),
            ));
        }
        self.waiting_bytes = waiting_bytes;
        self.queue.push(chunk);
        Ok(())
    }
}

/// How long these bytes last, when [`PROBE_BYTES`] last `probe_ms` (0: not known yet).
fn span_ms(bytes: u64, probe_ms: u64) -> u64 {
    match probe_ms {
        0 => bytes / FASTEST_BYTES_PER_MS,
        probe_ms => {
            let span = u128::from(bytes) * u128::from(probe_ms) / PROBE_BYTES as u128;
            u64::try_from(span).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_rate() {
        // 16 kHz, 16 bits: 32 bytes a millisecond.
        let probe_ms = PROBE_BYTES as u64 / 32;
        assert_eq!(span_ms(64_000, probe_ms), 2_000);
        assert_eq!(span_ms(63_999, probe_ms), 1_999);
        assert_eq!(span_ms(768_000, 0), 2_000);
        assert_eq!(span_ms(u64::MAX, u64::MAX), u64::MAX);
    }
}
