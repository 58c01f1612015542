//! `vouch policy`: policies of sessions. All but `check` need the server stopped: the database has one owner at a time.

use std::io::{Write, stdout};
use std::path::PathBuf;

use crate::app::{self, policies, serve};
use crate::cli::serve::ConfigArg;
use crate::cli::{CliError, Done};
use crate::config::clock;
use crate::domain::ArtifactRef;
use crate::usecase::policies::{
    Outcomes, PolicyBytes, PolicyStanding, PolicyVersion, WhatIfReport, check_file,
};

/// Holds the API key of who acts.
const KEY_VARIABLE: &str = "VOUCH_API_KEY";
/// One day, in milliseconds.
const DAY_MS: u64 = 86_400_000;
/// Furthest back that can be asked, in days: ten years.
const MAX_DAYS: u64 = 3_650;

/// Checks, lists, proposes, approves and tries policies of sessions. All but `check` need the server stopped.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Whose policies.
    #[arg(long, default_value = serve::FIRST_TENANT, global = true)]
    tenant: String,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Says whether a file is sound, and where not (exit code 3).
    Check {
        /// The file, TOML.
        file: PathBuf,
    },
    /// Lists versions, newest first, tab-separated.
    List,
    /// Proposes a file. Who proposes is named by an admin's API key in VOUCH_API_KEY.
    Propose {
        /// The file, TOML.
        file: PathBuf,
    },
    /// Approves the change on its way and puts it in force, as somebody else than who asked for it: with another
    /// admin's API key in VOUCH_API_KEY.
    Approve {
        /// Which, as NAME@VERSION.
        #[arg(value_name = "NAME@VERSION", value_parser = version)]
        which: ArtifactRef,
        /// SHA-256 of the file that was read.
        #[arg(long)]
        sha256: String,
    },
    /// Rejects it, as somebody else.
    Reject {
        /// Which, as NAME@VERSION.
        #[arg(value_name = "NAME@VERSION", value_parser = version)]
        which: ArtifactRef,
    },
    /// What a file would have decided in place of the policy in force, over stored session decisions.
    WhatIf {
        /// The file, TOML.
        file: PathBuf,
        /// Decisions of the last days; all without it.
        #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_DAYS))]
        days: Option<u64>,
    },
}

fn version(text: &str) -> Result<ArtifactRef, String> {
    let parts = text.rsplit_once('@');
    let read = parts.and_then(|(id, n)| Some(ArtifactRef::new(id, n.parse().ok()?)));
    read.ok_or_else(|| "must be NAME@VERSION, as bank@2".to_owned())
}

/// The API key of who acts. It stands in no argument: those are seen by everybody on the machine.
fn key() -> Result<String, CliError> {
    let named = std::env::var(KEY_VARIABLE).ok().filter(|key| !key.is_empty());
    named.ok_or_else(|| CliError::Usage(format!("put an admin's API key into {KEY_VARIABLE}")))
}

fn say(line: &str) -> Result<(), CliError> {
    writeln!(stdout().lock(), "{line}").map_err(CliError::failed)
}

/// Runs the command.
pub fn run(args: Args) -> Result<Done, CliError> {
    if let Action::Check { file } = &args.action {
        return check(file);
    }
    let (config, tenant) = (args.config.load()?, &args.tenant);
    match args.action {
        Action::Check { .. } => {}
        Action::List => {
            let ledger =
                app::block_on(policies::list(&config, tenant)).map_err(CliError::failed)?;
            say("version\tstate\tproposed by\tproposed\tdecided by\tdecided\tsha256")?;
            for known in ledger.versions.iter().rev() {
                say(&line(known))?;
            }
        }
        Action::Propose { file } => {
            let (key, text) = (key()?, policies::file(&file).map_err(CliError::failed)?);
            let work = policies::propose(&config, tenant, &key, text);
            let policy = app::block_on(work).map_err(CliError::failed)?;
            say(&format!("{}\t{}", policy.version, policy.sha256))?;
        }
        Action::Approve { which, sha256 } => {
            let (key, policy) = (key()?, PolicyBytes { version: which, sha256 });
            let work = policies::approve(&config, tenant, &key, policy);
            app::block_on(work).map_err(CliError::failed)?;
        }
        Action::Reject { which } => {
            let key = key()?;
            let work = policies::reject(&config, tenant, &key, which);
            app::block_on(work).map_err(CliError::failed)?;
        }
        Action::WhatIf { file, days } => {
            let text = policies::file(&file).map_err(CliError::failed)?;
            let from = days.map(|days| {
                let back = i64::try_from(days * DAY_MS).unwrap_or(i64::MAX);
                crate::domain::Timestamp::from_unix_ms(clock::now().unix_ms().saturating_sub(back))
            });
            let work = policies::what_if(&config, tenant, &text, (from, None));
            told(&app::block_on(work).map_err(CliError::failed)?)?;
        }
    }
    Ok(Done::All)
}

fn check(file: &std::path::Path) -> Result<Done, CliError> {
    let text = policies::file(file).map_err(CliError::failed)?;
    let found = check_file(&text);
    if let Some(policy) = found.policy {
        say(&format!("{}\t{}", policy.version, policy.sha256))?;
        return Ok(Done::All);
    }
    for problem in found.problems {
        let path = problem.path.as_ref().map_or_else(String::new, |path| format!(" ({path})"));
        eprintln!("vouch: {}: {problem}{path}", file.display());
    }
    Ok(Done::Some)
}

fn line(known: &PolicyVersion) -> String {
    let state = match known.standing {
        PolicyStanding::Proposed => "proposed",
        PolicyStanding::Active => "active",
        PolicyStanding::Retired => "retired",
        PolicyStanding::Rejected => "rejected",
        PolicyStanding::Lapsed => "lapsed",
    };
    let by = known.decided_by.as_ref().map_or("-", |key| key.as_str());
    let at = known.decided_at.map_or_else(|| "-".to_owned(), |at| at.to_string());
    let PolicyBytes { version, sha256 } = &known.policy;
    let (proposed_by, proposed_at) = (&known.proposed_by, known.proposed_at);
    format!("{version}\t{state}\t{proposed_by}\t{proposed_at}\t{by}\t{at}\t{sha256}")
}

/// The report: one line in words, then a table of counts.
fn told(report: &WhatIfReport) -> Result<(), CliError> {
    let what_if = &report.what_if;
    say(&what_if.summary())?;
    let (all, left) = (report.decisions, report.not_replayable);
    say(&format!("{} of {all} decisions replayed, {left} could not be", what_if.decisions))?;
    if report.more {
        say("older decisions were not read")?;
    }
    let (cost, currency) = (what_if.cost_per_mille(), &report.currency);
    say(&format!("expected cost: {cost:+.2} {currency} for a thousand decisions"))?;
    say("intent\tpolicy\taccept\tstep up\treject\tother\texpected fraud\texpected cost")?;
    let row = |intent: &str, policy: &ArtifactRef, o: &Outcomes| {
        let counts = format!("{}\t{}\t{}\t{}", o.accepts, o.step_ups, o.rejects, o.others);
        say(&format!(
            "{intent}\t{policy}\t{counts}\t{:.4}\t{:.2}",
            o.expected_fraud, o.expected_cost
        ))
    };
    row("all", &what_if.before, &what_if.outcomes_before)?;
    row("all", &what_if.after, &what_if.outcomes_after)?;
    for (intent, [before, after]) in &what_if.by_intent {
        row(intent.as_str(), &what_if.before, before)?;
        row(intent.as_str(), &what_if.after, after)?;
    }
    for seen in &report.agreement {
        let (active, shadow) = (&seen.active, &seen.shadow);
        let (agreed, of) = (seen.agreed, seen.decisions);
        say(&format!("shadow {shadow} agreed with {active} on {agreed} of {of} decisions"))?;
    }
    Ok(())
}
