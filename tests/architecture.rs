//! Holds the module directions of ARCHITECTURE.md: a module uses only what stands above it, and
//! external crates keep to their rooms.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is wrong")]

use std::fs;
use std::path::{Path, PathBuf};

/// Modules in story order; each may use those before it.
const ORDER: &[&str] = &[
    "domain",
    "audio",
    "features",
    "voice",
    "scoring",
    "spoof",
    "behavior",
    "conversation",
    "policy",
    "session",
    "crypto",
    "engine",
    "store",
    "audit",
    "usecase",
];

/// Edges talk to the use-cases in the words of the domain.
const EDGES: &[&str] = &["grpc", "web", "cli"];

/// The composition root and what it configures may use everything.
const ROOT: &[&str] = &["config", "telemetry", "app", "main", "lib", "testing"];

/// What an edge may use beside `usecase` and `domain`. The command line starts the server, so it sees
/// the configuration and the composition root.
const EDGE_MAY_USE: &[(&str, &[&str])] = &[
    ("grpc", &["usecase", "domain"]),
    ("cli", &["usecase", "domain", "config", "telemetry", "app", "grpc"]),
];

/// External crates and the rooms that may name them.
const ROOMS: &[(&[&str], &[&str])] = &[
    (
        &[
            "tonic",
            "prost",
            "prost_types",
            "tonic_prost",
            "tonic_health",
            "tonic_reflection",
            "tonic_types",
        ],
        &["grpc"],
    ),
    (&["sqlx"], &["store"]),
    (&["ring"], &["crypto"]),
    (&["realfft"], &["audio", "features"]),
    (&["rubato", "symphonia"], &["audio"]),
    (&["candle_core"], &["voice", "spoof", "engine"]),
    (&["cel"], &["policy"]),
    (&["clap"], &["cli", "main"]),
    (&["tracing_subscriber"], &["telemetry"]),
];

/// Modules that may know tokio: the engine and everything after it.
const TOKIO: &[&str] = &[
    "engine",
    "store",
    "audit",
    "usecase",
    "grpc",
    "web",
    "cli",
    "config",
    "telemetry",
    "app",
    "main",
];

/// Modules that know no clock, disk or network: those come as arguments. `audio` and `voice` open the
/// files they are asked to read.
const PURE: &[&str] =
    &["domain", "features", "scoring", "behavior", "conversation", "policy", "session"];

/// What a pure module must not name.
const IMPURE: &[&str] = &["std::fs", "std::net", "SystemTime::now", "Instant::now", "std::env"];

struct Source {
    path: PathBuf,
    room: String,
    /// Code without comments and without the unit tests at its end.
    code: Vec<(usize, String)>,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut pending = vec![root.clone()];
    let mut found = Vec::new();
    while let Some(path) = pending.pop() {
        if path.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let inside = path.strip_prefix(&root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let room = first.trim_end_matches(".rs").to_owned();
            // `tests.rs`, and everything in a folder `tests`.
            let is_test_file = inside.with_extension("").iter().any(|part| part == "tests");
            if !is_test_file {
                let code = code_of(&fs::read_to_string(&path).unwrap());
                found.push(Source { path: path.clone(), room, code });
            }
        }
    }
    assert!(found.len() > 20, "only {} source files found", found.len());
    found
}

fn code_of(text: &str) -> Vec<(usize, String)> {
    text.lines()
        .enumerate()
        .take_while(|(_, line)| line.trim() != "#[cfg(test)]")
        .map(|(number, line)| (number + 1, line.split("//").next().unwrap_or("").to_owned()))
        .filter(|(_, line)| !line.trim().is_empty())
        .collect()
}

/// The names that follow `prefix` in a line: `crate::audio::x` gives `audio`.
fn names_after<'a>(line: &'a str, prefix: &str) -> Vec<&'a str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(prefix)
        .filter(|(at, _)| !line[..*at].ends_with(|c| is_word(c) || c == ':'))
        .map(|(at, _)| {
            let rest = &line[at + prefix.len()..];
            &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn names_crate(line: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(name).any(|(at, _)| {
        let before = !line[..at].ends_with(|c| is_word(c) || c == ':' || c == '.');
        before && line[at + name.len()..].starts_with("::")
    })
}

fn may_use(room: &str, other: &str) -> bool {
    if room == other || ROOT.contains(&room) {
        return true;
    }
    if EDGES.contains(&room) {
        let listed = EDGE_MAY_USE.iter().find(|(edge, _)| *edge == room);
        return listed.is_some_and(|(_, allowed)| allowed.contains(&other));
    }
    let place = |name: &str| ORDER.iter().position(|m| *m == name);
    match (place(room), place(other)) {
        (Some(here), Some(there)) => there < here,
        _ => false,
    }
}

#[test]
fn modules_use_only_what_stands_above_them() {
    let mut wrong = Vec::new();
    for source in sources() {
        let known = ORDER.contains(&&*source.room)
            || EDGES.contains(&&*source.room)
            || ROOT.contains(&&*source.room);
        assert!(known, "{} is in no known room", source.path.display());
        for (number, line) in &source.code {
            for other in names_after(line, "crate::") {
                let is_module =
                    ORDER.contains(&other) || EDGES.contains(&other) || ROOT.contains(&other);
                if is_module && !may_use(&source.room, other) {
                    wrong.push(format!(
                        "{}:{number}: {} uses {other}",
                        source.path.display(),
                        source.room
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "against the module order:\n{}", wrong.join("\n"));
}

#[test]
fn nested_imports_from_the_crate_root_are_written_out() {
    // `use crate::{a, b}` would hide module names from the test above.
    for source in sources() {
        for (number, line) in &source.code {
            assert!(!line.contains("crate::{"), "{}:{number}: {line}", source.path.display());
        }
    }
}

#[test]
fn external_crates_keep_to_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in &source.code {
            for (crates, rooms) in ROOMS {
                for name in *crates {
                    if names_crate(line, name) && !rooms.contains(&&*source.room) {
                        wrong.push(format!(
                            "{}:{number}: {name} in {}",
                            source.path.display(),
                            source.room
                        ));
                    }
                }
            }
            if names_crate(line, "tokio") && !TOKIO.contains(&&*source.room) {
                wrong.push(format!("{}:{number}: tokio in {}", source.path.display(), source.room));
            }
        }
    }
    assert!(wrong.is_empty(), "crates out of their rooms:\n{}", wrong.join("\n"));
}

#[test]
fn pure_modules_know_no_clock_disk_or_network() {
    let mut wrong = Vec::new();
    for source in sources().iter().filter(|s| PURE.contains(&&*s.room)) {
        for (number, line) in &source.code {
            for name in IMPURE {
                if line.contains(name) {
                    wrong.push(format!("{}:{number}: {name}", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "impure:\n{}", wrong.join("\n"));
}

#[test]
fn the_checks_themselves_see_violations() {
    assert_eq!(
        names_after("use crate::store::Store; crate::domain::x()", "crate::"),
        ["store", "domain"]
    );
    assert!(!may_use("domain", "store"));
    assert!(!may_use("scoring", "policy"));
    assert!(!may_use("grpc", "store"));
    assert!(may_use("usecase", "audit"));
    assert!(names_crate("use ring::aead;", "ring"));
    assert!(!names_crate("substring::x", "ring"));
}
