//! Live calls at the same time through the real server over loopback: how many one core sustains.
//!
//! `cargo bench --bench live -- [--calls N] [--seconds S] [--model ID] [--mode identify|verify|session]
//! [--without-network] [--together] [--server PATH]`. Each call sends G.711 in packets of 20 ms, all of it speech, and
//! is identified against a list of 1,000 enrolled subjects (or verified, or a session with an intent at its
//! end); an estimate comes every second of speech, and a final, audited decision at the end. Calls begin and end evenly
//! spread over time, as people call, and each is followed by another, so that there are always as many: that is the
//! time that is measured. With `--together` all begin within a second and end within one. The server is a process of
//! its own on core 0, the load comes from core 1. Without `--calls`, the largest number is searched for at which 99 % of
//! the updates arrive within 50 ms of the packet that completes their second; sessions, which tell news alone, need
//! `--calls`. `--without-network` asks for more speech than a call has before the first comparison: what is left is
//! everything but the embedding.

#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a bench measures time, prints, and stops at the first thing that is wrong"
)]

mod call;
mod enroll;
mod server;
mod session;
mod speech;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use tonic::transport::Endpoint;
use vouch::config::Config;
use vouch::usecase::model_dir::models_dir_from_environment;

use call::{Bench, Seen, Wait, calls};
use enroll::enroll;
use server::Server;
use speech::speech;

/// Enrolled subjects, all of them on the candidate list.
pub const SUBJECTS: usize = 1_000;
/// Calls a connection carries.
const CALLS_PER_CONNECTION: usize = 50;
/// Updates must arrive within this, 99 of 100.
const LIMIT: Duration = Duration::from_millis(50);
/// More net speech than a call of this bench has, in milliseconds.
const NEVER_MS: u32 = 30_000;

struct Options {
    calls: Option<usize>,
    seconds: usize,
    model: String,
    mode: Mode,
    network: bool,
    together: bool,
    server: PathBuf,
}

/// What is asked of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Identification against a list.
    Identify,
    /// Verification of a claim.
    Verify,
    /// A session with an intent at its end.
    Session,
}

fn mode(name: &str) -> Mode {
    match name {
        "identify" => Mode::Identify,
        "verify" => Mode::Verify,
        "session" => Mode::Session,
        _ => panic!("unknown mode {name}: identify, verify or session"),
    }
}

fn options() -> Options {
    let mut options = Options {
        calls: None,
        seconds: 12,
        model: "campplus".into(),
        mode: Mode::Identify,
        network: true,
        together: false,
        server: env!("CARGO_BIN_EXE_vouch").into(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().unwrap_or_else(|| panic!("{arg} needs a value"));
        match arg.as_str() {
            "--calls" => options.calls = Some(value().parse().unwrap()),
            "--seconds" => options.seconds = value().parse().unwrap(),
            "--model" => options.model = value(),
            "--mode" => options.mode = mode(&value()),
            "--without-network" => options.network = false,
            "--together" => options.together = true,
            "--server" => options.server = value().into(),
            "--bench" => {}
            _ => panic!("unknown argument {arg}"),
        }
    }
    // An update of a session comes with news alone, so their delays say nothing about how many calls a core sustains.
    if options.mode == Mode::Session && options.calls.is_none() {
        println!(
            "--mode session needs --calls N: a session tells news alone, so nothing can be searched for by its updates"
        );
        std::process::exit(2);
    }
    options
}

fn main() {
    let options = options();
    pin("1", std::process::id());
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.server.listen = "127.0.0.1:0".parse().unwrap();
    config.server.max_calls = 10_000;
    config.server.max_calls_per_connection = 1_000;
    config.store.path = folder.path().join("data").join("vouch.db");
    config.keys.master_key_file = folder.path().join("master.key");
    config.audit.checkpoint_file = folder.path().join("audit.jsonl");
    config.models.default.clone_from(&options.model);
    config.models.dir = Some(models_dir_from_environment(None).canonicalize().unwrap());
    config.telemetry.level = vouch::config::LogLevel::Info;
    if !options.network {
        config.policy.verification.min_net_speech_ms = NEVER_MS;
        config.policy.verification.early_reject_net_speech_ms = NEVER_MS;
    }
    let speech = speech(options.seconds);
    let first_ms = config.policy.verification.min_net_speech_ms;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.unwrap().block_on(async {
        let key = enroll(&config, &speech.packets.concat()).await;
        let bench = Arc::new(Bench { speech, first_ms, key, asked: AtomicU64::new(0) });
        match options.calls {
            Some(calls) => {
                trial(&bench, &options, &config, folder.path(), calls).await;
            }
            None => search(&bench, &options, &config, folder.path()).await,
        }
    });
}

/// Lets the process (and the threads it will make) run on one core, where `taskset` can do that.
fn pin(core: &str, process: u32) {
    let done = Command::new("taskset")
        .args(["-pc", core, &process.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !done.is_ok_and(|status| status.success()) {
        println!("process {process} is not pinned to core {core}");
    }
}

/// Doubles the number of calls until it is too many, then halves the difference.
async fn search(bench: &Arc<Bench>, options: &Options, config: &Config, folder: &Path) {
    let (mut good, mut bad, mut calls) = (0usize, None, 8);
    while bad.is_none_or(|bad| bad > good + good.div_ceil(16)) {
        if trial(bench, options, config, folder, calls).await {
            good = calls;
        } else {
            bad = Some(calls);
        }
        calls = match bad {
            Some(bad) => good.midpoint(bad),
            None => 2 * calls,
        };
        if calls == good {
            break;
        }
    }
    println!("sustained on one core: {good} calls with 99 % of updates within {LIMIT:?}");
}

/// When calls begin and what of them is measured.
struct Load {
    /// Over how long the first calls begin.
    spread: Duration,
    /// Calls one after the other in each place.
    rounds: usize,
    /// From when on there are as many calls as places, and until when, from the start.
    steady: [Duration; 2],
}

impl Load {
    fn new(options: &Options) -> Self {
        let length = Duration::from_secs(options.seconds as u64);
        let second = Duration::from_secs(1);
        match options.together {
            true => Self { spread: second, rounds: 1, steady: [2 * second, length - second] },
            false => Self { spread: length, rounds: 2, steady: [length, 2 * length] },
        }
    }
}

/// Runs so many calls at the same time on a fresh server; whether all went well and in time.
async fn trial(
    bench: &Arc<Bench>,
    options: &Options,
    config: &Config,
    folder: &Path,
    places: usize,
) -> bool {
    let server = Server::start(&options.server, config, folder);
    let mut channels = Vec::new();
    for _ in 0..places.div_ceil(CALLS_PER_CONNECTION) {
        channels
            .push(Endpoint::from_shared(server.address.clone()).unwrap().connect().await.unwrap());
    }
    let before_kib = server.resident_kib();
    let load = Load::new(options);
    let start = Instant::now() + Duration::from_millis(100);
    let tasks: Vec<_> = (0..places)
        .map(|n| {
            let (bench, channel) = (Arc::clone(bench), channels[n / CALLS_PER_CONNECTION].clone());
            let begin = start + load.spread * n as u32 / places as u32;
            let each = (options.mode, load.rounds);
            tokio::spawn(async move { calls(&bench, channel, begin, each).await })
        })
        .collect();
    let [from, to] = load.steady.map(|after| start + after);
    tokio::time::sleep_until(from.into()).await;
    let cpu_from = server.cpu();
    tokio::time::sleep_until(to.into()).await;
    let cpu = server.cpu() - cpu_from;
    let kib = server.resident_kib().saturating_sub(before_kib) as f64 / places as f64;
    let mut seen = Seen::default();
    for task in tasks {
        seen.add(task.await.unwrap());
    }
    // Calls that begin together end together: all that they saw counts, the end as well.
    let counts = |at: &Instant| options.together || (from..to).contains(at);
    let waits = |of: Vec<Wait>| {
        let mut waits: Vec<Duration> =
            of.into_iter().filter(|(at, _)| counts(at)).map(|(_, wait)| wait).collect();
        waits.sort();
        waits
    };
    let (updates, late, decided) = (waits(seen.updates), waits(seen.late), waits(seen.decided));
    let at = |of: &[Duration], share: f64| {
        let n = (of.len().max(1) - 1) as f64 * share;
        of.get(n as usize).map_or(f64::NAN, |d| d.as_secs_f64() * 1e3)
    };
    let share = cpu.as_secs_f64() / (to - from).as_secs_f64();
    println!(
        "{places} calls: {} updates, p50 {:.1} p99 {:.1} ms; {} decisions, p50 {:.1} p99 {:.1} ms; \
         {:.2} ms of server CPU a call and second, {:.0} % of a core; {kib:.0} KiB a call; {} failed \
         {:?}; load late p99 {:.1} ms",
        updates.len(),
        at(&updates, 0.5),
        at(&updates, 0.99),
        decided.len(),
        at(&decided, 0.5),
        at(&decided, 0.99),
        1e3 * share / places as f64,
        100.0 * share,
        seen.failed,
        seen.ends,
        at(&late, 0.99),
    );
    seen.failed == 0 && at(&updates, 0.99) <= LIMIT.as_secs_f64() * 1e3
}
