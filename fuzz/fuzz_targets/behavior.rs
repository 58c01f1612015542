//! Captures as clients and files send them, stored samples, background models, recorded sessions, policies.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use vouch::behavior::finding::{History, findings};
use vouch::behavior::kinds::{Backgrounds, Template, extract};
use vouch::behavior::{Sample, SampleKind, builtin, parse};

static SHIPPED: LazyLock<Backgrounds> =
    LazyLock::new(|| builtin::all().expect("the shipped models load"));

fuzz_target!(|data: &[u8]| {
    if let Ok(sample) = Sample::from_bytes(data) {
        assert_eq!(sample.to_bytes().expect("what was read can be written"), data);
        for backgrounds in [&Backgrounds::default(), &*SHIPPED] {
            if let Ok(template) = Template::new(std::slice::from_ref(&sample), backgrounds) {
                let _ = template.score(std::slice::from_ref(&sample));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    for kind in SampleKind::ALL {
        let _ = Backgrounds::default().put(kind, text);
    }
    let captures: Vec<_> = parse::captures(text).filter_map(|(_, read)| read.ok()).collect();
    for backgrounds in [&Backgrounds::default(), &*SHIPPED] {
        for capture in &captures {
            let _ = findings(capture, &History::default());
            let Ok(sample) = extract(capture, backgrounds) else { continue };
            let sample = [sample];
            if let Ok(template) = Template::new(&sample, backgrounds) {
                let evidence = template.score(&sample).expect("a sample fits its own profile");
                assert!(evidence.llr.0.is_finite() && evidence.raw.0.is_finite());
            }
        }
    }
});
