//! Identification: who is this caller, if anybody we know?

use std::collections::HashSet;
use std::sync::Arc;

use crate::domain::{
    AuditKind, Decision, EventScore, Llr, PadStatus, Quality, Reason, SubjectId, Timestamp,
};
use crate::policy::{IdentificationEvidence, Standing, Verdict, admit, decide_identification};
use crate::scoring::{IdentificationThreshold, Side};
use crate::store::SubjectSnapshot;
use crate::usecase::UseCaseError;
use crate::usecase::access::{Right, require, sees_fine_scores};
use crate::usecase::command::{Caller, Candidates, Identify, Recording};
use crate::usecase::core::{Draft, Inner, MAX_TRIES, Shared, target};
use crate::usecase::failure::invalid;
use crate::usecase::gallery::{Gallery, RERANK};
use crate::usecase::hear::Speech;
use crate::usecase::live_request::{HeardAudio, Remembered};
use crate::usecase::output::{Identification, RankedCandidate};
use crate::usecase::parts::VoiceParts;
use crate::usecase::request::{Content, Request};
use crate::usecase::sources;
use crate::usecase::verify::{full, shown, standing};
use crate::usecase::voice::{Probe, Score};

/// What a search came to.
#[derive(Clone)]
pub(super) struct Search {
    pub(super) quality: Quality,
    pub(super) searched: usize,
    /// Best first.
    pub(super) ranked: Vec<(SubjectId, Score)>,
}

impl Search {
    /// Nobody was compared.
    pub(super) fn nobody(quality: Quality) -> Self {
        Self { quality, searched: 0, ranked: Vec::new() }
    }
}

/// Everything a decision is made from.
pub(super) struct Question {
    pub(super) by: Caller,
    pub(super) request: Request,
    pub(super) max_results: usize,
    pub(super) voice: VoiceParts,
}

/// What a role may see of an answer.
pub(super) fn for_role(mut answer: Identification, by: &Caller) -> Identification {
    if !sees_fine_scores(by.role) {
        answer.threshold = None;
    }
    for candidate in &mut answer.candidates {
        candidate.score = shown(candidate.score, by);
    }
    answer
}

impl Inner {
    pub(super) async fn identify(
        self: Shared,
        by: Caller,
        c: Identify,
        audio: Recording,
    ) -> Result<Identification, UseCaseError> {
        require(&by, Right::Compare)?;
        let list = self.candidates(&c)?;
        let audio = Arc::new(audio);
        let method = "vouch.v1.IdentificationService/Identify";
        let content = content(&c, list.as_deref());
        let request = self.audio_request(content, &audio, method, c.key.clone()).await?;
        if let Some(Remembered { answer, .. }) = self.remembered(&by, &request).await? {
            return self.still_known(for_role(answer, &by), &by);
        }
        let voice = self.voice(&by.tenant)?;
        let gallery = self.galleries.of(&by.tenant)?;
        let (now, model) = (self.now(), voice.clone());
        let least = self.parts.policy.verification.min_net_speech_ms;
        let search = self
            .hear(&voice, audio, least, move |Speech { frames, quality, .. }| {
                if quality.net_speech_ms < least {
                    return Ok(Search::nobody(quality));
                }
                let probe = model.probe(&frames, &quality)?;
                look(&model, &gallery, list.as_deref(), (&probe, quality), now)
            })
            .await?;
        let question = Question { by, request, max_results: c.max_results, voice };
        self.answer(&question, search, None).await
    }

    /// A checked list without repetitions; `None` for everybody.
    pub(super) fn candidates(&self, c: &Identify) -> Result<Option<Vec<SubjectId>>, UseCaseError> {
        if !(1..=RERANK).contains(&c.max_results) {
            let problem = format!("must be from 1 to {RERANK}, {} came", c.max_results);
            return Err(invalid("max_results", problem));
        }
        let Candidates::List(list) = &c.candidates else {
            return Ok(None);
        };
        let most = self.parts.policy.identification.max_candidates;
        if list.is_empty() || list.len() > most {
            let problem = format!("must name 1 to {most} subjects, {} came", list.len());
            return Err(invalid("candidate_list.subject_ids", problem));
        }
        let mut seen = HashSet::new();
        let unique = list.iter().filter(|s| seen.insert((*s).clone()));
        Ok(Some(unique.cloned().collect()))
    }

    /// A remembered answer without those who were erased or opted out since.
    pub(super) fn still_known(
        &self,
        mut answer: Identification,
        by: &Caller,
    ) -> Result<Identification, UseCaseError> {
        let gallery = self.galleries.of(&by.tenant)?;
        answer.candidates.retain(|c| gallery.contains(&c.subject));
        Ok(answer)
    }

    /// Decides and audits. Whoever would be named is read from the store first, and the commit holds
    /// that nothing changed since. `heard` names what a live call heard.
    pub(super) async fn answer(
        &self,
        question: &Question,
        mut search: Search,
        heard: Option<HeardAudio>,
    ) -> Result<Identification, UseCaseError> {
        let threshold = self.threshold(question, &search)?;
        let held = self.source_held(&question.by.tenant, &sources::of(&question.by)).await?;
        let mut tries = 0;
        while tries < MAX_TRIES {
            let mut verdict = self.verdict(&search, threshold.as_ref());
            let mut winner = None;
            let best = search.ranked.first().filter(|_| verdict.0 != Decision::NoMatch);
            if let Some((subject, _)) = best {
                let (by, now) = (&question.by, self.now());
                let snapshot = self.snapshot(&by.tenant, subject).await?;
                let model = question.voice.extractor.artifact();
                let standing = standing(snapshot.as_ref(), &model, now).0;
                let open = Standing { locked: false, factor_needed: false, ..standing };
                if admit(open).is_some() {
                    search.ranked.remove(0);
                    continue;
                }
                locked_is_not_accepted(&mut verdict, standing.locked, Reason::TooManyAttempts);
                let needed = standing.factor_needed;
                locked_is_not_accepted(&mut verdict, needed, Reason::OtherFactorNeeded);
                locked_is_not_accepted(&mut verdict, held, Reason::SourceLocked);
                winner = snapshot.filter(|_| verdict.0 == Decision::Accept);
            }
            let (draft, answer) =
                self.identification(question, &search, threshold, verdict, winner);
            let remembered = Remembered { answer, heard: heard.clone() };
            match self.commit(&question.by, &question.request, draft, remembered).await {
                Err(UseCaseError::Conflict) => tries += 1,
                Err(error) => return Err(error),
                Ok((Remembered { answer, .. }, _)) => return Ok(for_role(answer, &question.by)),
            }
        }
        Err(UseCaseError::Conflict)
    }

    /// The threshold for as many as were searched; none when nobody was.
    pub(super) fn threshold(
        &self,
        question: &Question,
        search: &Search,
    ) -> Result<Option<IdentificationThreshold>, UseCaseError> {
        let fpir = self.parts.policy.identification.fpir;
        match search.searched {
            0 => Ok(None),
            n => Ok(Some(question.voice.back_end.identification_threshold(n, fpir)?)),
        }
    }

    pub(super) fn verdict(
        &self,
        search: &Search,
        threshold: Option<&IdentificationThreshold>,
    ) -> Verdict {
        let evidence = IdentificationEvidence {
            best: search.ranked.first().map(|(_, score)| score.llr),
            threshold: threshold.map(|t| Llr(t.llr)),
            extrapolated: threshold.is_some_and(|t| !t.supported),
            quality: &search.quality,
        };
        let least = self.parts.policy.verification.min_net_speech_ms;
        decide_identification(least, evidence)
    }

    fn identification(
        &self,
        question: &Question,
        search: &Search,
        threshold: Option<IdentificationThreshold>,
        (decision, reasons): Verdict,
        winner: Option<SubjectSnapshot>,
    ) -> (Draft, Identification) {
        let fpir = self.parts.policy.identification.fpir;
        let back_end = &question.voice.back_end;
        let mut draft = self.draft(&question.by, AuditKind::Identification, "identification");
        let event = &mut draft.event;
        event.decision = Some(decision);
        event.reasons.clone_from(&reasons);
        event.quality = Some(search.quality.clone());
        event.score =
            search.ranked.first().map(|(_, score)| EventScore { raw: score.raw, llr: score.llr });
        event.accept_llr = threshold.map(|t| Llr(t.llr));
        let least = self.parts.policy.verification.min_net_speech_ms;
        // How many others could have been found says nothing about who they are.
        for (name, value) in [
            ("searched", search.searched.to_string()),
            ("fpir", fpir.to_string()),
            ("min_net_speech_ms", least.to_string()),
        ] {
            event.details.insert(name.to_owned(), value);
        }
        if let Some(winner) = winner {
            event.subject = Some(winner.id.clone());
            draft.subject = Some(target(&winner));
        }
        let supported = threshold
            .map_or_else(|| back_end.calibration().tail.supported_n(fpir), |t| t.supported_n);
        let answer = Identification {
            decision,
            reasons,
            candidates: ranked(&search.ranked, question.max_results),
            searched: u32::try_from(search.searched).unwrap_or(u32::MAX),
            threshold: threshold.map(|t| Llr(t.llr)),
            fpir,
            extrapolated: threshold.is_some_and(|t| !t.supported),
            supported_candidates: u32::try_from(supported).unwrap_or(u32::MAX),
            quality: search.quality.clone(),
            pad: PadStatus::NotEvaluated,
            decision_id: draft.decision.clone(),
            versions: self.versions(&question.by.tenant),
        };
        (draft, answer)
    }
}

/// A locked subject is found but not accepted, and so is anybody by a source that is held up: a list of one must not be
/// a way around a lock.
fn locked_is_not_accepted(verdict: &mut Verdict, locked: bool, why: Reason) {
    if locked && verdict.0 == Decision::Accept {
        verdict.0 = Decision::StepUp;
        verdict.1.retain(|r| *r != Reason::VoiceMatch);
        verdict.1.insert(0, why);
    }
}

/// Searches for the voice of speech frames.
pub(super) fn look(
    voice: &VoiceParts,
    gallery: &Gallery,
    list: Option<&[SubjectId]>,
    (probe, quality): (&Probe, Quality),
    now: Timestamp,
) -> Result<Search, UseCaseError> {
    let probe = voice.probe_side(probe)?;
    let found = gallery.search(&probe, list, now)?;
    let ranked = rank(voice, &probe, found.nearest);
    Ok(Search { quality, searched: found.searched, ranked })
}

/// Re-ranks the nearest by calibrated evidence.
fn rank(
    voice: &VoiceParts,
    probe: &Side,
    nearest: Vec<(SubjectId, Side)>,
) -> Vec<(SubjectId, Score)> {
    let mut ranked: Vec<_> =
        nearest.into_iter().map(|(subject, side)| (subject, voice.score(probe, &side))).collect();
    ranked.sort_by(|(a, x), (b, y)| y.llr.0.total_cmp(&x.llr.0).then_with(|| a.cmp(b)));
    ranked
}

pub(super) fn ranked(found: &[(SubjectId, Score)], most: usize) -> Vec<RankedCandidate> {
    let numbered = (1..).zip(found.iter().take(most));
    let shown = numbered.map(|(rank, (subject, score))| RankedCandidate {
        subject: subject.clone(),
        rank,
        score: full(*score),
    });
    shown.collect()
}

pub(super) fn content(c: &Identify, list: Option<&[SubjectId]>) -> Content {
    let mut content = Content::new().text(&c.max_results.to_string());
    match list {
        None => content = content.flag(true),
        Some(list) => {
            content = content.flag(false);
            for subject in list {
                content = content.subject(subject);
            }
        }
    }
    content
}
