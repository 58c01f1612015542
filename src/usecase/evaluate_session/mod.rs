//! Evaluation of the fusion of sessions: `vouch evaluate session`.
//!
//! People are chimeric: put together from real people of disjoint data sets, whose comparisons other evaluations have scored.
//! Writes into its output folder: `protocol.toml`, which repeats the run to the digit, `sessions.tsv`, `evaluation.json`,
//! `det.svg` and `reliability.svg`; and the fusion, if asked.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::domain::Modality;
use crate::scoring::ScoringError;
use crate::scoring::fusion::Fusion;
use crate::usecase::evaluate_behavior::EvaluateBehaviorError;

pub mod chimera;
pub mod figures;
pub mod fused;
pub mod parts;
pub mod protocol;
pub mod report;
pub mod shares;

use figures::{Row, Scored};
use protocol::ProtocolFile;
use shares::ShareRow;

/// Why there is no evaluation.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateSessionError {
    /// Reading or writing a file.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
    /// A file of scores that cannot be used.
    #[error("{0}: {1}")]
    Scores(PathBuf, String),
    /// Results of another evaluation that are not there.
    #[error(
        "{folder} has no results: run `vouch evaluate {part} --out {folder}` before, or name the data sets of \
         behavior by --data"
    )]
    Missing {
        /// Where they were looked for.
        folder: PathBuf,
        /// Which evaluation makes them.
        part: String,
    },
    /// A protocol that cannot be used.
    #[error("protocol: {0}")]
    Protocol(String),
    /// A part that could not be evaluated.
    #[error(transparent)]
    Behavior(#[from] EvaluateBehaviorError),
    /// The fit or the figures.
    #[error(transparent)]
    Scoring(#[from] ScoringError),
}

/// What to evaluate.
#[derive(Debug, Clone)]
pub struct Options<'a> {
    /// Folder with the results of the other evaluations.
    pub results: &'a Path,
    /// Folder with the data sets of behavior, for results that are missing.
    pub data: Option<&'a Path>,
    /// A protocol file in place of the one that ships.
    pub protocol: Option<&'a str>,
    /// Where results are written.
    pub out: &'a Path,
    /// Where the fusion is written.
    pub fit: Option<&'a Path>,
}

/// All results, as they are written down.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Evaluation {
    /// Version of the program.
    pub program: String,
    /// Chimeric people.
    pub people: usize,
    /// Real people behind each modality: of those fitted on, of those judged on.
    pub real: BTreeMap<Modality, [usize; 2]>,
    /// Accuracy.
    pub rows: Vec<Row>,
    /// Decisions.
    pub shares: Vec<ShareRow>,
    /// The fusion that was fitted and judged.
    pub fusion: Fusion,
}

/// Evaluates; answers the tables as Markdown.
///
/// # Errors
/// See [`EvaluateSessionError`].
pub fn run(options: &Options<'_>, out: &mut dyn Write) -> Result<String, EvaluateSessionError> {
    let text = options.protocol.unwrap_or(protocol::PROTOCOL);
    let protocol = ProtocolFile::parse(text)?;
    let sources = parts::sources(&protocol, options.results, options.data, out)?;
    let mut chimeras = chimera::assemble(&protocol, &sources)?;
    let fusion = fused::fit(&protocol, &chimeras.sessions)?;
    chimeras.sessions.retain(|session| !session.fitted);
    let fused = fused::fuse(fusion, &chimeras.sessions);
    let scored = Scored { sessions: &chimeras.sessions, fused: &fused };
    let evaluation = Evaluation {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        people: protocol.families * protocol.family,
        real: chimeras.real.clone(),
        rows: figures::rows(&protocol, &scored)?,
        shares: shares::rows(&protocol, &chimeras.sessions, &fused)?,
        fusion: fused.fusion.clone(),
    };
    let put = |path: &Path, content: &str| {
        std::fs::write(path, content)
            .map_err(|error| EvaluateSessionError::File(path.to_owned(), error))
    };
    std::fs::create_dir_all(options.out)
        .map_err(|error| EvaluateSessionError::File(options.out.to_owned(), error))?;
    let json = serde_json::to_string_pretty(&evaluation)
        .map_err(|e| EvaluateSessionError::Protocol(e.to_string()))?;
    put(&options.out.join("protocol.toml"), text)?;
    put(&options.out.join("sessions.tsv"), &report::sessions(&protocol, &scored))?;
    put(&options.out.join("evaluation.json"), &json)?;
    for (name, svg) in report::plots(&protocol, &scored) {
        put(&options.out.join(name), &svg)?;
    }
    if let Some(path) = options.fit {
        put(path, &(evaluation.fusion.to_json()? + "\n"))?;
    }
    let grids = [
        report::accuracy(&evaluation.rows),
        report::decisions(&protocol.shares.policy, &evaluation.shares),
        report::weights(&evaluation.fusion, &chimeras),
    ];
    for grid in &grids {
        writeln!(out, "{}", grid.text())
            .map_err(|error| EvaluateSessionError::File(options.out.to_owned(), error))?;
    }
    writeln!(out, "{}", report::LEGEND)
        .map_err(|error| EvaluateSessionError::File(options.out.to_owned(), error))?;
    let tables: Vec<String> = grids.iter().map(|grid| grid.markdown()).collect();
    Ok(format!("{}\n{}\n", tables.join("\n"), report::LEGEND))
}
