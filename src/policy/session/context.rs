//! Context as shifts of the prior log-odds.

use crate::domain::Finding;
use crate::policy::session::file::ContextRules;
use crate::policy::session::{AniHistory, ContextSignals, Verstat};

/// One hour, in milliseconds.
const HOUR_MS: f64 = 3_600_000.0;

/// Every signal that shifts the prior, by its name in the policy, in nats; none of them zero.
pub(super) fn shifts(rules: &ContextRules, signals: &ContextSignals) -> Vec<(String, f64)> {
    let mut all: Vec<(String, f64)> = [number(rules, signals), network(rules, signals)]
        .into_iter()
        .chain([device(rules, signals), sim_swap(rules, signals), travel(rules, signals)])
        .flatten()
        .map(|(name, nats)| (name.to_owned(), nats))
        .collect();
    for (kind, shift) in &rules.findings {
        let nats = match signals.finding(*kind) {
            Finding::Present => shift.present,
            Finding::Absent => shift.absent,
            Finding::Unknown => continue,
        };
        all.push((kind.as_str().to_owned(), nats));
    }
    all.retain(|(_, nats)| *nats != 0.0);
    all
}

type Shift = Option<(&'static str, f64)>;

fn number(rules: &ContextRules, signals: &ContextSignals) -> Shift {
    match signals.ani {
        AniHistory::Unknown => None,
        AniHistory::Known => Some(("ani_known", rules.ani_known)),
        AniHistory::New => Some(("ani_new", rules.ani_new)),
        AniHistory::Withheld => Some(("ani_withheld", rules.ani_withheld)),
        AniHistory::OtherSubject => Some(("ani_other_subject", rules.ani_other_subject)),
    }
}

fn network(rules: &ContextRules, signals: &ContextSignals) -> Shift {
    match signals.verstat {
        Verstat::Unknown => None,
        Verstat::PassedA => Some(("verstat_passed_a", rules.verstat_passed_a)),
        Verstat::PassedB => Some(("verstat_passed_b", rules.verstat_passed_b)),
        Verstat::PassedC => Some(("verstat_passed_c", rules.verstat_passed_c)),
        Verstat::Failed => Some(("verstat_failed", rules.verstat_failed)),
        Verstat::NotValidated => Some(("verstat_not_validated", rules.verstat_not_validated)),
    }
}

fn device(rules: &ContextRules, signals: &ContextSignals) -> Shift {
    match signals.new_device {
        Finding::Unknown => None,
        Finding::Present => Some(("device_new", rules.device_new)),
        Finding::Absent => Some(("device_known", rules.device_known)),
    }
}

/// The first entry whose span the change still lies in.
fn sim_swap(rules: &ContextRules, signals: &ContextSignals) -> Shift {
    let hours = signals.sim_swap_age_ms? as f64 / HOUR_MS;
    let entry = rules.sim_swap.iter().find(|s| hours <= s.within_hours)?;
    Some(("sim_swap", entry.nats))
}

/// The last entry whose speed is reached. A speed that is no number is not known.
fn travel(rules: &ContextRules, signals: &ContextSignals) -> Shift {
    let speed = signals.geo_velocity_kmh.filter(|speed| !speed.is_nan())?;
    let entry = rules.geo_velocity.iter().rev().find(|g| speed >= g.from_kmh)?;
    Some(("geo_velocity", entry.nats))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FindingKind;
    use crate::policy::session::file::{FindingShift, GeoShift, SimSwapShift};

    fn rules() -> ContextRules {
        ContextRules {
            ani_known: 1.0,
            ani_new: -0.5,
            verstat_failed: -2.0,
            device_new: -1.5,
            sim_swap: vec![
                SimSwapShift { within_hours: 24.0, nats: -4.0 },
                SimSwapShift { within_hours: 168.0, nats: -2.0 },
            ],
            geo_velocity: vec![
                GeoShift { from_kmh: 300.0, nats: -1.0 },
                GeoShift { from_kmh: 1_000.0, nats: -3.0 },
            ],
            findings: [(FindingKind::RemoteAccess, FindingShift { present: -5.0, absent: 0.2 })]
                .into(),
            ..ContextRules::default()
        }
    }

    #[test]
    fn shifts_follow_the_table() {
        let none = ContextSignals::default();
        let remote = |finding| ContextSignals {
            findings: [(FindingKind::RemoteAccess, finding)].into(),
            ..none.clone()
        };
        let sim = |h: u64| ContextSignals { sim_swap_age_ms: Some(h * 3_600_000), ..none.clone() };
        let geo = |v| ContextSignals { geo_velocity_kmh: Some(v), ..none.clone() };
        let cases = [
            (none.clone(), None),
            (ContextSignals { ani: AniHistory::Known, ..none.clone() }, Some(("ani_known", 1.0))),
            (ContextSignals { ani: AniHistory::New, ..none.clone() }, Some(("ani_new", -0.5))),
            // Listed with 0: no shift.
            (ContextSignals { ani: AniHistory::Withheld, ..none.clone() }, None),
            (
                ContextSignals { verstat: Verstat::Failed, ..none.clone() },
                Some(("verstat_failed", -2.0)),
            ),
            (
                ContextSignals { new_device: Finding::Present, ..none.clone() },
                Some(("device_new", -1.5)),
            ),
            (sim(24), Some(("sim_swap", -4.0))),
            (sim(25), Some(("sim_swap", -2.0))),
            (sim(169), None),
            (geo(299.0), None),
            (geo(300.0), Some(("geo_velocity", -1.0))),
            (geo(f64::INFINITY), Some(("geo_velocity", -3.0))),
            (geo(f64::NAN), None),
            (remote(Finding::Present), Some(("remote_access", -5.0))),
            (remote(Finding::Absent), Some(("remote_access", 0.2))),
            (remote(Finding::Unknown), None),
        ];
        for (signals, want) in cases {
            let got = shifts(&rules(), &signals);
            let got = got.first().map(|(name, nats)| (name.as_str(), *nats));
            assert_eq!(got, want, "{signals:?}");
        }
    }
}
