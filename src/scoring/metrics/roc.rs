//! One sorted pass over trials: ROC, its convex hull, and everything computed from them.

use crate::scoring::ScoringError;
use crate::scoring::calibration::softplus;
use crate::scoring::metrics::{FMR_POINTS, Figures, TARGET_PRIORS, Trial};

/// Trials sorted by score, with weights; the source of all figures.
#[derive(Debug, Clone)]
pub struct Curve {
    trials: Vec<Trial>,
    weights: Vec<f64>,
}

/// Error rates at a threshold: scores at or above it count as a match.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct CurvePoint {
    /// The threshold.
    pub threshold: f64,
    /// False match rate, 0 to 1.
    pub fmr: f64,
    /// False non-match rate, 0 to 1.
    pub fnmr: f64,
}

/// Weight of targets and non-targets within a run of scores.
#[derive(Clone, Copy, Default)]
struct Block {
    targets: f64,
    non_targets: f64,
}

impl Block {
    fn plus(self, other: Self) -> Self {
        Self {
            targets: self.targets + other.targets,
            non_targets: self.non_targets + other.non_targets,
        }
    }

    /// Whether its share of targets is at least that of `other` (then they are pooled).
    fn not_below(self, other: Self) -> bool {
        self.targets * other.non_targets >= other.targets * self.non_targets
    }
}

impl Curve {
    /// Sorts the trials.
    ///
    /// # Errors
    /// No target or no non-target, or a NaN score.
    pub fn new(trials: &[Trial]) -> Result<Self, ScoringError> {
        for (target, what) in [(true, "target trials"), (false, "non-target trials")] {
            if !trials.iter().any(|t| t.target == target) {
                return Err(ScoringError::TooFew { what, needed: 1, got: 0 });
            }
        }
        if trials.iter().any(|t| t.score.is_nan()) {
            return Err(ScoringError::Fit("a score is not a number"));
        }
        let mut trials = trials.to_vec();
        trials.sort_by(|a, b| a.score.total_cmp(&b.score));
        let weights = vec![1.0; trials.len()];
        Ok(Self { trials, weights })
    }

    /// The trials, by rising score.
    pub fn trials(&self) -> &[Trial] {
        &self.trials
    }

    /// Sets the weight of each trial, in the order of [`Curve::trials`]; `false` (figures then
    /// mean nothing) when one kind has no weight left.
    pub(crate) fn reweight(&mut self, weight: impl Fn(&Trial) -> f64) -> bool {
        for (w, t) in self.weights.iter_mut().zip(&self.trials) {
            *w = weight(t);
        }
        let total = self.total();
        total.targets > 0.0 && total.non_targets > 0.0
    }

    fn total(&self) -> Block {
        self.blocks().fold(Block::default(), |sum, (_, b)| sum.plus(b))
    }

    /// Runs of equal scores, rising.
    fn blocks(&self) -> impl Iterator<Item = (f64, Block)> + '_ {
        let mut at = 0;
        std::iter::from_fn(move || {
            let score = self.trials.get(at)?.score;
            let mut block = Block::default();
            while let Some(trial) = self.trials.get(at).filter(|t| t.score == score) {
                match trial.target {
                    true => block.targets += self.weights[at],
                    false => block.non_targets += self.weights[at],
                }
                at += 1;
            }
            Some((score, block))
        })
    }

    /// Pool-adjacent-violators blocks by rising share of targets (Ayer et al. 1955); their ends
    /// are the vertices of the convex hull of the ROC.
    fn pooled(&self) -> Vec<Block> {
        let mut pooled: Vec<Block> = Vec::new();
        for (_, block) in self.blocks() {
            if block.targets + block.non_targets <= 0.0 {
                continue;
            }
            let mut block = block;
            while let Some(last) = pooled.last().filter(|last| last.not_below(block)) {
                block = last.plus(block);
                pooled.pop();
            }
            pooled.push(block);
        }
        pooled
    }

    /// Error rates at every distinct threshold, rising, ending above the highest score.
    pub fn points(&self) -> Vec<CurvePoint> {
        let total = self.total();
        let mut below = Block::default();
        let mut points = Vec::new();
        let mut push = |threshold: f64, below: Block| {
            points.push(CurvePoint {
                threshold,
                fmr: (1.0 - below.non_targets / total.non_targets).max(0.0),
                fnmr: below.targets / total.targets,
            });
        };
        for (score, block) in self.blocks() {
            push(score, below);
            below = below.plus(block);
        }
        push(f64::INFINITY, below);
        points
    }

    /// All figures under the current weights.
    pub fn figures(&self) -> Figures {
        let total = self.total();
        let pooled = self.pooled();
        let hull = hull(&pooled, total);
        Figures {
            eer: eer(&hull),
            min_dcf: TARGET_PRIORS.map(|p| min_dcf(&hull, p)),
            act_dcf: TARGET_PRIORS.map(|p| self.act_dcf(p, total)),
            cllr: self.cllr(total),
            min_cllr: min_cllr(&pooled, total),
            fnmr_at_fmr: FMR_POINTS.map(|fmr| self.fnmr_at(fmr, total)),
        }
    }

    fn act_dcf(&self, prior: f64, total: Block) -> f64 {
        let threshold = -(prior / (1.0 - prior)).ln();
        let mut wrong = Block::default();
        for (trial, weight) in self.trials.iter().zip(&self.weights) {
            match (trial.target, trial.score >= threshold) {
                (true, false) => wrong.targets += weight,
                (false, true) => wrong.non_targets += weight,
                _ => {}
            }
        }
        let miss = wrong.targets / total.targets;
        cost(prior, miss, wrong.non_targets / total.non_targets)
    }

    fn cllr(&self, total: Block) -> f64 {
        let mut sum = Block::default();
        for (trial, weight) in self.trials.iter().zip(&self.weights) {
            match trial.target {
                true => sum.targets += weight * softplus(-trial.score),
                false => sum.non_targets += weight * softplus(trial.score),
            }
        }
        let mean = sum.targets / total.targets + sum.non_targets / total.non_targets;
        0.5 * mean / std::f64::consts::LN_2
    }

    /// FNMR at the lowest threshold whose FMR is at most `fmr`: no interpolation.
    fn fnmr_at(&self, fmr: f64, total: Block) -> f64 {
        let mut below = Block::default();
        for (_, block) in self.blocks() {
            if 1.0 - below.non_targets / total.non_targets <= fmr + 1e-12 {
                break;
            }
            below = below.plus(block);
        }
        below.targets / total.targets
    }
}

/// Vertices (FMR, FNMR) of the convex hull, from "accept all" to "reject all".
fn hull(pooled: &[Block], total: Block) -> Vec<(f64, f64)> {
    let mut below = Block::default();
    let mut hull = vec![(1.0, 0.0)];
    for block in pooled {
        below = below.plus(*block);
        let fmr = (1.0 - below.non_targets / total.non_targets).max(0.0);
        hull.push((fmr, below.targets / total.targets));
    }
    hull
}

/// Where the hull crosses FMR = FNMR.
fn eer(hull: &[(f64, f64)]) -> f64 {
    for pair in hull.windows(2) {
        let (fmr0, fnmr0) = pair[0];
        let (fmr1, fnmr1) = pair[1];
        let (before, after) = (fmr0 - fnmr0, fmr1 - fnmr1);
        if before >= 0.0 && after <= 0.0 {
            if before == after {
                return fmr0;
            }
            let share = before / (before - after);
            return fmr0 + share * (fmr1 - fmr0);
        }
    }
    0.5
}

fn min_dcf(hull: &[(f64, f64)], prior: f64) -> f64 {
    let costs = hull.iter().map(|&(fmr, fnmr)| cost(prior, fnmr, fmr));
    costs.fold(f64::INFINITY, f64::min)
}

/// Detection cost with unit costs, relative to the better of always accepting and rejecting.
fn cost(prior: f64, fnmr: f64, fmr: f64) -> f64 {
    (prior * fnmr + (1.0 - prior) * fmr) / prior.min(1.0 - prior)
}

fn min_cllr(pooled: &[Block], total: Block) -> f64 {
    let prior_odds = total.targets / total.non_targets;
    let mut sum = Block::default();
    for block in pooled {
        // LLR of the block: its odds over the prior odds; a pure block costs nothing.
        if block.targets > 0.0 && block.non_targets > 0.0 {
            let llr = (block.targets / block.non_targets / prior_odds).ln();
            sum.targets += block.targets * softplus(-llr);
            sum.non_targets += block.non_targets * softplus(llr);
        }
    }
    0.5 * (sum.targets / total.targets + sum.non_targets / total.non_targets)
        / std::f64::consts::LN_2
}
