//! Captures of a recorded session, compared as those of a live one are.

use std::collections::BTreeMap;

use crate::behavior::{BehaviorError, Capture, Sample};
use crate::domain::{
    Authorization, BehaviorProfileId, ConsentId, IdError, Llr, Modality, Timestamp,
};
use crate::session::call::Event;
use crate::session::call::replay::Driver;
use crate::store::{BehaviorProfile, SampleOrigin};
use crate::usecase::UseCaseError;
use crate::usecase::behavior::adapt::kept;
use crate::usecase::behavior::probe::{CaptureKey, Seen, features, key_of};
use crate::usecase::behavior::{BehaviorModels, Fitted};
use crate::usecase::sessions::captures::heap::{Heap, modality_of};
use crate::usecase::sessions::captures::{evidence, told};

/// When everything in a file was enrolled: the time of day plays no part.
const ENROLLED_AT: Timestamp = Timestamp::from_unix_ms(0);

/// Captures of a file, with the backgrounds that ship.
pub(in crate::usecase::sessions) struct Played {
    heap: Heap,
    models: Fitted,
    change_llr: Llr,
    profiles: Vec<(CaptureKey, BehaviorProfile)>,
    captures: BTreeMap<usize, Capture>,
}

fn ours(error: IdError) -> UseCaseError {
    UseCaseError::Internal(Box::new(error))
}

/// A profile on the way to its samples.
fn begun(models: &Fitted, key: &CaptureKey) -> Result<BehaviorProfile, UseCaseError> {
    Ok(BehaviorProfile {
        id: BehaviorProfileId::parse("played").map_err(ours)?,
        kind: key.kind.into(),
        device: Some(key.device),
        text: None,
        background: models.background(key.kind),
        created_at: ENROLLED_AT,
        completed_at: Some(ENROLLED_AT),
        expires_at: None,
        authorization: enrolled_by(),
        consent: ConsentId::parse("played").map_err(ours)?,
        samples: Vec::new(),
        seen: Vec::new(),
    })
}

fn enrolled_by() -> Authorization {
    Authorization { agent: "file".to_owned(), factor: "file".to_owned() }
}

impl Played {
    /// Enrolls captures, and has the others ready by their lines.
    ///
    /// # Errors
    /// An enrolled capture that holds too little; its place among the enrolled ones.
    pub(in crate::usecase::sessions) fn new(
        enrolled: Vec<Capture>,
        captures: BTreeMap<usize, Capture>,
        change_llr: Llr,
    ) -> Result<Self, UseCaseError> {
        let models = Fitted::shipped(|_| true)?;
        let mut profiles: Vec<(CaptureKey, BehaviorProfile)> = Vec::new();
        for (index, capture) in enrolled.into_iter().enumerate() {
            let key = key_of(&capture);
            let seen = features(&models, index, &key, capture)?;
            let at = match profiles.iter().position(|(known, _)| *known == key) {
                Some(at) => at,
                None => {
                    let profile = begun(&models, &key)?;
                    profiles.push((key, profile));
                    profiles.len() - 1
                }
            };
            if let Some((_, profile)) = profiles.get_mut(at) {
                profile.samples.push(kept(
                    &seen,
                    sample(&seen, index)?,
                    SampleOrigin::Enrolled,
                    &enrolled_by(),
                    ENROLLED_AT,
                )?);
            }
        }
        Ok(Self { heap: Heap::default(), models, change_llr, profiles, captures })
    }

    fn taken(&mut self, key: &CaptureKey, capture: Capture) -> Result<Vec<Event>, UseCaseError> {
        let profile = self.profiles.iter().find(|(known, _)| known == key).map(|(_, p)| p);
        let taken = self.heap.take(&self.models, key, capture, profile, self.change_llr)?;
        Ok(told(&self.heap, &self.models, modality_of(key.kind), &taken))
    }
}

fn sample(seen: &Seen, index: usize) -> Result<&Sample, UseCaseError> {
    seen.sample.as_ref().ok_or_else(|| {
        let error = BehaviorError::TooFew { what: "an enrolled capture", needed: 1, got: 0 };
        UseCaseError::BadCapture { index, problem: error.to_string() }
    })
}

impl Driver for Played {
    fn capture(&mut self, line: usize) -> Option<(Modality, Vec<Event>)> {
        let capture = self.captures.remove(&line)?;
        let key = key_of(&capture);
        // What a live session refuses with a message says nothing here.
        let events = self.taken(&key, capture).unwrap_or_default();
        Some((modality_of(key.kind), events))
    }

    fn restart(&mut self, modality: Modality, from: Option<u32>) -> Vec<Event> {
        self.heap.restart(modality, from);
        for (key, profile) in &self.profiles {
            if modality_of(key.kind) == modality
                && self.heap.compare(&self.models, key, profile).is_err()
            {
                self.heap.forget(key);
            }
        }
        Vec::from_iter(evidence(&self.heap, &self.models, modality))
    }
}
