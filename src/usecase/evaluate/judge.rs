//! From scored trials to rows: each set, its groups, all sets together and in the mean.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::usecase::evaluate::groups::GroupBy;
use crate::usecase::evaluate::plan::Plan;
use crate::usecase::evaluate::plot::{self, Series};
use crate::usecase::evaluate::protocol::Condition;
use crate::usecase::evaluate::report::{Judged, Judging, SmallGroup, macro_mean};
use crate::usecase::evaluate::score::TrialSet;
use crate::usecase::evaluate::{EvaluateError, EvaluateOptions, Evaluation, put};

/// Kinds of groups within a plan: those asked for, and trials of one language where there are several.
pub(super) fn kinds(plan: &Plan, by: &[GroupBy]) -> Vec<GroupBy> {
    if plan.net_speech_s.is_some() {
        return Vec::new();
    }
    let mut kinds: Vec<GroupBy> = by.to_vec();
    kinds.retain(|k| !matches!(k, GroupBy::NetSpeech | GroupBy::SameLanguage));
    kinds.push(GroupBy::SameLanguage);
    kinds
}

fn speaks_several(plan: &Plan) -> bool {
    let languages: BTreeSet<&String> =
        plan.sides.speakers.iter().filter_map(|s| s.language.as_ref()).collect();
    languages.len() > 1
}

/// Number of data sets and their trials together, by net speech of cut tests and condition.
type Pools = BTreeMap<(Option<u32>, Condition), (usize, TrialSet)>;

/// Judges each set, its groups, and all sets of a condition together and in the mean.
pub(super) fn judge_all(
    plans: &[Plan],
    sets: &[TrialSet],
    options: &EvaluateOptions,
    evaluation: &mut Evaluation,
) -> Result<(), EvaluateError> {
    let judging = Judging::by_default_policy(options.protocol.replicates);
    let mut pools = Pools::new();
    let mut judged: BTreeMap<Condition, Vec<(String, Judged)>> = BTreeMap::new();
    for (plan, set) in plans.iter().zip(sets) {
        let condition = plan.condition.name();
        match plan.net_speech_s {
            Some(seconds) => {
                let group = net_speech_group(seconds);
                evaluation.add_group(set, &plan.corpus, condition, &group, &judging);
            }
            None => {
                plots(&options.out, &plan.name(), set)?;
                let own = Judged::new(set, &judging)?;
                evaluation.rows.push(own.row(set, &plan.corpus, condition, "all", &judging));
                judged.entry(plan.condition).or_default().push((plan.corpus.clone(), own));
                let kinds = kinds(plan, &options.by);
                for (i, kind) in kinds.into_iter().enumerate() {
                    if kind != GroupBy::SameLanguage || speaks_several(plan) {
                        evaluation.add_groups(set, i, &plan.corpus, condition, &judging);
                    }
                }
            }
        }
        let pool = pools.entry((plan.net_speech_s, plan.condition)).or_default();
        pool.0 += 1;
        pool.1.extend(set);
    }
    for ((seconds, condition), (count, set)) in &pools {
        let name = condition.name();
        match seconds {
            _ if *count < 2 => {}
            Some(seconds) => {
                let group = net_speech_group(*seconds);
                evaluation.add_group(set, "all", name, &group, &judging);
            }
            None => {
                plots(&options.out, &format!("all-{name}"), set)?;
                let all = Judged::new(set, &judging)?.row(set, "all", name, "all", &judging);
                evaluation.rows.push(all);
                // The last kind is that of one language.
                for kind in 0..set.keys.len().saturating_sub(1) {
                    evaluation.add_groups(set, kind, "all", name, &judging);
                }
            }
        }
    }
    summary_plot(&options.out, &pools)?;
    for (condition, sets) in &judged {
        if sets.len() > 1 {
            evaluation.macro_means.extend(macro_mean(condition.name(), sets));
        }
    }
    Ok(())
}

fn net_speech_group(seconds: u32) -> String {
    format!("net speech {seconds:>2} s")
}

impl Evaluation {
    fn add_groups(
        &mut self,
        set: &TrialSet,
        kind: usize,
        corpus: &str,
        condition: &str,
        judging: &Judging,
    ) {
        for (group, chosen) in set.groups(kind) {
            self.add_group(&chosen, corpus, condition, &group, judging);
        }
    }

    /// The row of a group, or a remark that it has none.
    fn add_group(
        &mut self,
        set: &TrialSet,
        corpus: &str,
        condition: &str,
        group: &str,
        judging: &Judging,
    ) {
        match Judged::new(set, judging) {
            Ok(judged) => self.rows.push(judged.row(set, corpus, condition, group, judging)),
            Err(why) => {
                let (speakers, targets, non_targets) = set.counts();
                self.small_groups.push(SmallGroup {
                    corpus: corpus.to_owned(),
                    condition: condition.to_owned(),
                    group: group.to_owned(),
                    speakers,
                    targets,
                    non_targets,
                    why: why.to_string(),
                });
            }
        }
    }
}

fn plots(folder: &Path, name: &str, set: &TrialSet) -> Result<(), EvaluateError> {
    let mut scores = vec![("plain", &set.plain), ("full", &set.full)];
    let has_own_line = !set.baseline.is_empty() && set.baseline != set.plain;
    if has_own_line && set.baseline.iter().all(|s| !s.is_nan()) {
        scores.push(("baseline", &set.baseline));
    }
    let trials: Vec<_> = scores.into_iter().map(|(name, s)| (name, set.trials(s))).collect();
    let series: Vec<Series<'_>> = trials
        .iter()
        .enumerate()
        .map(|(color, (name, trials))| Series {
            name: (*name).to_owned(),
            trials,
            color,
            dashed: false,
        })
        .collect();
    put(folder, &format!("det-{name}.svg"), &plot::det(&format!("DET: {name}"), &series))?;
    let title = format!("Calibration: {name}");
    put(folder, &format!("reliability-{name}.svg"), &plot::reliability(&title, &series))
}

/// The back-end and the baseline over all data sets, in every condition.
fn summary_plot(folder: &Path, pools: &Pools) -> Result<(), EvaluateError> {
    let mut named = Vec::new();
    for ((seconds, condition), (count, set)) in pools {
        if seconds.is_some() || *count < 2 {
            continue;
        }
        let color = *condition as usize;
        named.push((format!("full, {}", condition.name()), set.trials(&set.full), color, false));
        if !set.baseline.is_empty() && set.baseline.iter().all(|s| !s.is_nan()) {
            let name = format!("baseline, {}", condition.name());
            named.push((name, set.trials(&set.baseline), color, true));
        }
    }
    if named.is_empty() {
        return Ok(());
    }
    let series: Vec<Series<'_>> = named
        .iter()
        .map(|(name, trials, color, dashed)| Series {
            name: name.clone(),
            trials,
            color: *color,
            dashed: *dashed,
        })
        .collect();
    put(folder, "det-all.svg", &plot::det("DET: all data sets together", &series))
}
