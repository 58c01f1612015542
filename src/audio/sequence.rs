//! Sequence numbers of a stream's chunks.

/// Notices lost and repeated chunks.
///
/// Numbers are consecutive and may start anywhere. A gap counts the missing ones as lost; a number
/// at or before the last one is a repeat, or came too late, and is dropped. A client that does not
/// number its chunks sends zero in all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SequenceTracker {
    state: State,
    lost: u64,
    repeated: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Nothing came.
    #[default]
    Fresh,
    /// One zero came: a count that starts at 0, or no count.
    OneZero,
    /// Zeros came: no count so far.
    Unnumbered,
    /// The number that should come next.
    Expecting(u64),
}

/// What to do with a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    /// It follows the one before.
    InOrder,
    /// It is to be used, but chunks before it are missing.
    AfterGap,
    /// It came before, or after its place was given up: not to be used.
    Dropped,
}

impl SequenceTracker {
    /// Notes the number of the next chunk.
    pub fn note(&mut self, sequence: u64) -> Arrival {
        let expected = match self.state {
            State::Fresh if sequence == 0 => {
                self.state = State::OneZero;
                return Arrival::InOrder;
            }
            State::OneZero | State::Unnumbered if sequence == 0 => {
                self.state = State::Unnumbered;
                return Arrival::InOrder;
            }
            State::Fresh | State::Unnumbered => sequence,
            State::OneZero => 1,
            State::Expecting(expected) => expected,
        };
        if sequence < expected {
            self.repeated = self.repeated.saturating_add(1);
            return Arrival::Dropped;
        }
        self.state = State::Expecting(sequence.saturating_add(1));
        self.lost = self.lost.saturating_add(sequence - expected);
        if sequence > expected { Arrival::AfterGap } else { Arrival::InOrder }
    }

    /// Chunks that never came in their place.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Chunks that came again or too late.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(numbers: &[u64]) -> (u64, u64, usize) {
        let mut tracker = SequenceTracker::default();
        let used = numbers.iter().filter(|&&n| tracker.note(n) != Arrival::Dropped).count();
        (tracker.lost(), tracker.repeated(), used)
    }

    #[test]
    fn gaps_and_repeats_are_counted() {
        assert_eq!(counts(&[]), (0, 0, 0));
        assert_eq!(counts(&[7, 8, 9]), (0, 0, 3));
        assert_eq!(counts(&[0, 1, 2]), (0, 0, 3));
        assert_eq!(counts(&[0, 0, 0]), (0, 0, 3));
        assert_eq!(counts(&[0, 3]), (2, 0, 2));
        assert_eq!(counts(&[5, 6, 6, 9, 8, 10]), (2, 2, 4));
        assert_eq!(counts(&[1, u64::MAX, u64::MAX]), (u64::MAX - 2, 0, 3));
    }

    proptest! {
        #[test]
        fn every_chunk_is_used_or_counted(numbers in prop::collection::vec(any::<u64>(), 0..50)) {
            let (_, repeated, used) = counts(&numbers);
            prop_assert_eq!(used + repeated as usize, numbers.len());
        }
    }
}
