//! The two systems a trial can be scored with.

use crate::domain::{Bandwidth, Llr, RawScore};
use crate::scoring::vector::{cosine, mean};
use crate::scoring::{BackEnd, Calibration, Conditions, ScoringError, Side, UtteranceView};

/// A way to score trials.
#[derive(Debug, Clone)]
pub enum Scorer {
    /// Cosine of the mean raw embeddings, with a calibration of its own.
    Plain(Calibration),
    /// The back-end.
    Full(Box<BackEnd>),
}

/// A side prepared for a scorer.
#[derive(Clone)]
pub enum Prepared {
    /// Mean of the raw embeddings, and net speech and telephone share of the side.
    Plain(Vec<f32>, u32, f64),
    /// As the back-end makes it.
    Full(Side),
}

impl Scorer {
    /// Prepares one side.
    ///
    /// # Errors
    /// No utterance, dimensions that differ, or an embedding without direction.
    pub fn prepare(&self, utterances: &[UtteranceView<'_>]) -> Result<Prepared, ScoringError> {
        let calibrated = match self {
            Self::Full(back_end) => return back_end.side(utterances).map(Prepared::Full),
            Self::Plain(_) => utterances,
        };
        let first = calibrated.first().ok_or(ScoringError::NoUtterances)?;
        let expected = first.embedding.len();
        if let Some(other) = utterances.iter().find(|u| u.embedding.len() != expected) {
            return Err(ScoringError::Dimension { expected, got: other.embedding.len() });
        }
        let mean =
            mean(utterances.iter().map(|u| u.embedding)).ok_or(ScoringError::NoUtterances)?;
        cosine(&mean, &mean).ok_or(ScoringError::NoDirection)?;
        let (mut net, mut narrow) = (0u32, 0f64);
        for utterance in utterances {
            let ms = utterance.net_speech_ms.max(1);
            net = net.saturating_add(ms);
            if utterance.bandwidth == Bandwidth::Narrow {
                narrow += f64::from(ms);
            }
        }
        Ok(Prepared::Plain(mean, net, narrow / f64::from(net)))
    }

    /// Scores two sides prepared by this scorer; `None` for sides of different systems or
    /// dimensions.
    pub fn score(&self, a: &Prepared, b: &Prepared) -> Option<(RawScore, Llr)> {
        match (self, a, b) {
            (Self::Full(back_end), Prepared::Full(a), Prepared::Full(b)) => {
                let raw = back_end.raw(a, b);
                Some((raw, back_end.llr(raw, a, b)))
            }
            (Self::Plain(calibration), Prepared::Plain(x, m, s), Prepared::Plain(y, n, t)) => {
                let raw = RawScore(cosine(x, y)?);
                let conditions = Conditions { net_speech_ms: [*m, *n], narrow_share: [*s, *t] };
                Some((raw, calibration.llr(raw, &conditions)))
            }
            _ => None,
        }
    }

    /// The conditions of a trial, for fitting a calibration.
    pub fn conditions(a: &Prepared, b: &Prepared) -> Conditions {
        let of = |side: &Prepared| match side {
            Prepared::Plain(_, net, narrow) => (*net, *narrow),
            Prepared::Full(side) => (side.net_speech_ms(), side.narrow_share()),
        };
        let ((m, s), (n, t)) = (of(a), of(b));
        Conditions { net_speech_ms: [m, n], narrow_share: [s, t] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::backend::testing::{back_end, calibration};

    fn view(embedding: &[f32]) -> UtteranceView<'_> {
        UtteranceView {
            embedding,
            bandwidth: Bandwidth::Wide,
            net_speech_ms: 4_000,
            telephone: None,
        }
    }

    #[test]
    fn plain_is_the_cosine_of_the_means() {
        let scorer = Scorer::Plain(calibration());
        let a = scorer.prepare(&[view(&[2.0, 0.0]), view(&[0.0, 2.0])]).unwrap();
        let b = scorer.prepare(&[view(&[0.0, 5.0])]).unwrap();
        let (raw, llr) = scorer.score(&a, &b).unwrap();
        assert!((raw.0 - 0.5f64.sqrt()).abs() < 1e-6);
        let conditions = Scorer::conditions(&a, &b);
        assert_eq!(conditions.net_speech_ms, [8_000, 4_000]);
        assert_eq!(llr, calibration().llr(raw, &conditions));
    }

    #[test]
    fn systems_do_not_mix() {
        let (plain, full) = (Scorer::Plain(calibration()), Scorer::Full(Box::new(back_end())));
        let e = [1.0, 2.0, 0.0, 0.0, 1.0, 0.0, 0.0, 3.0];
        let (a, b) = (plain.prepare(&[view(&e)]).unwrap(), full.prepare(&[view(&e)]).unwrap());
        assert!(plain.score(&a, &b).is_none());
        assert!(full.score(&b, &b).is_some());
        assert!(plain.prepare(&[]).is_err());
        assert!(plain.prepare(&[view(&e), view(&e[1..])]).is_err());
        assert!(plain.prepare(&[view(&[0.0; 4])]).is_err());
    }
}
