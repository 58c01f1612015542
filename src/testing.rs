//! For tests alone.

use std::io::Write;

/// Says that a test did not run and what would mend it. Written past the test runner's capture, so that it
/// is seen although the test counts as passed.
pub(crate) fn skipped(test: &str, mend: &str) {
    let line = format!("SKIPPED {test}: {mend}\n");
    // Without stderr there is nobody to tell.
    let _ = std::io::stderr().write_all(line.as_bytes());
}
