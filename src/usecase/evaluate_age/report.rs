//! Tables of an evaluation.

use super::figures::Figure;
use super::plan::Piece;
use super::{Age, Case, Row};

/// Ends of bands of net speech, in seconds.
const SPEECH_EDGES_S: [u32; 3] = [3, 5, 10];

/// The band of net speech in words.
pub(super) fn speech_band(net_speech_ms: u32) -> String {
    let [a, b, c] = SPEECH_EDGES_S;
    match net_speech_ms / 1_000 {
        s if s < a => format!("under {a} s"),
        s if s < b => format!("{a} to {b} s"),
        s if s < c => format!("{b} to {c} s"),
        _ => format!("{c} s and more"),
    }
}

fn shown(figure: Option<Figure>, digits: usize) -> String {
    match figure {
        None => "-".to_owned(),
        Some(Figure { value, interval: None }) => format!("{value:.digits$}"),
        Some(Figure { value, interval: Some(i) }) => {
            format!("{value:.digits$} [{:.digits$}, {:.digits$}]", i.low, i.high)
        }
    }
}

/// Rows as tab-separated text with a header.
pub(super) fn table(rows: &[Row]) -> String {
    let mut text = "corpus\tcondition\tgroup\tcut to s\trecordings\tspeakers\tseniors\tMAE years\t\
                    distance to band\tin 10-90 %\tAUC 65+\tEER 65+\trecall at 15 %\tthreshold\tBrier\tbias\n"
        .to_owned();
    for row in rows {
        let f = &row.figures;
        let cut = row.cut_s.map_or_else(|| "-".to_owned(), |s| s.to_string());
        let few = if f.few_seniors { " (few)" } else { "" };
        let threshold = f.threshold_at_15.map_or_else(|| "-".to_owned(), |t| format!("{t:.3}"));
        text += &format!(
            "{}\t{}\t{}\t{cut}\t{}\t{}\t{}{few}\t{}\t{}\t{}\t{}\t{}\t{}\t{threshold}\t{}\t{}\n",
            row.corpus,
            row.condition.name(),
            row.group,
            f.recordings,
            f.speakers,
            f.seniors,
            shown(f.mae_years, 2),
            shown(f.band_distance_years, 2),
            shown(f.coverage, 3),
            shown(f.auc_senior, 3),
            shown(f.eer_senior, 3),
            shown(f.recall_at_15, 3),
            shown(f.brier, 4),
            shown(f.bias, 4),
        );
    }
    text
}

/// Every estimate with its truth.
pub(super) fn estimates(judged: &[(&Piece, Case)]) -> String {
    let mut text =
        "item\tcorpus\tspeaker\tsex\tcondition\tcut_s\tage\tnet_speech_ms\tchannel\testimate\t\
                    low\thigh\tp_minor\tp_senior\n"
            .to_owned();
    for (piece, case) in judged {
        let age = match case.age {
            Age::Years(years) => years.to_string(),
            Age::Band(from, to) => format!("{from}-{}", to - 1.0),
        };
        let cut = piece.cut_s.map_or_else(|| "-".to_owned(), |s| s.to_string());
        let channel = if case.narrow { "narrow" } else { "wide" };
        let e = &case.estimate;
        text += &format!(
            "{}\t{}\t{}\t{}\t{}\t{cut}\t{age}\t{}\t{channel}\t{:.6}\t{:.6}\t{:.6}\t{:.9}\t{:.9}\n",
            piece.item,
            piece.corpus,
            piece.speaker,
            piece.sex,
            piece.condition.name(),
            case.net_speech_ms,
            e.years.estimate,
            e.years.low,
            e.years.high,
            e.p_minor.value(),
            e.p_senior.value(),
        );
    }
    text
}
