//! A tenant's own calibration on the command line, as far as it goes without hours of audio.

use crate::process::Place;

fn error(place: &Place, arguments: &[&str], code: i32) -> String {
    let output = place.run(arguments);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

#[test]
fn what_cannot_be_fitted_or_activated_is_refused_by_name() {
    let models = tempfile::tempdir().unwrap();
    let place = Place::new(models.path(), "");
    place.done(&["key", "create", "--role", "admin"]);
    let nobody = error(&place, &["calibrate", "--from-feedback"], 1);
    assert!(nobody.contains("nobody is enrolled by voice"), "{nobody}");
    let unknown = error(&place, &["calibrate", "--from-feedback", "--tenant", "other"], 1);
    assert!(unknown.contains("there is no tenant other"), "{unknown}");
    let none = error(&place, &["calibrate", "--deactivate"], 1);
    assert!(none.contains("has no calibration of its own"), "{none}");
    let file = place.dir.path().join("candidate.json");
    let file = file.to_str().unwrap();
    let missing = error(&place, &["calibrate", "--activate", file], 1);
    assert!(missing.contains("candidate.json"), "{missing}");
    std::fs::write(file, "{}").unwrap();
    let empty = error(&place, &["calibrate", "--activate", file], 1);
    assert!(empty.contains("candidate.json") && empty.contains("tenant"), "{empty}");
    std::fs::write(file, vec![b' '; (64 << 10) + 1]).unwrap();
    let large = error(&place, &["calibrate", "--activate", file], 1);
    assert!(large.contains("at most 65536 bytes, got 65537"), "{large}");
    error(&place, &["calibrate"], 2);
    error(&place, &["calibrate", "--from-feedback", "--deactivate"], 2);
}
