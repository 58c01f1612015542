//! What people do on average: hold time by key; step, gap and overlap by pair of keys. A person is described by
//! what is left after it is taken away, so that a probe need not repeat the enrolled text.

use serde::{Deserialize, Serialize};

use crate::behavior::keystroke::free::keyboard::{SLOTS, slot};
use crate::behavior::keystroke::free::press::Press;
use crate::behavior::keystroke::free::round::round_all;

/// Presses that the mean of a key or pair is held back by, towards that of everything.
const HELD_BACK: f64 = 20.0;
/// Pairs seen less often are left to their second key.
const LEAST_PAIRS: f64 = 20.0;
/// Residuals are cut here (natural log units).
const CUT: f32 = 1.5;

/// Mean timing of people.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Norms {
    /// Mean ln hold of each slot of [`slot`].
    hold: Vec<f32>,
    /// Mean ln step, gap and overlap onto each slot, from any key.
    onto: Vec<[f32; 3]>,
    /// Pairs that have their own means, by rising `(from, to)`.
    pairs: Vec<Pair>,
    /// Slots with a statistic of their own, most frequent first.
    pub keys: Vec<u8>,
    /// Pairs of slots with a statistic of their own, most frequent first.
    pub digraphs: Vec<(u8, u8)>,
}

/// What a pair of keys adds to the means of its second key: from, to, ln step, gap, overlap.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Pair(u8, u8, f32, f32, f32);

/// What is left of a press.
#[derive(Debug, Clone, Copy, Default)]
pub struct Residual {
    /// Of ln hold.
    pub hold: f32,
    /// Of ln step; 0 where nothing flows.
    pub step: f32,
    /// Of the gap.
    pub gap: f32,
    /// Of the overlap, 0 or 1 less its mean.
    pub overlap: f32,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: f64,
    sums: [f64; 3],
}

impl Sum {
    fn add(&mut self, values: [f64; 3]) {
        self.count += 1.0;
        self.sums.iter_mut().zip(values).for_each(|(s, v)| *s += v);
    }

    fn mean(&self, towards: [f64; 3]) -> [f64; 3] {
        std::array::from_fn(|i| (self.sums[i] + HELD_BACK * towards[i]) / (self.count + HELD_BACK))
    }
}

fn timing(press: &Press) -> [f64; 3] {
    [f64::from(press.step), f64::from(press.gap), f64::from(u8::from(press.overlap))]
}

impl Norms {
    /// Means over presses, with `keys` and `digraphs` statistics for the most frequent.
    pub fn fit<'a>(
        presses: impl Iterator<Item = &'a Press> + Clone,
        keys: usize,
        digraphs: usize,
    ) -> Self {
        let mut holds = vec![Sum::default(); SLOTS];
        let mut onto = vec![Sum::default(); SLOTS];
        let mut pairs = vec![Sum::default(); SLOTS * SLOTS];
        for press in presses.clone() {
            let to = usize::from(slot(press.key));
            holds[to].add([f64::from(press.hold), 0.0, 0.0]);
            if let Some(before) = press.before.filter(|_| press.flowing) {
                onto[to].add(timing(press));
                pairs[usize::from(slot(before)) * SLOTS + to].add(timing(press));
            }
        }
        let all = |sums: &[Sum]| {
            let count: f64 = sums.iter().map(|s| s.count).sum();
            std::array::from_fn(|i| sums.iter().map(|s| s.sums[i]).sum::<f64>() / count.max(1.0))
        };
        let (all_holds, all_onto) = (all(&holds), all(&onto));
        let onto_means: Vec<[f64; 3]> = onto.iter().map(|s| s.mean(all_onto)).collect();
        let mut kept = Vec::new();
        for (at, sum) in pairs.iter().enumerate().filter(|(_, s)| s.count >= LEAST_PAIRS) {
            let base = onto_means[at % SLOTS];
            let own = sum.mean(base);
            let [step, gap, overlap] = std::array::from_fn(|i| (own[i] - base[i]) as f32);
            kept.push(Pair((at / SLOTS) as u8, (at % SLOTS) as u8, step, gap, overlap));
        }
        let mut norms = Self {
            hold: holds.iter().map(|s| s.mean(all_holds)[0] as f32).collect(),
            onto: onto_means.iter().map(|m| m.map(|x| x as f32)).collect(),
            pairs: kept,
            keys: most(&holds, keys).into_iter().map(|at| at as u8).collect(),
            digraphs: most(&pairs, digraphs)
                .into_iter()
                .map(|at| ((at / SLOTS) as u8, (at % SLOTS) as u8))
                .collect(),
        };
        norms.round();
        norms
    }

    /// Takes the means away from a press.
    pub fn residual(&self, press: &Press) -> Residual {
        let to = slot(press.key);
        let at = usize::from(to);
        let hold = (press.hold - self.hold.get(at).copied().unwrap_or(press.hold)).clamp(-CUT, CUT);
        let (Some(before), true, Some(onto)) = (press.before, press.flowing, self.onto.get(at))
        else {
            return Residual { hold, ..Residual::default() };
        };
        let from = slot(before);
        let pair = self
            .pairs
            .binary_search_by_key(&(from, to), |p| (p.0, p.1))
            .ok()
            .and_then(|at| self.pairs.get(at))
            .map_or([0.0; 3], |p| [p.2, p.3, p.4]);
        let overlap = f32::from(u8::from(press.overlap));
        Residual {
            hold,
            step: (press.step - onto[0] - pair[0]).clamp(-CUT, CUT),
            gap: (press.gap - onto[1] - pair[1]).clamp(-CUT, CUT),
            overlap: overlap - onto[2] - pair[2],
        }
    }

    /// What is wrong with it, if anything.
    pub fn wrong(&self) -> Option<&'static str> {
        let numbers = self.hold.iter().chain(self.onto.iter().flatten());
        let pairs = self.pairs.iter().flat_map(|p| [p.2, p.3, p.4]);
        if self.hold.len() != SLOTS || self.onto.len() != SLOTS {
            return Some("norms of another number of keys");
        }
        if !numbers.copied().chain(pairs).all(f32::is_finite) {
            return Some("a norm is not finite");
        }
        let order = |w: &[Pair]| matches!(w, [a, b] if (a.0, a.1) < (b.0, b.1));
        (!self.pairs.windows(2).all(order)).then_some("pairs are not in order")
    }

    fn round(&mut self) {
        round_all(&mut self.hold);
        self.onto.iter_mut().for_each(|m| round_all(m));
        for pair in &mut self.pairs {
            let mut values = [pair.2, pair.3, pair.4];
            round_all(&mut values);
            [pair.2, pair.3, pair.4] = values;
        }
    }
}

/// Positions of the `count` largest counts above zero, largest first.
fn most(sums: &[Sum], count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..sums.len()).filter(|at| sums[*at].count > 0.0).collect();
    order.sort_by(|a, b| sums[*b].count.total_cmp(&sums[*a].count).then(a.cmp(b)));
    order.truncate(count);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::keystroke::free::press::tests::event;
    use crate::behavior::keystroke::free::press::{Sight, presses};

    fn typed(step: f64) -> Vec<Press> {
        let keys = ["t", "h", "e", " "];
        let events: Vec<_> = (0..4_000)
            .map(|i| event(keys[i % 4], i as f64 * step, i as f64 * step + 80.0))
            .collect();
        presses(&events, 16.0, Sight::Named)
    }

    #[test]
    fn the_average_person_leaves_nothing() {
        let made = typed(160.0);
        let norms = Norms::fit(made.iter(), 10, 10);
        assert_eq!(norms.wrong(), None);
        assert_eq!((norms.keys.len(), norms.digraphs.len()), (4, 4));
        for press in &made {
            let r = norms.residual(press);
            assert!(r.hold.abs() < 1e-3 && r.step.abs() < 1e-3 && r.gap.abs() < 1e-3, "{r:?}");
        }
    }

    #[test]
    fn a_slower_person_leaves_the_ratio() {
        let norms = Norms::fit(typed(160.0).iter(), 10, 10);
        let slow = typed(320.0);
        let r = norms.residual(&slow[7]);
        assert!((r.step - 2f32.ln()).abs() < 1e-3 && r.hold.abs() < 1e-3, "{r:?}");
    }
}
