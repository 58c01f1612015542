//! Answers about voices.

use vouch::domain::*;
use vouch::usecase::output::*;

use super::{decision_id, versions};

pub fn quality(total_ms: u32) -> Quality {
    Quality {
        net_speech_ms: total_ms,
        total_ms,
        snr_db: Some(20.0),
        level_dbfs: Some(-26.0),
        clipped_share: 0.0,
        bandwidth: Bandwidth::Narrow,
        packets_lost: 0,
        packets_repeated: 0,
        reasons: vec![],
    }
}

pub fn verification(total_ms: u32) -> Verification {
    Verification {
        decision: Decision::Accept,
        reasons: vec![Reason::VoiceMatch, Reason::PadNotEvaluated],
        score: Some(ShownScore { band: ScoreBand::High, llr: None, raw: None }),
        quality: quality(total_ms),
        pad: PadStatus::NotEvaluated,
        adapted: false,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn identification(searched: u32, total_ms: u32) -> Identification {
    Identification {
        decision: Decision::NoMatch,
        reasons: vec![Reason::BelowIdentificationThreshold],
        candidates: vec![],
        searched,
        threshold: None,
        fpir: 0.01,
        extrapolated: false,
        supported_candidates: 500,
        quality: quality(total_ms),
        pad: PadStatus::NotEvaluated,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn progress(net_speech_ms: u32) -> Progress {
    Progress { net_speech_ms, required_ms: 20_000, utterances: 1, required_utterances: 3 }
}

pub fn enrollment(total_ms: u32) -> Enrollment {
    Enrollment {
        state: EnrollmentState::InProgress,
        utterance_accepted: true,
        reasons: vec![Reason::EnrollmentInProgress],
        progress: progress(total_ms),
        quality: quality(total_ms),
        voiceprint: None,
        decision_id: decision_id(),
        versions: versions(),
    }
}

pub fn enrollment_status() -> EnrollmentStatus {
    EnrollmentStatus {
        state: EnrollmentState::InProgress,
        progress: progress(12_400),
        versions: versions(),
    }
}
