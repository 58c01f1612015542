//! Windows of one modality held against what was captured before them: the same person, or somebody else.
//!
//! A window is odd under a floor, or well under what is usual in this session. One odd window proves nothing: people
//! cough, turn away, speak to somebody in the room. Two in a row are another person, and where it is known how alike
//! the two are, only if they are more like each other than like what came before: another voice stays the same,
//! noise does not. ARCHITECTURE.md says how often each of it is right.

use crate::domain::Llr;

/// When windows are somebody else's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeRule {
    /// LLR of a window against what was captured before it, under which it is odd.
    pub floor: Llr,
    /// Nats under the usual LLR of this session, from which a window is odd; `None`: the floor is all.
    pub drop: Option<f64>,
    /// Nats by which an odd window must be more like the odd one before it than like what came before both.
    pub agreement: f64,
    /// Odd windows in a row until another person is believed in.
    pub windows: u32,
}

/// LLR of a window that is usual before a session has shown its own, in nats: about the mean over telephone calls of
/// one person. It counts as one window.
const USUAL_LLR: f64 = 3.25;
/// Windows of a person from which on their own usual LLR is known well enough for a drop to mean something.
const USUAL_WINDOWS: u32 = 2;

impl ChangeRule {
    /// For what a person does: windows against an enrolled profile. Evidence that another person makes the windows more
    /// likely by e to 1.
    pub const BEHAVIOR: Self =
        Self { floor: Llr(-1.0), drop: None, agreement: f64::NEG_INFINITY, windows: 2 };

    /// For a voice: windows of three seconds against the windows before them on the same line. Chosen on training
    /// speakers (ARCHITECTURE.md, "A change of speaker").
    pub const VOICE: Self = Self { floor: Llr(0.75), drop: Some(2.25), agreement: 1.0, windows: 2 };
}

/// What a window came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowOutcome {
    /// The same person.
    Same,
    /// Perhaps somebody else.
    Doubtful,
    /// Somebody else, from this much of the modality on.
    Changed {
        /// Amount at which the first window of the other person began.
        from: u32,
    },
}

/// A window, compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Against what was captured before it and was not odd. NaN says nothing.
    pub llr: Llr,
    /// Against the window before it; `None` where that is not known.
    pub like_last: Option<Llr>,
    /// Amount of the modality at which it begins.
    pub from: u32,
}

/// The windows of one modality since the person last changed.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// Odd windows in a row.
    odd: u32,
    /// Where the first of them began, in the modality's amount.
    odd_from: u32,
    /// Windows of the same person, and the sum of their LLRs.
    same: u32,
    sum: f64,
}

impl Watch {
    /// Takes the next window.
    pub fn take(&mut self, window: Window, rule: &ChangeRule) -> WindowOutcome {
        let llr = window.llr;
        if llr.0.is_nan() {
            return if self.odd > 0 { WindowOutcome::Doubtful } else { WindowOutcome::Same };
        }
        if !self.is_odd(llr, rule) {
            self.odd = 0;
            self.same = self.same.saturating_add(1);
            self.sum += llr.0;
            return WindowOutcome::Same;
        }
        let agrees = window.like_last.is_none_or(|like| like.0 >= llr.0 + rule.agreement);
        if self.odd == 0 || !agrees {
            (self.odd, self.odd_from) = (0, window.from);
        }
        self.odd = self.odd.saturating_add(1);
        match self.odd < rule.windows {
            true => WindowOutcome::Doubtful,
            false => WindowOutcome::Changed { from: self.odd_from },
        }
    }

    fn is_odd(&self, llr: Llr, rule: &ChangeRule) -> bool {
        let usual = (USUAL_LLR + self.sum) / f64::from(self.same.saturating_add(1));
        let dropped = |drop: f64| self.same >= USUAL_WINDOWS && llr.0 < usual - drop;
        llr < rule.floor || rule.drop.is_some_and(dropped)
    }

    /// Whether the last windows are in doubt.
    pub fn doubts(&self) -> bool {
        self.odd > 0
    }

    /// Whether a window was found to be the same person's, and none in doubt since.
    pub fn fits(&self) -> bool {
        self.same > 0 && self.odd == 0
    }
}

#[cfg(test)]
mod tests {
    use super::WindowOutcome::{Changed, Doubtful, Same};
    use super::*;

    /// Windows of a thousand each: LLR, likeness to the last one, what comes of it.
    type Step = (f64, Option<f64>, WindowOutcome);

    fn walk(name: &str, rule: &ChangeRule, steps: &[Step]) -> Watch {
        let mut watch = Watch::default();
        for (i, (llr, like, outcome)) in steps.iter().enumerate() {
            let from = 1_000 * i as u32;
            let window = Window { llr: Llr(*llr), like_last: like.map(Llr), from };
            assert_eq!(watch.take(window, rule), *outcome, "{name}: window {i}");
        }
        watch
    }

    #[test]
    fn a_voice_is_held_against_what_is_usual_in_its_session() {
        let (like, unlike) = (Some(4.0), Some(0.0));
        let cases: [(&str, &[Step]); 8] = [
            ("the same voice", &[(4.0, like, Same), (5.0, like, Same), (3.5, like, Same)]),
            (
                "clearly another one",
                &[
                    (4.0, like, Same),
                    (-2.0, unlike, Doubtful),
                    (-2.5, like, Changed { from: 1_000 }),
                ],
            ),
            (
                "one that is near, to a voice that is steady",
                &[
                    (5.0, like, Same),
                    (5.4, like, Same),
                    (2.2, unlike, Doubtful),
                    (2.25, like, Changed { from: 2_000 }),
                ],
            ),
            (
                "before anything is usual the floor is all",
                &[(9.0, like, Same), (2.5, unlike, Same), (0.7, unlike, Doubtful)],
            ),
            (
                "one odd window is forgotten, and is not usual",
                &[
                    (5.0, like, Same),
                    (5.0, like, Same),
                    (-3.0, unlike, Doubtful),
                    (4.8, unlike, Same),
                    (2.2, unlike, Doubtful),
                ],
            ),
            (
                "odd windows that are unlike each other are noise; each begins anew",
                &[
                    (4.0, like, Same),
                    (0.0, unlike, Doubtful),
                    (0.5, Some(1.4), Doubtful),
                    (0.5, Some(1.5), Changed { from: 2_000 }),
                ],
            ),
            (
                "where likeness is not known two in a row are enough",
                &[(4.0, None, Same), (0.0, None, Doubtful), (0.5, None, Changed { from: 1_000 })],
            ),
            (
                "no number says nothing",
                &[
                    (f64::NAN, None, Same),
                    (0.0, None, Doubtful),
                    (f64::NAN, None, Doubtful),
                    (0.0, None, Changed { from: 1_000 }),
                ],
            ),
        ];
        for (name, steps) in cases {
            walk(name, &ChangeRule::VOICE, steps);
        }
    }

    #[test]
    fn behavior_has_a_floor_alone() {
        let steps = [
            (9.0, None, Same),
            (9.0, None, Same),
            (0.0, None, Same),
            (-1.1, None, Doubtful),
            (-0.9, None, Same),
            (-5.0, None, Doubtful),
            (-1.1, None, Changed { from: 5_000 }),
        ];
        walk("behavior", &ChangeRule::BEHAVIOR, &steps);
    }

    #[test]
    fn a_fit_lasts_until_a_doubt() {
        let rule = &ChangeRule::VOICE;
        assert!(!Watch::default().fits());
        assert!(walk("fit", rule, &[(4.0, None, Same)]).fits());
        let doubting = walk("doubt", rule, &[(4.0, None, Same), (0.0, None, Doubtful)]);
        assert!(!doubting.fits() && doubting.doubts());
    }
}
