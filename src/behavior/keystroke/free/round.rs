//! Numbers of a background, short enough for a small file.

/// Significant digits that are kept.
const DIGITS: i32 = 4;

/// Keeps four significant digits, so that a number is short in JSON.
pub fn round(x: f32) -> f32 {
    round_to(x, DIGITS)
}

/// Keeps so many significant digits.
pub fn round_to(x: f32, digits: i32) -> f32 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let exponent = digits - 1 - f64::from(x).abs().log10().floor() as i32;
    if exponent >= 0 {
        let scale = 10f64.powi(exponent);
        ((f64::from(x) * scale).round() / scale) as f32
    } else {
        let scale = 10f64.powi(-exponent);
        ((f64::from(x) / scale).round() * scale) as f32
    }
}

/// [`round`] of each.
pub fn round_all(values: &mut [f32]) {
    values.iter_mut().for_each(|x| *x = round(*x));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_are_kept() {
        for (x, expected) in
            [(1.23456, 1.235), (-0.000123456, -0.0001235), (123_456.0, 123_500.0), (0.0, 0.0)]
        {
            assert!((round(x) - expected).abs() <= expected.abs() * 1e-6, "{x}");
        }
        assert!(round(f32::NAN).is_nan());
        assert_eq!(serde_json::to_string(&round(-0.012_345_678)).unwrap(), "-0.01235");
    }
}
