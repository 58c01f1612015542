//! One side of a trial, ready to be compared.

use std::fmt;

use crate::scoring::vector::normalize;

/// A mean of utterances in the space of the model.
#[derive(Clone, PartialEq)]
pub(super) struct Half {
    /// Its values.
    pub(super) values: Vec<f32>,
    /// What it varies by within a person, in units of the average embedding's variance.
    pub(super) variance: f64,
    /// Mean of the best scores of the cohort against it.
    pub(super) cohort_mean: f64,
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
    pub fn unit(&self) -> Vec<f32> {
        let mut unit = self.telephone.as_ref().unwrap_or(&self.own).values.clone();
        let _directed = normalize(&mut unit);
        debug_assert!(_directed, "a side has a direction");
        unit
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
    /// Conditions only: the vectors are biometric data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("net_speech_ms", &self.net_speech_ms)
            .field("narrow_share", &self.narrow_share)
            .field("telephone", &self.telephone.is_some())
            .finish_non_exhaustive()
    }
}
