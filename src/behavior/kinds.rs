//! One door to all kinds of behavior: what a capture is, its features, and comparisons with a profile.

use crate::behavior::keystroke::{fixed, free};
use crate::behavior::limits::MAX_BACKGROUND_BYTES;
use crate::behavior::motion::Holding;
use crate::behavior::{
    BehaviorError, Capture, CaptureKind, Device, Evidence, Sample, SampleKind, pointer, touch,
};

/// The background models, as far as they are used. Every kind works without one on its fallback.
#[derive(Debug, Clone, Default)]
pub struct Backgrounds {
    /// Fixed texts.
    pub fixed: Option<fixed::Background>,
    /// Free text.
    pub free: Option<free::Background>,
    /// Strokes.
    pub touch: Option<touch::Background>,
    /// Pointers.
    pub pointer: Option<pointer::Background>,
    /// What the LLR of how a device is held counts, at most [`MAX_MOTION_WEIGHT`]; 0, the default, leaves it out.
    pub motion_weight: f64,
}

/// Most that how a device is held can count.
pub const MAX_MOTION_WEIGHT: f64 = 0.5;

impl Backgrounds {
    /// Takes the model of a kind from its JSON file.
    ///
    /// # Errors
    /// Text over [`MAX_BACKGROUND_BYTES`], no model, or numbers that cannot have come from a fit.
    pub fn put(&mut self, kind: SampleKind, json: &str) -> Result<(), BehaviorError> {
        let (what, limit, got) = ("a background model", MAX_BACKGROUND_BYTES, json.len());
        if got > limit {
            return Err(BehaviorError::TooMuch { what, unit: "bytes", limit, got });
        }
        match kind {
            SampleKind::FixedText => self.fixed = Some(fixed::Background::from_json(json)?),
            SampleKind::FreeText => {
                let model: free::Background = parsed(json)?;
                model.check()?;
                self.free = Some(model);
            }
            SampleKind::Touch => self.touch = Some(touch::Background::from_json(json)?),
            SampleKind::Pointer => {
                let model: pointer::Background = parsed(json)?;
                model.check()?;
                self.pointer = Some(model);
            }
        }
        Ok(())
    }

    /// Whether the kind has a model.
    pub fn has(&self, kind: SampleKind) -> bool {
        match kind {
            SampleKind::FixedText => self.fixed.is_some(),
            SampleKind::FreeText => self.free.is_some(),
            SampleKind::Touch => self.touch.is_some(),
            SampleKind::Pointer => self.pointer.is_some(),
        }
    }
}

fn parsed<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, BehaviorError> {
    serde_json::from_str(json).map_err(|e| BehaviorError::Background(e.to_string()))
}

/// What samples of a capture can be compared with. Keys of a named text are a fixed text; others are free text.
pub fn sample_kind(capture: &Capture) -> SampleKind {
    match (capture.events.kind(), &capture.text_id) {
        (CaptureKind::Keystroke, Some(_)) => SampleKind::FixedText,
        (CaptureKind::Keystroke, None) => SampleKind::FreeText,
        (CaptureKind::Touch, _) => SampleKind::Touch,
        (CaptureKind::Pointer, _) => SampleKind::Pointer,
    }
}

/// The features of a capture.
///
/// # Errors
/// Too little in it.
pub fn extract(capture: &Capture, backgrounds: &Backgrounds) -> Result<Sample, BehaviorError> {
    match sample_kind(capture) {
        SampleKind::FixedText => fixed::extract(capture, backgrounds.fixed.as_ref()),
        SampleKind::FreeText => free::extract(capture, backgrounds.free.as_ref()),
        SampleKind::Touch => touch::extract(capture, backgrounds.touch.as_ref()),
        SampleKind::Pointer => pointer::extract(capture, backgrounds.pointer.as_ref()),
    }
}

/// A profile, ready to be compared.
pub struct Template<'b> {
    device: Device,
    of_kind: OfKind<'b>,
    /// How the device is held, and what that counts.
    holding: Option<(Holding, f64)>,
}

enum OfKind<'b> {
    Fixed(Box<fixed::Template<'b>>),
    Free(Box<free::Template<'b>>),
    Touch(Box<touch::Template<'b>>),
    Pointer(Box<pointer::Template<'b>>),
}

impl<'b> Template<'b> {
    /// Makes a profile of enrolled samples of one kind and device class.
    ///
    /// # Errors
    /// No samples, or samples that do not belong together.
    pub fn new(enrolled: &[Sample], backgrounds: &'b Backgrounds) -> Result<Self, BehaviorError> {
        let Some(first) = enrolled.first() else {
            return Err(BehaviorError::TooFew { what: "a profile: captures", needed: 1, got: 0 });
        };
        enrolled.iter().try_for_each(|s| s.check_like(first.kind, first.device))?;
        let of_kind = match first.kind {
            SampleKind::FixedText => {
                OfKind::Fixed(Box::new(fixed::Template::new(enrolled, backgrounds.fixed.as_ref())?))
            }
            SampleKind::FreeText => {
                OfKind::Free(Box::new(free::Template::new(enrolled, backgrounds.free.as_ref())?))
            }
            SampleKind::Touch => {
                OfKind::Touch(Box::new(touch::Template::new(enrolled, backgrounds.touch.as_ref())?))
            }
            SampleKind::Pointer => {
                let background = backgrounds.pointer.as_ref();
                OfKind::Pointer(Box::new(pointer::Template::new(enrolled, background)?))
            }
        };
        let weight = backgrounds.motion_weight.clamp(0.0, MAX_MOTION_WEIGHT);
        let holding = Holding::of(enrolled).filter(|_| weight > 0.0).map(|h| (h, weight));
        Ok(Self { device: first.device, of_kind, holding })
    }

    /// What it can be compared with.
    pub fn kind(&self) -> SampleKind {
        match self.of_kind {
            OfKind::Fixed(_) => SampleKind::FixedText,
            OfKind::Free(_) => SampleKind::FreeText,
            OfKind::Touch(_) => SampleKind::Touch,
            OfKind::Pointer(_) => SampleKind::Pointer,
        }
    }

    /// Compares samples, taken together as one probe.
    ///
    /// # Errors
    /// No samples, or samples of another kind, device class or text.
    pub fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        if probe.is_empty() {
            return Err(BehaviorError::TooFew { what: "a probe: captures", needed: 1, got: 0 });
        }
        probe.iter().try_for_each(|s| s.check_like(self.kind(), self.device))?;
        let mut evidence = match &self.of_kind {
            OfKind::Fixed(template) => template.score(probe),
            OfKind::Free(template) => template.score(probe),
            OfKind::Touch(template) => template.score(probe),
            OfKind::Pointer(template) => template.score(probe),
        }?;
        if let Some((own, weight)) = self.holding
            && let Some(seen) = Holding::of(probe)
        {
            own.add(&seen, weight, &mut evidence);
        }
        Ok(evidence)
    }
}
