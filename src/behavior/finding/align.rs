//! How far the times of two typings are from each other, though one has a key more or some times are others: whoever sends a
//! capture again can press a key that does not count, or wait once.

/// Most keys that one typing has before the first, after the last or between two keys of the other.
pub(super) const MAX_SHIFT: usize = 2;
/// What one hold or interval counts at most, ms: twice what rounding to 8 ms changes. One that is quite another counts no
/// more, so a few can be.
const CAP_MS: u32 = 16;
/// What a key of the shorter typing counts that the longer one has not: its hold and its interval.
const MISSING_MS: u32 = 2 * CAP_MS;
/// Places of the longer typing that a key of the shorter one may stand at.
const BAND: usize = 2 * MAX_SHIFT + 1;
/// Longer than any way.
const FAR: u32 = u32::MAX / 2;

/// Costs of the best way to each place for one key of the shorter typing, ms.
type Row = [u32; BAND];

/// The times of one typing: `h0, h1, i1, h2, i2, …`, holds and intervals from the key before, ms.
#[derive(Clone, Copy)]
struct Times<'a>(&'a [i16]);

impl Times<'_> {
    fn keys(self) -> usize {
        self.0.len().div_ceil(2)
    }

    fn hold(self, key: usize) -> i16 {
        self.0.get((2 * key).saturating_sub(1)).copied().unwrap_or_default()
    }

    fn interval(self, key: usize) -> i16 {
        self.0.get(2 * key).copied().unwrap_or_default()
    }
}

fn capped(a: i16, b: i16) -> u32 {
    u32::from(a.abs_diff(b)).min(CAP_MS)
}

/// The least to arrive at the `j`-th key of the longer typing with the `i`-th of the shorter, which is place `k`; `rows` are
/// those of the keys before, latest first.
fn arrived(
    rows: &[Row; MAX_SHIFT + 1],
    (i, j, k): (usize, usize, usize),
    (short, long): (Times<'_>, Times<'_>),
) -> u32 {
    let [before, ..] = rows;
    let at = |row: &Row, place: usize| row.get(place).copied().unwrap_or(FAR);
    let mut least = match i == 0 || j == 0 {
        true => MISSING_MS * i as u32,
        false => at(before, k).saturating_add(capped(short.interval(i), long.interval(j))),
    };
    for shift in 1..=MAX_SHIFT {
        // The longer one has keys between, or the shorter one; either way the interval is another.
        let more = k.checked_sub(shift).map_or(FAR, |place| at(before, place));
        let fewer = rows.get(shift).map_or(FAR, |row| at(row, k + shift));
        let missing = MISSING_MS * shift as u32;
        least = least.min(more.saturating_add(CAP_MS));
        least = least.min(fewer.saturating_add(CAP_MS + missing));
    }
    least
}

/// Mean difference of two typings, ms, each value counted up to [`CAP_MS`], over the best way to lay one beside the other;
/// `None` over `bound_ms`. Values as in a fingerprint.
pub(super) fn mean_difference(a: &[i16], b: &[i16], bound_ms: f64) -> Option<f64> {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let fits = short.len() % 2 == 1 && long.len() % 2 == 1;
    if !fits || long.len() > short.len() + 2 * MAX_SHIFT {
        return None;
    }
    let values = short.len() as f64;
    let most = (bound_ms * values) as u32;
    let (short, long) = (Times(short), Times(long));
    let (keys, others) = (short.keys(), long.keys());
    let mut rows = [[FAR; BAND]; MAX_SHIFT + 1];
    let mut best = FAR;
    for i in 0..keys {
        let mut row = [FAR; BAND];
        for (k, cost) in row.iter_mut().enumerate() {
            let Some(j) = (i + k).checked_sub(MAX_SHIFT).filter(|j| *j < others) else { continue };
            let before = arrived(&rows, (i, j, k), (short, long));
            *cost = before.saturating_add(capped(short.hold(i), long.hold(j)));
            if i + 1 == keys || j + 1 == others {
                let missing = MISSING_MS * (keys - 1 - i) as u32;
                best = best.min(cost.saturating_add(missing));
            }
        }
        rows.rotate_right(1);
        rows[0] = row;
        // Ways only get longer, and none begins later.
        if i >= MAX_SHIFT && rows.iter().flatten().chain([&best]).all(|cost| *cost > most) {
            return None;
        }
    }
    (best <= most).then(|| f64::from(best) / values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUND_MS: f64 = 4.0;

    /// Values of keys, each a hold and the interval before it; that of the first is none.
    fn values(keys: &[(i16, i16)]) -> Vec<i16> {
        let mut all = Vec::new();
        for (i, (hold, interval)) in keys.iter().enumerate() {
            all.push(*hold);
            all.extend((i > 0).then_some(*interval));
        }
        all
    }

    type Keys = Vec<(i16, i16)>;
    type Change<'a> = &'a dyn Fn(&mut Keys);

    /// Twelve keys.
    fn typing() -> Keys {
        (0..12).map(|i| (70 + (i * 37) % 60, 90 + (i * 53) % 140)).collect()
    }

    #[test]
    fn a_copy_is_near_though_keys_are_more_and_some_times_are_others() {
        let own = typing();
        let keys = own.len();
        let with = |change: &dyn Fn(&mut Keys)| {
            let mut copy = own.clone();
            change(&mut copy);
            mean_difference(&values(&own), &values(&copy), BOUND_MS).map(|ms| (ms * 23.0).round())
        };
        let extra = (300, 400);
        let cases: [(&str, Change<'_>, Option<f64>); 11] = [
            ("the same", &|_| {}, Some(0.0)),
            ("each hold 2 ms longer", &|c| c.iter_mut().for_each(|k| k.0 += 2), Some(24.0)),
            ("one pause of a second more", &|c| c[5].1 += 1_000, Some(16.0)),
            ("two", &|c| (c[5].1, c[8].1) = (900, 950), Some(32.0)),
            ("a key before", &|c| c.insert(0, extra), Some(0.0)),
            ("two keys before", &|c| c.splice(0..0, [extra; 2]).for_each(drop), Some(0.0)),
            ("two keys after", &|c| c.extend([extra; 2]), Some(0.0)),
            ("one before and one after", &|c| (c.insert(0, extra), c.push(extra)).1, Some(0.0)),
            ("a key in the middle", &|c| (c.insert(6, (80, 60)), c[7].1 -= 60).1, Some(16.0)),
            ("without the last key", &|c| c.truncate(keys - 1), Some(0.0)),
            ("three keys more", &|c| c.splice(0..0, [extra; 3]).for_each(drop), None),
        ];
        for (name, change, expected) in cases {
            assert_eq!(with(change), expected, "{name}");
        }
        assert_eq!(with(&|c| c.reverse()), None);
        assert_eq!(with(&|c| c.iter_mut().for_each(|k| k.0 += 9)), None);
        assert_eq!(mean_difference(&[], &[], BOUND_MS), None);
        assert_eq!(mean_difference(&[1, 2], &[1, 2], BOUND_MS), None, "no typing has two values");
    }

    proptest! {
        /// Whatever is compared: never farther than value by value, the same both ways, nothing for itself.
        #[test]
        fn the_best_way_is_no_longer_than_the_straight_one(
            a in prop::collection::vec(any::<(i16, i16)>(), 1..70),
            b in prop::collection::vec(any::<(i16, i16)>(), 1..70),
        ) {
            let (a, b) = (values(&a), values(&b));
            let all = f64::from(4 * MISSING_MS);
            prop_assert_eq!(mean_difference(&a, &a, BOUND_MS), Some(0.0));
            let there = mean_difference(&a, &b, all);
            prop_assert_eq!(there, mean_difference(&b, &a, all));
            if a.len() == b.len() {
                let straight: u32 = a.iter().zip(&b).map(|(a, b)| capped(*a, *b)).sum();
                let straight = f64::from(straight) / a.len() as f64;
                prop_assert!(there.is_some_and(|there| there <= straight), "{there:?} {straight}");
            }
        }
    }
}
