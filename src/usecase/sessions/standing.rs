//! Where the claimed subject of a session stands: the best over what the session uses of them.

use crate::domain::{ConsentRefusal, Timestamp};
use crate::policy::Standing;
use crate::policy::session::SubjectStanding;
use crate::store::{BehaviorProfile, BehaviorSnapshot, ProfileKind};
use crate::usecase::behavior::compare::{complete, standing_with};
use crate::usecase::core::Inner;

/// As of when a standing is looked at, and whether another factor was passed in the session.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    pub(super) vouched: bool,
}

/// A standing in the words of the session's policy. An opt-out comes first, so that nothing else is told
/// about such a subject.
pub(super) fn session_standing(known: bool, vouched: bool, standing: Standing) -> SubjectStanding {
    match standing {
        _ if !known => SubjectStanding::Unknown,
        Standing { refused: Some(ConsentRefusal::OptedOut), .. } => SubjectStanding::OptedOut,
        Standing { refused: Some(ConsentRefusal::NoCurrentConsent), .. } => {
            SubjectStanding::NoConsent
        }
        Standing { locked: true, .. } => SubjectStanding::Locked,
        Standing { factor_needed: true, .. } if !vouched => SubjectStanding::FactorNeeded,
        Standing { has_template: false, .. } | Standing { model_matches: false, .. } => {
            SubjectStanding::NotEnrolled
        }
        Standing { expired: true, .. } => SubjectStanding::Expired,
        _ => SubjectStanding::Enrolled,
    }
}

/// How far a standing is from being usable. A lock comes before what may be mended without it: whoever is
/// locked stays so whatever else was never enrolled.
fn distance(standing: SubjectStanding) -> u8 {
    match standing {
        SubjectStanding::Enrolled => 0,
        SubjectStanding::FactorNeeded | SubjectStanding::Locked => 1,
        // Is put over the best.
        SubjectStanding::SourceLocked => 1,
        SubjectStanding::Expired => 2,
        SubjectStanding::NotEnrolled => 3,
        SubjectStanding::NoConsent => 4,
        SubjectStanding::Unknown => 5,
        SubjectStanding::Unclaimed => 6,
        // Is looked for before.
        SubjectStanding::OptedOut => 7,
    }
}

/// A standing where the source of the claim is held up. That nobody is known by the name stays, so that no other
/// factor vouches for nobody.
pub(super) fn held_up(standing: SubjectStanding) -> SubjectStanding {
    match standing {
        SubjectStanding::Unclaimed | SubjectStanding::Unknown => standing,
        _ => SubjectStanding::SourceLocked,
    }
}

/// The best of several standings; an opt-out beats all, because it is of the whole subject. `None` of none.
pub(super) fn best(all: impl IntoIterator<Item = SubjectStanding>) -> Option<SubjectStanding> {
    all.into_iter().reduce(|a, b| match SubjectStanding::OptedOut {
        out if a == out || b == out => out,
        _ if distance(b) < distance(a) => b,
        _ => a,
    })
}

impl Inner {
    /// Where a subject stands with a kind of profile, with the background in force.
    pub(super) fn stands_with(
        &self,
        kind: ProfileKind,
        snapshot: Option<&BehaviorSnapshot>,
        profile: Option<&BehaviorProfile>,
        at: Moment,
    ) -> SubjectStanding {
        let background = self.background_of(kind);
        let stands = standing_with(kind.purpose(), snapshot, profile, &background, at.now).0;
        session_standing(snapshot.is_some(), at.vouched, stands)
    }

    /// Where a subject stands with all their profiles together.
    pub(super) fn stands_with_any(
        &self,
        snapshot: Option<&BehaviorSnapshot>,
        at: Moment,
    ) -> SubjectStanding {
        let profiles = snapshot.iter().flat_map(|s| &s.profiles);
        let complete = profiles.filter(|p| p.completed_at.is_some());
        let all = complete.map(|p| self.stands_with(p.kind, snapshot, Some(p), at));
        let none = || self.stands_with(ProfileKind::FreeText, snapshot, None, at);
        best(all).unwrap_or_else(none)
    }

    /// Where a subject stands with the profile that a snapshot was read for.
    pub(super) fn stands_with_one(
        &self,
        kind: ProfileKind,
        snapshot: Option<&BehaviorSnapshot>,
        at: Moment,
    ) -> SubjectStanding {
        self.stands_with(kind, snapshot, snapshot.and_then(complete), at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_counts_and_an_opt_out_beats_all() {
        use SubjectStanding::{
            Enrolled, Expired, Locked, NoConsent, NotEnrolled, OptedOut, Unknown,
        };
        let cases: [(&[SubjectStanding], Option<SubjectStanding>); 7] = [
            (&[], None),
            (&[Unknown], Some(Unknown)),
            (&[NoConsent, Enrolled, Locked], Some(Enrolled)),
            (&[NotEnrolled, Locked], Some(Locked)),
            (&[NoConsent, NotEnrolled], Some(NotEnrolled)),
            (&[Expired, NotEnrolled], Some(Expired)),
            (&[Enrolled, OptedOut, Locked], Some(OptedOut)),
        ];
        for (all, want) in cases {
            assert_eq!(best(all.iter().copied()), want, "{all:?}");
            assert_eq!(best(all.iter().rev().copied()), want, "{all:?}");
        }
    }
}
