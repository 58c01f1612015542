//! Texts that people write or programs keep: every parser, and what must hold of what it read. Used by
//! the fuzz target `text_files` and by the property tests in `tests/it/texts.rs`.

use std::path::Path;

use vouch::audit::{Checkpoint, parse_checkpoints};
use vouch::crypto::{MasterKey, PresentedKey, VerifyKey};
use vouch::domain::{DecisionId, Role, SubjectId};
use vouch::usecase::command::IdempotencyKey;
use vouch::usecase::embed_file::Item;
use vouch::usecase::{score_trials, speech_set};
use vouch::voice::Manifest;

/// Every kind of text; whether it was read.
pub const READERS: [fn(&str) -> bool; 8] =
    [trial_list, configuration, model_manifest, speech_manifest, ids, keys, checkpoints, item];

/// Reads bytes as the kind of text that the first byte says.
pub fn read(bytes: &[u8]) -> bool {
    match bytes.split_first().map(|(kind, text)| (kind, std::str::from_utf8(text))) {
        Some((kind, Ok(text))) => READERS[usize::from(*kind) % READERS.len()](text),
        _ => false,
    }
}

/// A list that was read says the same when it is written again.
fn trial_list(text: &str) -> bool {
    let Ok(trials) = score_trials::parse(text) else { return false };
    let line = |t: &score_trials::TrialLine| {
        let label = t.label.map_or("", |same| if same { "target" } else { "nontarget" });
        format!("{} {} {label}\n", t.enroll, t.test)
    };
    let again: String = trials.iter().map(line).collect();
    assert_eq!(score_trials::parse(&again).ok(), Some(trials));
    true
}

/// The file, and after a NUL lines NAME=VALUE of the environment. What was read is read again as printed.
fn configuration(text: &str) -> bool {
    let (file, environment) = text.split_once('\0').unwrap_or((text, ""));
    let pair = |line: &str| line.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
    let variables = environment.lines().filter_map(pair);
    let Ok(config) = vouch::config::parse("fuzz", file, variables) else { return false };
    let again = vouch::config::parse("again", &config.to_toml(), std::iter::empty());
    assert_eq!(again.expect("what is printed is valid"), config);
    true
}

fn model_manifest(text: &str) -> bool {
    let Ok(manifest) = Manifest::parse(text) else { return false };
    // Both become parts of paths.
    for name in [&manifest.id, &manifest.weights.file] {
        assert!(!name.contains(['/', '\\']) && !name.starts_with('.'), "{name}");
    }
    true
}

fn speech_manifest(text: &str) -> bool {
    let Ok(recordings) = speech_set::parse(text) else { return false };
    let speakers = speech_set::by_speaker(&recordings);
    assert_eq!(speakers.iter().map(Vec::len).sum::<usize>(), recordings.len());
    true
}

fn ids(text: &str) -> bool {
    if let Some(key) = IdempotencyKey::parse(text) {
        assert!(key.as_str().len() <= 128);
    }
    if let Some(role) = Role::parse(text) {
        assert_eq!(role.as_str(), text);
    }
    let Ok(id) = SubjectId::parse(text) else { return false };
    assert!(id.as_str().len() <= 64 && id.as_str() == text);
    DecisionId::parse(text).is_ok()
}

fn keys(text: &str) -> bool {
    let (master, public) = (MasterKey::parse(text), VerifyKey::parse(text));
    let Ok(key) = PresentedKey::parse(text) else { return master.is_ok() || public.is_some() };
    assert!(text.contains(key.id().as_str()));
    true
}

/// Checkpoints that were read are read again as they are written; none has a signature by this key.
fn checkpoints(text: &str) -> bool {
    let Ok(read) = parse_checkpoints(text, Path::new("fuzz")) else { return false };
    let line = |c: &Checkpoint| serde_json::to_string(c).expect("plain values") + "\n";
    let again: String = read.iter().map(line).collect();
    assert_eq!(parse_checkpoints(&again, Path::new("again")).ok().as_ref(), Some(&read));
    // Any point of the curve will do.
    let key = VerifyKey::parse(&format!("58{}", "66".repeat(31))).expect("64 hex digits");
    assert!(read.iter().all(|checkpoint| checkpoint.verified(key).is_none()));
    true
}

/// A piece of a recording that was read is read again as it is written.
fn item(text: &str) -> bool {
    let Ok(item) = text.parse::<Item>() else { return false };
    assert_eq!(item.to_string().parse::<Item>().ok(), Some(item));
    true
}
