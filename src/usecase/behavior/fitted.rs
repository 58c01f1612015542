//! The models of behavior that are shipped, behind what the use-cases need.

use std::path::Path;

use crate::behavior::finding::{
    Cue, FindingState, Fingerprint, History, MAX_FINGERPRINTS, Tempo, TempoProfile, findings,
};
use crate::behavior::kinds::{Backgrounds, Template, extract};
use crate::behavior::{BehaviorError, Capture, Evidence, Sample, SampleKind, builtin};
use crate::domain::{ArtifactRef, Finding, LicenseClass};
use crate::usecase::UseCaseError;
use crate::usecase::backgrounds::{self, BackgroundsError};
use crate::usecase::behavior::compare::ours;
use crate::usecase::behavior::models::{BehaviorHistory, BehaviorModels, BehaviorTemplate};
use crate::usecase::output::{BehaviorFinding, ShownFinding};

/// Version of the fallback of a kind, which needs no background; counts up when its features change.
fn fallback_version(kind: SampleKind) -> u32 {
    match kind {
        SampleKind::Touch => 2,
        SampleKind::FixedText | SampleKind::FreeText | SampleKind::Pointer => 1,
    }
}

/// Backgrounds with their names, or the fallbacks where there are none.
pub struct Fitted {
    backgrounds: Backgrounds,
    names: Vec<(SampleKind, ArtifactRef)>,
}

impl Fitted {
    /// Backgrounds and, for each kind that has one, its id and version: a profile made with another name
    /// is not compared.
    pub fn new(backgrounds: Backgrounds, names: Vec<(SampleKind, ArtifactRef)>) -> Self {
        Self { backgrounds, names }
    }

    /// The backgrounds that ship; the fallbacks where their license class is not allowed.
    ///
    /// # Errors
    /// A shipped background that cannot be used, which is a defect.
    pub fn shipped(allows: impl Fn(LicenseClass) -> bool) -> Result<Self, UseCaseError> {
        if !allows(builtin::LICENSE) {
            return Ok(Self::new(Backgrounds::default(), Vec::new()));
        }
        let names = SampleKind::ALL.map(|kind| (kind, builtin::reference(kind)));
        Ok(Self::new(builtin::all().map_err(ours)?, names.to_vec()))
    }

    /// The same, with the models of a folder, as `vouch behavior train` writes them, in place of those of their kinds. A tenant's
    /// own data have terms of their own, so no license class keeps them out.
    ///
    /// # Errors
    /// No model in the folder, or one that cannot be read or used.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, BackgroundsError> {
        let own = backgrounds::put_folder(folder, &mut self.backgrounds)?;
        self.names.retain(|(kind, _)| own.iter().all(|(replaced, _)| replaced != kind));
        self.names.extend(own);
        Ok(self)
    }

    /// The same, with what it counts how a device is held.
    #[must_use]
    pub fn with_motion(mut self, weight: f64) -> Self {
        self.backgrounds.motion_weight = weight;
        self
    }
}

/// What is kept of a capture beside its sample.
#[derive(serde::Serialize, serde::Deserialize)]
struct Trace {
    fingerprint: Option<Fingerprint>,
    tempo: Option<Tempo>,
}

/// Captures accepted before.
struct Past {
    fingerprints: Vec<Fingerprint>,
    tempos: Vec<Tempo>,
    tempo: TempoProfile,
}

impl Past {
    fn take(&mut self, trace: &[u8]) {
        // What an older version kept and this one cannot read is no history.
        let Ok(Trace { fingerprint, tempo }) = serde_json::from_slice(trace) else {
            return;
        };
        self.fingerprints.extend(fingerprint);
        self.tempos.extend(tempo);
    }
}

impl BehaviorModels for Fitted {
    fn background(&self, kind: SampleKind) -> ArtifactRef {
        let named = self.names.iter().find(|(of, _)| *of == kind);
        named.map_or_else(
            || ArtifactRef::new(format!("{}-fallback", kind.as_str()), fallback_version(kind)),
            |(_, name)| name.clone(),
        )
    }

    fn extract(&self, capture: &Capture) -> Result<Sample, BehaviorError> {
        extract(capture, &self.backgrounds)
    }

    fn template<'m>(
        &'m self,
        enrolled: &[Sample],
    ) -> Result<Box<dyn BehaviorTemplate + 'm>, BehaviorError> {
        Ok(Box::new(Template::new(enrolled, &self.backgrounds)?))
    }

    fn fingerprint(&self, capture: &Capture) -> Vec<u8> {
        let trace = Trace { fingerprint: Fingerprint::of(capture), tempo: Tempo::of(capture) };
        // A number that is not finite is no JSON: then nothing is kept.
        serde_json::to_vec(&trace).unwrap_or_default()
    }

    fn history(&self, known: &[&[u8]]) -> Box<dyn BehaviorHistory> {
        let mut past =
            Past { fingerprints: Vec::new(), tempos: Vec::new(), tempo: TempoProfile::of(&[]) };
        known.iter().for_each(|trace| past.take(trace));
        past.tempo = TempoProfile::of(&past.tempos);
        Box::new(past)
    }
}

impl BehaviorTemplate for Template<'_> {
    fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        Template::score(self, probe)
    }
}

impl BehaviorHistory for Past {
    fn findings(&self, capture: &Capture) -> Vec<ShownFinding> {
        let oldest = self.fingerprints.len().saturating_sub(MAX_FINGERPRINTS);
        let history = History {
            fingerprints: self.fingerprints.get(oldest..).unwrap_or_default(),
            tempo: Some(&self.tempo),
            characters: None,
        };
        findings(capture, &history).into_iter().map(shown).collect()
    }

    fn holds(&self, fingerprint: &[u8]) -> bool {
        let trace: Option<Trace> = serde_json::from_slice(fingerprint).ok();
        let own = trace.and_then(|trace| trace.fingerprint);
        own.is_some_and(|own| own.is_one_of(&self.fingerprints))
    }

    fn add(&mut self, fingerprint: &[u8]) {
        // The tempo stays that of before: the captures of one request may all be of one bad day.
        self.take(fingerprint);
    }
}

fn shown(finding: crate::behavior::finding::Finding) -> ShownFinding {
    let kind = match finding.cue {
        Cue::Replay => BehaviorFinding::Replay,
        Cue::Scripted => BehaviorFinding::Scripted,
        Cue::Paste => BehaviorFinding::Paste,
        Cue::RemoteControl => BehaviorFinding::RemoteControl,
        Cue::Hesitation => BehaviorFinding::Hesitation,
        Cue::CoarseClock => BehaviorFinding::CoarseClock,
    };
    let state = match finding.state {
        FindingState::Detected => Finding::Present,
        FindingState::NotDetected => Finding::Absent,
        FindingState::Unknown => Finding::Unknown,
    };
    let why = match serde_json::to_value(finding.reason) {
        Ok(serde_json::Value::String(name)) => name.replace('_', " "),
        _ => String::new(),
    };
    let detail = if finding.detail.is_empty() { why } else { format!("{why}: {}", finding.detail) };
    ShownFinding { kind, state, detail }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::parse;

    fn capture(hold_ms: impl Fn(usize) -> f64) -> Capture {
        let key = |i: usize| {
            let down = 170.0 * i as f64 + 3.7 * (i as f64 * 1.9).sin();
            format!(r#"{{"key":"letter","down_ms":{down},"up_ms":{}}}"#, down + hold_ms(i))
        };
        let keys: Vec<String> = (0..12).map(key).collect();
        let line = format!(
            r#"{{"subject":"s","capture":"c","device":"desktop","kind":"keystroke","text_id":"t","events":[{}]}}"#,
            keys.join(",")
        );
        parse::capture(&line, 1).unwrap()
    }

    fn state(found: &[ShownFinding], kind: BehaviorFinding) -> Finding {
        found.iter().find(|f| f.kind == kind).map(|f| f.state).unwrap()
    }

    #[test]
    fn a_capture_is_known_by_what_is_kept_of_it() {
        let models = Fitted::new(Backgrounds::default(), Vec::new());
        let first = capture(|i| 90.0 + 17.0 * (i as f64 * 2.3).sin());
        let other = capture(|i| 120.0 + 31.0 * (i as f64 * 0.7).cos());
        let trace = models.fingerprint(&first);
        assert!(
            !trace.is_empty()
                && trace.len() <= crate::usecase::behavior::models::MAX_FINGERPRINT_BYTES
        );
        let mut history = models.history(&[&trace, b"of another version"]);
        let replay = BehaviorFinding::Replay;
        assert_eq!(state(&history.findings(&first), replay), Finding::Present);
        assert_eq!(state(&history.findings(&other), replay), Finding::Absent);
        let holds = |capture: &Capture| history.holds(&models.fingerprint(capture));
        assert!(holds(&first) && !holds(&other) && !history.holds(b"no fingerprint"));
        history.add(&models.fingerprint(&other));
        assert_eq!(state(&history.findings(&other), replay), Finding::Present);
        let fresh = models.history(&[]);
        assert_eq!(state(&fresh.findings(&first), replay), Finding::Unknown);
    }

    #[test]
    fn what_ships_is_named_and_left_out_where_its_license_is_not_allowed() {
        let any = Fitted::shipped(|_| true).unwrap();
        let open = Fitted::shipped(|class| class == LicenseClass::Open).unwrap();
        for kind in SampleKind::ALL {
            assert_eq!(any.background(kind), builtin::reference(kind));
            assert!(open.background(kind).id.ends_with("-fallback"));
        }
    }

    #[test]
    fn own_models_take_the_place_of_those_that_ship_and_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Fitted::shipped(|class| class == LicenseClass::Open).unwrap();
        assert!(matches!(open().with_folder(folder.path()), Err(BackgroundsError::None(_))));
        let put = |json: &str| std::fs::write(folder.path().join("touch.json"), json).unwrap();
        put(builtin::json(SampleKind::Touch));
        let name = |models: Fitted| models.background(SampleKind::Touch);
        let first = name(open().with_folder(folder.path()).unwrap());
        assert_eq!(first.id, "own-touch");
        put(&format!("{}\n", builtin::json(SampleKind::Touch).trim_end()));
        let refit = Fitted::shipped(|_| true).unwrap().with_folder(folder.path()).unwrap();
        let pointer = refit.background(SampleKind::Pointer);
        assert_eq!(pointer, builtin::reference(SampleKind::Pointer), "it has no file there");
        put(&format!(" {}", builtin::json(SampleKind::Touch)));
        assert_ne!(first, name(open().with_folder(folder.path()).unwrap()));
        put("{}");
        let broken = open().with_folder(folder.path());
        assert!(
            matches!(broken, Err(BackgroundsError::Unusable(path, _)) if path.ends_with("touch.json"))
        );
    }

    #[test]
    fn kinds_without_a_background_have_the_name_of_their_fallback() {
        let named = vec![(SampleKind::Touch, ArtifactRef::new("behavior-touch", 3))];
        let models = Fitted::new(Backgrounds::default(), named);
        assert_eq!(models.background(SampleKind::Touch).to_string(), "behavior-touch@3");
        assert_eq!(models.background(SampleKind::Pointer).to_string(), "pointer-fallback@1");
        // Rows of strokes changed: who enrolled before enrolls anew.
        let none = Fitted::new(Backgrounds::default(), Vec::new());
        assert_eq!(none.background(SampleKind::Touch).to_string(), "touch-fallback@2");
    }

    #[test]
    fn the_fallback_tells_two_rhythms_apart() {
        let models = Fitted::new(Backgrounds::default(), Vec::new());
        let times = |base: f64, n: usize| {
            let typed = capture(|i| base + 6.0 * ((i * 7 + n * 13) as f64).sin());
            models.extract(&typed).unwrap()
        };
        let enrolled: Vec<Sample> = (0..10).map(|n| times(90.0, n)).collect();
        let template = models.template(&enrolled).unwrap();
        let same = template.score(&[times(90.0, 20)]).unwrap();
        let other = template.score(&[times(150.0, 21)]).unwrap();
        assert!(same.llr.0 > other.llr.0, "{} {}", same.llr.0, other.llr.0);
    }
}
