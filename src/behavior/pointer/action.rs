//! Cutting the events of a pointer into movement actions.

use crate::behavior::event::{Button, Phase, PointEvent};

/// A rest of so many milliseconds without an event ends an action.
pub const PAUSE_MS: f64 = 150.0;
/// Shortest action, ms; less is a twitch without a shape.
pub const MIN_MS: f64 = 60.0;
/// Fewest events of an action.
pub const MIN_EVENTS: usize = 4;
/// Shortest path of an action, pixels.
pub const MIN_PATH_PX: f64 = 10.0;
/// Most actions kept of a capture; the rest is passed over.
pub const MAX_ACTIONS: usize = 1_024;

/// How an action ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActionKind {
    /// In rest.
    Move,
    /// With a button going down.
    Click,
    /// It was made with a button down.
    Drag,
}

impl ActionKind {
    /// Every kind, in the order of their codes.
    pub const ALL: [Self; 3] = [Self::Move, Self::Click, Self::Drag];

    /// Position in [`Self::ALL`].
    pub fn code(self) -> usize {
        match self {
            Self::Move => 0,
            Self::Click => 1,
            Self::Drag => 2,
        }
    }
}

/// A time in ms and a place in pixels.
pub type Point = [f64; 3];

/// One movement.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// How it ended.
    pub kind: ActionKind,
    /// Its points, in order of time.
    pub points: Vec<Point>,
    /// Since the end of the action before, ms.
    pub pause_ms: f64,
    /// From the last movement to the button, ms, of a click.
    pub click_pause_ms: Option<f64>,
    /// How long the button was held, ms, of a click without a drag.
    pub hold_ms: Option<f64>,
}

/// Cuts events into actions.
pub fn actions(events: &[PointEvent]) -> Vec<Action> {
    let mut cutter = Cutter {
        made: Vec::new(),
        points: Vec::new(),
        end: events.first().map_or(0.0, |e| e.t_ms),
        pressed: None,
    };
    for event in events {
        if cutter.made.len() >= MAX_ACTIONS {
            break;
        }
        cutter.take(event);
    }
    cutter.close(cutter.moving(), None);
    cutter.made.truncate(MAX_ACTIONS);
    cutter.made
}

/// A button that is down: since when, how many actions there were then, and the one it ended, if any.
#[derive(Clone, Copy)]
struct Press {
    t_ms: f64,
    made: usize,
    ended: Option<usize>,
}

struct Cutter {
    made: Vec<Action>,
    points: Vec<Point>,
    end: f64,
    pressed: Option<Press>,
}

impl Cutter {
    fn moving(&self) -> ActionKind {
        if self.pressed.is_some() { ActionKind::Drag } else { ActionKind::Move }
    }

    fn take(&mut self, event: &PointEvent) {
        // Wheels are reported as buttons that never come up.
        if matches!(event.button, Some(Button::Middle | Button::Other)) {
            return;
        }
        let point = [event.t_ms, f64::from(event.x), f64::from(event.y)];
        let since = self.points.last().map(|last| point[0] - last[0]);
        match event.phase {
            Phase::Down => {
                let before = self.made.len();
                self.close(ActionKind::Click, since);
                let ended = (self.made.len() > before).then_some(before);
                self.pressed = Some(Press { t_ms: point[0], made: self.made.len(), ended });
                self.points.push(point);
            }
            Phase::Move => {
                if since.is_some_and(|s| s > PAUSE_MS) {
                    self.close(self.moving(), None);
                }
                self.points.push(point);
            }
            Phase::Up => {
                if since.is_none_or(|s| s <= PAUSE_MS) {
                    self.points.push(point);
                }
                self.close(self.moving(), None);
                if let Some(press) = self.pressed.take()
                    && press.made == self.made.len()
                    && let Some(action) = press.ended.and_then(|i| self.made.get_mut(i))
                {
                    action.hold_ms = Some(point[0] - press.t_ms);
                }
                self.points.push(point);
            }
        }
    }

    /// Ends the current action and keeps it if it is long enough to have a shape.
    fn close(&mut self, kind: ActionKind, click_pause_ms: Option<f64>) {
        let points = std::mem::take(&mut self.points);
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let steps = points.iter().zip(points.iter().skip(1));
        let path: f64 = steps.map(|(a, b)| (b[1] - a[1]).hypot(b[2] - a[2])).sum();
        if points.len() < MIN_EVENTS || last[0] - first[0] < MIN_MS || path < MIN_PATH_PX {
            return;
        }
        let pause_ms = first[0] - self.end;
        self.end = last[0];
        self.made.push(Action { kind, pause_ms, click_pause_ms, hold_ms: None, points });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(phase: Phase, t_ms: f64, x: f32) -> PointEvent {
        PointEvent { phase, t_ms, x, y: 0.0, pressure: None, size: None, button: None }
    }

    fn sweep(from_ms: f64, events: &mut Vec<PointEvent>) {
        events.extend(
            (0..10).map(|i| event(Phase::Move, from_ms + 16.0 * f64::from(i), i as f32 * 9.0)),
        );
    }

    #[test]
    fn a_move_a_click_and_a_drag() {
        let mut events = Vec::new();
        sweep(0.0, &mut events);
        sweep(1_000.0, &mut events);
        events.push(event(Phase::Down, 1_244.0, 81.0));
        events.push(event(Phase::Up, 1_334.0, 81.0));
        events.push(event(Phase::Down, 2_000.0, 81.0));
        sweep(2_010.0, &mut events);
        events.push(event(Phase::Up, 2_170.0, 90.0));
        let made = actions(&events);
        let kinds: Vec<_> = made.iter().map(|a| a.kind).collect();
        assert_eq!(kinds, [ActionKind::Move, ActionKind::Click, ActionKind::Drag]);
        assert_eq!(made[1].pause_ms, 1_000.0 - 144.0);
        assert_eq!((made[1].click_pause_ms, made[1].hold_ms), (Some(100.0), Some(90.0)));
        assert_eq!((made[2].click_pause_ms, made[2].hold_ms), (None, None));
        assert_eq!(made[2].points.len(), 12);
    }

    #[test]
    fn twitches_and_long_holds_are_no_actions() {
        assert!(actions(&[]).is_empty());
        assert!(actions(&[event(Phase::Move, 0.0, 1.0)]).is_empty());
        let still: Vec<_> = (0..50).map(|i| event(Phase::Move, 16.0 * f64::from(i), 5.0)).collect();
        assert!(actions(&still).is_empty());
        let mut held = vec![event(Phase::Down, 0.0, 0.0)];
        sweep(1.0, &mut held);
        held.push(event(Phase::Up, 8e7, 500.0));
        let made = actions(&held);
        assert_eq!(made.len(), 1);
        assert!(made[0].points.last().unwrap()[0] < 200.0);
    }

    #[test]
    fn buttons_without_partner_do_no_harm() {
        let mut events = vec![event(Phase::Up, 0.0, 0.0), event(Phase::Down, 1.0, 0.0)];
        events.push(event(Phase::Down, 2.0, 0.0));
        sweep(10.0, &mut events);
        assert_eq!(actions(&events).len(), 1);
    }

    #[test]
    fn the_number_of_actions_is_bounded() {
        let mut events = Vec::new();
        (0..1_500).for_each(|i| sweep(1_000.0 * f64::from(i), &mut events));
        assert_eq!(actions(&events).len(), MAX_ACTIONS);
    }
}
