//! An utterance against those before it.

use std::collections::BTreeSet;

use crate::policy::EnrollmentRules;
use crate::scoring::metrics::Trial;
use crate::usecase::embed_file::{Embedded, Item};
use crate::usecase::embedding_cache::{self, Origin};
use crate::usecase::evaluate::enrollment::{
    Check, Comparisons, EnrollmentOptions, MOST_BEFORE, People, llr, same_sex, unusable,
};
use crate::usecase::evaluate::protocol::Condition;
use crate::usecase::evaluate::{EvaluateError, EvaluatedModel};
use crate::usecase::speech_set::Recording;

/// Utterances of one speaker that are judged for each number before them: speakers with many must not
/// stand for all.
const MAX_JUDGED: usize = 10;

/// Both sides of the same channel.
pub(super) const CONDITIONS: [Condition; 2] = [Condition::Clean, Condition::Phone];

/// Utterances of a speaker that enrollment would take.
struct Utterances<'a> {
    speaker: u32,
    first: &'a Recording,
    embedded: Vec<&'a Embedded>,
}

pub(super) fn conditions(options: &EnrollmentOptions, corpus: &str) -> Vec<Condition> {
    let call = options.protocol.telephone.iter().any(|c| c == corpus);
    CONDITIONS.into_iter().filter(|c| !call || *c == Condition::Clean).collect()
}

/// All comparisons of the check, by data set, channel and number of utterances before.
pub(super) fn compare(
    model: &EvaluatedModel<'_>,
    options: &EnrollmentOptions,
    people: &People<'_>,
    failed: &mut Vec<String>,
) -> Result<Vec<Comparisons>, EvaluateError> {
    let mut items = BTreeSet::new();
    for (_, own) in &people.recordings {
        for condition in conditions(options, &own[0].corpus) {
            let [channel, _] = condition.channels();
            items.extend(own.iter().map(|r| Item::whole(r.file.as_str()).under(channel)));
        }
    }
    let origin = Origin { model: model.name.clone(), seed: options.protocol.seed };
    let cache = model.cache.as_deref();
    let embeddings = embedding_cache::obtain(model.embed, &options.data, items, &origin, cache)?;
    for (item, embedded) in &embeddings {
        failed.extend(embedded.as_ref().err().map(|why| unusable(&item.to_string(), why)));
    }
    let least = EnrollmentRules::default().min_utterance_net_speech_ms;
    let corpora: BTreeSet<&String> = people.corpora.iter().collect();
    let mut all = Vec::new();
    for corpus in corpora {
        for condition in conditions(options, corpus) {
            let [channel, _] = condition.channels();
            let long_enough = |r: &&Recording| -> Option<&Embedded> {
                let item = Item::whole(r.file.as_str()).under(channel);
                let found = embeddings.get(&item)?.as_ref().ok()?;
                (found.net_speech_ms >= least).then_some(found)
            };
            let utterances: Vec<Utterances<'_>> = people
                .within(corpus)
                .into_iter()
                .map(|(speaker, own)| Utterances {
                    speaker: *speaker,
                    first: own[0],
                    embedded: own.iter().filter_map(long_enough).collect(),
                })
                .filter(|u| !u.embedded.is_empty())
                .collect();
            for before in 1..=MOST_BEFORE {
                let trials = compare_after(&utterances, before, model);
                if trials.iter().any(|t| t.target) {
                    all.push(Comparisons {
                        check: Check::Consistency,
                        corpus: corpus.clone(),
                        condition,
                        before: Some(before),
                        trials,
                    });
                }
            }
        }
    }
    Ok(all)
}

/// Each utterance against the `before` before it; and the first ones of each speaker against the first
/// utterance of every other of the same sex.
fn compare_after(
    utterances: &[Utterances<'_>],
    before: usize,
    model: &EvaluatedModel<'_>,
) -> Vec<Trial> {
    let scorer = &model.systems.full;
    let mut trials = Vec::new();
    for own in utterances.iter().filter(|u| u.embedded.len() >= before) {
        for window in own.embedded.windows(before + 1).take(MAX_JUDGED) {
            let (enrolled, judged) = window.split_at(before);
            let speakers = [own.speaker; 2];
            let score = llr(scorer, enrolled, judged);
            trials.extend(score.map(|score| Trial { score, target: true, speakers }));
        }
        let others = utterances.iter().filter(|o| o.speaker != own.speaker);
        for other in others.filter(|o| same_sex(o.first, own.first)) {
            let score = llr(scorer, &own.embedded[..before], &other.embedded[..1]);
            let speakers = [own.speaker, other.speaker];
            trials.extend(score.map(|score| Trial { score, target: false, speakers }));
        }
    }
    trials
}
