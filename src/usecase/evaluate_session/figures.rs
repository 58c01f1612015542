//! Figures of each modality and of fusions, on the same sessions.

use crate::domain::Modality;
use crate::scoring::ScoringError;
use crate::scoring::metrics::{Figures, Metric, PairedRatio, Replicates, Support, Trial};
use crate::usecase::evaluate_behavior::figures::Figure;
use crate::usecase::evaluate_session::chimera::Session;
use crate::usecase::evaluate_session::fused::{Fused, Way};
use crate::usecase::evaluate_session::protocol::ProtocolFile;

/// Prior of a target at which costs are given: the first of [`crate::scoring::metrics::TARGET_PRIORS`].
const COST: usize = 0;

/// One system on one set of sessions. Rates are 0 to 1, Cllr is in bits.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Row {
    /// Which sessions.
    pub sessions: String,
    /// What scored them.
    pub system: String,
    /// Genuine sessions.
    pub genuine: u64,
    /// Sessions of somebody else.
    pub impostor: u64,
    /// Equal error rate, one threshold for all.
    pub eer: Figure,
    /// Least detection cost at a prior of 0.01.
    pub min_dcf: Figure,
    /// Detection cost at the Bayes threshold of that prior.
    pub act_dcf: Figure,
    /// Cost of the LLRs.
    pub cllr: Figure,
    /// The same after the best monotone calibration.
    pub min_cllr: Figure,
    /// What calibration loses: Cllr − minCllr.
    pub cllr_loss: Figure,
    /// FNMR at false match rates of 1 %, 0.1 % and 0.01 %.
    pub fnmr_at_fmr: [Figure; 3],
    /// How far the sessions support those rates.
    pub support: [Support; 3],
    /// EER over that of the modality alone on the same sessions.
    pub eer_ratio: Option<PairedRatio>,
    /// Cllr over that of the modality alone on the same sessions.
    pub cllr_ratio: Option<PairedRatio>,
}

/// Scored sessions.
pub struct Scored<'a> {
    /// What they are.
    pub sessions: &'a [Session],
    /// Their fused LLRs.
    pub fused: &'a Fused,
}

impl Scored<'_> {
    /// Sessions that are kept, scored by a modality alone.
    pub fn alone(&self, modality: Modality, keep: &dyn Fn(&Session) -> bool) -> Vec<Trial> {
        let kept = self.sessions.iter().filter(|s| keep(s));
        kept.filter_map(|s| Some(trial(s, s.llrs.get(&modality)?.0))).collect()
    }

    /// Sessions that are kept, fused.
    pub fn by(&self, way: Way, keep: &dyn Fn(&Session) -> bool) -> Vec<Trial> {
        let llrs = self.fused.llrs.get(&way).map(Vec::as_slice).unwrap_or_default();
        let both = self.sessions.iter().zip(llrs).filter(|(s, _)| keep(s));
        both.map(|(s, llr)| trial(s, *llr)).collect()
    }
}

fn trial(session: &Session, score: f64) -> Trial {
    Trial { score, target: session.genuine(), speakers: [session.person, session.actor] }
}

/// All rows: all sessions; by number of modalities; for each modality the sessions that hold it and another one, by itself and
/// fused.
///
/// # Errors
/// Sessions of one kind only.
pub fn rows(protocol: &ProtocolFile, scored: &Scored<'_>) -> Result<Vec<Row>, ScoringError> {
    let judge = |trials: &[Trial]| Replicates::new(trials, &|_| protocol.seed, protocol.replicates);
    let mut rows = Vec::new();
    for way in Way::ALL {
        let trials = scored.by(way, &|_| true);
        rows.push(row("all", way.name(), &trials, &judge(&trials)?, None));
    }
    for count in 1..=protocol.modalities.len() {
        let trials = scored.by(Way::Fitted, &|s| s.llrs.len() == count);
        let Ok(judged) = judge(&trials) else { continue };
        let name = if count == 1 { "1 modality".to_owned() } else { format!("{count} modalities") };
        rows.push(row(&name, Way::Fitted.name(), &trials, &judged, None));
    }
    for part in &protocol.modalities {
        let modality = part.modality;
        let keep = |s: &Session| s.llrs.len() > 1 && s.llrs.contains_key(&modality);
        let name = format!("{} and more", modality.as_str());
        let alone = scored.alone(modality, &keep);
        let Ok(judged) = judge(&alone) else { continue };
        rows.push(row(&name, modality.as_str(), &alone, &judged, None));
        for way in [Way::Fitted, Way::Cautious] {
            let trials = scored.by(way, &keep);
            rows.push(row(&name, way.name(), &trials, &judge(&trials)?, Some(&judged)));
        }
    }
    Ok(rows)
}

fn row(
    sessions: &str,
    system: &str,
    trials: &[Trial],
    judged: &Replicates,
    alone: Option<&Replicates>,
) -> Row {
    let figure = |metric: Metric| Figure {
        value: metric(judged.figures()),
        interval: judged.interval(metric),
    };
    let genuine = trials.iter().filter(|t| t.target).count() as u64;
    let impostor = trials.len() as u64 - genuine;
    Row {
        sessions: sessions.to_owned(),
        system: system.to_owned(),
        genuine,
        impostor,
        eer: figure(|f| f.eer),
        min_dcf: figure(|f| f.min_dcf[COST]),
        act_dcf: figure(|f| f.act_dcf[COST]),
        cllr: figure(|f| f.cllr),
        min_cllr: figure(|f| f.min_cllr),
        cllr_loss: figure(|f: &Figures| f.cllr - f.min_cllr),
        fnmr_at_fmr: [
            figure(|f| f.fnmr_at_fmr[0]),
            figure(|f| f.fnmr_at_fmr[1]),
            figure(|f| f.fnmr_at_fmr[2]),
        ],
        support: crate::scoring::metrics::FMR_POINTS.map(|fmr| Support::of(fmr, impostor)),
        eer_ratio: alone.and_then(|alone| judged.ratio(alone, |f| f.eer)),
        cllr_ratio: alone.and_then(|alone| judged.ratio(alone, |f| f.cllr)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usecase::evaluate_session::chimera::tests::{judged, protocol};

    #[test]
    fn independent_parts_fuse_to_fewer_errors_than_each_has() {
        let protocol = protocol();
        let (sessions, fused) = judged(&protocol);
        let rows = rows(&protocol, &Scored { sessions: &sessions, fused: &fused }).unwrap();
        let fused = rows.iter().filter(|r| r.eer_ratio.is_some() && r.system == "fused");
        assert_eq!(fused.clone().count(), 3);
        for row in fused {
            let ratio = row.cllr_ratio.unwrap();
            assert!(ratio.ratio < 0.95 && ratio.interval.high < 1.0, "{row:?}");
        }
        let all = &rows[0];
        assert_eq!((all.genuine, all.impostor), (84 * 6, 84 * 36));
        assert!(all.cllr_loss.value < 0.06, "{:?}", all.cllr_loss);
        assert_eq!(all.support[2], Support::TooFewTrials);
    }
}
