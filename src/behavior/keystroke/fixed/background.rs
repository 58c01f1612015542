//! The background of fixed texts: what is known of some texts, and how components combine for these and any other.

use std::collections::BTreeSet;

use crate::behavior::BehaviorError;
use crate::behavior::event::{Device, KeyEvent};
use crate::behavior::keystroke::fixed::combine::Combiner;
use crate::behavior::keystroke::fixed::components::{GENERIC, GENERIC_TOUCH, KNOWN, KNOWN_TOUCH};
use crate::behavior::keystroke::fixed::fallback::spread;
use crate::behavior::keystroke::fixed::layout::Layout;
use crate::behavior::keystroke::fixed::stats::Usual;
use crate::behavior::keystroke::fixed::text::TextModel;

/// Version of the components; a background of another version is refused.
pub const VERSION: u32 = 1;
/// Most texts of a background.
pub const MAX_TEXTS: usize = 256;

/// Everything fitted for fixed texts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Background {
    /// [`VERSION`].
    pub version: u32,
    /// Texts it knows.
    pub texts: Vec<TextModel>,
    /// Usual deviations of hold, step and gap, pressure, size and place, on the compressed scale.
    pub usual_log: [f32; 7],
    /// Usual deviations of hold, step and gap in ms.
    pub usual_ms: [f32; 3],
    /// How components combine.
    pub combiners: Vec<KindCombiner>,
}

/// Which components a comparison has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// The text is known.
    pub known: bool,
    /// A touch screen gives pressure, size and place.
    pub touch: bool,
}

/// The combiner of a kind of comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindCombiner {
    /// What it combines.
    pub kind: Kind,
    /// Class of device; any without it.
    pub device: Option<Device>,
    /// The weights.
    pub combiner: Combiner,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [
        Self { known: true, touch: false },
        Self { known: true, touch: true },
        Self { known: false, touch: false },
        Self { known: false, touch: true },
    ];

    /// Number of components.
    pub fn components(self) -> usize {
        let (known, touch) = (usize::from(self.known), usize::from(self.touch));
        GENERIC + known * KNOWN + touch * (GENERIC_TOUCH + known * KNOWN_TOUCH)
    }
}

impl Background {
    /// Reads JSON and checks it.
    ///
    /// # Errors
    /// What is not a background of this version.
    pub fn from_json(text: &str) -> Result<Self, BehaviorError> {
        let read: Self = serde_json::from_str(text)
            .map_err(|e| BehaviorError::Background(format!("fixed texts: {e}")))?;
        read.check()?;
        Ok(read)
    }

    /// Writes JSON.
    ///
    /// # Errors
    /// A number that JSON cannot hold.
    pub fn to_json(&self) -> Result<String, BehaviorError> {
        self.check()?;
        serde_json::to_string(self)
            .map_err(|e| BehaviorError::Background(format!("fixed texts: {e}")))
    }

    /// Refuses what cannot have come from a fit.
    ///
    /// # Errors
    /// Another version, too many texts, two of one name and class of device, parts that do not fit together, no combiner for
    /// a kind that can come.
    pub fn check(&self) -> Result<(), BehaviorError> {
        let bad = |why: String| Err(BehaviorError::Background(format!("fixed texts: {why}")));
        if self.version != VERSION {
            return bad(format!("version {VERSION} is needed, got {}", self.version));
        }
        if self.texts.len() > MAX_TEXTS {
            return bad(format!("at most {MAX_TEXTS} texts, got {}", self.texts.len()));
        }
        let usual = self.usual_log.iter().chain(&self.usual_ms);
        if !usual.clone().all(|x| x.is_finite() && *x > 0.0) {
            return bad("usual deviations must be above 0".to_owned());
        }
        self.texts.iter().try_for_each(TextModel::check)?;
        // A profile keeps the name of its text alone, so the name must say which one.
        let mut names = BTreeSet::new();
        if !self.texts.iter().all(|t| names.insert((t.device, t.id.as_str()))) {
            return bad("two texts have one name and class of device".to_owned());
        }
        for part in &self.combiners {
            part.combiner.check(part.kind.components())?;
        }
        if self.combiner(Kind { known: false, touch: false }, Device::Desktop).is_none() {
            return bad("no combiner for unknown texts".to_owned());
        }
        Ok(())
    }

    /// The text that these keys are a typing of. Among several that fit, the one that the client names comes first.
    pub fn recognize(
        &self,
        device: Device,
        keys: &[KeyEvent],
        named: Option<&str>,
    ) -> Option<&TextModel> {
        let is_named = |t: &TextModel| named == Some(t.id.as_str());
        let fits = |t: &&TextModel| t.device == device && t.keys.fits(keys, is_named(t));
        let mut fitting = self.texts.iter().filter(fits);
        let first = fitting.next()?;
        if is_named(first) { Some(first) } else { fitting.find(|t| is_named(t)).or(Some(first)) }
    }

    /// The text of a name; there is one at most.
    pub fn text(&self, id: &str, device: Device) -> Option<&TextModel> {
        self.texts.iter().find(|t| t.id == id && t.device == device)
    }

    /// Usual deviations of a text that nobody has seen.
    pub fn usual(&self, layout: &Layout) -> Usual {
        spread(layout, &self.usual_log.map(f64::from), &self.usual_ms.map(f64::from))
    }

    /// The combiner of a kind on a class of device, or on any.
    pub fn combiner(&self, kind: Kind, device: Device) -> Option<&Combiner> {
        let of_kind = || self.combiners.iter().filter(|c| c.kind == kind);
        of_kind()
            .find(|c| c.device == Some(device))
            .or_else(|| of_kind().find(|c| c.device.is_none()))
            .map(|c| &c.combiner)
    }
}
