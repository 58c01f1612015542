//! What is known of a speaker's age.

use crate::domain::SENIOR_YEARS;

/// A true age, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Age {
    /// In years.
    Years(f64),
    /// At least the first, less than the second: `30-39` is 30 to 40.
    Band(f64, f64),
}

impl Age {
    /// Reads `34`, `15.5` or `30-39`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let years =
            |text: &str| text.trim().parse::<f64>().ok().filter(|y| (0.0..130.0).contains(y));
        match text.split_once('-') {
            None => years(text).map(Self::Years),
            Some((from, to)) => {
                let (from, to) = (years(from)?, years(to)? + 1.0);
                (from < to).then_some(Self::Band(from, to))
            }
        }
    }

    /// Whether this is a senior; `None` for a band with the limit inside.
    pub fn is_senior(self) -> Option<bool> {
        match self {
            Self::Years(years) => Some(years >= SENIOR_YEARS),
            Self::Band(from, _) if from >= SENIOR_YEARS => Some(true),
            Self::Band(_, to) if to <= SENIOR_YEARS => Some(false),
            Self::Band(..) => None,
        }
    }

    /// How far an estimate is off, in years; from the nearer end of a band, 0 within it.
    pub fn distance(self, estimate: f64) -> f64 {
        match self {
            Self::Years(years) => (estimate - years).abs(),
            Self::Band(from, to) => (from - estimate).max(estimate - to).max(0.0),
        }
    }

    /// Known to the year.
    pub fn is_exact(self) -> bool {
        matches!(self, Self::Years(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_bands_are_read() {
        assert_eq!(Age::parse("15.5"), Some(Age::Years(15.5)));
        assert_eq!(Age::parse("30-39"), Some(Age::Band(30.0, 40.0)));
        for bad in ["", "old", "-3", "30-", "200", "40-30", "30-39-49"] {
            assert_eq!(Age::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_band_around_the_limit_says_nothing_about_seniors() {
        let senior = |text: &str| Age::parse(text).unwrap().is_senior();
        assert_eq!(senior("65"), Some(true));
        assert_eq!(senior("64.9"), Some(false));
        assert_eq!(senior("70-79"), Some(true));
        assert_eq!(senior("50-59"), Some(false));
        assert_eq!(senior("50-64"), Some(false));
        assert_eq!(senior("60-69"), None);
        assert_eq!(senior("50-69"), None);
    }

    #[test]
    fn distances_are_to_the_band() {
        let band = Age::parse("30-39").unwrap();
        for (estimate, due) in [(25.0, 5.0), (30.0, 0.0), (39.9, 0.0), (42.0, 2.0)] {
            assert!((band.distance(estimate) - due).abs() < 1e-9);
        }
        assert_eq!(Age::Years(40.0).distance(33.0), 7.0);
    }
}
