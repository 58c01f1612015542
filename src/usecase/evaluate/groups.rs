//! What trials are grouped by, besides data set and condition.

use crate::usecase::evaluate::plan::Speaker;

/// A kind of group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupBy {
    /// Trials between people of the same sex, by sex.
    Sex,
    /// Trials between people of the same age band, by band.
    Age,
    /// Trials between people who speak the same language, by language.
    Language,
    /// The same, all languages together; only where people speak several.
    SameLanguage,
    /// Measured bandwidth of both sides.
    Channel,
    /// Measured signal-to-noise ratio of the test.
    Snr,
    /// Tests cut to durations of net speech; trials of their own ([`Sides::net_speech_plan`]).
    ///
    /// [`Sides::net_speech_plan`]: crate::usecase::evaluate::plan::Sides::net_speech_plan
    NetSpeech,
}

/// What was measured on a side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SideFacts {
    /// Mostly telephone band.
    pub narrow: bool,
    /// Signal-to-noise ratio in dB, mean over its recordings with a measured one.
    pub snr_db: Option<f64>,
    /// Net speech, in milliseconds.
    pub net_speech_ms: u64,
}

/// Bounds between the bands of signal-to-noise ratio, in dB.
const SNR_DB: [f64; 3] = [10.0, 20.0, 30.0];

/// The youngest and the oldest band are open; between them decades, as most data sets state ages.
const YOUNGEST: u32 = 20;
const OLDEST: u32 = 60;

/// Age band of an age or a band of ages; a band that spans several decades stands for itself.
///
/// Seniors (from 65) cannot be told from the band 60-69 of data sets that state decades.
pub fn age_band(age: &str) -> Option<String> {
    let mut parts = age.splitn(2, '-').map(|text| text.trim().parse::<u32>().ok());
    let from = parts.next()??;
    let to = match parts.next() {
        Some(to) => to?,
        None => from,
    };
    let band = |years: u32| match years {
        0..YOUNGEST => 0,
        OLDEST.. => OLDEST / 10,
        _ => years / 10,
    };
    Some(match (band(from), band(to)) {
        (0, 0) => format!("under {YOUNGEST}"),
        (a, b) if a == b && a == OLDEST / 10 => format!("{OLDEST} and over"),
        (a, b) if a == b => format!("{a}0-{a}9"),
        _ => format!("{from}-{to}"),
    })
}

fn snr_band(snr_db: Option<f64>) -> String {
    let [low, middle, high] = SNR_DB;
    match snr_db {
        None => "SNR not measurable".to_owned(),
        // Two spaces, so that the lowest band sorts first.
        Some(db) if db < low => format!("SNR  < {low} dB"),
        Some(db) if db < middle => format!("SNR {low} to {middle} dB"),
        Some(db) if db < high => format!("SNR {middle} to {high} dB"),
        Some(_) => format!("SNR > {high} dB"),
    }
}

/// The group of a trial; `None` when it is in none.
pub(super) fn key(by: GroupBy, people: [&Speaker; 2], facts: [&SideFacts; 2]) -> Option<String> {
    let [a, b] = people;
    match by {
        GroupBy::Sex => {
            (a.gender == b.gender && !a.gender.is_empty()).then(|| format!("sex {}", a.gender))
        }
        GroupBy::Age => {
            let [a, b] = [age_band(&a.age)?, age_band(&b.age)?];
            (a == b).then(|| format!("age {a}"))
        }
        GroupBy::Language => {
            let (a, b) = (a.language.as_ref()?, b.language.as_ref()?);
            (a == b).then(|| format!("language {a}"))
        }
        GroupBy::SameLanguage => {
            (a.language.as_ref()? == b.language.as_ref()?).then(|| "same language".to_owned())
        }
        GroupBy::Channel => {
            let name = ["wide band", "wide and narrow", "narrow band"];
            Some(name[facts.iter().filter(|f| f.narrow).count()].to_owned())
        }
        GroupBy::Snr => Some(snr_band(facts[1].snr_db)),
        GroupBy::NetSpeech => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_fall_into_decades() {
        let cases = [
            ("", None),
            ("?", None),
            ("7", Some("under 20")),
            ("13-19", Some("under 20")),
            ("20", Some("20-29")),
            ("30-39", Some("30-39")),
            ("59", Some("50-59")),
            ("60-69", Some("60 and over")),
            ("81", Some("60 and over")),
            ("30-49", Some("30-49")),
            ("13-x", None),
        ];
        for (age, band) in cases {
            assert_eq!(age_band(age).as_deref(), band, "{age}");
        }
    }

    #[test]
    fn a_trial_is_in_a_group_when_both_sides_are() {
        let speaker = |gender: &str, age: &str, language: Option<&str>| Speaker {
            id: String::new(),
            gender: gender.into(),
            age: age.into(),
            language: language.map(str::to_owned),
        };
        let facts = |narrow, snr_db| SideFacts { narrow, snr_db, net_speech_ms: 1_000 };
        let (a, b) = (speaker("F", "34", Some("fr")), speaker("F", "30-39", Some("de")));
        let unknown = speaker("", "", None);
        let (wide, narrow) = (facts(false, None), facts(true, Some(12.0)));
        let of = |by, x, y| key(by, [x, y], [&wide, &narrow]);
        assert_eq!(of(GroupBy::Sex, &a, &b).as_deref(), Some("sex F"));
        assert_eq!(of(GroupBy::Age, &a, &b).as_deref(), Some("age 30-39"));
        assert_eq!(of(GroupBy::Language, &a, &b), None);
        assert_eq!(of(GroupBy::Language, &a, &a).as_deref(), Some("language fr"));
        assert_eq!(of(GroupBy::SameLanguage, &a, &a).as_deref(), Some("same language"));
        for by in [GroupBy::Sex, GroupBy::Age, GroupBy::Language, GroupBy::SameLanguage] {
            assert_eq!(of(by, &unknown, &unknown), None, "unknown is not a group");
        }
        assert_eq!(of(GroupBy::Channel, &a, &b).as_deref(), Some("wide and narrow"));
        assert_eq!(of(GroupBy::Snr, &a, &b).as_deref(), Some("SNR 10 to 20 dB"));
        let quiet = key(GroupBy::Snr, [&a, &b], [&narrow, &wide]);
        assert_eq!(quiet.as_deref(), Some("SNR not measurable"));
    }
}
