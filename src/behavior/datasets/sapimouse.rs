//! SapiMouse (Antal, Fejér and Buza, IEEE SACI 2021): 72 people, a session of three minutes and one of one minute each.
//!
//! Columns `user, session, t_ms, button, state, x, y`. The times are differences to the event before; a few run
//! back by some milliseconds and count as 0 here.

use serde::Deserialize;

use crate::behavior::event::{Device, Phase, RawCapture, RawEvents, RawPoint};
use crate::behavior::limits::MAX_EVENTS;
use crate::behavior::{BehaviorError, Capture};

const DATASET: &str = "sapimouse";
/// A session is cut into captures of so many milliseconds, as a client would send them.
pub const CAPTURE_MS: f64 = 60_000.0;

#[derive(Deserialize)]
struct Row {
    user: String,
    session: String,
    t_ms: f64,
    button: String,
    state: String,
    x: f64,
    y: f64,
}

/// Reads the whole set, in the order of the file: captures of at most [`CAPTURE_MS`], in session `1min` or `3min`.
///
/// # Errors
/// Rows that are not as documented, and everything [`RawCapture::check`] refuses.
pub fn captures(csv: &str) -> Result<Vec<Capture>, BehaviorError> {
    let mut made = Vec::new();
    let mut open: Option<Open> = None;
    for (i, row) in csv::Reader::from_reader(csv.as_bytes()).deserialize::<Row>().enumerate() {
        let line = i + 2;
        let wrong = |why| BehaviorError::Dataset { dataset: DATASET, line, why };
        let row =
            row.map_err(|_| wrong("the columns are user, session, t_ms, button, state, x, y"))?;
        let phase = match row.state.as_str() {
            "Pressed" => Phase::Down,
            "Released" => Phase::Up,
            "Move" | "Drag" => Phase::Move,
            _ => return Err(wrong("state is Move, Drag, Pressed or Released")),
        };
        if !row.t_ms.is_finite() {
            return Err(wrong("t_ms is not a number"));
        }
        let mut current = match open.take() {
            Some(open) if open.user == row.user && open.session == row.session => open,
            other => {
                other.map_or(Ok(()), |done| done.close(&mut made))?;
                Open {
                    part: 1,
                    clock_ms: 0.0,
                    user: row.user,
                    session: row.session,
                    points: vec![],
                }
            }
        };
        current.clock_ms += row.t_ms.max(0.0);
        if current.full() {
            let (user, session) = (current.user.clone(), current.session.clone());
            let next = Open { part: current.part + 1, user, session, points: vec![], ..current };
            current.close(&mut made)?;
            current = next;
        }
        current.points.push(RawPoint {
            phase,
            t_ms: current.clock_ms,
            x: row.x,
            y: row.y,
            pressure: None,
            size: None,
            button: Some(row.button),
        });
        open = Some(current);
    }
    open.map_or(Ok(()), |done| done.close(&mut made))?;
    Ok(made)
}

/// A capture that is being read.
struct Open {
    user: String,
    session: String,
    part: usize,
    clock_ms: f64,
    points: Vec<RawPoint>,
}

impl Open {
    fn full(&self) -> bool {
        let begun = self.points.first().map(|p| p.t_ms);
        self.points.len() >= MAX_EVENTS || begun.is_some_and(|t| self.clock_ms - t > CAPTURE_MS)
    }

    fn close(self, made: &mut Vec<Capture>) -> Result<(), BehaviorError> {
        let raw = RawCapture {
            subject: self.user,
            capture: format!("{}-{}", self.session, self.part),
            session: Some(self.session),
            device: Device::Desktop,
            text_id: None,
            screen: None,
            events: RawEvents::Pointer(self.points),
            motion: Vec::new(),
        };
        made.push(raw.check()?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::Events;

    #[test]
    fn differences_become_times_and_sessions_captures() {
        let csv = "user,session,t_ms,button,state,x,y\n\
            a,3min,5,NoButton,Move,1,2\na,3min,16,Left,Pressed,1,2\na,3min,-4,Left,Released,1,2\n\
            a,3min,70000,NoButton,Move,1,2\na,1min,3,NoButton,Move,9,9\n";
        let made = captures(csv).unwrap();
        let names: Vec<_> = made.iter().map(|c| c.capture.as_str()).collect();
        assert_eq!(names, ["3min-1", "3min-2", "1min-1"]);
        let Events::Pointer(points) = &made[0].events else { panic!("points went in") };
        let seen: Vec<_> = points.iter().map(|p| (p.t_ms, p.phase)).collect();
        assert_eq!(seen, [(5.0, Phase::Move), (21.0, Phase::Down), (21.0, Phase::Up)]);
    }

    #[test]
    fn other_rows_are_refused_by_line() {
        for row in
            ["a,3min,5,Left,Jump,1,2", "a,3min,x,Left,Move,1,2", "a,3min,NaN,Left,Move,1,2", "a,b"]
        {
            let csv =
                format!("user,session,t_ms,button,state,x,y\na,3min,0,Left,Move,1,2\n{row}\n");
            let error = captures(&csv).unwrap_err();
            assert!(matches!(error, BehaviorError::Dataset { line: 3, .. }), "{error}");
        }
    }
}
