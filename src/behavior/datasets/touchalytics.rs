//! Touchalytics (Frank, Biedert, Ma, Martinovic and Song, IEEE TIFS 2013): 31 features of each stroke of people who
//! read texts (up and down, `doc` 1 to 3 and 6) and compare pictures (left and right, `doc` 4, 5 and 7); 6 and 7 are a
//! week later. Five phones.
//!
//! Its lengths are pixels of a scaled screen (dp) over the dots an inch of the real one. All five phones have 1.5
//! dots to a dp, so ×1.5 gives millimetres: 320 dp across are 32.15 of its units, and 48.2 mm is the width of
//! a 3.7 inch screen of 480 × 800 dots.

use crate::behavior::BehaviorError;
use crate::behavior::event::Device;
use crate::behavior::sample::{Sample, SampleKind};
use crate::behavior::touch::features::{DIM, at, axis, bounded, group, wrap};

/// Millimetres of a unit of the file.
const UNIT_MM: f64 = 1.5;

const COLUMNS: [&str; 34] = [
    "user", "doc", "inter", "dur", "x0", "y0", "x1", "y1", "dist", "mrl", "flag", "dir", "phone",
    "v20", "v50", "v80", "a20", "a50", "a80", "vlast3", "maxdev", "d20", "d50", "d80", "avgdir",
    "len", "ratio", "vavg", "a5", "press", "area", "orient", "dorient", "phoneor",
];

/// Value of a row, column of the file, and whether it is a length.
const MAP: [(usize, usize, bool); 24] = [
    (at::DURATION, 3, false),
    (at::START_X, 4, true),
    (at::START_Y, 5, true),
    (at::END_X, 6, true),
    (at::END_Y, 7, true),
    (at::DISTANCE, 8, true),
    (at::RESULTANT, 9, false),
    (at::SPEEDS, 13, true),
    (at::SPEEDS + 1, 14, true),
    (at::SPEEDS + 2, 15, true),
    (at::ACCELERATIONS, 16, true),
    (at::ACCELERATIONS + 1, 17, true),
    (at::ACCELERATIONS + 2, 18, true),
    (at::LAST_SPEED, 19, true),
    (at::LARGEST_DEVIATION, 20, true),
    (at::DEVIATIONS, 21, true),
    (at::DEVIATIONS + 1, 22, true),
    (at::DEVIATIONS + 2, 23, true),
    (at::LENGTH, 25, true),
    (at::STRAIGHTNESS, 26, false),
    (at::MEAN_SPEED, 27, true),
    (at::FIRST_ACCELERATION, 28, true),
    (at::PRESSURE, 29, false),
    (at::SIZE, 30, false),
];

/// A stroke of the set.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Whose.
    pub subject: String,
    /// Document, 1 to 7: a sitting.
    pub document: u32,
    /// Phone, 1 to 5.
    pub phone: u32,
    /// Its features.
    pub sample: Sample,
}

/// Reads the set's rows with their header. A value that is missing or not finite, which the set has where a stroke does not
/// move, is what [`crate::behavior::touch::extract`] makes of such a stroke.
///
/// # Errors
/// Another header, a row with another number of columns, or a person, document or phone that is no number.
pub fn strokes(csv: &str) -> Result<Vec<Stroke>, BehaviorError> {
    let mut lines = csv.lines();
    if !lines.next().is_some_and(|header| header.trim().split(',').eq(COLUMNS)) {
        return Err(bad(1, "the header is another one"));
    }
    lines
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(n, line)| stroke(line.trim(), n + 2))
        .collect()
}

fn stroke(line: &str, number: usize) -> Result<Stroke, BehaviorError> {
    let cells: Vec<&str> = line.split(',').collect();
    if cells.len() != COLUMNS.len() {
        return Err(bad(number, "not 34 columns"));
    }
    let value = |column: usize| cells[column].parse::<f64>().unwrap_or(f64::NAN);
    let whole = |column: usize, why: &'static str| {
        let n = value(column);
        if (0.0..1e6).contains(&n) { Ok(n as u32) } else { Err(bad(number, why)) }
    };
    let mut row = [0.0; DIM];
    for (i, column, length) in MAP {
        let scale = if length { UNIT_MM } else { 1.0 };
        row[i] = bounded(value(column) * scale);
    }
    if value(26).is_nan() {
        row[at::STRAIGHTNESS] = 1.0;
    }
    let own = group(value(11));
    row[at::GROUP] = own as f32;
    row[at::DIRECTION] = bounded(wrap(value(11) - axis(own)));
    row[at::MEAN_DIRECTION] = bounded(wrap(value(24) - axis(own)));
    row[at::HAS_PRESSURE] = f32::from(u8::from(value(29).is_finite()));
    row[at::HAS_SIZE] = f32::from(u8::from(value(30).is_finite()));
    row[at::HAS_PLACE] = 1.0;
    let rows = row.to_vec();
    Ok(Stroke {
        subject: cells[0].to_owned(),
        document: whole(1, "doc is no number")?,
        phone: whole(12, "phone is no number")?,
        sample: Sample {
            kind: SampleKind::Touch,
            device: Device::Phone,
            text: None,
            dim: rows.len(),
            rows,
            units: 1,
            held: None,
        },
    })
}

fn bad(line: usize, why: &'static str) -> BehaviorError {
    BehaviorError::Dataset { dataset: "touchalytics", line, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = "37,4,0.341,0.256,27.416,-27.113,12.398,-32.96,16.116,0.35736,4,-2.7704,1,0.41784,4.1784,2719.2,\
        -604180.0,-432.24,603320.0,4.1784,0.17777,0.0,0.0,0.12444,-2.5812,16.132,0.99898,63.018,-432.24,0.32,0.044444,0.0,0,1";

    #[test]
    fn a_row_is_read_in_millimetres() {
        let csv = format!("{}\n{ROW}\n", COLUMNS.join(","));
        let strokes = strokes(&csv).unwrap();
        let [stroke] = strokes.as_slice() else { panic!("one row went in") };
        assert_eq!((stroke.subject.as_str(), stroke.document, stroke.phone), ("37", 4, 1));
        let row = &stroke.sample.rows;
        assert_eq!(row[at::GROUP], 2.0);
        assert!((row[at::LENGTH] - 16.132 * 1.5).abs() < 1e-4);
        assert!((row[at::MEAN_SPEED] - row[at::LENGTH] / row[at::DURATION]).abs() < 0.1);
        assert!((row[at::DIRECTION] - 0.3712).abs() < 1e-3);
        assert_eq!(row[at::HAS_SIZE], 1.0);
    }

    #[test]
    fn other_files_are_refused() {
        assert!(strokes("user,doc\n1,2\n").is_err());
        assert!(strokes(&format!("{}\n1,2,3\n", COLUMNS.join(","))).is_err());
        assert!(strokes(&format!("{}\nx{ROW}\n", COLUMNS.join(","))).is_ok());
        let odd = ROW.replacen("37,4", "37,-4", 1);
        assert!(strokes(&format!("{}\n{odd}\n", COLUMNS.join(","))).is_err());
    }
}
