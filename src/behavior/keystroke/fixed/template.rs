//! A person's profile of a fixed text, ready to be compared.

use crate::behavior::event::Device;
use crate::behavior::keystroke::fixed::background::{Background, Kind};
use crate::behavior::keystroke::fixed::combine::Combiner;
use crate::behavior::keystroke::fixed::components::{Scratch, components};
use crate::behavior::keystroke::fixed::habits::habits;
use crate::behavior::keystroke::fixed::known::Known;
use crate::behavior::keystroke::fixed::layout::{Layout, Typing};
use crate::behavior::keystroke::fixed::stats::{Middle, Usual, quantile};
use crate::behavior::keystroke::fixed::text::TextModel;
use crate::behavior::keystroke::fixed::{MAX_ENROLLED, fallback, window};
use crate::behavior::{BehaviorError, Evidence, Sample};
use crate::domain::{Llr, RawScore};

/// Typings that count as the latest.
const LATEST: usize = 50;
/// Latest typings that a probe is compared with one by one.
const NEAR: usize = 100;
/// Share of enrolled values below and above the usual range.
const OUTSIDE: f64 = 0.05;

/// What the enrolled typings alone say.
#[derive(Debug, Clone)]
pub struct Own {
    /// Shape of the vectors.
    pub layout: Layout,
    /// Whether what a touch screen gives is compared.
    pub touch: bool,
    /// Usual deviations that few typings lean on.
    pub usual: Usual,
    /// One over `usual.log`.
    pub inverse_usual: Vec<f64>,
    /// Of all typings, and of the latest.
    pub views: [Middle; 2],
    /// The latest typings one after the other, `layout.len()` values each.
    pub latest: Vec<f64>,
    /// Low end of the usual range of each value.
    pub low: Vec<f64>,
    /// High end.
    pub high: Vec<f64>,
}

/// A profile of one person, one text and one class of device.
#[derive(Debug, Clone)]
pub struct Template<'b> {
    device: Device,
    text: Option<String>,
    own: Own,
    known: Option<Known<'b>>,
    combiner: Option<&'b Combiner>,
    /// The same profile by its times alone, for probes without what a touch screen gives.
    timing: Option<Box<Self>>,
}

impl<'b> Template<'b> {
    /// Makes a profile of enrolled samples, the oldest first. What a touch screen gives is compared where all of them and
    /// the probe have it, times otherwise.
    ///
    /// # Errors
    /// No samples or more than [`MAX_ENROLLED`], samples of another kind or shape, or of different texts, devices or
    /// numbers of keys.
    pub fn new(
        enrolled: &[Sample],
        background: Option<&'b Background>,
    ) -> Result<Self, BehaviorError> {
        let Some(first) = enrolled.first() else {
            let what = "a profile of a fixed text: typings";
            return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
        };
        let keys = Layout::of(first)?.keys;
        let mut touch = true;
        for sample in enrolled {
            touch &= same_text(first.device, first.text.as_deref(), keys, sample)?.has_touch();
        }
        let count = enrolled.iter().map(|s| s.iter().len()).sum::<usize>();
        if count > MAX_ENROLLED {
            let (what, limit) = ("a profile of a fixed text", MAX_ENROLLED);
            return Err(BehaviorError::TooMuch { what, unit: "typings", limit, got: count });
        }
        let text = first.text.as_deref().and_then(|id| background?.text(id, first.device));
        let text = text.filter(|t| t.layout.keys == keys);
        let whole = Layout { keys, pressure: true, size: true, place: true };
        let timing = Self::of_samples(enrolled, whole.timing_only(), text, background)?;
        if !touch || text.is_some_and(|t| t.layout != whole) {
            return Ok(timing);
        }
        let with_touch = Self::of_samples(enrolled, whole, text, background)?;
        Ok(Self { timing: Some(Box::new(timing)), ..with_touch })
    }

    /// A profile by what is in a layout; all samples have it.
    fn of_samples(
        enrolled: &[Sample],
        layout: Layout,
        text: Option<&'b TextModel>,
        background: Option<&'b Background>,
    ) -> Result<Self, BehaviorError> {
        let device = enrolled.first().map_or(Device::Desktop, |s| s.device);
        let all = typings(enrolled, &layout);
        let usual = match (text, background) {
            (Some(text), _) => text.usual(&layout),
            (None, Some(background)) => background.usual(&layout),
            (None, None) => fallback::usual(&layout),
        };
        let mut own = Own::of(&all, layout, usual);
        own.touch = layout.has_touch()
            && text.is_none_or(|t| t.touch.is_some() && t.same_screen(&own.views[0].log));
        let known = text.map(|t| Known::new(t, &own, &all)).transpose()?;
        let kind = Kind { known: known.is_some(), touch: own.touch };
        let combiner = background.and_then(|b| b.combiner(kind, device));
        let text = enrolled.first().and_then(|s| s.text.clone());
        Ok(Self { device, text, own, known, combiner, timing: None })
    }

    /// Compares one typing or several; see [`window`] for what several say.
    ///
    /// # Errors
    /// No samples, another kind or shape, device, text or number of keys.
    pub fn score(&self, probe: &[Sample]) -> Result<Evidence, BehaviorError> {
        self.score_with(probe, &mut Scratch::default())
    }

    /// [`Self::score`] with the scratch of the caller.
    ///
    /// # Errors
    /// See [`Self::score`].
    pub fn score_with(
        &self,
        probe: &[Sample],
        scratch: &mut Scratch,
    ) -> Result<Evidence, BehaviorError> {
        let layout = &self.own.layout;
        let mut touch = true;
        for sample in probe {
            let text = self.text.as_deref();
            touch &= same_text(self.device, text, layout.keys, sample)?.has_touch();
        }
        if let (false, Some(timing)) = (touch, &self.timing) {
            return timing.score_with(probe, scratch);
        }
        let typings = typings(probe, layout);
        let Some(last) = typings.last() else {
            let what = "a probe of a fixed text: typings";
            return Err(BehaviorError::TooFew { what, needed: 1, got: 0 });
        };
        let (mut raw, mut llr) = (0.0, 0.0);
        for typing in &typings {
            let (r, l) = self.compare(typing, scratch);
            raw += r / typings.len() as f64;
            llr += l / typings.len() as f64;
        }
        let worth = window::worth(typings.len());
        (raw, llr) = (raw * worth, llr * worth);
        let enough = self.own.views[0].count >= fallback::ENOUGH_TYPINGS;
        let habits = habits(&self.own, self.known.as_ref(), last, llr);
        Ok(Evidence { raw: RawScore(raw), llr: Llr(llr), enough, habits })
    }

    /// Raw score and LLR of one typing.
    pub(super) fn compare(&self, typing: &Typing, scratch: &mut Scratch) -> (f64, f64) {
        let Some(combiner) = self.combiner else {
            return fallback::score(&self.own, typing, scratch);
        };
        components(&self.own, self.known.as_ref(), typing, scratch);
        combiner.score(&scratch.out, self.own.views[0].count)
    }

    /// The components of a comparison, for fitting.
    pub(super) fn components<'s>(&self, typing: &Typing, scratch: &'s mut Scratch) -> &'s [f64] {
        components(&self.own, self.known.as_ref(), typing, scratch);
        &scratch.out
    }

    /// A profile for fitting: of typings as they are, with a background of the text or without.
    pub(super) fn of_typings(
        typings: &[Typing],
        layout: Layout,
        usual: Usual,
        text: Option<&'b TextModel>,
        touch: bool,
    ) -> Result<Self, BehaviorError> {
        let mut own = Own::of(typings, layout, usual);
        own.touch = touch;
        let known = text.map(|t| Known::new(t, &own, typings)).transpose()?;
        let (device, combiner) = (Device::Desktop, None);
        Ok(Self { device, text: None, own, known, combiner, timing: None })
    }
}

impl Own {
    /// Statistics of at least one typing, without what a touch screen gives.
    fn of(typings: &[Typing], layout: Layout, usual: Usual) -> Self {
        let latest = typings.get(typings.len().saturating_sub(LATEST)..).unwrap_or_default();
        let near = typings.get(typings.len().saturating_sub(NEAR)..).unwrap_or_default();
        let n = layout.len();
        let views = [Middle::of(typings, &usual, &layout), Middle::of(latest, &usual, &layout)];
        let mut column = Vec::with_capacity(typings.len());
        let range = (0..n).map(|i| {
            column.clear();
            column.extend(typings.iter().filter_map(|t| t.log.get(i).copied()));
            column.sort_unstable_by(f64::total_cmp);
            (quantile(&column, OUTSIDE), quantile(&column, 1.0 - OUTSIDE))
        });
        let (low, high) = range.unzip();
        Self {
            layout,
            touch: false,
            inverse_usual: usual.log.iter().map(|u| 1.0 / u.max(1e-9)).collect(),
            usual,
            views,
            latest: near.iter().flat_map(|t| t.log.iter().take(n).copied()).collect(),
            low,
            high,
        }
    }
}

fn typings(samples: &[Sample], shape: &Layout) -> Vec<Typing> {
    samples.iter().flat_map(|s| s.iter().map(|row| shape.typing(row))).collect()
}

/// Refuses what cannot be a typing of the same text on the same class of device.
fn same_text(
    device: Device,
    text: Option<&str>,
    keys: usize,
    sample: &Sample,
) -> Result<Layout, BehaviorError> {
    let differ =
        |what, enrolled: String, got: String| Err(BehaviorError::Mismatch { what, enrolled, got });
    let layout = Layout::of(sample)?;
    if sample.device != device {
        return differ("device classes", device.as_str().into(), sample.device.as_str().into());
    }
    if layout.keys != keys {
        return differ("numbers of keys", keys.to_string(), layout.keys.to_string());
    }
    if sample.text.as_deref() != text {
        // The name of a known text may be the text.
        let name = |t: Option<&str>| t.map_or("a text of no background", |_| "a known text");
        let got = if sample.text.is_some() { "another one" } else { name(None) };
        return differ("texts", name(text).to_owned(), got.to_owned());
    }
    Ok(layout)
}
