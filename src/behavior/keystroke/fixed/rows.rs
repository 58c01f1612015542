//! Labeled comparisons to fit regressions on: people that the background of a fold was not fitted on.

use crate::behavior::BehaviorError;
use crate::behavior::keystroke::fixed::background::Kind;
use crate::behavior::keystroke::fixed::components::Scratch;
use crate::behavior::keystroke::fixed::layout::Layout;
use crate::behavior::keystroke::fixed::moments::{FIRST, Person, Summary};
use crate::behavior::keystroke::fixed::stats::Usual;
use crate::behavior::keystroke::fixed::template::Template;
use crate::behavior::keystroke::fixed::text::TextModel;
use crate::scoring::logistic::LogisticRow;

/// Most genuine probes of a person.
const GENUINE: usize = 40;

/// A comparison with both people.
#[derive(Debug, Clone)]
pub struct Row {
    /// Enrolled and probing person.
    pub people: [u32; 2],
    /// The components.
    pub row: LogisticRow,
}

impl Row {
    /// The same with another share of its weight.
    pub fn weighing(&self, share: f64) -> Self {
        let row = LogisticRow { weight: share * self.row.weight, ..self.row.clone() };
        Self { row, ..self.clone() }
    }
}

/// Compares the people of a fold with each other after `enrolled` typings.
///
/// # Errors
/// A text that does not fit its people.
pub fn compare(
    fold: &[&Summary<'_>],
    text: Option<&TextModel>,
    usual: &Usual,
    layout: Layout,
    kind: Kind,
    enrolled: usize,
    rows: &mut Vec<Row>,
) -> Result<(), BehaviorError> {
    let mut scratch = Scratch::default();
    for target in fold.iter().map(|s| s.person) {
        let tested = target.tested(enrolled);
        if target.typings.len() <= enrolled || tested.len() < 2 {
            continue;
        }
        let first = target.typings.get(..enrolled).unwrap_or_default();
        let template = Template::of_typings(first, layout, usual.clone(), text, kind.touch)?;
        let step = tested.len().div_ceil(GENUINE);
        let genuine: Vec<usize> = tested.into_iter().step_by(step).collect();
        let mut add = |person: &Person, which: &[usize], is_target: bool, weight: f64| {
            let weight = weight / which.len().max(1) as f64;
            for typing in which.iter().filter_map(|i| person.typings.get(*i)) {
                let x = template.components(typing, &mut scratch).to_vec();
                let row = LogisticRow { x, target: is_target, weight };
                rows.push(Row { people: [target.subject, person.subject], row });
            }
        };
        add(target, &genuine, true, 1.0);
        let others = fold.iter().map(|s| s.person).filter(|p| p.subject != target.subject);
        let share = 0.5 / others.clone().count().max(1) as f64;
        for other in others {
            let novice: Vec<usize> = (0..FIRST.min(other.typings.len())).collect();
            let practiced: Vec<usize> = other.practiced().collect();
            add(other, &novice, false, share);
            add(other, &practiced, false, share);
        }
    }
    Ok(())
}
