//! Results as tables and files.

use std::fmt::Write as _;

use crate::domain::Modality;
use crate::scoring::fusion::Fusion;
use crate::scoring::metrics::{PairedRatio, Support, Trial};
use crate::usecase::evaluate::plot::{Series, det, reliability};
use crate::usecase::evaluate::tables::Grid;
use crate::usecase::evaluate_behavior::figures::Figure;
use crate::usecase::evaluate_session::chimera::{Chimeras, Session};
use crate::usecase::evaluate_session::figures::{Row, Scored};
use crate::usecase::evaluate_session::fused::Way;
use crate::usecase::evaluate_session::protocol::ProtocolFile;
use crate::usecase::evaluate_session::shares::{ShareRow, Shares};

/// What the columns mean.
pub const LEGEND: &str = "People are chimeric: each is put together from real people of disjoint sets, so modalities err independently, \
which those of one person may not. Each session is fused by a fusion fitted on other people, real and chimeric. \"voice and more\": sessions with voice \
and at least one other modality, by voice alone and fused. loss: Cllr - minCllr. Costs at a prior of 0.01. Ratios are to the modality alone \
on the same sessions. In brackets 95 % intervals by bootstrap over chimeric people. ? too few sessions for the rate (rule of 3), ~ imprecise \
(rule of 30).";

/// The table of accuracy.
pub fn accuracy(rows: &[Row]) -> Grid {
    let head = [
        "sessions",
        "system",
        "genuine",
        "impostor",
        "EER %",
        "minDCF",
        "actDCF",
        "Cllr",
        "loss",
        "FNMR % at 1 %",
        "at 0.1 %",
        "at 0.01 %",
        "EER ratio",
        "Cllr ratio",
    ];
    let mut grid = Grid::new("sessions", 2, &head);
    for row in rows {
        let mut cells = vec![
            row.sessions.clone(),
            row.system.clone(),
            row.genuine.to_string(),
            row.impostor.to_string(),
            percent(&row.eer),
            plain(&row.min_dcf),
            plain(&row.act_dcf),
            plain(&row.cllr),
            plain(&row.cllr_loss),
        ];
        for (fnmr, support) in row.fnmr_at_fmr.iter().zip(row.support) {
            cells.push(format!("{}{}", percent(fnmr), mark(support)));
        }
        cells.extend([row.eer_ratio, row.cllr_ratio].map(ratio));
        grid.push(cells);
    }
    grid
}

/// The table of decisions.
pub fn decisions(policy: &str, rows: &[ShareRow]) -> Grid {
    let head = [
        "asked",
        "known",
        "genuine",
        "ACCEPT %",
        "STEP_UP %",
        "REJECT %",
        "impostor",
        "ACCEPT %",
        "STEP_UP %",
        "REJECT %",
    ];
    let mut grid = Grid::new(&format!("decisions at policy {policy}"), 2, &head);
    for row in rows {
        let mut cells = vec![row.ask.clone(), row.scenario.clone()];
        for Shares { sessions, accept, step_up, reject } in [&row.genuine, &row.impostor] {
            cells.push(sessions.to_string());
            cells.extend([accept, step_up, reject].map(percent));
        }
        grid.push(cells);
    }
    grid
}

/// The table of a fusion.
pub fn weights(fusion: &Fusion, chimeras: &Chimeras) -> Grid {
    let counts = fusion.fitted_on;
    let title = format!(
        "fusion {}, fitted on {} people, {} genuine and {} impostor sessions",
        fusion.id, counts.people, counts.target_trials, counts.non_target_trials
    );
    let head =
        ["modality", "real people fitted on", "judged on", "weight", "lowest LLR", "highest LLR"];
    let mut grid = Grid::new(&title, 1, &head);
    for w in &fusion.weights {
        let real = chimeras.real.get(&w.modality).copied().unwrap_or_default();
        let numbers = [w.weight, w.lowest, w.highest].map(|x| format!("{x:.2}"));
        let mut cells = vec![w.modality.as_str().to_owned()];
        cells.extend(real.map(|people| people.to_string()));
        cells.extend(numbers);
        grid.push(cells);
    }
    grid
}

fn mark(support: Support) -> &'static str {
    match support {
        Support::TooFewTrials => "?",
        Support::Uncertain => "~",
        Support::Supported => "",
    }
}

fn percent(figure: &Figure) -> String {
    let interval =
        figure.interval.map(|i| format!(" [{:.1}, {:.1}]", 100.0 * i.low, 100.0 * i.high));
    format!("{:.2}{}", 100.0 * figure.value, interval.unwrap_or_default())
}

fn plain(figure: &Figure) -> String {
    let interval = figure.interval.map(|i| format!(" [{:.3}, {:.3}]", i.low, i.high));
    format!("{:.3}{}", figure.value, interval.unwrap_or_default())
}

fn ratio(ratio: Option<PairedRatio>) -> String {
    let text =
        |r: PairedRatio| format!("{:.2} [{:.2}, {:.2}]", r.ratio, r.interval.low, r.interval.high);
    ratio.map_or_else(String::new, text)
}

/// All judged sessions with what each modality and the fusion said.
pub fn sessions(protocol: &ProtocolFile, scored: &Scored<'_>) -> String {
    let modalities: Vec<Modality> = protocol.modalities.iter().map(|m| m.modality).collect();
    let mut text = "person\tactor\tlabel".to_owned();
    for modality in &modalities {
        let _ = write!(text, "\t{}", modality.as_str());
    }
    text.push_str("\tfused\n");
    let fused = scored.fused.llrs.get(&Way::Fitted).map(Vec::as_slice).unwrap_or_default();
    for (session, fused) in scored.sessions.iter().zip(fused) {
        let label = if session.genuine() { "target" } else { "nontarget" };
        let Session { person, actor, llrs, .. } = session;
        let _ = write!(text, "{person}\t{actor}\t{label}");
        for modality in &modalities {
            let _ = match llrs.get(modality) {
                Some(llr) => write!(text, "\t{:.9e}", llr.0),
                None => write!(text, "\t-"),
            };
        }
        let _ = writeln!(text, "\t{fused:.9e}");
    }
    text
}

/// DET and reliability plots: each modality on the sessions that hold it, and all sessions fused.
pub fn plots(protocol: &ProtocolFile, scored: &Scored<'_>) -> [(&'static str, String); 2] {
    let mut judged: Vec<(&str, Vec<Trial>)> = protocol
        .modalities
        .iter()
        .map(|m| (m.modality.as_str(), scored.alone(m.modality, &|_| true)))
        .collect();
    judged.push((Way::Fitted.name(), scored.by(Way::Fitted, &|_| true)));
    let series: Vec<Series<'_>> = judged
        .iter()
        .enumerate()
        .map(|(color, (name, trials))| Series {
            name: (*name).to_owned(),
            trials,
            color,
            dashed: false,
        })
        .collect();
    let title = "sessions of chimeric people";
    [("det.svg", det(title, &series)), ("reliability.svg", reliability(title, &series))]
}
