//! When to compare a voice: soon at first, then less and less often, and window by window with what was
//! heard before.

use crate::session::call::limits::CallRules;

/// Net speech of a window, in milliseconds: as much as a first comparison needs.
pub const WINDOW_MS: u32 = 3_000;
/// Net speech between two comparisons, in milliseconds, at first.
pub const COMPARE_EVERY_MS: u32 = 1_000;
/// Speech grows by a factor of 1 + 1/this between two comparisons later on: a model that embeds all speech
/// anew then needs work in proportion to the speech, whatever the length of the call.
const GROWTH: u32 = 4;
/// Speech that must have come since the last comparison for the end to ask for another, in milliseconds.
pub const MIN_NEWS_AT_END_MS: u32 = 200;

/// Where the voice of the caller's leg stands. All positions are net speech of the session.
#[derive(Debug, Clone, Default)]
pub struct VoiceTrack {
    heard_ms: u32,
    /// Where the present person began.
    start_ms: u32,
    /// Up to where was compared last; `start_ms` before the first comparison.
    compared_ms: u32,
    /// Up to where a comparison under way reaches.
    comparing_ms: Option<u32>,
    /// Up to where windows were compared.
    window_ms: u32,
    windowing: bool,
}

impl VoiceTrack {
    /// More was heard.
    pub fn hear(&mut self, net_speech_ms: u32) {
        self.heard_ms = self.heard_ms.max(net_speech_ms);
    }

    /// Net speech of the present person.
    pub fn present_ms(&self) -> u32 {
        self.heard_ms.saturating_sub(self.start_ms)
    }

    /// Net speech of the session at which the next comparison is due.
    fn next_ms(&self, rules: &CallRules) -> u32 {
        let compared = self.compared_ms.saturating_sub(self.start_ms);
        let step = match compared {
            0 => rules.min_net_speech_ms,
            some => COMPARE_EVERY_MS.max(some / GROWTH),
        };
        self.compared_ms.saturating_add(step)
    }

    /// Starts a comparison if one is due.
    pub fn compare(&mut self, rules: &CallRules) -> bool {
        let due = self.comparing_ms.is_none() && self.heard_ms >= self.next_ms(rules);
        if due {
            self.comparing_ms = Some(self.heard_ms);
        }
        due
    }

    /// Starts the last comparison if there is enough to compare and news since the last one.
    pub fn compare_last(&mut self, rules: &CallRules) -> bool {
        let news = self.heard_ms >= self.compared_ms.saturating_add(MIN_NEWS_AT_END_MS);
        let due =
            self.comparing_ms.is_none() && news && self.present_ms() >= rules.min_net_speech_ms;
        if due {
            self.comparing_ms = Some(self.heard_ms);
        }
        due
    }

    /// A comparison is under way.
    pub fn is_comparing(&self) -> bool {
        self.comparing_ms.is_some()
    }

    /// The comparison is done. False if none was under way.
    pub fn compared(&mut self) -> bool {
        let Some(reached) = self.comparing_ms.take() else { return false };
        self.compared_ms = reached.max(self.start_ms);
        true
    }

    /// Whoever is compared is another now: the speech so far is to be compared again.
    pub fn compare_anew(&mut self) {
        self.compared_ms = self.start_ms;
        self.comparing_ms = None;
    }

    /// Starts a window if one is due: where it begins and ends. The first speech of a person is what
    /// windows are held against.
    pub fn window(&mut self, rules: &CallRules) -> Option<(u32, u32)> {
        let from = self.window_ms.max(self.start_ms.saturating_add(rules.min_net_speech_ms));
        let until = from.saturating_add(WINDOW_MS);
        if self.windowing || self.heard_ms < until {
            return None;
        }
        self.windowing = true;
        // Speech that piles up while a window is compared is not looked at twice nor left for later.
        let from = self.heard_ms - WINDOW_MS;
        self.window_ms = self.heard_ms;
        Some((from, self.heard_ms))
    }

    /// The window is done. False if none was under way.
    pub fn windowed(&mut self) -> bool {
        std::mem::take(&mut self.windowing)
    }

    /// Another person began here; `None`: now.
    pub fn restart(&mut self, from: Option<u32>) {
        self.start_ms = from.unwrap_or(self.heard_ms).clamp(self.start_ms, self.heard_ms);
        self.window_ms = self.start_ms;
        self.windowing = false;
        self.compare_anew();
    }

    /// Net speech that must still come before anything is due, in milliseconds.
    pub fn patience_ms(&self, rules: &CallRules) -> u32 {
        if self.comparing_ms.is_some() || self.windowing {
            return 0;
        }
        let window = self.window_ms.max(self.start_ms.saturating_add(rules.min_net_speech_ms));
        let next = self.next_ms(rules).min(window.saturating_add(WINDOW_MS));
        next.saturating_sub(self.heard_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::IntentId;

    fn rules() -> CallRules {
        CallRules::new(IntentId::parse("session").expect("a name"))
    }

    #[test]
    fn comparisons_come_soon_and_then_less_often() {
        let (mut track, rules) = (VoiceTrack::default(), rules());
        let mut at = Vec::new();
        for second in 1..=60 {
            track.hear(second * 1_000);
            if track.compare(&rules) {
                at.push(second);
                assert!(track.compared());
            }
        }
        assert_eq!(at, [3, 4, 5, 7, 9, 12, 15, 19, 24, 30, 38, 48, 60]);
        // Work in proportion to the speech: the sum of all lengths embedded anew.
        assert!(at.iter().sum::<u32>() <= 5 * 60);
    }

    #[test]
    fn one_comparison_at_a_time() {
        let (mut track, rules) = (VoiceTrack::default(), rules());
        assert!(!track.compared());
        track.hear(3_000);
        assert!(track.compare(&rules));
        track.hear(9_000);
        assert!(!track.compare(&rules));
        assert!(!track.compare_last(&rules));
        assert!(track.compared());
        assert!(track.compare(&rules));
        assert!(track.compared());
        assert!(!track.compare_last(&rules));
        track.hear(9_200);
        assert!(track.compare_last(&rules));
    }

    #[test]
    fn windows_follow_each_other_and_start_anew_with_a_person() {
        let (mut track, rules) = (VoiceTrack::default(), rules());
        track.hear(5_999);
        assert_eq!(track.window(&rules), None);
        track.hear(6_000);
        assert_eq!(track.window(&rules), Some((3_000, 6_000)));
        track.hear(11_000);
        assert_eq!(track.window(&rules), None);
        assert!(track.windowed());
        assert_eq!(track.window(&rules), Some((8_000, 11_000)));
        track.restart(Some(8_000));
        assert_eq!(track.present_ms(), 3_000);
        assert!(track.compare(&rules));
        track.hear(13_999);
        assert_eq!(track.window(&rules), None);
        track.hear(14_000);
        assert_eq!(track.window(&rules), Some((11_000, 14_000)));
        track.restart(None);
        assert_eq!(track.present_ms(), 0);
    }

    #[test]
    fn patience_reaches_to_what_is_due() {
        let (mut track, rules) = (VoiceTrack::default(), rules());
        assert_eq!(track.patience_ms(&rules), 3_000);
        track.hear(2_500);
        assert_eq!(track.patience_ms(&rules), 500);
        track.hear(3_000);
        assert!(track.compare(&rules));
        assert_eq!(track.patience_ms(&rules), 0);
        track.compared();
        assert_eq!(track.patience_ms(&rules), 1_000);
    }
}
