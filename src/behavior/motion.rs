//! How a device is held: tilt, steadiness and turning from its motion sensors, where a client sends them.

use crate::behavior::event::MotionEvent;

/// Values of [`row`].
pub const VALUES: usize = 6;
/// What they are, as habits are called. The first says whether there were readings.
pub const NAMES: [&str; VALUES] = [
    "motion known",
    "tilt to the side",
    "tilt forward",
    "facing up",
    "unsteadiness of the hand",
    "turning of the hand",
];
/// Fewest readings of acceleration that say how a device is held.
const LEAST_READINGS: usize = 4;

/// Whether readings were given, direction of gravity (a unit vector), logarithm of the RMS of the rest of the
/// acceleration (m/s²) and of the turn rate (rad/s). Zeros without readings.
pub fn row(motion: &[MotionEvent]) -> [f32; VALUES] {
    let accel: Vec<[f32; 3]> = motion.iter().filter_map(|m| m.accel).collect();
    if accel.len() < LEAST_READINGS {
        return [0.0; VALUES];
    }
    let n = accel.len() as f64;
    let mut mean = [0.0; 3];
    for reading in &accel {
        for (sum, x) in mean.iter_mut().zip(reading) {
            *sum += f64::from(*x) / n;
        }
    }
    let gravity = mean.iter().map(|x| x * x).sum::<f64>().sqrt().max(1e-6);
    let off = |a: &[f32; 3]| -> f64 {
        a.iter().zip(&mean).map(|(x, m)| (f64::from(*x) - m).powi(2)).sum()
    };
    let shake = (accel.iter().map(off).sum::<f64>() / n).sqrt();
    let gyro: Vec<f64> = motion
        .iter()
        .filter_map(|m| m.gyro)
        .map(|g| g.iter().map(|x| f64::from(*x).powi(2)).sum())
        .collect();
    let turning = (gyro.iter().sum::<f64>() / gyro.len().max(1) as f64).sqrt();
    let unit = mean.map(|x| (x / gravity) as f32);
    [1.0, unit[0], unit[1], unit[2], (0.01 + shake).ln() as f32, (0.01 + turning).ln() as f32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_on_a_table_faces_up_and_is_still() {
        let still = |i: u32| MotionEvent {
            t_ms: f64::from(i),
            accel: Some([0.0, 0.0, 9.81]),
            gyro: Some([0.0; 3]),
        };
        let row = row(&(0..10).map(still).collect::<Vec<_>>());
        assert_eq!(&row[..4], &[1.0, 0.0, 0.0, 1.0]);
        assert!((f64::from(row[4]) - 0.01f64.ln()).abs() < 1e-4);
    }

    #[test]
    fn few_or_no_readings_say_nothing() {
        assert_eq!(row(&[]), [0.0; VALUES]);
        let gyro = MotionEvent { t_ms: 0.0, accel: None, gyro: Some([1.0; 3]) };
        assert_eq!(row(&vec![gyro; 9]), [0.0; VALUES]);
        let fall = MotionEvent { t_ms: 0.0, accel: Some([0.0; 3]), gyro: None };
        assert!(row(&vec![fall; 9]).iter().all(|x| x.is_finite()));
    }
}
