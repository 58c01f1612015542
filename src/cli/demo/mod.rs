//! `vouch demo`: the main job on real recordings, through the real server and a real client.

mod age;
mod app_session;
mod call;
mod report;
mod script;
mod typist;
mod voices;

use std::io::{Stdout, Write, stdout};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::app::{self, admin, serve};
use crate::cli::model::ModelArgs;
use crate::cli::{CliError, Done};
use crate::config::Config;
use crate::grpc::client::Client;
use crate::usecase::recordings::as_telephone;
use report::Report;
use script::{Script, Tally};
use voices::Person;

/// Where `fixtures/voices.sh` puts its recordings.
const DEFAULT_AUDIO: &str = "fixtures/voices";

/// Enrolls, verifies and identifies real speakers through a real server on a free port, rejects a
/// stranger, locks, erases, and verifies the audit chain. Shows how it works; it is no accuracy figure.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recordings: one folder a speaker, at least 3 folders with 6 recordings of 4 to 20 s each.
    #[arg(long, value_name = "DIR", default_value = DEFAULT_AUDIO)]
    audio: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    if !args.audio.is_dir() {
        return Err(CliError::Usage(format!(
            "{} is not there: run fixtures/voices.sh (Debian and relatives) to get telephone \
             recordings, or give your own with --audio DIR, one folder a speaker",
            args.audio.display()
        )));
    }
    let mut report = Report::new(stdout());
    report
        .line("Vouch demonstration: real recordings, real server, real client.")
        .and_then(|()| {
            report
                .line("It shows how Vouch works on a handful of voices; it is no accuracy figure.")
        })
        .map_err(CliError::failed)?;
    let people =
        voices::read(&args.audio, |path| as_telephone(path).ok()).map_err(CliError::failed)?;
    report.line(&cast(&args.audio, &people)).map_err(CliError::failed)?;
    let folder = tempfile::tempdir().map_err(CliError::failed)?;
    let config = config(folder.path(), &args)?;
    let runtime = tokio::runtime::Runtime::new().map_err(CliError::failed)?;
    let (tally, mut report) = runtime.block_on(play(&config, &people, report))?;
    drop(runtime);
    finish(&config, tally, &mut report)
}

/// Starts timing what a person waits for.
#[expect(clippy::disallowed_methods, reason = "an edge tells people how long things take")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// Who takes part, in a sentence.
fn cast(audio: &Path, people: &[Person]) -> String {
    let names: Vec<String> = people
        .iter()
        .map(|person| {
            let folders: Vec<&str> = person.folders.iter().map(|f| f.label.as_str()).collect();
            format!("{} ({})", person.name, folders.join(", "))
        })
        .collect();
    format!("voices  {} from {}; the last stays a stranger", names.join(", "), audio.display())
}

/// A server of its own in a temporary folder: fresh keys, fresh database, a free port.
fn config(folder: &Path, args: &Args) -> Result<Config, CliError> {
    let mut config = Config::default();
    config.server.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    config.store.path = folder.join("data").join("vouch.db");
    config.keys.master_key_file = folder.join("master.key");
    config.audit.checkpoint_file = folder.join("checkpoints").join("audit.jsonl");
    config.models.default = args.model.model.clone();
    config.models.dir = Some(args.model.dir());
    Ok(config)
}

type Played = (Tally, Report<Stdout>);

/// Starts the server, runs the script against it, stops the server.
async fn play(
    config: &Config,
    people: &[Person],
    mut report: Report<Stdout>,
) -> Result<Played, CliError> {
    let begun = stopwatch();
    let (told, started) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let tell = move |s| drop(told.send(s));
    let server = serve::run(config, tell, async { drop(stopped.await) });
    let client = async {
        // Dropped at the end in every case, so that the server stops too.
        let _stop = stop;
        let started = started.await.map_err(|_| CliError::failed("the server did not start"))?;
        let key =
            started.first_key.ok_or_else(|| CliError::failed("the server made no API key"))?;
        report
            .line(&format!(
                "server  {} (loopback), ready after {:.1} s, database and keys in a temporary folder",
                started.address,
                begun.elapsed().as_secs_f64()
            ))
            .map_err(CliError::failed)?;
        let address = format!("http://{}", started.address);
        let client = Client::connect(&address, &key.text).await.map_err(CliError::failed)?;
        Script::new(client, people, report).run().await.map_err(CliError::failed)
    };
    let (served, played) = tokio::join!(server, client);
    served.map_err(CliError::failed)?;
    played
}

/// Verifies the audit chain of the stopped server and sums up.
fn finish(config: &Config, tally: Tally, report: &mut Report<Stdout>) -> Result<Done, CliError> {
    let work = admin::verify_audit(config, &config.audit.checkpoint_file, None);
    let audit = app::block_on(work).map_err(CliError::failed)?;
    let mut tell = || -> std::io::Result<()> {
        report.section("Audit: the server has stopped; every row and the chain are checked")?;
        match &audit.finding {
            None => report.line(&format!(
                "   {} records, {} of them erased, signed up to record {}: sound",
                audit.records, audit.erased, audit.anchored.sequence
            ))?,
            Some(finding) => report.line(&format!("   NOT SOUND: {finding}"))?,
        }
        report.section("In short")?;
        report.line(&format!(
            "   genuine attempts accepted {} of {}; impostor attempts accepted {} of {}; stranger {}",
            tally.genuine_accepted,
            tally.genuine,
            tally.impostor_accepted,
            tally.impostor,
            if tally.stranger_found { "FOUND among the enrolled" } else { "found nowhere" },
        ))?;
        report.line(
            "   No check for replayed or synthetic speech ran (PAD_NOT_EVALUATED on every answer).",
        )?;
        report.line(
            "   A demonstration on a handful of voices is no accuracy figure; README.md has those.",
        )?;
        stdout().flush()
    };
    tell().map_err(CliError::failed)?;
    match audit.finding {
        None => Ok(Done::All),
        Some(finding) => Err(CliError::failed(finding.to_string())),
    }
}
