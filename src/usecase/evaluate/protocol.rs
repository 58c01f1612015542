//! Who is compared with whom. No randomness: the manifest decides.

use crate::usecase::embed_file::{Channel, Item};
use crate::usecase::speech_set::{self, Recording};

/// Longest enrollment, in milliseconds of audio.
pub const ENROLL_MS: u32 = 8_000;

/// Longest test, in milliseconds of audio.
pub const TEST_MS: u32 = 5_000;

/// Under which channels a corpus is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Both sides as they are.
    Clean,
    /// Both sides over the simulated telephone.
    Phone,
    /// Enrolled as it is, tested over the simulated telephone.
    Cross,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Clean, Self::Phone, Self::Cross];

    /// As in file names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Phone => "phone",
            Self::Cross => "cross",
        }
    }

    fn channels(self) -> [Channel; 2] {
        match self {
            Self::Clean => [Channel::AsIs, Channel::AsIs],
            Self::Phone => [Channel::Phone, Channel::Phone],
            Self::Cross => [Channel::AsIs, Channel::Phone],
        }
    }
}

/// One side of trials.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSide {
    /// Index among the speakers of the plan.
    pub speaker: u32,
    /// Its pieces of audio.
    pub items: Vec<Item>,
}

/// All trials of one corpus under one condition: every template against every test.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The corpus.
    pub corpus: String,
    /// The condition.
    pub condition: Condition,
    /// Gender of each speaker, empty when unknown.
    pub genders: Vec<String>,
    /// One template a speaker.
    pub templates: Vec<PlannedSide>,
    /// Tests of all speakers.
    pub tests: Vec<PlannedSide>,
}

/// Plans the trials of a corpus. A speaker's recordings are taken in the order of the manifest: the
/// first ones, up to 8 s, enroll; the rest are tested in groups of up to 5 s. A recording longer
/// than that is cut; one is never on both sides.
pub fn plan(recordings: &[Recording], corpus: &str, condition: Condition) -> Plan {
    let own: Vec<Recording> = recordings.iter().filter(|r| r.corpus == corpus).cloned().collect();
    let [enroll, test] = condition.channels();
    let mut plan = Plan {
        corpus: corpus.to_owned(),
        condition,
        genders: Vec::new(),
        templates: Vec::new(),
        tests: Vec::new(),
    };
    for files in speech_set::by_speaker(&own) {
        let speaker = plan.genders.len() as u32;
        let mut rest = files.as_slice();
        let template = take(&mut rest, ENROLL_MS, enroll);
        if rest.is_empty() {
            continue;
        }
        plan.genders.push(files[0].gender.clone());
        plan.templates.push(PlannedSide { speaker, items: template });
        while !rest.is_empty() {
            let items = take(&mut rest, TEST_MS, test);
            plan.tests.push(PlannedSide { speaker, items });
        }
    }
    plan
}

/// Takes at least one recording, and further ones while all fit into `most_ms`.
fn take(rest: &mut &[&Recording], most_ms: u32, channel: Channel) -> Vec<Item> {
    let limit = f64::from(most_ms) / 1_000.0;
    let (mut items, mut seconds) = (Vec::new(), 0.0);
    while let Some((first, others)) = rest.split_first() {
        if !items.is_empty() && seconds + first.seconds > limit {
            break;
        }
        seconds += first.seconds;
        *rest = others;
        items.push(Item {
            channel,
            length_ms: (first.seconds > limit).then_some(most_ms),
            ..Item::whole(first.file.as_str())
        });
    }
    items
}

/// The trials as lines `enroll[,…] test[,…] target|nontarget`, as `vouch score` reads them.
pub fn trial_lines(plan: &Plan) -> String {
    let join = |side: &PlannedSide| {
        let items: Vec<String> = side.items.iter().map(Item::to_string).collect();
        items.join(",")
    };
    let tests: Vec<(u32, String)> = plan.tests.iter().map(|t| (t.speaker, join(t))).collect();
    let mut lines = String::new();
    for template in &plan.templates {
        let enroll = join(template);
        for (speaker, test) in &tests {
            let label = if *speaker == template.speaker { "target" } else { "nontarget" };
            lines.push_str(&format!("{enroll} {test} {label}\n"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recordings() -> Vec<Recording> {
        let files = [
            ("a", 12.0),
            ("a", 6.5),
            ("a", 4.0),
            ("b", 3.0),
            ("b", 3.0),
            ("b", 3.0),
            ("b", 2.0),
            ("b", 1.0),
            ("b", 4.5),
            ("c", 5.0),
        ];
        let recording = |(i, (speaker, seconds)): (usize, &(&str, f64))| Recording {
            corpus: "x".into(),
            speaker: (*speaker).into(),
            file: format!("{i}.wav"),
            seconds: *seconds,
            gender: String::new(),
            age: String::new(),
        };
        files.iter().enumerate().map(recording).collect()
    }

    #[test]
    fn sides_keep_to_their_limits_and_never_share_a_recording() {
        let plan = plan(&recordings(), "x", Condition::Cross);
        let files = |side: &PlannedSide| -> Vec<String> {
            side.items.iter().map(Item::to_string).collect()
        };
        assert_eq!(plan.templates.len(), 2, "c has nothing left to test");
        assert_eq!(files(&plan.templates[0]), ["0.wav#as_is:0+8000"]);
        assert_eq!(files(&plan.templates[1]), ["3.wav", "4.wav"]);
        let tests: Vec<_> = plan.tests.iter().map(files).collect();
        assert_eq!(
            tests,
            [
                vec!["1.wav#phone:0+5000"],
                vec!["2.wav#phone:0+all"],
                vec!["5.wav#phone:0+all", "6.wav#phone:0+all"],
                vec!["7.wav#phone:0+all"],
                vec!["8.wav#phone:0+all"],
            ]
        );
        let lines = trial_lines(&plan);
        assert_eq!(lines.lines().count(), 10);
        assert_eq!(lines.lines().filter(|l| l.ends_with(" target")).count(), 5);
    }
}
