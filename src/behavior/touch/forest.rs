//! A person's strokes against those of background people, told apart by extremely randomized trees (Geurts, Ernst and
//! Wehenkel, Machine Learning 63, 2006). Grown when a profile is loaded; nothing of it is stored. Trees see what distances and
//! normal distributions do not: that a person scrolls slowly *or* starts low, but not both.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Trees.
const TREES: usize = 60;
/// Fewest strokes in a leaf.
const LEAF: usize = 5;
/// Seed of all forests: the same strokes always grow the same trees.
const SEED: u64 = 1;
/// Most strokes of the person that grow trees, evenly over all.
const MAX_OWN: usize = 400;
/// A stroke's odds are never further from even than 50 to 1.
const FLOOR: f64 = 0.02;

/// One stroke as codes, see [`super::cohort::code`], and last the direction.
pub type Codes = Vec<u8>;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Node {
    /// A value at most `most` goes to the next node, else to `other`.
    Split { value: u8, most: u8, other: u32 },
    /// Share of the person's strokes, both sides weighted alike.
    Leaf(f32),
}

/// Trees of one person and kind of stroke; without strokes of both sides there are none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Forest {
    trees: Vec<Vec<Node>>,
}

/// What a forest is grown from.
struct Strokes<'a> {
    rows: Vec<&'a [u8]>,
    /// How many of the first rows are the person's.
    own: usize,
    /// What a stroke of the person and one of others counts.
    weights: [f64; 2],
}

impl Strokes<'_> {
    fn value(&self, row: u32, value: usize) -> u8 {
        self.rows.get(row as usize).and_then(|r| r.get(value)).copied().unwrap_or_default()
    }

    /// Weights of the person's strokes and of others' among `rows`.
    fn weigh(&self, rows: impl Iterator<Item = u32>) -> [f64; 2] {
        let mut sums = [0.0; 2];
        for row in rows {
            let side = usize::from(row as usize >= self.own);
            sums[side] += self.weights[side];
        }
        sums
    }
}

impl Forest {
    /// Grows trees on the person's strokes and those of others, all of the same length.
    pub fn grow(own: &[Codes], others: &[Codes]) -> Self {
        if own.len() < LEAF || others.len() < LEAF {
            return Self::default();
        }
        let count = own.len().min(MAX_OWN);
        let spread = (0..count).filter_map(|i| own.get(i * own.len() / count));
        let rows: Vec<&[u8]> = spread.chain(others).map(Vec::as_slice).collect();
        let share = |n: usize| rows.len() as f64 / (2.0 * n as f64);
        let weights = [share(count), share(others.len())];
        let strokes = Strokes { rows, own: count, weights };
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        Self { trees: (0..TREES).map(|_| tree(&strokes, &mut rng)).collect() }
    }

    /// Whether there are trees.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Log-odds that a stroke is the person's, natural logarithm; 0 without trees.
    pub fn log_odds(&self, stroke: &[u8]) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        let sum: f64 = self.trees.iter().map(|tree| f64::from(leaf(tree, stroke))).sum();
        let share = sum / self.trees.len() as f64;
        ((share + FLOOR) / (1.0 + FLOOR - share)).ln()
    }
}

/// The share at the leaf that a stroke falls into.
fn leaf(tree: &[Node], stroke: &[u8]) -> f32 {
    let mut at = 0;
    loop {
        match tree.get(at) {
            Some(Node::Split { value, most, other }) => {
                let below = stroke.get(usize::from(*value)).is_some_and(|x| x <= most);
                at = if below { at + 1 } else { *other as usize };
            }
            Some(Node::Leaf(share)) => return *share,
            None => return 0.5,
        }
    }
}

/// Grows a tree, the side of low values before the other one.
fn tree(strokes: &Strokes<'_>, rng: &mut ChaCha8Rng) -> Vec<Node> {
    let mut order: Vec<u32> = (0..strokes.rows.len() as u32).collect();
    let mut nodes = Vec::new();
    // Ranges of `order` still to grow, and the split whose other side they are.
    let mut open = vec![(0, order.len(), None)];
    while let Some((from, to, parent)) = open.pop() {
        let here = nodes.len();
        if let Some(Node::Split { other, .. }) = parent.and_then(|p: usize| nodes.get_mut(p)) {
            *other = here as u32;
        }
        let rows = order.get_mut(from..to).unwrap_or_default();
        match split(strokes, rows, rng) {
            Some((value, most)) => {
                let middle = from + partition(strokes, rows, value, most);
                nodes.push(Node::Split { value: value as u8, most, other: 0 });
                open.push((middle, to, Some(here)));
                open.push((from, middle, None));
            }
            None => {
                let [own, others] = strokes.weigh(rows.iter().copied());
                nodes.push(Node::Leaf((own / (own + others).max(1e-9)) as f32));
            }
        }
    }
    nodes
}

/// The best of some random splits, by the Gini impurity that is left; `None` where none leaves enough on both sides.
fn split(strokes: &Strokes<'_>, rows: &[u32], rng: &mut ChaCha8Rng) -> Option<(usize, u8)> {
    let [own, others] = strokes.weigh(rows.iter().copied());
    if rows.len() < 2 * LEAF || own == 0.0 || others == 0.0 {
        return None;
    }
    let width = strokes.rows.first()?.len();
    let tried = (width as f64).sqrt().floor().max(1.0) as usize;
    let mut values: Vec<usize> = (0..width).collect();
    let mut best: Option<(f64, usize, u8)> = None;
    let mut seen = 0;
    for i in 0..width {
        if seen == tried {
            break;
        }
        values.swap(i, rng.random_range(i..width));
        let value = values[i];
        let (low, high) = range(strokes, rows, value);
        if low == high {
            continue;
        }
        seen += 1;
        let most = rng.random_range(low..high);
        let below = || rows.iter().copied().filter(|r| strokes.value(*r, value) <= most);
        let count = below().count();
        if count < LEAF || rows.len() - count < LEAF {
            continue;
        }
        let [a, b] = strokes.weigh(below());
        let (c, d) = (own - a, others - b);
        // Weight times Gini impurity of both sides, halved.
        let left = a * b / (a + b).max(1e-9) + c * d / (c + d).max(1e-9);
        if best.is_none_or(|(least, ..)| left < least) {
            best = Some((left, value, most));
        }
    }
    best.map(|(_, value, most)| (value, most))
}

fn range(strokes: &Strokes<'_>, rows: &[u32], value: usize) -> (u8, u8) {
    let values = rows.iter().map(|r| strokes.value(*r, value));
    values.fold((u8::MAX, 0), |(low, high), x| (low.min(x), high.max(x)))
}

/// Puts rows of low values first; how many they are.
fn partition(strokes: &Strokes<'_>, rows: &mut [u32], value: usize, most: u8) -> usize {
    let mut low = 0;
    for i in 0..rows.len() {
        if strokes.value(rows[i], value) <= most {
            rows.swap(i, low);
            low += 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strokes around a place, spread by a formula.
    fn strokes(place: [u8; 4], count: usize) -> Vec<Codes> {
        let code = |i: usize, k: usize| place[k] + ((i * (7 + 4 * k)) % 23) as u8;
        (0..count).map(|i| (0..4).map(|k| code(i, k)).collect()).collect()
    }

    #[test]
    fn it_tells_apart_what_no_single_value_does() {
        // Exclusive or: each value alone is the same on both sides.
        let own = [strokes([20, 20, 9, 9], 60), strokes([120, 120, 9, 9], 60)].concat();
        let others = [strokes([20, 120, 9, 9], 200), strokes([120, 20, 9, 9], 200)].concat();
        let forest = Forest::grow(&own, &others);
        let mean = |strokes: &[Codes]| {
            strokes.iter().map(|s| forest.log_odds(s)).sum::<f64>() / strokes.len() as f64
        };
        assert!(mean(&own) > 1.5 && mean(&others) < -1.5, "{} {}", mean(&own), mean(&others));
        let most = (1.0 + FLOOR).ln() - FLOOR.ln();
        assert!(own.iter().chain(&others).all(|s| forest.log_odds(s).abs() <= most + 1e-6));
        assert_eq!(forest, Forest::grow(&own, &others), "the same strokes grow the same trees");
    }

    #[test]
    fn too_few_or_equal_strokes_say_nothing() {
        let (few, many) = (strokes([9; 4], LEAF - 1), strokes([9; 4], 50));
        for forest in [Forest::grow(&few, &many), Forest::grow(&many, &few)] {
            assert!(forest.is_empty());
            assert_eq!(forest.log_odds(&[9; 4]), 0.0);
        }
        let same = vec![vec![7; 4]; 40];
        assert!(Forest::grow(&same, &same).log_odds(&[7; 4]).abs() < 1e-6);
        // Shorter than what it was grown on: an answer, whatever it is.
        assert!(Forest::grow(&many, &strokes([90; 4], 50)).log_odds(&[]).is_finite());
    }

    #[test]
    fn many_enrolled_strokes_count_as_the_most() {
        let (own, others) = (strokes([9; 4], 3 * MAX_OWN), strokes([60; 4], 100));
        let forest = Forest::grow(&own, &others);
        assert!(forest.log_odds(&own[1]) > 2.0 && forest.log_odds(&others[1]) < -2.0);
    }
}
