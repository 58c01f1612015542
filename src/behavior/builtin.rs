//! The background models that ship with the program. `models/behavior-*/CARD.md` says what each was fitted on; all of
//! them are of class `research`, since their data are.

use crate::behavior::kinds::Backgrounds;
use crate::behavior::{BehaviorError, SampleKind};
use crate::domain::{ArtifactRef, LicenseClass};

/// Terms of the models that ship.
pub const LICENSE: LicenseClass = LicenseClass::Research;

/// Id of the model of a kind; its files are in `models/<id>`.
pub fn id(kind: SampleKind) -> &'static str {
    match kind {
        SampleKind::FixedText => "behavior-fixed",
        SampleKind::FreeText => "behavior-free",
        SampleKind::Touch => "behavior-touch",
        SampleKind::Pointer => "behavior-pointer",
    }
}

/// Counts up with each new file of the kind.
fn version(kind: SampleKind) -> u32 {
    match kind {
        SampleKind::FixedText | SampleKind::Touch => 2,
        SampleKind::FreeText | SampleKind::Pointer => 1,
    }
}

/// Id and version of the model of a kind.
pub fn reference(kind: SampleKind) -> ArtifactRef {
    ArtifactRef::new(id(kind), version(kind))
}

/// The file of a kind.
pub fn json(kind: SampleKind) -> &'static str {
    match kind {
        SampleKind::FixedText => include_str!("../../models/behavior-fixed/background.json"),
        SampleKind::FreeText => include_str!("../../models/behavior-free/background.json"),
        SampleKind::Touch => include_str!("../../models/behavior-touch/background.json"),
        SampleKind::Pointer => include_str!("../../models/behavior-pointer/background.json"),
    }
}

/// All of them.
///
/// # Errors
/// Never for the shipped files: a test reads them.
pub fn all() -> Result<Backgrounds, BehaviorError> {
    let mut all = Backgrounds::default();
    SampleKind::ALL.into_iter().try_for_each(|kind| all.put(kind, json(kind)))?;
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_models_can_be_read_and_are_small() {
        let all = all().unwrap();
        assert!(SampleKind::ALL.into_iter().all(|kind| all.has(kind)));
        let bytes: usize = SampleKind::ALL.into_iter().map(|kind| json(kind).len()).sum();
        assert!(bytes <= 2 << 20, "{bytes}");
    }

    #[test]
    fn broken_models_are_refused() {
        for kind in SampleKind::ALL {
            let good = json(kind);
            let mut none = Backgrounds::default();
            assert!(none.put(kind, &good[..good.len() / 2]).is_err());
            assert!(none.put(kind, "{}").is_err());
            assert!(!none.has(kind));
        }
    }
}
