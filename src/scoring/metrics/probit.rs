//! The inverse of the normal distribution, for DET axes.

/// Quantile of the standard normal distribution; ±∞ at 0 and 1, NaN outside.
///
/// Starts from the logistic approximation and refines by Newton steps on [`normal_cdf`].
pub fn probit(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if p > 0.5 {
        return -probit(1.0 - p);
    }
    // Bisection: 80 halvings of [-40, 0] end below 1e-16.
    let (mut low, mut high) = (-40.0f64, 0.0f64);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if normal_cdf_lower(middle) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// P(X ≤ x) for x ≤ 0: by its series near zero and its continued fraction beyond (Abramowitz and
/// Stegun 26.2.11 and 26.2.14).
fn normal_cdf_lower(x: f64) -> f64 {
    let density = (-0.5 * x * x).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if x > -3.0 {
        let (mut term, mut sum) = (x, x);
        for k in 1..100 {
            term *= x * x / f64::from(2 * k + 1);
            sum += term;
        }
        return 0.5 + density * sum;
    }
    let mut fraction = 0.0;
    for k in (1..=200).rev() {
        fraction = f64::from(k) / (-x + fraction);
    }
    density / (-x + fraction)
}

#[cfg(test)]
mod tests {
    use super::probit;

    #[test]
    fn it_agrees_with_tables() {
        // Quantiles of the standard normal distribution, as in any table.
        let table = [
            (0.5, 0.0),
            (0.975, 1.959963984540054),
            (0.95, 1.6448536269514722),
            (0.01, -2.3263478740408408),
            (0.001, -3.090232306167813),
            (0.0001, -3.719016485455709),
        ];
        for (p, z) in table {
            assert!((probit(p) - z).abs() < 1e-9, "{p}: {}", probit(p));
        }
        assert_eq!(probit(0.0), f64::NEG_INFINITY);
        assert!(probit(1.5).is_nan());
    }
}
