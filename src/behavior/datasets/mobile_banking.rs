//! Touches of people who tried a mobile bank, recorded raw in one sitting (see the data set's README): swipes only.
//!
//! Columns `user, stream, batch, row`; a row of the stream `swipeData` is
//! `user;screen;item;action;size;x;y;t_ms` with action 1 down, 2 up and 3 move. For evaluation only.

use crate::behavior::BehaviorError;
use crate::behavior::event::{Capture, Device, Phase, RawCapture, RawEvents, RawPoint, Screen};

const HEADER: &str = "user,stream,batch,row";
/// Assumed: the file does not say the screen.
const SCREEN: Screen = Screen { width_px: 720.0, height_px: 1280.0, dpi: None };

/// Reads the swipes: one capture each, in the order of the file.
///
/// # Errors
/// Another header, a swipe's row that is not of eight numbers, and what [`RawCapture::check`] refuses.
pub fn swipes(csv: &str) -> Result<Vec<Capture>, BehaviorError> {
    let mut lines = csv.lines();
    if lines.next().is_none_or(|header| header.trim() != HEADER) {
        return Err(bad(1, "the header is another one"));
    }
    let mut captures = Vec::new();
    let mut open: Option<(String, Vec<RawPoint>)> = None;
    for (n, line) in lines.enumerate() {
        let cells: Vec<&str> = line.trim().split(',').collect();
        let [user, "swipeData", _, row] = cells.as_slice() else { continue };
        let values: Vec<f64> = row
            .split(';')
            .map(|cell| cell.parse().map_err(|_| bad(n + 2, "not a number")))
            .collect::<Result<_, _>>()?;
        let [_, _, _, action, size, x, y, t_ms] = values.as_slice() else {
            return Err(bad(n + 2, "not eight values"));
        };
        let phase = match *action as i64 {
            1 => Phase::Down,
            2 => Phase::Up,
            _ => Phase::Move,
        };
        let point = RawPoint {
            phase,
            t_ms: *t_ms,
            x: *x,
            y: *y,
            pressure: None,
            size: Some(*size),
            button: None,
        };
        match &mut open {
            Some((u, points)) if u == user && phase != Phase::Down => points.push(point),
            _ => {
                close(open.take(), &mut captures)?;
                open = Some(((*user).to_owned(), vec![point]));
            }
        }
    }
    close(open, &mut captures)?;
    Ok(captures)
}

fn close(
    open: Option<(String, Vec<RawPoint>)>,
    captures: &mut Vec<Capture>,
) -> Result<(), BehaviorError> {
    let Some((subject, mut points)) = open else { return Ok(()) };
    // Where a stroke begins and ends is known by its neighbors; some rows say otherwise.
    let last = points.len().saturating_sub(1);
    for (i, point) in points.iter_mut().enumerate() {
        point.phase = match i {
            0 => Phase::Down,
            _ if i == last => Phase::Up,
            _ => Phase::Move,
        };
    }
    let raw = RawCapture {
        subject,
        capture: (captures.len() + 1).to_string(),
        session: None,
        device: Device::Phone,
        text_id: None,
        screen: Some(SCREEN),
        events: RawEvents::Touch(points),
        motion: Vec::new(),
    };
    captures.push(raw.check()?);
    Ok(())
}

fn bad(line: usize, why: &'static str) -> BehaviorError {
    BehaviorError::Dataset { dataset: "mobile_banking", line, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swipes_end_where_the_next_starts() {
        let csv = format!(
            "{HEADER}\n61,keyboardData,1,61;1;5;1;5;0.09;94.0;29.0;1\n61,swipeData,1,61;1;0;1;0.06;637.0;179.0;10\n\
             61,swipeData,1,61;1;0;2;0.07;635.5;179.0;20\n61,swipeData,1,61;1;0;1;0.06;1;2;50\n62,swipeData,1,62;1;0;3;0.06;1;2;60\n"
        );
        let captures = swipes(&csv).unwrap();
        assert_eq!(captures.iter().map(|c| c.events.len()).collect::<Vec<_>>(), [2, 1, 1]);
        assert_eq!(captures[2].subject, "62");
        assert!(swipes("x\n").is_err());
        assert!(swipes(&format!("{HEADER}\n1,swipeData,1,1;2\n")).is_err());
    }
}
