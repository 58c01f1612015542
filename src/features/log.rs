//! The floored natural logarithm of a whole row at once.

/// Energies below this count as this (Kaldi: the `f32` machine epsilon), so silence is
/// `ln(1.1920929e-7) = -15.942385`.
pub const LOG_FLOOR: f32 = f32::EPSILON;

/// Replaces each value by `ln(max(value, LOG_FLOOR))`, within 2e-6 or two units in the last place.
/// NaN counts as the floor. Branch-free, so that the row runs in vector registers.
#[inline(always)]
pub(super) fn floored_ln(values: &mut [f32]) {
    for value in values {
        *value = ln(value.max(LOG_FLOOR));
    }
}

/// `ln x` for a positive, normal `x`: `x = m 2^e` with `m` in `[sqrt(1/2), sqrt(2))`, then
/// `ln m = 2 atanh(s)`, `s = (m - 1) / (m + 1)`, by its series: `|s| < 0.172`, so the first
/// neglected term is below 2e-9 of the sum.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // Bits of sqrt(1/2): subtracting them carries mantissas above sqrt(2) into the next exponent.
    const SQRT_HALF: i32 = 0x3f35_04f3;
    /// ln 2 in two parts, the first short enough that its product with an exponent is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let bits = x.to_bits() as i32;
    let exponent = (bits - SQRT_HALF) >> 23;
    let m = f32::from_bits((bits - (exponent << 23)) as u32);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z / 11.0))));
    let e = exponent as f32;
    e * LN2_HIGH + (e * LN2_LOW + 2.0 * (s + s * series))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_logarithm_agrees_with_the_library_in_f64() {
        let mut x = LOG_FLOOR;
        while x < 1e38 {
            let expected = f64::from(x).ln();
            let error = (f64::from(ln(x)) - expected).abs();
            let tolerance = 2.0 * f64::from(f32::EPSILON) * expected.abs().max(0.5);
            assert!(error <= tolerance, "ln({x}) is off by {error}");
            x *= 1.000_37;
        }
    }

    #[test]
    fn everything_below_the_floor_is_the_floor() {
        let mut row = [0.0, -1.0, f32::NAN, 1e-30, LOG_FLOOR];
        floored_ln(&mut row);
        assert!(row.iter().all(|v| (v + 15.942_385).abs() < 2e-6), "{row:?}");
    }
}
