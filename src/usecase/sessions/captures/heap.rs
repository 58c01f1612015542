//! What a session keeps of its captures: features and fingerprints of the latest, never events. Plain state;
//! what computes runs in the engine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::behavior::keystroke::fixed::window::worth;
use crate::behavior::{Capture, Evidence, Sample, SampleKind};
use crate::domain::{Finding, Llr, Modality, PadOutcome};
use crate::policy::session::SubjectStanding;
use crate::session::call::Measured;
use crate::store::BehaviorProfile;
use crate::usecase::UseCaseError;
use crate::usecase::behavior::compare::{Said, fits, known, ours, said, samples};
use crate::usecase::behavior::probe::{CaptureKey, Seen, features, findings_in};
use crate::usecase::behavior::{BehaviorModels, BehaviorTemplate, OBSERVED_WINDOW};
use crate::usecase::failure::invalid;
use crate::usecase::output::{BehaviorFinding, ShownFinding};

/// Kinds, classes of device and texts of one session.
pub(super) const MAX_GROUPS: usize = 8;
/// Values of the features that are kept of a group: 256 KiB. The oldest captures go first.
const MAX_GROUP_VALUES: usize = 1 << 16;
/// Fingerprints kept to recognize what comes again in the session, at most 2 KiB each.
const MAX_FINGERPRINTS: usize = 256;

/// A capture that was compared.
struct Kept {
    sample: Sample,
    fingerprint: Vec<u8>,
    /// Amount of its modality before it.
    from: u32,
    /// It spoke for the person, and is to be remembered.
    owed: bool,
}

/// Captures of one kind, class of device and text, of the present person.
pub(super) struct Group {
    pub(super) key: CaptureKey,
    pub(super) stands: SubjectStanding,
    latest: VecDeque<Kept>,
    evidence: Option<Evidence>,
    /// Where the present window begins, in the modality's amount, and the first of the windows in doubt.
    window_from: u32,
    low_from: Option<u32>,
    /// Fingerprints of captures that spoke for the person and are not in their profile yet.
    owed: Vec<Vec<u8>>,
}

/// What decisions are to remember of a group.
#[derive(Clone)]
pub(in crate::usecase::sessions) struct Spoke {
    pub(in crate::usecase::sessions) key: CaptureKey,
    /// Fingerprints of captures that spoke for the person.
    pub(in crate::usecase::sessions) owed: Vec<Vec<u8>>,
}

/// What a capture led to.
#[derive(Default)]
pub(super) struct Taken {
    pub(super) findings: Vec<ShownFinding>,
    /// It is not of the enrolled text.
    pub(super) other_text: bool,
    /// What was compared before is out of the window, and of what is left nothing can be compared.
    pub(super) silent: bool,
    /// LLR of the newest captures, of which earlier ones spoke for the person, and where they begin.
    pub(super) window: Option<(Llr, u32)>,
}

/// All captures of a session.
#[derive(Default)]
pub(super) struct Heap {
    groups: Vec<Group>,
    /// Fingerprints of captures whoever made them, oldest first.
    seen: VecDeque<(Modality, Vec<u8>)>,
    /// Keys, strokes or movements of the session so far.
    amounts: BTreeMap<Modality, u32>,
    /// Where an attack on the input was found, until another person is noticed by that modality itself.
    attacked: BTreeSet<Modality>,
}

/// The modality of a kind of samples.
pub(in crate::usecase::sessions) fn modality_of(kind: SampleKind) -> Modality {
    match kind {
        SampleKind::FixedText | SampleKind::FreeText => Modality::Keystroke,
        SampleKind::Touch => Modality::Touch,
        SampleKind::Pointer => Modality::Pointer,
    }
}

impl Group {
    fn modality(&self) -> Modality {
        modality_of(self.key.kind)
    }

    /// Adds a capture; the oldest leave a full window.
    fn push(&mut self, sample: Sample, fingerprint: Vec<u8>, from: u32) {
        self.latest.push_back(Kept { sample, fingerprint, from, owed: false });
        let values = |all: &VecDeque<Kept>| all.iter().map(|k| k.sample.rows.len()).sum::<usize>();
        let full = |all: &VecDeque<Kept>| {
            all.len() > OBSERVED_WINDOW || (all.len() > 1 && values(all) > MAX_GROUP_VALUES)
        };
        while full(&self.latest) {
            self.latest.pop_front();
        }
    }

    fn units(&self) -> u32 {
        self.latest.iter().fold(0, |sum, kept| sum.saturating_add(kept.sample.units))
    }

    /// Samples from here on, or before here.
    fn part(&self, wanted: impl Fn(&Kept) -> bool) -> Vec<Sample> {
        self.latest.iter().filter(|k| wanted(k)).map(|k| k.sample.clone()).collect()
    }

    /// Compares all captures with the profile. False if they are not of its text.
    fn compare(&mut self, template: &dyn BehaviorTemplate) -> Result<bool, UseCaseError> {
        let all = self.part(|_| true);
        if all.is_empty() {
            self.evidence = None;
            return Ok(true);
        }
        match said(template, &all)? {
            Said::Evidence(evidence) => self.evidence = Some(evidence),
            // What was said of captures that have left the window since is not said of these.
            Said::Nothing => self.evidence = None,
            Said::OtherText => return Ok(false),
        }
        if self.evidence.as_ref().is_some_and(|e| e.enough && e.llr.0 > 0.0) {
            let new = self.latest.iter_mut().filter(|kept| !kept.owed);
            self.owed.extend(new.map(|kept| {
                kept.owed = true;
                kept.fingerprint.clone()
            }));
            let over = self.owed.len().saturating_sub(MAX_FINGERPRINTS);
            self.owed.drain(..over);
        }
        Ok(true)
    }

    /// Holds the newest captures against the profile where earlier ones spoke for the person as clearly as the
    /// newest would have to speak against them. Then whoever made the earlier ones is the person, and the
    /// newest, compared alone, say whether the same one still acts.
    fn watch(
        &mut self,
        template: &dyn BehaviorTemplate,
        change_llr: Llr,
    ) -> Result<Option<(Llr, u32)>, UseCaseError> {
        let (from, next) = (self.window_from, self.next());
        let split = self.low_from.unwrap_or(from);
        let earlier = enough(template, &self.part(|kept| kept.from < split))?;
        if earlier.is_none_or(|llr| llr.0 < -change_llr.0) {
            (self.window_from, self.low_from) = (next, None);
            return Ok(None);
        }
        let Some(llr) = enough(template, &self.part(|kept| kept.from >= from))? else {
            return Ok(None);
        };
        self.window_from = next;
        self.low_from = (llr < change_llr).then_some(self.low_from.unwrap_or(from));
        Ok(Some((llr, from)))
    }

    /// Amount of the modality after the newest capture.
    fn next(&self) -> u32 {
        self.latest.back().map_or(0, |kept| kept.from.saturating_add(kept.sample.units))
    }

    /// Another person is there: what was before `from` is not theirs; `None`: nothing is.
    fn restart(&mut self, from: Option<u32>) {
        match from {
            Some(from) => self.latest.retain(|kept| kept.from >= from),
            None => self.latest.clear(),
        }
        (self.evidence, self.low_from, self.window_from) = (None, None, self.next());
    }
}

/// LLR of a probe where it is enough to conclude from.
fn enough(template: &dyn BehaviorTemplate, probe: &[Sample]) -> Result<Option<Llr>, UseCaseError> {
    if probe.is_empty() {
        return Ok(None);
    }
    Ok(match said(template, probe)? {
        Said::Evidence(evidence) => evidence.enough.then_some(evidence.llr),
        Said::Nothing | Said::OtherText => None,
    })
}

fn present(findings: &[ShownFinding], kind: BehaviorFinding) -> bool {
    findings.iter().any(|f| f.kind == kind && f.state == Finding::Present)
}

impl Heap {
    /// The group of captures like these, made if there is none yet.
    ///
    /// # Errors
    /// [`MAX_GROUPS`] are there.
    pub(super) fn group(&mut self, key: &CaptureKey) -> Result<&mut Group, UseCaseError> {
        let found = self.groups.iter().position(|group| group.key == *key);
        if found.is_none() && self.groups.len() >= MAX_GROUPS {
            let problem =
                format!("at most {MAX_GROUPS} kinds, classes of device and texts of one session");
            return Err(invalid("capture", problem));
        }
        let at = found.unwrap_or(self.groups.len());
        if found.is_none() {
            self.groups.push(Group {
                key: key.clone(),
                stands: SubjectStanding::Unknown,
                latest: VecDeque::new(),
                evidence: None,
                window_from: 0,
                low_from: None,
                owed: Vec::new(),
            });
        }
        let missing = || UseCaseError::Internal("a group of captures is missing".into());
        self.groups.get_mut(at).ok_or_else(missing)
    }

    /// All groups.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// Takes a capture: looks for cues, and compares it, and those before it, with a profile that may be used.
    /// What a copy or a script made is no behavior of the person, so it is compared with nothing. Runs in the
    /// engine.
    pub(super) fn take(
        &mut self,
        models: &dyn BehaviorModels,
        key: &CaptureKey,
        capture: Capture,
        profile: Option<&BehaviorProfile>,
        change_llr: Llr,
    ) -> Result<Taken, UseCaseError> {
        let modality = modality_of(key.kind);
        let seen = features(models, 0, key, capture)?;
        let findings = self.find(models, modality, &seen, profile);
        let replayed = present(&findings, BehaviorFinding::Replay);
        let made = replayed || present(&findings, BehaviorFinding::Scripted);
        if replayed {
            self.attacked.insert(modality);
        }
        let Seen { sample, fingerprint, .. } = seen;
        self.remember(modality, fingerprint.clone());
        let mut taken = Taken { findings, ..Taken::default() };
        let (Some(sample), Some(profile)) = (sample.filter(|_| !made), profile) else {
            return Ok(taken);
        };
        let enrolled = samples(profile, None)?;
        if !fits(&enrolled, &sample) {
            taken.other_text = true;
            return Ok(taken);
        }
        let from = self.amounts.get(&modality).copied().unwrap_or(0);
        self.amounts.insert(modality, from.saturating_add(sample.units));
        let template = models.template(&enrolled).map_err(ours)?;
        let group = self.group(key)?;
        let spoke = group.evidence.is_some();
        group.push(sample, fingerprint, from);
        if group.compare(template.as_ref())? {
            taken.silent = spoke && group.evidence.is_none();
            taken.window = group.watch(template.as_ref(), change_llr)?;
        } else {
            group.latest.pop_back();
            taken.other_text = true;
        }
        Ok(taken)
    }

    fn find(
        &self,
        models: &dyn BehaviorModels,
        modality: Modality,
        seen: &Seen,
        profile: Option<&BehaviorProfile>,
    ) -> Vec<ShownFinding> {
        let own = profile.map(known).unwrap_or_default();
        let mut history = models.history(&own);
        // Added, not known from the start: how hesitant the person usually is stays their profile's.
        let here = self.seen.iter().filter(|(of, _)| *of == modality);
        here.for_each(|(_, fingerprint)| history.add(fingerprint));
        findings_in(history, std::slice::from_ref(seen))
    }

    fn remember(&mut self, modality: Modality, fingerprint: Vec<u8>) {
        if !fingerprint.is_empty() {
            self.seen.push_back((modality, fingerprint));
        }
        if self.seen.len() > MAX_FINGERPRINTS {
            self.seen.pop_front();
        }
    }

    /// Compares a group anew. Runs in the engine.
    pub(super) fn compare(
        &mut self,
        models: &dyn BehaviorModels,
        key: &CaptureKey,
        profile: &BehaviorProfile,
    ) -> Result<(), UseCaseError> {
        let enrolled = samples(profile, None)?;
        let template = models.template(&enrolled).map_err(ours)?;
        let group = self.group(key)?;
        if !group.compare(template.as_ref())? {
            group.restart(None);
        }
        Ok(())
    }

    /// A profile may not be used any more: nothing that was compared with it counts. Whether anything did.
    pub(super) fn forget(&mut self, key: &CaptureKey) -> bool {
        let Some(group) = self.groups.iter_mut().find(|group| group.key == *key) else {
            return false;
        };
        let any = group.evidence.is_some();
        group.restart(None);
        group.owed.clear();
        any
    }

    /// Another person is there: what was captured of a modality before `from` is not theirs; `None`: nothing
    /// is. What spoke for the person before is still remembered. An attack is only forgotten where the other person was
    /// noticed here: that somebody else is there now is easily said.
    pub(super) fn restart(&mut self, modality: Modality, from: Option<u32>) {
        if from.is_some() {
            self.attacked.remove(&modality);
        }
        self.groups.iter_mut().filter(|g| g.modality() == modality).for_each(|g| g.restart(from));
    }

    /// An attack was found elsewhere.
    pub(super) fn attack(&mut self, modality: Modality) {
        self.attacked.insert(modality);
    }

    /// What all captures of a modality say; `None` when nothing was compared and no attack was found. Several
    /// texts of one sitting depend on each other as several typings of one do, so their LLRs add up with the
    /// same discount ([`worth`]); what is not enough takes no part.
    pub(super) fn measured(
        &self,
        models: &dyn BehaviorModels,
        modality: Modality,
    ) -> Option<Measured> {
        let groups = self.groups.iter().filter(|g| g.modality() == modality);
        let compared: Vec<(&Group, &Evidence)> =
            groups.clone().filter_map(|g| Some((g, g.evidence.as_ref()?))).collect();
        let attacked = self.attacked.contains(&modality);
        let largest = compared.iter().map(|(g, _)| *g).max_by_key(|g| g.units());
        let named = largest.or(groups.clone().next().filter(|_| attacked))?;
        let sound: Vec<f64> =
            compared.iter().filter(|(_, e)| e.enough).map(|(_, e)| e.llr.0).collect();
        let alone = largest.and_then(|g| g.evidence.as_ref()).map(|e| e.llr);
        let mean = sound.iter().sum::<f64>() / sound.len().max(1) as f64;
        let llr = if sound.is_empty() { alone } else { Some(Llr(mean * worth(sound.len()))) };
        let amount = compared.iter().fold(0u32, |sum, (g, _)| sum.saturating_add(g.units()));
        let pad = if attacked { PadOutcome::Attack } else { PadOutcome::NotEvaluated };
        let model = models.background(named.key.kind);
        Some(Measured { llr, enough: !sound.is_empty(), amount, model, pad })
    }

    /// What decisions rest on, and are to remember.
    pub(super) fn spoke(&self) -> Vec<Spoke> {
        let speaks = |g: &&Group| {
            g.evidence.is_some() || !g.owed.is_empty() || self.attacked.contains(&g.modality())
        };
        let groups = self.groups.iter().filter(speaks);
        groups.map(|g| Spoke { key: g.key.clone(), owed: g.owed.clone() }).collect()
    }

    /// Captures are remembered, or are not to be.
    pub(super) fn settle(&mut self, spoke: &[Spoke]) {
        for group in &mut self.groups {
            if let Some(done) = spoke.iter().find(|spoke| spoke.key == group.key) {
                group.owed.retain(|fingerprint| !done.owed.contains(fingerprint));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::{BehaviorError, Device};
    use crate::domain::RawScore;

    /// Answers, or finds nothing to compare.
    struct Answers(bool);

    impl BehaviorTemplate for Answers {
        fn score(&self, _: &[Sample]) -> Result<Evidence, BehaviorError> {
            let nothing = BehaviorError::TooFew { what: "strokes", needed: 1, got: 0 };
            let (raw, llr) = (RawScore(3.0), Llr(3.0));
            let evidence = Evidence { raw, llr, enough: true, habits: Vec::new() };
            if self.0 { Ok(evidence) } else { Err(nothing) }
        }
    }

    #[test]
    fn what_cannot_be_compared_keeps_no_earlier_evidence() {
        let key = CaptureKey { kind: SampleKind::Touch, device: Device::Phone, text_id: None };
        let mut heap = Heap::default();
        let group = heap.group(&key).unwrap();
        let (kind, device) = (SampleKind::Touch, Device::Phone);
        let rows = vec![1.0];
        group.push(
            Sample { kind, device, text: None, dim: 1, rows, units: 1, held: None },
            vec![1],
            0,
        );
        assert!(group.compare(&Answers(true)).unwrap() && group.evidence.is_some());
        assert!(group.compare(&Answers(false)).unwrap() && group.evidence.is_none());
    }
}
