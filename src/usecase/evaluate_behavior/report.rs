//! Results as tables and files.

use std::fmt::Write as _;

use crate::behavior::trial::TrialSet;
use crate::scoring::metrics::Trial;
use crate::usecase::evaluate::plot::{Series, det, reliability};
use crate::usecase::evaluate::tables::{Grid, mark};
use crate::usecase::evaluate_behavior::figures::{ALL, Figure, Row, trials};

/// What the columns mean.
pub const LEGEND: &str = "EER by person: mean over people, each under a threshold of their own, by raw score, interpolating the ROC; hull: on its \
convex hull. EER global: LLRs of everybody \
under one threshold. FNMR: share of a person's own probes refused at that false match rate, one threshold. loss: Cllr - minCllr. In \
brackets 95 % intervals by bootstrap over people. ? fewer than 3 errors expected (rule of 3): not measurable with these trials, \
~ 3 to 30 (rule of 30): no precision. minDCF, actDCF: prior 0.01. not compared: probes in which nothing was of the kind that \
was enrolled; they count with an LLR of 0.";

/// The tables of all conditions and their groups: error rates, and costs with calibration.
pub fn grids(title: &str, rows: &[Row]) -> [Grid; 2] {
    let grouped = rows.iter().any(|row| row.group != ALL);
    let first: &[&str] = if grouped { &["condition", "group"] } else { &["condition"] };
    let named = |row: &Row| {
        let mut cells = vec![row.condition.clone()];
        cells.extend(grouped.then(|| row.group.clone()));
        cells
    };
    let rates = [
        "people",
        "own",
        "others",
        "not compared",
        "EER by person %",
        "hull",
        "EER global %",
        "FNMR % at 1 %",
        "at 0.1 %",
        "at 0.01 %",
    ];
    let costs = ["minDCF", "actDCF", "Cllr", "minCllr", "loss"];
    let head = |rest: &[&'static str]| [first, rest].concat();
    let mut errors = Grid::new(title, first.len(), &head(&rates));
    let under = format!("{title}: costs and calibration");
    let mut quality = Grid::new(&under, first.len(), &head(&costs));
    for row in rows {
        let mut cells = named(row);
        cells.extend([
            row.people.to_string(),
            row.targets.to_string(),
            row.non_targets.to_string(),
            row.not_compared.to_string(),
            percent(&row.eer_mean, ""),
            format!("{:.2}", 100.0 * row.eer_mean_hull.value),
            percent(&row.eer_global, mark(row.eer_support)),
            percent(&row.fnmr_at_1_percent, mark(row.support_1_percent)),
            percent(&row.fnmr_at_01_percent, mark(row.support_01_percent)),
            percent(&row.fnmr_at_001_percent, mark(row.support_001_percent)),
        ]);
        errors.push(cells);
        let mut cells = named(row);
        let of = [&row.min_dcf, &row.act_dcf, &row.cllr, &row.min_cllr, &row.cllr_loss];
        cells.extend(of.map(plain));
        quality.push(cells);
    }
    [errors, quality]
}

fn percent(figure: &Figure, mark: &str) -> String {
    let interval =
        figure.interval.map(|i| format!(" [{:.1}, {:.1}]", 100.0 * i.low, 100.0 * i.high));
    format!("{:.2}{mark}{}", 100.0 * figure.value, interval.unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behavior::trial::ScoredTrial;
    use crate::usecase::evaluate_behavior::figures::judge;

    #[test]
    fn figures_that_the_trials_cannot_show_are_marked() {
        let trial = |enrolled: u32, probe: u32, i: u32| ScoredTrial {
            enrolled,
            probe,
            capture: String::new(),
            raw: 0.0,
            llr: if enrolled == probe { 2.0 } else { -1.0 } + f64::from(i % 40) * 0.1,
            compared: i != 0,
        };
        let pairs = [(0, 0), (0, 1), (1, 1), (1, 0)];
        let trials =
            pairs.into_iter().flat_map(|(a, b)| (0..200).map(move |i| trial(a, b, i))).collect();
        let people = vec!["a".to_owned(), "b".to_owned()];
        let set = TrialSet { name: "made".to_owned(), people, trials, groupings: Vec::new() };
        let row = judge(&set).unwrap();
        let grouped = Row { group: "device phone".to_owned(), ..row.clone() };
        let [rates, costs] = grids("t", std::slice::from_ref(&row));
        let (rates, costs) = (rates.markdown(), costs.markdown());
        let last = rates.lines().last().unwrap();
        // 400 trials of others: 4 errors at 1 %, 0.4 at 0.1 %.
        let cells: Vec<&str> = last.split('|').map(str::trim).collect();
        assert_eq!(cells[1..6], ["made", "2", "400", "400", "4"]);
        for (cell, mark) in cells[9..12].iter().zip(["~", "?", "?"]) {
            assert!(cell.contains(mark), "{last}");
        }
        for name in ["minDCF", "actDCF", "Cllr", "minCllr", "loss"] {
            assert!(costs.contains(name), "{costs}");
        }
        assert!(!rates.contains("group"));
        let [rates, _] = grids("t", &[row, grouped]);
        assert!(rates.markdown().contains("| made | device phone |"));
    }
}
