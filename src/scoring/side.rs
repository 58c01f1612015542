//! One side of a trial, ready to be compared.

use std::fmt;

/// A direction with what a cohort scores against it.
#[derive(Clone, PartialEq)]
pub(super) struct Half {
    /// Unit vector in the space of the back-end.
    pub(super) unit: Vec<f32>,
    /// Mean of the best cohort scores.
    pub(super) cohort_mean: f64,
    /// Their deviation.
    pub(super) cohort_std: f64,
}

/// One side of a trial (a template or a probe). A template that was enrolled over a microphone may have a
/// second half, mixed with what a telephone would have brought of it; the other side's channel says
/// which half is compared.
#[derive(Clone, PartialEq)]
pub struct Side {
    pub(super) own: Half,
    pub(super) telephone: Option<Half>,
    pub(super) net_speech_ms: u32,
    pub(super) narrow_share: f64,
}

impl Side {
    /// Direction that a 1:N search goes by, a unit vector: that for calls where there are two. Calls are
    /// what is searched for; a probe from a microphone finds its hundred nearest by it as well, a little
    /// less well, and they are ranked by the half for its channel.
    pub fn unit(&self) -> &[f32] {
        &self.telephone.as_ref().unwrap_or(&self.own).unit
    }

    /// Net speech of all its utterances, in milliseconds.
    pub fn net_speech_ms(&self) -> u32 {
        self.net_speech_ms
    }

    /// Share of the net speech that is telephone band, 0 to 1. The telephone half does not count: nobody
    /// called.
    pub fn narrow_share(&self) -> f64 {
        self.narrow_share
    }

    /// Whether it has a half for calls.
    pub fn has_telephone(&self) -> bool {
        self.telephone.is_some()
    }

    /// The half that is compared with another side: that for calls with one that is mostly telephone
    /// band.
    pub(super) fn against(&self, other: &Self) -> &Half {
        match &self.telephone {
            Some(telephone) if other.narrow_share > 0.5 => telephone,
            _ => &self.own,
        }
    }
}

impl fmt::Debug for Side {
    /// Conditions only: the vectors and their cohort statistics are biometric data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("net_speech_ms", &self.net_speech_ms)
            .field("narrow_share", &self.narrow_share)
            .field("telephone", &self.telephone.is_some())
            .finish_non_exhaustive()
    }
}
