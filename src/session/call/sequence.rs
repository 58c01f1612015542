//! Numbers of messages, both ways: nothing is lost and nothing counts twice.

use std::collections::VecDeque;

/// Most messages that can be skipped at once: a total of half an hour of packets of 20 ms.
pub const MAX_SKIPPED: u64 = 100_000;

/// What a number says about its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It is its turn.
    Next,
    /// It was taken before.
    Repeated,
    /// Others must come first.
    Early,
}

/// The client's messages.
#[derive(Debug, Clone, Default)]
pub struct Inbound {
    taken: u64,
    repeated: u64,
    skipped: u64,
    unacknowledged: u32,
}

impl Inbound {
    /// Number of the last message taken; 0 for none.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Messages that came again.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Messages that were given up.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// A message came; it is taken if it is its turn.
    pub fn arrive(&mut self, sequence: u64) -> Arrival {
        if sequence <= self.taken {
            self.repeated = self.repeated.saturating_add(1);
            return Arrival::Repeated;
        }
        if sequence - self.taken > 1 {
            return Arrival::Early;
        }
        self.take(sequence);
        Arrival::Next
    }

    /// The messages up to this number will not come.
    pub fn skip(&mut self, sequence: u64) -> Arrival {
        if sequence <= self.taken {
            return self.arrive(sequence);
        }
        let given_up = sequence - self.taken;
        if given_up > MAX_SKIPPED {
            return Arrival::Early;
        }
        self.skipped = self.skipped.saturating_add(given_up);
        self.take(sequence);
        Arrival::Next
    }

    fn take(&mut self, sequence: u64) {
        self.taken = sequence;
        self.unacknowledged = self.unacknowledged.saturating_add(1);
    }

    /// Whether so many messages were taken since the client last heard of it.
    pub fn owes_acknowledgement(&self, every: u32) -> bool {
        self.unacknowledged >= every.max(1)
    }

    /// The client hears of it.
    pub fn acknowledged(&mut self) {
        self.unacknowledged = 0;
    }
}

/// What was sent, kept where it must not be lost.
#[derive(Debug, Clone)]
pub struct Outbox<R> {
    sent: u64,
    /// In order of number. Bounded by the limits on questions and challenges.
    kept: VecDeque<(u64, R)>,
}

impl<R> Default for Outbox<R> {
    fn default() -> Self {
        Self { sent: 0, kept: VecDeque::new() }
    }
}

impl<R: Clone> Outbox<R> {
    /// Numbers a response.
    pub fn number(&mut self) -> u64 {
        self.sent = self.sent.saturating_add(1);
        self.sent
    }

    /// Numbers a response and keeps it.
    pub fn keep(&mut self, response: R) -> u64 {
        let sequence = self.number();
        self.kept.push_back((sequence, response));
        sequence
    }

    /// What the client has not seen, when it saw everything up to `last_seen`; that is forgotten.
    pub fn unseen(&mut self, last_seen: u64) -> Vec<(u64, R)> {
        self.kept.retain(|(sequence, _)| *sequence > last_seen);
        self.kept.iter().cloned().collect()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_the_table() {
        use Arrival::{Early, Next, Repeated};
        let mut inbound = Inbound::default();
        let cases = [
            (1, Next, 1),
            (2, Next, 2),
            (2, Repeated, 2),
            (4, Early, 2),
            (3, Next, 3),
            (0, Repeated, 3),
            (u64::MAX, Early, 3),
            (4, Next, 4),
        ];
        for (sequence, arrival, taken) in cases {
            assert_eq!(inbound.arrive(sequence), arrival, "{sequence}");
            assert_eq!(inbound.taken(), taken, "{sequence}");
        }
        assert_eq!(inbound.repeated(), 2);
    }

    #[test]
    fn what_is_lost_is_said_and_counted() {
        let mut inbound = Inbound::default();
        assert_eq!(inbound.arrive(1), Arrival::Next);
        assert_eq!(inbound.arrive(5), Arrival::Early);
        assert_eq!(inbound.skip(4), Arrival::Next);
        assert_eq!((inbound.taken(), inbound.skipped()), (4, 3));
        assert_eq!(inbound.skip(4), Arrival::Repeated);
        assert_eq!(inbound.skip(5 + MAX_SKIPPED), Arrival::Early);
        assert_eq!(inbound.skip(4 + MAX_SKIPPED), Arrival::Next);
    }

    #[test]
    fn what_was_not_seen_is_sent_again() {
        let mut outbox = Outbox::default();
        assert_eq!(outbox.keep("opened"), 1);
        assert_eq!(outbox.number(), 2);
        assert_eq!(outbox.keep("decision"), 3);
        assert_eq!(outbox.unseen(0), [(1, "opened"), (3, "decision")]);
        assert_eq!(outbox.unseen(2), [(3, "decision")]);
        assert_eq!(outbox.unseen(2), [(3, "decision")]);
        assert_eq!(outbox.unseen(u64::MAX), []);
        assert_eq!(outbox.number(), 4);
    }
}
