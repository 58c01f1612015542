//! What several typings of one probe say together.
//!
//! Typings of one sitting are not independent: mood, practice and what the profile does not know of the person are in all of
//! them. So LLRs are not added but add up to `n / (1 + (n − 1) r)` times their mean, as `n` measurements do whose errors have
//! a correlation of `r`: one counts as one, ten as 1.5.

/// Correlation between the LLRs of typings of one sitting. On cmu_dsl (200 and 10 enrolled, with background and
/// fallback) and sapientia (10 enrolled), windows of 2, 3, 5 and 10 have their least Cllr between 0.35 and 0.8, mostly between
/// 0.55 and 0.75, and it hardly changes in between. The cards say what calibration loses.
const DEPENDENCE: f64 = 0.65;

/// How much `count` typings count in place of one.
pub fn worth(count: usize) -> f64 {
    let count = count.max(1) as f64;
    count / (1.0 + (count - 1.0) * DEPENDENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_typings_say_more_but_never_as_much_as_independent_ones() {
        assert_eq!((worth(0), worth(1)), (1.0, 1.0));
        for n in 1..100 {
            assert!(worth(n + 1) > worth(n) && worth(n + 1) < (n + 1) as f64);
        }
        assert!((worth(10) - 10.0 / 6.85).abs() < 1e-12);
    }
}
