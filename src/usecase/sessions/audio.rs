//! Audio of a session on its way to the engine: gathered, heard, kept for later while the engine is busy. Only where it
//! is busy for long is audio lost, and then its client hears of each message.

use std::time::Duration;

use tokio::time::Instant;

use crate::domain::DurationMs;
use crate::session::call::Event;
use crate::usecase::UseCaseError;
use crate::usecase::command::Chunk;
use crate::usecase::sessions::worker::Worker;

/// Longest audio that waits for more before it is heard, in milliseconds.
pub(super) const MAX_GATHER_MS: DurationMs = 200;
/// Longest audio that waits for a place in the engine, in milliseconds.
const MAX_BACKLOG_MS: DurationMs = 2_000;
/// Messages of it.
const MAX_BACKLOG_MESSAGES: usize = 200;
/// How often in a row it is tried; each time waits for up to a second. Meanwhile the client waits, and what it sends.
const MAX_BUSY_TRIES: u32 = 20;
/// How often the last audio of a session is tried.
const TRIES_AT_END: u32 = 4;
/// When audio that found no place is tried again, unless more comes before.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Audio that was taken and not heard yet.
#[derive(Default)]
pub(super) struct Backlog {
    /// Messages with their numbers, in order.
    pieces: Vec<(u64, Vec<u8>)>,
    /// All their bytes.
    bytes: usize,
    /// How often in a row it found no place in the engine.
    tries: u32,
    /// When it is heard at the latest.
    hear_at: Option<Instant>,
}

impl Backlog {
    fn put(&mut self, sequence: u64, content: Vec<u8>) {
        self.bytes += content.len();
        self.pieces.push((sequence, content));
    }

    /// Number of the last message.
    fn last(&self) -> Option<u64> {
        self.pieces.last().map(|(sequence, _)| *sequence)
    }

    /// When it is heard at the latest.
    pub(super) fn hear_at(&self) -> Option<Instant> {
        self.hear_at
    }

    fn chunks(&self) -> Vec<Chunk> {
        // Order and gaps are the session's numbers' business.
        let chunk =
            |(_, content): &(u64, Vec<u8>)| Chunk { sequence: None, content: content.clone() };
        self.pieces.iter().map(chunk).collect()
    }

    /// Gives it up: the numbers of its messages. Of its bytes stay the last ones that fill no whole frame of
    /// `frame_bytes`, so that what comes after them is cut into samples where it was before.
    fn lose(&mut self, frame_bytes: usize) -> Vec<u64> {
        let all: Vec<u8> = self.pieces.iter().flat_map(|(_, content)| content).copied().collect();
        let rest = all.len() % frame_bytes.max(1);
        let lost: Vec<u64> = self.pieces.iter().map(|(sequence, _)| *sequence).collect();
        let kept = all.get(all.len() - rest..).unwrap_or_default().to_vec();
        let last = self.last().filter(|_| rest > 0);
        *self = Self::default();
        if let Some(last) = last {
            self.put(last, kept);
        }
        lost
    }
}

impl Worker {
    /// Takes audio; what came of it, if it was heard at once.
    pub(super) async fn audio(&mut self, sequence: u64, content: Vec<u8>) -> Vec<Event> {
        let Some(hearing) = &self.hearing else { return Vec::new() };
        self.backlog.put(sequence, content);
        let patience = u64::from(self.session.patience_ms()).min(MAX_GATHER_MS);
        let gathered = hearing.duration_ms(self.backlog.bytes);
        if gathered >= patience || self.backlog.pieces.len() >= MAX_BACKLOG_MESSAGES {
            return self.heard().await;
        }
        let latest = Instant::now() + Duration::from_millis(MAX_GATHER_MS);
        self.backlog.hear_at.get_or_insert(latest);
        Vec::new()
    }

    /// Hears the audio that waits.
    async fn heard(&mut self) -> Vec<Event> {
        let (Some(hearing), Some(last)) = (&mut self.hearing, self.backlog.last()) else {
            self.backlog = Backlog::default();
            return Vec::new();
        };
        match hearing.hear(&self.inner, self.backlog.chunks()).await {
            Ok(()) => {
                self.backlog = Backlog::default();
                let mut events = vec![Event::Heard { net_speech_ms: hearing.net_speech_ms() }];
                if !self.claimed.has_voice() {
                    // Where a voice is compared, the class of age follows from that embedding.
                    events.extend(self.categorize().await);
                }
                events
            }
            Err(UseCaseError::Busy { .. }) => self.not_heard(),
            Err(error) => {
                // Audio that is damaged stays so: what follows cannot be heard either.
                self.hearing = None;
                self.backlog = Backlog::default();
                vec![Event::Unusable { sequence: last, detail: error.to_string() }]
            }
        }
    }

    /// The engine has no place: the audio waits for the next try, unless that was tried for too long.
    fn not_heard(&mut self) -> Vec<Event> {
        let Some(hearing) = &self.hearing else { return Vec::new() };
        self.backlog.tries += 1;
        let waiting = hearing.duration_ms(self.backlog.bytes);
        let room = waiting < MAX_BACKLOG_MS && self.backlog.pieces.len() < MAX_BACKLOG_MESSAGES;
        if room && self.backlog.tries < MAX_BUSY_TRIES {
            self.backlog.hear_at = Some(Instant::now() + RETRY_AFTER);
            return Vec::new();
        }
        self.lose_audio()
    }

    /// Gives up the audio that waits; each of its messages is refused.
    fn lose_audio(&mut self) -> Vec<Event> {
        let Some(hearing) = &self.hearing else { return Vec::new() };
        let frame_bytes = hearing.frame_bytes();
        let lost = self.backlog.lose(frame_bytes.unwrap_or(1));
        tracing::warn!(session = %self.id, messages = lost.len(), "audio was lost: the engine is busy");
        let mut detail = "the server is busy, this audio is lost".to_owned();
        if frame_bytes.is_none() {
            // A file with a hole in it cannot be read on.
            self.hearing = None;
            detail.push_str(", and so is what follows it in its file");
        }
        let unusable = |sequence| Event::Unusable { sequence, detail: detail.clone() };
        lost.into_iter().map(unusable).collect()
    }

    /// Hears what waits before something else is done.
    pub(super) async fn hear_gathered(&mut self) {
        if self.backlog.last().is_some() {
            for event in self.heard().await {
                self.tell(event).await;
            }
        }
    }

    /// No more audio will come: hears the rest.
    pub(super) async fn end_audio(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..TRIES_AT_END {
            if self.backlog.last().is_none() {
                break;
            }
            events.extend(self.heard().await);
        }
        if self.backlog.last().is_some() {
            events.extend(self.lose_audio());
        }
        let mut finished = Ok(());
        for _ in 0..TRIES_AT_END {
            let Some(hearing) = &mut self.hearing else { break };
            finished = hearing.finish(&self.inner).await;
            if !matches!(finished, Err(UseCaseError::Busy { .. })) {
                break;
            }
        }
        if let Err(error) = finished {
            tracing::warn!(%error, session = %self.id, "the end of the audio was not heard");
        }
        let heard = self.hearing.as_ref().map_or(0, |hearing| hearing.net_speech_ms());
        events.push(Event::Heard { net_speech_ms: heard });
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_leaves_the_samples_where_they_were() {
        for (pieces, frame, lost, rest) in [
            (vec![vec![1u8, 2, 3], vec![4, 5]], 2, vec![7u64, 8], vec![5u8]),
            (vec![vec![1, 2, 3], vec![4]], 2, vec![7, 8], vec![]),
            (vec![vec![1, 2, 3, 4, 5, 6, 7]], 4, vec![7], vec![5, 6, 7]),
            (vec![vec![1, 2, 3]], 1, vec![7], vec![]),
            (vec![], 2, vec![], vec![]),
        ] {
            let mut backlog = Backlog::default();
            for (sequence, content) in (7..).zip(pieces) {
                backlog.put(sequence, content);
            }
            assert_eq!(backlog.lose(frame), lost);
            let left: Vec<u8> = backlog.chunks().into_iter().flat_map(|c| c.content).collect();
            assert_eq!((left.len(), backlog.bytes), (rest.len(), rest.len()));
            assert_eq!(left, rest);
        }
    }
}
