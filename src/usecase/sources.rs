//! Limits of who makes claims, whomever they claim to be: an API key, and the number a call comes from.

use crate::domain::{Decision, PhoneNumber, Reason, Source, TenantId};
use crate::policy::{Outcome, Verdict};
use crate::store::Effect;
use crate::usecase::UseCaseError;
use crate::usecase::command::Caller;
use crate::usecase::core::{Draft, Inner};

/// The sources of a claim that is made with an API key and without a call.
pub(super) fn of(by: &Caller) -> [Source; 1] {
    [Source::ApiKey(by.key.clone())]
}

/// The sources of a session: the number it is called from is believed where it does not come with a token.
pub(super) fn of_call(by: &Caller, number: Option<&PhoneNumber>) -> Vec<Source> {
    of(by).into_iter().chain(number.cloned().map(Source::PhoneNumber)).collect()
}

/// What a held up source hears, before anything is said about whom it claims to be.
pub(super) fn held_up() -> Verdict {
    (Decision::Locked, vec![Reason::SourceLocked])
}

/// The worst of several outcomes; one that nothing was compared for is none.
pub(super) fn worst(outcomes: impl IntoIterator<Item = Outcome>) -> Option<Outcome> {
    let order = [Outcome::Failed, Outcome::Uncertain, Outcome::Passed];
    let all: Vec<Outcome> = outcomes.into_iter().collect();
    order.into_iter().find(|outcome| all.contains(outcome))
}

impl Inner {
    /// Whether nothing is compared for one of these sources now.
    pub(super) async fn source_held(
        &self,
        tenant: &TenantId,
        sources: &[Source],
    ) -> Result<bool, UseCaseError> {
        let limits = &self.parts.policy.sources;
        for source in sources.iter().filter(|source| limits.of(source.kind()).is_on()) {
            if self.parts.store.source(tenant, source).await?.is_held(self.now()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Counts a comparison for who asked for it, in the transaction of its record. Where a source is held up by
    /// then, the commit is refused and everything is decided anew.
    pub(super) fn count_sources(&self, draft: &mut Draft, sources: &[Source], outcome: Outcome) {
        for source in sources {
            let rules = self.parts.policy.sources.of(source.kind());
            if rules.counts(outcome) {
                let (source, rules) = (source.clone(), rules.clone());
                draft.effects.push(Effect::CountSource { source, outcome, rules });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        use Outcome::{Failed, Neutral, Passed, Uncertain};
        assert_eq!(worst([Passed, Failed]), Some(Failed));
        assert_eq!(worst([Passed, Uncertain, Neutral]), Some(Uncertain));
        assert_eq!(worst([Passed]), Some(Passed));
        assert_eq!(worst([Neutral]), None);
    }
}
