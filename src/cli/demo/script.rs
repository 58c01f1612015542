//! What happens in the demonstration, step by step, through the client.

use std::io::Write;
use std::time::Duration;

use super::report::{self, Report, VerificationRow};
use super::stopwatch;
use super::voices::{Clip, Person};
use crate::grpc::client::{Client, ClientError, LiveAudio};
use crate::grpc::proto as pb;

/// Enrollment packets are sent this many times faster than a telephone would, to keep the demonstration
/// short: an enrollment only listens until the audio ends.
const ENROLL_SPEEDUP: u32 = 6;
/// The live call is scored while it goes on, also on a slow or busy machine: nearer to real time.
pub(super) const LIVE_SPEEDUP: u32 = 2;
/// Milliseconds of audio in a packet.
pub(super) const PACKET_MS: u32 = 20;
/// Genuine attempts per folder.
const GENUINE_TESTS: usize = 3;
/// Attempts of one stranger until the subject must be locked; the policy's limits are lower.
const MAX_LOCKOUT_ATTEMPTS: usize = 12;

/// Why the demonstration stopped.
#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    /// A call failed that should not.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The report could not be written.
    #[error("cannot write the report: {0}")]
    Output(#[from] std::io::Error),
    /// A recording set was used up before an enrollment was complete.
    #[error("{person}: the enrollment is not complete after {used} recordings")]
    NotEnoughSpeech {
        /// Who.
        person: String,
        /// Recordings used.
        used: usize,
    },
}

/// How often the answers were what the recordings say they should be.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    /// Genuine attempts.
    pub genuine: u32,
    /// Of these, accepted.
    pub genuine_accepted: u32,
    /// Impostor attempts.
    pub impostor: u32,
    /// Of these, accepted.
    pub impostor_accepted: u32,
    /// Whether the stranger was found among the enrolled.
    pub stranger_found: bool,
}

/// Runs the steps. The last of `people` stays a stranger.
pub struct Script<'a, W: Write> {
    pub(super) client: Client,
    pub(super) people: &'a [Person],
    pub(super) report: Report<W>,
    tally: Tally,
    /// Recordings of each person's first folder that the enrollment used.
    pub(super) used: Vec<usize>,
    /// LLR of the stranger against each enrolled person.
    stranger_llr: Vec<f64>,
    /// Accepted genuine attempts of each enrolled person.
    accepted: Vec<u32>,
    calls: u32,
}

impl<'a, W: Write> Script<'a, W> {
    /// A script for at least three people.
    pub fn new(client: Client, people: &'a [Person], report: Report<W>) -> Self {
        Self {
            client,
            people,
            report,
            tally: Tally::default(),
            used: Vec::new(),
            stranger_llr: Vec::new(),
            accepted: Vec::new(),
            calls: 0,
        }
    }

    /// All steps in order.
    pub async fn run(mut self) -> Result<(Tally, Report<W>), ScriptError> {
        self.enroll_all().await?;
        self.verify_all().await?;
        self.live_call().await?;
        self.identify_all().await?;
        self.call_that_goes_wrong().await?;
        self.app_session().await?;
        self.seniors().await?;
        self.lock_out().await?;
        self.erase().await?;
        self.audit().await?;
        Ok((self.tally, self.report))
    }

    fn enrolled(&self) -> &'a [Person] {
        &self.people[..self.people.len() - 1]
    }

    fn stranger(&self) -> &'a Person {
        &self.people[self.people.len() - 1]
    }

    /// Place of the person whose calls are shown: who was known best, and so is not locked after unsure attempts.
    pub(super) fn regular(&self) -> usize {
        let most = self.accepted.iter().max();
        self.accepted.iter().position(|accepted| Some(accepted) == most).unwrap_or(0)
    }

    /// A fresh idempotency key.
    pub(super) fn key(&mut self) -> String {
        self.calls += 1;
        format!("demo-{}", self.calls)
    }

    async fn enroll_all(&mut self) -> Result<(), ScriptError> {
        self.report.section(&format!(
            "Enroll: live G.711 mu-law calls, {PACKET_MS} ms packets at {ENROLL_SPEEDUP} times real time"
        ))?;
        for person in self.enrolled() {
            let used = self.enroll(person).await?;
            self.used.push(used);
        }
        Ok(())
    }

    async fn enroll(&mut self, person: &Person) -> Result<usize, ScriptError> {
        let create = pb::CreateSubjectRequest {
            subject_id: person.name.clone(),
            idempotency_key: self.key(),
        };
        self.client.create_subject(create).await?;
        let consent = pb::Consent {
            notice_id: "demo-notice".into(),
            notice_version: "1".into(),
            purpose: pb::ConsentPurpose::VoiceAuthentication as i32,
            channel: "call".into(),
            collector: "demo".into(),
            given_at: None,
            expires_at: None,
        };
        let record = pb::RecordConsentRequest {
            subject_id: person.name.clone(),
            consent: Some(consent),
            idempotency_key: self.key(),
        };
        self.client.record_consent(record).await?;
        let folder = &person.folders[0];
        let started = stopwatch();
        for (index, clip) in folder.clips.iter().enumerate() {
            let config = pb::EnrollStreamConfig {
                enrollment: Some(pb::EnrollmentConfig {
                    subject_id: person.name.clone(),
                    idempotency_key: self.key(),
                    authorization: Some(pb::Authorization {
                        agent: "demo-agent".into(),
                        factor: "in_person".into(),
                    }),
                    reenroll: false,
                }),
                audio: Some(telephone()),
            };
            let result =
                self.client.enroll_stream(config, live(clip, ENROLL_SPEEDUP), |_| {}).await?;
            self.enrollment_line(person, clip, &result)?;
            if result.state == pb::EnrollmentState::Enrolled as i32 {
                let took = started.elapsed().as_secs_f64();
                self.report.line(&format!("   {:<10} enrolled in {took:.1} s", person.name))?;
                return Ok(index + 1);
            }
        }
        Err(ScriptError::NotEnoughSpeech { person: person.name.clone(), used: folder.clips.len() })
    }

    fn enrollment_line(
        &mut self,
        person: &Person,
        clip: &Clip,
        result: &pb::EnrollmentResult,
    ) -> Result<(), ScriptError> {
        let progress = result.progress.clone().unwrap_or_default();
        let seconds =
            progress.net_speech.map_or(0.0, |d| d.seconds as f64 + f64::from(d.nanos) / 1e9);
        let required =
            progress.required.map_or(0.0, |d| d.seconds as f64 + f64::from(d.nanos) / 1e9);
        let kept = if result.utterance_accepted { "kept" } else { "not kept" };
        self.report.line(&format!(
            "   {:<10} {:<9} {:<26} {} {}; {kept}: {}",
            person.name,
            person.folders[0].label,
            clip.name,
            report::bar(seconds, required),
            progress.text,
            report::reasons(&result.reasons),
        ))?;
        Ok(())
    }

    async fn verify_all(&mut self) -> Result<(), ScriptError> {
        self.report.section("Verify: recordings not used above, whole, as G.711 mu-law")?;
        self.report.verification_head()?;
        for (index, claimed) in self.enrolled().iter().enumerate() {
            let before = self.tally.genuine_accepted;
            for (number, folder) in claimed.folders.iter().enumerate() {
                let unused = if number == 0 { self.used[index] } else { 0 };
                for clip in folder.clips.iter().skip(unused).take(GENUINE_TESTS) {
                    let caller = format!("{}, {}", claimed.name, folder.label);
                    let (decision, _) = self.verify(claimed, &caller, clip).await?;
                    self.tally.genuine += 1;
                    self.tally.genuine_accepted += u32::from(decision == pb::Decision::Accept);
                }
            }
            self.accepted.push(self.tally.genuine_accepted - before);
            for other in self.people.iter().filter(|p| p.name != claimed.name) {
                let Some(clip) = other.folders[0].clips.last() else { continue };
                let caller = format!("{} (impostor)", other.name);
                let (decision, llr) = self.verify(claimed, &caller, clip).await?;
                if other.name == self.stranger().name {
                    self.stranger_llr.push(llr.unwrap_or(f64::INFINITY));
                }
                self.tally.impostor += 1;
                self.tally.impostor_accepted += u32::from(decision == pb::Decision::Accept);
            }
        }
        Ok(())
    }

    async fn verify(
        &mut self,
        claimed: &Person,
        caller: &str,
        clip: &Clip,
    ) -> Result<(pb::Decision, Option<f64>), ScriptError> {
        let request = pb::VerifyRequest {
            subject_id: claimed.name.clone(),
            audio: Some(recording(clip)),
            idempotency_key: self.key(),
            ..Default::default()
        };
        let started = stopwatch();
        let result = self.client.verify(request).await?;
        self.report.verification(&VerificationRow {
            claim: &claimed.name,
            caller,
            clip: &clip.name,
            seconds: clip.seconds(),
            result: &result,
            took: started.elapsed(),
        })?;
        let llr = result.score.as_ref().and_then(|score| score.llr);
        Ok((pb::Decision::try_from(result.decision).unwrap_or_default(), llr))
    }

    async fn live_call(&mut self) -> Result<(), ScriptError> {
        let index = self.regular();
        let caller = &self.people[index];
        let longest = caller.folders[0]
            .clips
            .iter()
            .skip(self.used[index])
            .max_by(|a, b| a.mulaw.len().cmp(&b.mulaw.len()));
        let Some(clip) = longest else { return Ok(()) };
        self.report.section(&format!(
            "One live call: {}, {} ({:.1} s), estimates while the caller speaks",
            caller.name,
            clip.name,
            clip.seconds()
        ))?;
        let config = pb::VerifyStreamConfig {
            subject_id: caller.name.clone(),
            audio: Some(telephone()),
            idempotency_key: self.key(),
            no_early_decision: false,
            ..Default::default()
        };
        let mut lines = Vec::new();
        let result = self
            .client
            .verify_stream(config, live(clip, LIVE_SPEEDUP), |u| lines.push(update_line(&u)))
            .await?;
        for line in lines {
            self.report.line(&line)?;
        }
        let heard = result.quality.as_ref().map_or(0, |q| q.total_ms);
        self.report.line(&format!(
            "   final  {:<12} LLR {}  after {:.1} of {:.1} s: {}",
            report::decision(result.decision),
            report::llr(result.score.as_ref()),
            f64::from(heard) / 1000.0,
            clip.seconds(),
            report::reasons(&result.reasons)
        ))?;
        Ok(())
    }

    async fn identify_all(&mut self) -> Result<(), ScriptError> {
        self.report.section("Identify: who is calling, among everybody enrolled, or nobody")?;
        for person in self.people {
            let Some(clip) = person.folders.last().and_then(|f| f.clips.iter().rev().nth(1)) else {
                continue;
            };
            let request = pb::IdentifyRequest {
                audio: Some(recording(clip)),
                candidates: Some(pb::identify_request::Candidates::WholeTenant(pb::WholeTenant {})),
                max_results: 3,
                idempotency_key: self.key(),
            };
            let started = stopwatch();
            let answer = self.client.identify(request).await?;
            let ranked: Vec<String> = answer
                .candidates
                .iter()
                .map(|c| format!("{} {}", c.subject_id, report::llr(c.score.as_ref())))
                .collect();
            let accepted = answer.decision == pb::Decision::Accept as i32;
            let is_stranger = person.name == self.stranger().name;
            self.tally.stranger_found |= is_stranger && accepted;
            self.report.line(&format!(
                "   {:<22} {:<12} {:>4.0} ms  of {}: {}",
                if is_stranger {
                    format!("{} (stranger)", person.name)
                } else {
                    person.name.clone()
                },
                report::decision(answer.decision),
                started.elapsed().as_secs_f64() * 1000.0,
                answer.searched,
                ranked.join(", "),
            ))?;
        }
        Ok(())
    }

    async fn lock_out(&mut self) -> Result<(), ScriptError> {
        // Rejections lock sooner than step-ups, so the one whose voice is least like the stranger's.
        let by_llr = |(_, a): &(usize, &f64), (_, b): &(usize, &f64)| a.total_cmp(b);
        let least_alike = self.stranger_llr.iter().enumerate().min_by(by_llr).map_or(0, |(i, _)| i);
        let target = &self.enrolled()[least_alike];
        let stranger = self.stranger();
        self.report
            .section(&format!("Lock-out: {} keeps trying as {}", stranger.name, target.name))?;
        let clips = stranger.folders.iter().flat_map(|f| &f.clips).cycle();
        for (attempt, clip) in clips.take(MAX_LOCKOUT_ATTEMPTS).enumerate() {
            let request = pb::VerifyRequest {
                subject_id: target.name.clone(),
                audio: Some(recording(clip)),
                idempotency_key: self.key(),
                ..Default::default()
            };
            let result = self.client.verify(request).await?;
            self.report.line(&format!(
                "   attempt {:<3} {:<12} {}",
                attempt + 1,
                report::decision(result.decision),
                report::reasons(&result.reasons)
            ))?;
            if result.decision == pb::Decision::Locked as i32 {
                break;
            }
        }
        Ok(())
    }

    async fn erase(&mut self) -> Result<(), ScriptError> {
        let Some(person) = self.enrolled().last() else { return Ok(()) };
        self.report.section(&format!("Erase {}", person.name))?;
        let request = pb::EraseSubjectRequest {
            subject_id: person.name.clone(),
            idempotency_key: self.key(),
        };
        let mut answer = self.client.erase_subject(request.clone()).await?;
        while answer.state == pb::ErasureState::Pending as i32 {
            self.report.line("   pending: the database log is being truncated")?;
            tokio::time::sleep(Duration::from_millis(200)).await;
            answer = self.client.erase_subject(request.clone()).await?;
        }
        if let Some(receipt) = answer.receipt {
            self.report.line(&format!(
                "   done: {} rows destroyed, receipt {}",
                receipt.rows_destroyed, receipt.receipt_id
            ))?;
        }
        let Some(clip) = person.folders[0].clips.last() else { return Ok(()) };
        let request = pb::VerifyRequest {
            subject_id: person.name.clone(),
            audio: Some(recording(clip)),
            idempotency_key: self.key(),
            ..Default::default()
        };
        let after = match self.client.verify(request).await {
            Ok(result) => report::decision(result.decision).to_owned(),
            Err(ClientError::Refused { code, message }) => format!("{code}: {message}"),
            Err(other) => return Err(other.into()),
        };
        self.report.line(&format!("   verifying {} afterwards: {after}", person.name))?;
        Ok(())
    }

    async fn audit(&mut self) -> Result<(), ScriptError> {
        self.report.section("Explain: the first accepted verification, as an auditor reads it")?;
        let filter = pb::ListDecisionsRequest {
            kind: pb::AuditKind::Verification as i32,
            decision: pb::Decision::Accept as i32,
            page_size: 1000,
            ..Default::default()
        };
        let decisions = self.client.list_decisions(filter).await?.decisions;
        let Some(first) = decisions.last() else { return Ok(()) };
        let explained = self
            .client
            .explain_decision(first.decision_id.clone(), pb::Audience::Unspecified)
            .await?;
        for sentence in explained.explanation {
            self.report.line(&format!("   {sentence}"))?;
        }
        Ok(())
    }
}

pub(super) fn telephone() -> pb::AudioConfig {
    pb::AudioConfig {
        encoding: pb::AudioEncoding::G711Ulaw as i32,
        sample_rate_hz: 8000,
        channels: 1,
        channel: None,
    }
}

pub(super) fn recording(clip: &Clip) -> pb::Audio {
    pb::Audio { config: Some(telephone()), content: clip.mulaw.clone() }
}

fn live(clip: &Clip, speedup: u32) -> LiveAudio {
    LiveAudio {
        packets: clip.packets(),
        interval: Duration::from_millis(u64::from(PACKET_MS)) / speedup,
    }
}

fn update_line(update: &pb::VerificationUpdate) -> String {
    let quality = update.quality.clone().unwrap_or_default();
    format!(
        "   {:>4.1} s  speech {:>4.1} s  LLR {:>6}  {:<12} {}",
        f64::from(quality.total_ms) / 1000.0,
        f64::from(quality.net_speech_ms) / 1000.0,
        report::llr(update.score.as_ref()),
        report::decision(update.decision),
        report::reasons(&update.reasons)
    )
}
