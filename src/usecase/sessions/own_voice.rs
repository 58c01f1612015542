//! The voice of the present person as the session itself has heard it, window by window: the same line and the same
//! day, so that another voice shows much sooner than against a voiceprint.

use std::collections::VecDeque;

use crate::domain::Llr;
use crate::scoring::{ScoringError, Side};
use crate::usecase::parts::VoiceParts;
use crate::usecase::voice::Probe;

/// Windows that later ones are held against, the newest: a minute of speech. More would not move their mean.
const MAX_KEPT: usize = 20;

/// How alike a window is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// To what was kept before it.
    pub(super) llr: Llr,
    /// To the window before it.
    pub(super) last: Option<Llr>,
}

/// The window compared last.
#[derive(Clone)]
struct Last {
    from_ms: u32,
    probe: Probe,
    side: Side,
}

/// What was heard of the present person.
#[derive(Clone, Default)]
pub(super) struct OwnVoice {
    kept: VecDeque<Probe>,
    last: Option<Last>,
}

impl OwnVoice {
    /// Nothing was heard yet.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// The first speech of the person.
    pub(super) fn begin(&mut self, opening: Probe) {
        self.kept = VecDeque::from([opening]);
        self.last = None;
    }

    /// Compares a window; it is not kept yet. `None` when there is nothing to hold it against. Runs in the engine.
    pub(super) fn compare(
        &mut self,
        voice: &VoiceParts,
        from_ms: u32,
        probe: Probe,
    ) -> Result<Option<Likeness>, ScoringError> {
        let side = voice.probe_side(&probe)?;
        let known = match self.kept.is_empty() {
            true => None,
            false => Some(voice.probes_side(self.kept.iter())?),
        };
        let likeness = known.map(|known| Likeness {
            llr: voice.score(&known, &side).llr,
            last: self.last.as_ref().map(|last| voice.score(&last.side, &side).llr),
        });
        self.last = Some(Last { from_ms, probe, side });
        Ok(likeness)
    }

    /// The window that begins here is the person's: later ones are held against it, too.
    pub(super) fn keep(&mut self, from_ms: u32) {
        let Some(last) = self.last.as_ref().filter(|last| last.from_ms == from_ms) else { return };
        if self.kept.len() >= MAX_KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(last.probe.clone());
    }
}
