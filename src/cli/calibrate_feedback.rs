//! `vouch calibrate --from-feedback`, `--activate` and `--deactivate`: a tenant's own calibration.

use std::fs;
use std::io::{Write, stdout};
use std::path::Path;

use crate::app::{self, calibration};
use crate::cli::{CliError, Done};
use crate::config::Config;
use crate::usecase::calibrate::Figures;
use crate::usecase::recalibrate::Candidate;

/// Largest candidate file that is read, in bytes.
const MAX_CANDIDATE_BYTES: u64 = 64 << 10;

/// Fits a candidate, writes it, and says what a person needs to judge it.
pub fn fit(config: &Config, tenant: &str, out: &Path) -> Result<Done, CliError> {
    let made = app::block_on(calibration::fit(config, tenant)).map_err(CliError::failed)?;
    let json = serde_json::to_string_pretty(&made).map_err(CliError::failed)?;
    fs::write(out, json + "\n")
        .map_err(|error| CliError::failed(format!("{}: {error}", out.display())))?;
    tell(&made, out).map_err(CliError::failed)?;
    Ok(Done::All)
}

fn tell(made: &Candidate, path: &Path) -> std::io::Result<()> {
    let mut out = stdout().lock();
    let (c, passed) = (&made.calibration, &made.passed_over);
    writeln!(
        out,
        "{}: version {} for {} of model {}: llr' = {:.4} llr {:+.4}",
        path.display(),
        c.version,
        c.base,
        c.model,
        c.scale,
        c.shift
    )?;
    writeln!(
        out,
        "fitted on {} decisions confirmed as genuine and {} as fraud, {} subjects; passed over: {} overridden, {} not \
         compared by voice, {} by another model or back-end, {} by an unknown calibration",
        c.genuine,
        c.fraud,
        c.subjects,
        passed.overridden,
        passed.not_compared,
        passed.other_back_end,
        passed.unknown_calibration
    )?;
    let mut line = |name: &str, figures: &Figures| {
        writeln!(out, "{name}: Cllr {:.4}, minCllr {:.4}", figures.cllr, figures.min_cllr)
    };
    line("before, same decisions", &made.before)?;
    line("after, same decisions", &made.after)?;
    match &made.held_out {
        Some(figures) => line("after, held-out subjects", figures)?,
        None => writeln!(out, "too few subjects to hold some out: no figure")?,
    }
    writeln!(
        out,
        "nothing is in force yet: judge it, then `vouch calibrate --activate {}`",
        path.display()
    )
}

/// Puts a candidate in force.
pub fn activate(config: &Config, tenant: &str, path: &Path) -> Result<Done, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::failed(format!("{}: {error}", path.display()));
    let length = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if length > MAX_CANDIDATE_BYTES {
        let problem = format!("a candidate has at most {MAX_CANDIDATE_BYTES} bytes, got {length}");
        return Err(failed(&problem));
    }
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let candidate: Candidate = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let work = calibration::activate(config, tenant, &candidate, &text);
    app::block_on(work).map_err(CliError::failed)?;
    let version = candidate.calibration.version;
    writeln!(stdout().lock(), "calibration version {version} is in force from the next start")
        .map_err(CliError::failed)?;
    Ok(Done::All)
}

/// Goes back to the calibration that ships.
pub fn deactivate(config: &Config, tenant: &str) -> Result<Done, CliError> {
    app::block_on(calibration::deactivate(config, tenant)).map_err(CliError::failed)?;
    writeln!(stdout().lock(), "the calibration that ships is in force from the next start")
        .map_err(CliError::failed)?;
    Ok(Done::All)
}
