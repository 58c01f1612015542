//! How We Swipe (Leiva, Kim, Cui, Bi and Oulasvirta, MobileHCI 2021): words drawn over the keyboard of a web page, one
//! sitting on the own phone.
//!
//! Columns `user, stroke, sentence, word_len, dt_ms, x, y, rx, ry`; times are differences to the event before, the
//! first of a stroke to the stroke before. Coordinates are CSS pixels, y from the top of the keyboard. Contact
//! radii are in a unit of each phone's own.

use crate::behavior::BehaviorError;
use crate::behavior::event::{Capture, Device, Phase, RawCapture, RawEvents, RawPoint};

const HEADER: &str = "user,stroke,sentence,word_len,dt_ms,x,y,rx,ry";

/// Reads the set's rows with their header: one capture a stroke, in the order of the file.
///
/// # Errors
/// Another header, a row that is not of nine numbers after the user, and what [`RawCapture::check`] refuses.
pub fn captures(csv: &str) -> Result<Vec<Capture>, BehaviorError> {
    let mut lines = csv.lines();
    if lines.next().is_none_or(|header| header.trim() != HEADER) {
        return Err(bad(1, "the header is another one"));
    }
    let mut captures = Vec::new();
    let mut open: Option<(String, String, Vec<RawPoint>)> = None;
    for (n, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.trim().split(',').collect();
        let [user, stroke, _, _, dt_ms, x, y, rx, ry] = cells.as_slice() else {
            return Err(bad(n + 2, "not nine columns"));
        };
        let number = |cell: &str| cell.parse::<f64>().map_err(|_| bad(n + 2, "not a number"));
        let (rx, ry) = (number(rx)?, number(ry)?);
        // A few times run back by some milliseconds: they count as no time.
        let since = number(dt_ms)?.max(0.0);
        let mut point = RawPoint {
            phase: Phase::Move,
            t_ms: 0.0,
            x: number(x)?,
            y: number(y)?,
            pressure: None,
            size: (rx > 0.0 && ry > 0.0).then_some((rx + ry) / 2.0),
            button: None,
        };
        match &mut open {
            Some((u, s, points)) if u == user && s == stroke => {
                point.t_ms = points.last().map_or(0.0, |p| p.t_ms) + since;
                points.push(point);
            }
            _ => {
                close(open.take(), &mut captures)?;
                point.phase = Phase::Down;
                open = Some(((*user).to_owned(), (*stroke).to_owned(), vec![point]));
            }
        }
    }
    close(open, &mut captures)?;
    Ok(captures)
}

fn close(
    open: Option<(String, String, Vec<RawPoint>)>,
    captures: &mut Vec<Capture>,
) -> Result<(), BehaviorError> {
    let Some((subject, capture, mut points)) = open else { return Ok(()) };
    if let Some(last) = points.last_mut().filter(|p| p.phase == Phase::Move) {
        last.phase = Phase::Up;
    }
    let raw = RawCapture {
        subject,
        capture,
        session: None,
        device: Device::Phone,
        text_id: None,
        screen: None,
        events: RawEvents::Touch(points),
        motion: Vec::new(),
    };
    captures.push(raw.check()?);
    Ok(())
}

fn bad(line: usize, why: &'static str) -> BehaviorError {
    BehaviorError::Dataset { dataset: "how_we_swipe", line, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::event::Events;

    #[test]
    fn strokes_start_anew_and_times_add_up() {
        let csv = format!(
            "{HEADER}\nu1,0,0,2,900,270,30,25.0,30.0\nu1,0,0,2,17,271,31,25.0,30.0\nu1,0,0,2,-3,272,31,0.0,0.0\n\
             u1,1,0,2,950,9,9,25.0,30.0\nu2,1,0,2,0,9,9,25.0,30.0\n"
        );
        let captures = captures(&csv).unwrap();
        assert_eq!(captures.len(), 3);
        let Events::Touch(points) = &captures[0].events else { panic!("touches went in") };
        let times: Vec<f64> = points.iter().map(|p| p.t_ms).collect();
        assert_eq!(times, [0.0, 17.0, 17.0]);
        assert_eq!((points[0].size, points[2].size), (Some(27.5), None));
        assert_eq!((points[0].phase, points[2].phase), (Phase::Down, Phase::Up));
        assert_eq!(captures[2].subject, "u2");
    }

    #[test]
    fn other_files_are_refused() {
        assert!(captures("a,b\n").is_err());
        assert!(captures(&format!("{HEADER}\nu1,0\n")).is_err());
        assert!(captures(&format!("{HEADER}\nu1,0,0,2,x,270,30,25.0,30.0\n")).is_err());
    }
}
