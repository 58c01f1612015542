//! Results as tables and files.

use std::fmt::Write as _;

use crate::behavior::trial::TrialSet;
use crate::scoring::metrics::{Support, Trial};
use crate::usecase::evaluate::plot::{Series, det, reliability};
use crate::usecase::evaluate::tables::Grid;
use crate::usecase::evaluate_behavior::figures::{Figure, Row, trials};

/// What the columns mean.
pub const LEGEND: &str = "EER by person: mean over people, each under a threshold of their own, by raw score, interpolating the ROC; hull: on its \
convex hull. EER global: LLRs of everybody \
under one threshold. FNMR: share of a person's own probes refused at that false match rate, one threshold. loss: Cllr - minCllr. In \
brackets 95 % intervals by bootstrap over people. ? too few trials for the rate (rule of 3), ~ imprecise (rule of 30).";

/// The table of all conditions.
pub fn grid(title: &str, rows: &[Row]) -> Grid {
    let head = [
        "condition",
        "people",
        "own",
        "others",
        "EER by person %",
        "hull",
        "EER global %",
        "FNMR % at 1 %",
        "FNMR % at 0.1 %",
        "Cllr",
        "loss",
    ];
    let mut grid = Grid::new(title, 1, &head);
    for row in rows {
        let mark = match row.support_01_percent {
            Support::TooFewTrials => "?",
            Support::Uncertain => "~",
            Support::Supported => "",
        };
        grid.push(vec![
            row.condition.clone(),
            row.people.to_string(),
            row.targets.to_string(),
            row.non_targets.to_string(),
            percent(&row.eer_mean),
            format!("{:.2}", 100.0 * row.eer_mean_hull.value),
            percent(&row.eer_global),
            percent(&row.fnmr_at_1_percent),
            format!("{}{mark}", percent(&row.fnmr_at_01_percent)),
            format!("{:.3}", row.cllr.value),
            plain(&row.cllr_loss),
        ]);
    }
    grid
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

/// Trials of a condition as `vouch behavior score` writes them, with whose profile each is held against.
pub fn scores(set: &TrialSet) -> String {
    let name = |i: u32| set.people.get(i as usize).map_or("?", String::as_str);
    let mut text = "enrolled\tsubject\tcapture\traw\tllr\tlabel\n".to_owned();
    for t in &set.trials {
        let label = if t.target() { "target" } else { "nontarget" };
        let (enrolled, probe, capture) = (name(t.enrolled), name(t.probe), &t.capture);
        let (raw, llr) = (t.raw, t.llr);
        let _ = writeln!(text, "{enrolled}\t{probe}\t{capture}\t{raw:.9e}\t{llr:.9e}\t{label}");
    }
    text
}

/// DET and reliability plots over all conditions.
pub fn plots(title: &str, sets: &[TrialSet]) -> [(&'static str, String); 2] {
    let judged: Vec<(&str, Vec<Trial>)> =
        sets.iter().map(|set| (set.name.as_str(), trials(set, |t| t.llr))).collect();
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
    [("det.svg", det(title, &series)), ("reliability.svg", reliability(title, &series))]
}

/// Name of a file for a condition.
pub fn file_name(condition: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
    format!("scores-{}.tsv", condition.chars().map(safe).collect::<String>())
}
