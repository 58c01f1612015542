//! Captures as clients and files send them, stored samples and background models: every parser, and what must hold of
//! what it read. Used by the fuzz target `behavior` and by the property tests in `tests/it/captures.rs`.

use std::sync::LazyLock;

use vouch::behavior::finding::{History, findings};
use vouch::behavior::kinds::{Backgrounds, Template, extract};
use vouch::behavior::{BehaviorError, Capture, Sample, SampleKind, builtin, parse};

static SHIPPED: LazyLock<Backgrounds> =
    LazyLock::new(|| builtin::all().expect("the shipped models load"));

/// Reads bytes as a stored sample, as a background model of each kind and as a file of captures; how many captures were
/// read.
pub fn read(data: &[u8]) -> usize {
    if let Ok(sample) = Sample::from_bytes(data) {
        assert_eq!(sample.to_bytes().expect("what was read can be written"), data);
        for backgrounds in [&Backgrounds::default(), &*SHIPPED] {
            if let Ok(template) = Template::new(std::slice::from_ref(&sample), backgrounds) {
                let _ = template.score(std::slice::from_ref(&sample));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return 0 };
    for kind in SampleKind::ALL {
        let _ = Backgrounds::default().put(kind, text);
    }
    let captures: Vec<Capture> =
        parse::captures(text).filter_map(|(_, capture)| capture.ok()).collect();
    captures.iter().for_each(compared);
    captures.len()
}

/// A capture that was read is compared with itself: numbers come out, or it is too little.
fn compared(capture: &Capture) {
    let _ = findings(capture, &History::default());
    for backgrounds in [&Backgrounds::default(), &*SHIPPED] {
        let Ok(sample) = extract(capture, backgrounds) else { continue };
        let bytes = sample.to_bytes().expect("what was made can be written");
        assert_eq!(Sample::from_bytes(&bytes).ok().as_ref(), Some(&sample));
        let sample = [sample];
        if let Ok(template) = Template::new(&sample, backgrounds) {
            match template.score(&sample) {
                Ok(evidence) => {
                    assert!(evidence.llr.0.is_finite() && evidence.raw.0.is_finite());
                }
                // One stroke is a profile that nothing can be compared with.
                Err(BehaviorError::TooFew { .. }) => {}
                Err(error) => panic!("a sample fits its own profile: {error}"),
            }
        }
    }
}
