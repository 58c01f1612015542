//! The results of `vouch evaluate enrollment` for people.

use std::collections::BTreeMap;

use crate::usecase::evaluate::enrollment::{BOUNDS, Bound, EnrollmentEvaluation};
use crate::usecase::evaluate::tables::{Grid, mark};

fn percent(share: Option<f64>) -> String {
    share.map_or("-".to_owned(), |x| format!("{:.1}", 100.0 * x))
}

/// The results as plain text.
pub(super) fn text(evaluation: &EnrollmentEvaluation) -> String {
    let mut text =
        format!("Enrollment with {} and back-end {}\n\n", evaluation.model, evaluation.back_end);
    for check in ["consistency", "same recording"] {
        let title = format!(
            "{check}: false refusals / false acceptances, %, when an LLR below the bound refuses"
        );
        let bounds = BOUNDS.map(|b| format!("{b}"));
        let mut head = vec!["use", "data set", "channel", "before", "speakers", "same", "other"];
        head.extend(bounds.iter().map(String::as_str));
        head.push("bound");
        let mut grid = Grid::new(&title, 3, &head);
        for row in evaluation.rows.iter().filter(|r| r.check == check) {
            let purpose = if row.chooses { "choose" } else { "report" };
            let mut cells = vec![purpose.to_owned(), row.corpus.clone(), row.condition.clone()];
            cells.push(row.before.map_or(String::new(), |n| n.to_string()));
            cells.extend([row.speakers, row.targets, row.non_targets].map(|n| n.to_string()));
            let errors = row.at_bounds.iter().take(BOUNDS.len());
            cells.extend(errors.map(|at| {
                format!("{} / {}", percent(at.false_refusal), percent(at.false_acceptance))
            }));
            cells.push(row.bound.as_ref().map_or("-".to_owned(), shown));
            grid.push(cells);
        }
        text += &format!("{}\n", grid.text());
    }
    text += &said_bounds(evaluation);
    text
}

fn shown(bound: &Bound) -> String {
    let around =
        bound.interval.map_or(String::new(), |i| format!(" [{:.1}, {:.1}]", i.low, i.high));
    format!("{:.2}{}{around}", bound.llr, mark(bound.support))
}

fn said_bounds(evaluation: &EnrollmentEvaluation) -> String {
    let names = BTreeMap::from([
        ("consistency", ("consistency_llr", evaluation.default_bounds[0])),
        ("same recording", ("same_recording_llr", evaluation.default_bounds[1])),
    ]);
    let mut text = String::new();
    for row in evaluation.rows.iter().filter(|r| r.chooses && r.corpus == "all") {
        let (Some((name, default)), Some(bound)) = (names.get(row.check.as_str()), &row.bound)
        else {
            continue;
        };
        let at_default = row.at_bounds.last();
        text += &format!(
            "{name} for {:.1} % false refusals: {}, accepts {} % of others. In force: {default}, \
             refuses {} %, accepts {} %.\n",
            100.0 * bound.false_refusal,
            shown(bound),
            percent(bound.false_acceptance),
            percent(at_default.and_then(|at| at.false_refusal)),
            percent(at_default.and_then(|at| at.false_acceptance)),
        );
    }
    text + "same, other: comparisons of one speaker and of two of the same sex. Bound: the highest LLR that \
            refuses no more than the stated\nshare, 95 % interval by bootstrap over speakers. ~ 3 to 30 \
            refusals expected (rule of 30), ? fewer than 3 (rule of 3).\n"
}
