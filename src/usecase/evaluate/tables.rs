//! Results for people: one set of tables, as plain text and as Markdown.

use crate::scoring::metrics::{Interval, PairedRatio, Support, ThresholdErrors};
use crate::usecase::evaluate::Evaluation;
use crate::usecase::evaluate::report::{MacroMean, MeanFigures, Row, SystemFigures};

/// Head of the column of remarks, which is left-aligned.
const NOTES: &str = "notes";

/// A table of cells.
pub struct Grid {
    title: String,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Columns of words, which are left-aligned.
    words: usize,
}

impl Grid {
    /// An empty table; its first `words` columns are left-aligned.
    pub fn new(title: &str, words: usize, head: &[&str]) -> Self {
        let head = head.iter().map(|h| (*h).to_owned()).collect();
        Self { title: title.to_owned(), head, rows: Vec::new(), words }
    }

    /// Adds a row; cells beyond the head are dropped, missing ones are empty.
    pub fn push(&mut self, mut cells: Vec<String>) {
        cells.resize(self.head.len(), String::new());
        self.rows.push(cells);
    }

    /// In columns; a cell of words that repeats the one above it is left blank.
    pub fn text(&self) -> String {
        let width = |i: usize| {
            let cells = self.rows.iter().map(|row| &row[i]).chain([&self.head[i]]);
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.head.len()).map(width).collect();
        let line = |cells: &[String], repeats: usize| {
            let padded = cells.iter().zip(&widths).enumerate().map(|(i, (cell, width))| {
                let shown = if i < repeats { "" } else { cell.as_str() };
                match i < self.words || self.head[i] == NOTES {
                    true => format!("{shown:<width$}"),
                    false => format!("{shown:>width$}"),
                }
            });
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
        };
        let mut text = format!("{}\n\n{}", self.title, line(&self.head, 0));
        let rule: usize = widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1);
        text += &format!("{}\n", "─".repeat(rule));
        let mut above: &[String] = &[];
        for row in &self.rows {
            let equal = row.iter().zip(above).take(self.words.saturating_sub(1));
            text += &line(row, equal.take_while(|(a, b)| a == b).count());
            above = row;
        }
        text
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let line = |cells: &[String]| {
            let safe: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
            format!("| {} |\n", safe.join(" | "))
        };
        let mut text = format!("{}\n\n{}|", self.title, line(&self.head));
        for i in 0..self.head.len() {
            let left = i < self.words || self.head[i] == NOTES;
            text += if left { "---|" } else { "---:|" };
        }
        text.push('\n');
        self.rows.iter().for_each(|row| text += &line(row));
        text
    }
}

/// What the marks mean.
const LEGEND: &str = "EER in % with its 95 % interval by bootstrap over speakers; ratios are paired, below 1 \
the system has fewer errors. all: pooled, one threshold. macro: mean over the data sets. minDCF, actDCF: \
prior 0.01. FA, step-up, reject: share of non-targets at or above the accept threshold, of targets below it, of \
targets below the reject threshold. ~ 3 to 30 errors expected (rule of 30): no precision. ? fewer than 3 (rule \
of 3): not measurable with these trials.";

fn percent(x: f64) -> String {
    format!("{:.2}", 100.0 * x)
}

/// How far a figure is supported, as one character.
pub(in crate::usecase) fn mark(support: Support) -> &'static str {
    match support {
        Support::Supported => "",
        Support::Uncertain => "~",
        Support::TooFewTrials => "?",
    }
}

fn rate(value: f64, interval: Option<Interval>, mark: &str) -> String {
    let around = interval
        .map_or(String::new(), |i| format!(" [{:.1}, {:.1}]", 100.0 * i.low, 100.0 * i.high));
    format!("{}{mark}{around}", percent(value))
}

fn eer(system: &SystemFigures) -> String {
    rate(system.figures.eer, system.intervals.map(|i| i.eer), mark(system.eer_support))
}

fn mean_eer(means: &MeanFigures) -> String {
    rate(means.eer, means.intervals.map(|i| i.eer), "")
}

fn ratio(ratio: Option<PairedRatio>) -> String {
    let number = |x: f64| if x.is_finite() { format!("{x:.2}") } else { "∞".to_owned() };
    ratio.map_or("-".to_owned(), |r| {
        let Interval { low, high } = r.interval;
        format!("{} [{}, {}]", number(r.ratio), number(low), number(high))
    })
}

/// Heads of the columns of rates: the baseline has its own unless it is the plain system itself.
struct Columns {
    baseline: Option<String>,
}

impl Columns {
    fn of(evaluation: &Evaluation) -> Self {
        let own = format!("{}:plain", evaluation.model_id());
        // Without its adapter it is another version of the model.
        let other = evaluation.baseline_model.as_ref().is_some_and(|m| *m != evaluation.model);
        Self { baseline: evaluation.baseline.clone().filter(|name| *name != own || other) }
    }

    fn head<'a>(&'a self, first: &[&'a str]) -> Vec<&'a str> {
        let mut head = first.to_vec();
        head.extend(self.baseline.as_deref());
        head.extend(["plain", "full", "full / plain"]);
        if self.baseline.is_some() {
            head.extend(["plain / baseline", "full / baseline"]);
        }
        head
    }

    fn row(&self, row: &Row) -> Vec<String> {
        let mut cells = Vec::new();
        if self.baseline.is_some() {
            cells.push(row.baseline.as_ref().map_or("-".to_owned(), eer));
        }
        cells.extend([eer(&row.plain), eer(&row.full), ratio(row.full_over_plain)]);
        if self.baseline.is_some() {
            cells.extend([ratio(row.plain_over_baseline), ratio(row.full_over_baseline)]);
        }
        cells
    }

    fn mean(&self, mean: &MacroMean) -> Vec<String> {
        let mut cells = Vec::new();
        if self.baseline.is_some() {
            cells.push(mean.baseline.as_ref().map_or("-".to_owned(), mean_eer));
        }
        cells.extend([mean_eer(&mean.plain), mean_eer(&mean.full), ratio(mean.full_over_plain)]);
        if self.baseline.is_some() {
            cells.extend([ratio(mean.plain_over_baseline), ratio(mean.full_over_baseline)]);
        }
        cells
    }
}

/// Error rates by condition and data set, pooled and in the mean.
fn error_rates(evaluation: &Evaluation) -> Grid {
    let columns = Columns::of(evaluation);
    let first = ["condition", "data set", "speakers", "targets", "non-targets"];
    let mut grid = Grid::new("Equal error rate, %", 2, &columns.head(&first));
    for condition in evaluation.conditions() {
        let rows = evaluation.rows.iter().filter(|r| r.condition == condition && r.group == "all");
        for row in rows {
            let mut cells = vec![row.condition.clone(), row.corpus.clone()];
            cells.extend([row.speakers, row.targets, row.non_targets].map(|n| n.to_string()));
            cells.extend(columns.row(row));
            grid.push(cells);
        }
        if let Some(mean) = evaluation.macro_means.iter().find(|m| m.condition == condition) {
            let count = format!("macro ({})", mean.corpora.len());
            let mut cells = vec![condition.to_owned(), count];
            cells.resize(first.len(), String::new());
            cells.extend(columns.mean(mean));
            grid.push(cells);
        }
    }
    grid
}

const QUALITY_HEAD: [&str; 14] = [
    "condition",
    "data set",
    "system",
    "minDCF",
    "actDCF",
    "act/min",
    "Cllr",
    "minCllr",
    "FNMR % at 1e-2",
    "1e-3",
    "1e-4",
    "FA %",
    "step-up %",
    "reject %",
];

/// Cells from minDCF on.
fn quality(system: &SystemFigures, support: [Support; 3]) -> Vec<String> {
    let f = &system.figures;
    let thousandths = |x: f64| format!("{x:.3}");
    let mut cells = vec![
        thousandths(f.min_dcf[0]),
        thousandths(f.act_dcf[0]),
        system.act_over_min_dcf.map_or("-".to_owned(), |r| format!("{r:.2}")),
        thousandths(f.cllr),
        thousandths(f.min_cllr),
    ];
    let marked = f.fnmr_at_fmr.iter().zip(support);
    cells.extend(marked.map(|(fnmr, support)| format!("{}{}", percent(*fnmr), mark(support))));
    let picks: [fn(&ThresholdErrors) -> f64; 3] =
        [|e| e.false_accepts, |e| e.targets_not_accepted, |e| e.false_rejects];
    for pick in picks {
        let share = system.at_thresholds.as_ref().map(pick);
        cells.push(share.map_or("-".to_owned(), percent));
    }
    cells
}

/// Costs, calibration and errors at the default thresholds.
fn qualities(evaluation: &Evaluation) -> Grid {
    let columns = Columns::of(evaluation);
    let mut grid = Grid::new("Detection costs, calibration, default thresholds", 3, &QUALITY_HEAD);
    for condition in evaluation.conditions() {
        let rows = evaluation.rows.iter().filter(|r| r.condition == condition && r.group == "all");
        for row in rows {
            let mut systems = vec![("plain", &row.plain), ("full", &row.full)];
            if let (Some(name), Some(system)) = (&columns.baseline, &row.baseline) {
                systems.insert(0, (name.as_str(), system));
            }
            for (name, system) in systems {
                let mut cells = vec![row.condition.clone(), row.corpus.clone(), name.to_owned()];
                cells.extend(quality(system, row.fmr_support));
                grid.push(cells);
            }
        }
    }
    grid
}

/// Name of a group where it is shown. A data set's own groups are in the JSON; shown are those over all
/// sets, those of an only set, and those that cannot be pooled.
fn shown_group(evaluation: &Evaluation, corpus: &str, group: &str) -> Option<String> {
    let pooled = evaluation.rows.iter().any(|r| r.corpus == "all");
    match (corpus == "all" || !pooled, group) {
        (true, _) => Some(group.to_owned()),
        (false, "same language") => Some(format!("{group}, {corpus}")),
        (false, _) => None,
    }
}

/// Groups without figures, in words; empty without any.
fn small_groups(evaluation: &Evaluation) -> String {
    let mut names: Vec<String> = Vec::new();
    for small in &evaluation.small_groups {
        if let Some(name) = shown_group(evaluation, &small.corpus, &small.group) {
            let people = if small.speakers == 1 { "speaker" } else { "speakers" };
            let text = format!("{name} ({} {people})", small.speakers);
            if !names.contains(&text) {
                names.push(text);
            }
        }
    }
    if names.is_empty() {
        return String::new();
    }
    let text =
        format!("Groups without trials of both kinds, so without figures: {}.", names.join(", "));
    wrapped(&text, 110) + "\n"
}

/// Groups over all data sets together, or within the only one.
fn groups(evaluation: &Evaluation) -> Grid {
    let columns = Columns::of(evaluation);
    let first = ["condition", "group", "speakers", "targets", "non-targets"];
    let title = "Groups over all data sets: equal error rate, %";
    let mut head = columns.head(&first);
    head.push(NOTES);
    let mut grid = Grid::new(title, 2, &head);
    for condition in evaluation.conditions() {
        let rows = evaluation.rows.iter();
        for row in rows.filter(|r| r.condition == condition && r.group != "all") {
            if let Some(name) = shown_group(evaluation, &row.corpus, &row.group) {
                let mut cells = vec![row.condition.clone(), name];
                cells.extend([row.speakers, row.targets, row.non_targets].map(|n| n.to_string()));
                cells.extend(columns.row(row));
                cells.push(row.notes.first().cloned().unwrap_or_default());
                grid.push(cells);
            }
        }
    }
    grid
}

fn heading(evaluation: &Evaluation) -> String {
    let baseline = evaluation.baseline.as_deref().unwrap_or("none");
    format!(
        "{} with back-end {}; protocol {} version {}; baseline {baseline}; {} replicates",
        evaluation.model,
        evaluation.back_end,
        evaluation.protocol.name,
        evaluation.protocol.version,
        evaluation.protocol.replicates
    )
}

fn grids(evaluation: &Evaluation) -> Vec<Grid> {
    let groups = groups(evaluation);
    let mut grids = vec![error_rates(evaluation), qualities(evaluation)];
    if !groups.rows.is_empty() {
        grids.push(groups);
    }
    grids
}

/// The results as plain text.
pub fn text(evaluation: &Evaluation) -> String {
    let mut text = format!("{}\n\n", heading(evaluation));
    for grid in grids(evaluation) {
        text += &format!("{}\n", grid.text());
    }
    text + &small_groups(evaluation) + &wrapped(LEGEND, 110)
}

/// The results of one or several models as Markdown, for a card.
pub fn markdown(evaluations: &[Evaluation]) -> String {
    let mut text = String::new();
    for evaluation in evaluations {
        text += &format!("{}.\n\n", heading(evaluation));
        for grid in grids(evaluation) {
            text += &format!("{}\n", grid.markdown());
        }
        text += &small_groups(evaluation);
    }
    text + &wrapped(LEGEND, 118)
}

/// Lines of at most `width` characters, broken at spaces.
fn wrapped(text: &str, width: usize) -> String {
    let (mut lines, mut line) = (String::new(), String::new());
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines += &format!("{line}\n");
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines + &line + "\n"
}

/// Begin and end of what a command writes into a card.
const CARD_MARKS: [&str; 2] = ["<!-- evaluation: begin -->", "<!-- evaluation: end -->"];

/// A card with what stands between its marks (`<!-- evaluation: begin -->`, `<!-- evaluation: end -->`)
/// replaced; `None` when it has no marks.
pub fn fill_card(card: &str, tables: &str) -> Option<String> {
    let [begin, end] = CARD_MARKS;
    let (before, rest) = card.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n\n{}\n\n{end}{after}", tables.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_aligned_and_repeat_no_words() {
        let mut grid = Grid::new("T", 2, &["a", "bb", "n"]);
        grid.push(vec!["x".into(), "y".into(), "1".into()]);
        grid.push(vec!["x".into(), "yy|".into(), "22".into()]);
        let expected = "T\n\na  bb    n\n──────────\nx  y     1\n   yy|  22\n";
        assert_eq!(grid.text(), expected);
        let markdown = grid.markdown();
        assert!(
            markdown.contains("|---|---|---:|\n| x | y | 1 |\n| x | yy\\| | 22 |"),
            "{markdown}"
        );
    }

    #[test]
    fn a_card_is_filled_between_its_marks() {
        let card = "before\n<!-- evaluation: begin -->\nold\n<!-- evaluation: end -->\nafter\n";
        let filled = fill_card(card, "new\n").unwrap();
        assert!(filled.starts_with("before\n") && filled.ends_with("\nafter\n"));
        assert!(filled.contains("\n\nnew\n\n") && !filled.contains("old"));
        assert_eq!(fill_card(&filled, "new\n").unwrap(), filled);
        assert!(fill_card("no marks", "x").is_none());
    }

    #[test]
    fn lines_are_broken_at_spaces() {
        assert_eq!(wrapped("aa bb cc", 5), "aa bb\ncc\n");
        assert!(wrapped(LEGEND, 80).lines().all(|l| l.chars().count() <= 80));
    }

    #[test]
    fn infinite_ratios_are_shown() {
        let interval = Interval { low: 0.5, high: f64::INFINITY };
        let shown = ratio(Some(PairedRatio { ratio: 1.0, interval }));
        assert_eq!(shown, "1.00 [0.50, ∞]");
        let json = serde_json::to_string(&interval).unwrap();
        assert_eq!(serde_json::from_str::<Interval>(&json).unwrap(), interval);
    }
}
