//! What is wrong usage ends with 2, whatever the inputs hold.

use std::path::Path;
use std::process::Command;

/// The exit code of a command, and what it said on stderr.
fn vouch(dir: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vouch"))
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn features_that_cannot_be_are_wrong_usage() {
    let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/campplus/clip.wav");
    let folder = tempfile::tempdir().unwrap();
    for wrong in [
        &["--kind", "mfcc", "--ceps", "30"][..],
        &["--kind", "fbank", "--bins", "1"],
        &["--kind", "fbank", "--ceps", "13"],
    ] {
        let (code, said) = vouch(folder.path(), &[&["features", clip], wrong].concat());
        assert_eq!(code, Some(2), "{wrong:?}: {said}");
    }
    let (code, said) = vouch(folder.path(), &["features", "--kind", "mfcc", "missing.wav"]);
    assert_eq!(code, Some(1), "{said}");
}

#[test]
fn lists_and_shares_that_are_none_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("list"), "a.wav b.wav target\nonly\n").unwrap();
    std::fs::write(dir.join("unlabeled"), "a.wav b.wav\n").unwrap();
    std::fs::write(dir.join("scores"), "a.wav\tb.wav\t1\t2\ttarget\n").unwrap();
    for (arguments, why) in [
        (&["calibrate", "--trials", "list"][..], "list: line 2"),
        (&["score", "--trials", "list"], "list: line 2"),
        (&["calibrate", "--scores", "scores"], "scores: line 1"),
        (&["evaluate", "enrollment", "--data", ".", "--false-refusal", "2"], "--false-refusal"),
        (&["evaluate", "enrollment", "--data", ".", "--false-refusal", "NaN"], "--false-refusal"),
    ] {
        let (code, said) = vouch(dir, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {said}");
        assert!(said.contains(why), "{arguments:?}: {said}");
    }
}

#[test]
fn audio_without_sound_is_a_failed_row() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // Two seconds of nothing at 16 kHz.
    let mut wav = b"RIFF\x24\xfa\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    wav.extend(16_000u32.to_le_bytes());
    wav.extend(32_000u32.to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(64_000u32.to_le_bytes());
    wav.resize(wav.len() + 64_000, 0);
    std::fs::write(dir.join("a.wav"), &wav).unwrap();
    std::fs::write(dir.join("b.wav"), &wav).unwrap();
    std::fs::write(dir.join("list"), "a.wav b.wav\n").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vouch"))
        .args(["score", "--trials", "list"])
        .current_dir(dir)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("there is no sound in 2.00 s of audio"), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    assert_eq!(table.lines().nth(1), Some("a.wav\tb.wav\terror\terror"));
    for command in ["embed", "age"] {
        let (code, said) = vouch(dir, &[command, "a.wav"]);
        assert!(said.contains("there is no sound"), "{command}: {said}");
        assert_eq!(code, Some(3), "{command}: {said}");
    }
}

#[cfg(unix)]
#[test]
fn variables_that_are_not_text_are_named_or_ignored() {
    use std::os::unix::ffi::OsStrExt as _;
    let folder = tempfile::tempdir().unwrap();
    let with = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_vouch"))
            .args(["tenant", "list"])
            .env(name, std::ffi::OsStr::from_bytes(b"\xff"))
            .current_dir(folder.path())
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = with("VOUCH_SERVER_LISTEN");
    assert!(said.contains("VOUCH_SERVER_LISTEN is not UTF-8"), "{said}");
    assert_ne!(code, Some(0));
    // Of another program: whatever follows, it is not about that.
    let (code, said) = with("OTHER");
    assert!(!said.contains("UTF-8") && code != Some(101), "{code:?} {said}");
}
