//! Who is compared with whom. No randomness: the list of sides decides, or without one the manifest.
//!
//! A list of sides is tab-separated with header `side speaker items`: `enroll` or `test`, the speaker's
//! id, and pieces of audio separated by commas ([`Item`]). Every enrolled speaker is compared with every
//! test of the data set.

use std::collections::{BTreeMap, BTreeSet};

use crate::usecase::embed_file::{Channel, EmbedError, Item};
use crate::usecase::evaluate::protocol::{Condition, Protocol};
use crate::usecase::speech_set::{self, Recording, held_back};

/// Header of a list of sides.
const HEADER: &str = "side\tspeaker\titems";

/// Audio that is joined for a test of one second of net speech, in seconds.
const AUDIO_PER_SPEECH: f64 = 2.0;

/// One speaker of a data set, as the manifest has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Speaker {
    /// Id.
    pub id: String,
    /// Gender, empty when unknown.
    pub gender: String,
    /// Age or band of ages, empty when unknown.
    pub age: String,
    /// Language, where it is known.
    pub language: Option<String>,
}

/// One side of trials.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedSide {
    /// Index among the speakers of the plan.
    pub speaker: u32,
    /// Its pieces of audio.
    pub items: Vec<Item>,
}

/// Both sides of a data set before any channel.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sides {
    /// The speakers.
    pub speakers: Vec<Speaker>,
    /// One template a speaker.
    pub templates: Vec<PlannedSide>,
    /// Tests of all speakers.
    pub tests: Vec<PlannedSide>,
}

/// All trials of one corpus under one condition: every template against every test.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The corpus.
    pub corpus: String,
    /// The condition.
    pub condition: Condition,
    /// Net speech of the tests in seconds, where they are cut to it.
    pub net_speech_s: Option<u32>,
    /// Its sides.
    pub sides: Sides,
}

impl Plan {
    /// As in file names.
    pub fn name(&self) -> String {
        let base = format!("{}-{}", self.corpus, self.condition.name());
        self.net_speech_s.map_or(base.clone(), |s| format!("{base}-{s}s"))
    }

    /// Its pieces of audio.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.sides.templates.iter().chain(&self.sides.tests).flat_map(|side| &side.items)
    }

    /// The pieces that enroll.
    pub fn enrolled(&self) -> impl Iterator<Item = &Item> {
        self.sides.templates.iter().flat_map(|side| &side.items)
    }
}

impl Sides {
    /// The sides of a data set: from the protocol's list if it has one, else as they follow from the
    /// manifest.
    ///
    /// # Errors
    /// A line of the list that is none.
    pub fn of(
        recordings: &[Recording],
        corpus: &str,
        protocol: &Protocol,
    ) -> Result<Self, EmbedError> {
        let own: Vec<Recording> =
            recordings.iter().filter(|r| r.corpus == corpus).cloned().collect();
        match protocol.listed.get(corpus) {
            Some(list) => Self::from_list(list, &own, protocol.languages.get(corpus)),
            None => Ok(Self::planned(&own, corpus, protocol)),
        }
    }

    /// A speaker's recordings are taken in the order of the manifest: the first ones, up to
    /// `enroll_ms`, enroll; the rest are tested in groups of up to `test_ms`. A recording longer than
    /// that is cut; one is never on both sides. Of held-back speakers the first session enrolls and the
    /// others are tested.
    fn planned(own: &[Recording], corpus: &str, protocol: &Protocol) -> Self {
        let sessions = protocol.held_back.iter().any(|c| c == corpus);
        let mut sides = Self::default();
        for files in speech_set::by_speaker(own) {
            if sessions && !held_back(&files[0].speaker) {
                continue;
            }
            let first = &files[0].session;
            let (enrolled, later): (Vec<&Recording>, Vec<&Recording>) =
                files.iter().copied().partition(|r| !sessions || r.session == *first);
            let mut unused = enrolled.as_slice();
            let template = take(&mut unused, protocol.enroll_ms);
            let mut rest = if sessions { later.as_slice() } else { unused };
            if rest.is_empty() {
                continue;
            }
            let speaker = sides.add(files[0], protocol.languages.get(corpus));
            sides.templates.push(PlannedSide { speaker, items: template });
            while !rest.is_empty() {
                let items = take(&mut rest, protocol.test_ms);
                sides.tests.push(PlannedSide { speaker, items });
            }
        }
        sides
    }

    fn add(&mut self, recording: &Recording, language: Option<&String>) -> u32 {
        let known = recording.language().map(str::to_owned);
        self.speakers.push(Speaker {
            id: recording.speaker.clone(),
            gender: recording.gender.clone(),
            age: recording.age.clone(),
            language: known.or_else(|| language.cloned()),
        });
        self.speakers.len() as u32 - 1
    }

    /// Reads a list; what is known of its speakers comes from the manifest.
    fn from_list(
        list: &str,
        own: &[Recording],
        language: Option<&String>,
    ) -> Result<Self, EmbedError> {
        let mut known: BTreeMap<&str, &Recording> = BTreeMap::new();
        for recording in own {
            known.entry(&recording.speaker).or_insert(recording);
        }
        let mut sides = Self::default();
        let mut at: BTreeMap<String, u32> = BTreeMap::new();
        let mut lines = list.lines();
        let wrong = |line: &str| EmbedError(format!("`{line}` is not a line of a list of sides"));
        if lines.next() != Some(HEADER) {
            return Err(EmbedError(format!("a list of sides begins with `{HEADER}`")));
        }
        for line in lines {
            let fields: Vec<&str> = line.split('\t').collect();
            let [side, id, items] = fields[..] else {
                return Err(wrong(line));
            };
            let speaker = match at.get(id) {
                Some(speaker) => *speaker,
                None => {
                    let speaker = match known.get(id) {
                        Some(recording) => sides.add(recording, language),
                        None => {
                            let unknown = Speaker { id: id.to_owned(), ..Speaker::default() };
                            sides.speakers.push(unknown);
                            sides.speakers.len() as u32 - 1
                        }
                    };
                    at.insert(id.to_owned(), speaker);
                    speaker
                }
            };
            let items = items.split(',').map(str::parse).collect::<Result<Vec<Item>, _>>()?;
            let planned = PlannedSide { speaker, items };
            match side {
                "enroll" => sides.templates.push(planned),
                "test" => sides.tests.push(planned),
                _ => return Err(wrong(line)),
            }
        }
        Ok(sides)
    }

    /// The list.
    pub fn to_list(&self) -> String {
        let mut list = format!("{HEADER}\n");
        for (name, sides) in [("enroll", &self.templates), ("test", &self.tests)] {
            for side in sides {
                let id = &self.speakers[side.speaker as usize].id;
                list += &format!("{name}\t{id}\t{}\n", joined(side));
            }
        }
        list
    }

    /// The plan under a condition.
    pub fn plan(&self, corpus: &str, condition: Condition) -> Plan {
        let [enroll, test] = condition.channels();
        let sides = Self {
            speakers: self.speakers.clone(),
            templates: under(&self.templates, enroll),
            tests: under(&self.tests, test),
        };
        Plan { corpus: corpus.to_owned(), condition, net_speech_s: None, sides }
    }

    /// The plan with tests of `seconds` of net speech each. A speaker's test recordings, whole and in
    /// order, are joined until there is twice that much audio, and cut where net speech reaches it; each
    /// recording is in one test.
    pub fn net_speech_plan(
        &self,
        corpus: &str,
        condition: Condition,
        recordings: &[Recording],
        seconds: u32,
    ) -> Plan {
        let durations: BTreeMap<&str, f64> =
            recordings.iter().map(|r| (r.file.as_str(), r.seconds)).collect();
        let wanted = AUDIO_PER_SPEECH * f64::from(seconds);
        let mut tests = Vec::new();
        for speaker in 0..self.speakers.len() as u32 {
            let own = self.tests.iter().filter(|t| t.speaker == speaker);
            let files = own.flat_map(|t| t.items.iter().flat_map(Item::files));
            let mut seen = BTreeSet::new();
            let (mut waiting, mut audio) = (Vec::new(), 0.0);
            for file in files {
                if !seen.insert(file) {
                    continue;
                }
                audio += durations.get(file.as_str()).copied().unwrap_or(0.0);
                waiting.push(file.to_owned());
                if audio >= wanted {
                    tests.push(PlannedSide {
                        speaker,
                        items: vec![speech_item(std::mem::take(&mut waiting), seconds)],
                    });
                    audio = 0.0;
                }
            }
        }
        let whole = Self { tests, ..self.clone() };
        Plan { net_speech_s: Some(seconds), ..whole.plan(corpus, condition) }
    }
}

fn speech_item(mut files: Vec<String>, seconds: u32) -> Item {
    let first = files.remove(0);
    Item { more: files, speech_ms: Some(seconds * 1_000), ..Item::whole(first) }
}

fn under(sides: &[PlannedSide], channel: Channel) -> Vec<PlannedSide> {
    let moved = |side: &PlannedSide| PlannedSide {
        speaker: side.speaker,
        items: side.items.iter().map(|i| i.under(channel)).collect(),
    };
    sides.iter().map(moved).collect()
}

/// Takes at least one recording, and further ones while all fit into `most_ms`.
fn take(rest: &mut &[&Recording], most_ms: u32) -> Vec<Item> {
    let limit = f64::from(most_ms) / 1_000.0;
    let (mut items, mut seconds) = (Vec::new(), 0.0);
    while let Some((first, others)) = rest.split_first() {
        if !items.is_empty() && seconds + first.seconds > limit {
            break;
        }
        seconds += first.seconds;
        *rest = others;
        items.push(Item {
            length_ms: (first.seconds > limit).then_some(most_ms),
            ..Item::whole(first.file.as_str())
        });
    }
    items
}

fn joined(side: &PlannedSide) -> String {
    let items: Vec<String> = side.items.iter().map(Item::to_string).collect();
    items.join(",")
}

/// The trials as lines `enroll[,…] test[,…] target|nontarget`, as `vouch score` reads them.
pub fn trial_lines(plan: &Plan) -> String {
    let tests: Vec<(u32, String)> =
        plan.sides.tests.iter().map(|t| (t.speaker, joined(t))).collect();
    let mut lines = String::new();
    for template in &plan.sides.templates {
        let enroll = joined(template);
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

    fn recording(speaker: &str, file: &str, seconds: f64, session: &str) -> Recording {
        Recording {
            corpus: "x".into(),
            speaker: speaker.into(),
            file: file.into(),
            seconds,
            gender: "F".into(),
            age: String::new(),
            session: session.into(),
        }
    }

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
        let numbered = files.iter().enumerate();
        numbered.map(|(i, (s, seconds))| recording(s, &format!("{i} .wav"), *seconds, "")).collect()
    }

    fn protocol() -> Protocol {
        Protocol { listed: BTreeMap::new(), ..Protocol::built_in().unwrap() }
    }

    fn texts(sides: &[PlannedSide]) -> Vec<String> {
        sides.iter().map(joined).collect()
    }

    #[test]
    fn sides_keep_to_their_limits_and_never_share_a_recording() {
        let sides = Sides::of(&recordings(), "x", &protocol()).unwrap();
        let plan = sides.plan("x", Condition::Cross);
        assert_eq!(plan.name(), "x-cross");
        assert_eq!(sides.templates.len(), 2, "c has nothing left to test");
        assert_eq!(
            texts(&plan.sides.templates),
            ["0%20.wav#as_is:0+8000", "3%20.wav#as_is:0+all,4%20.wav#as_is:0+all"]
        );
        assert_eq!(
            texts(&plan.sides.tests),
            [
                "1%20.wav#phone:0+5000",
                "2%20.wav#phone:0+all",
                "5%20.wav#phone:0+all,6%20.wav#phone:0+all",
                "7%20.wav#phone:0+all",
                "8%20.wav#phone:0+all",
            ]
        );
        let lines = trial_lines(&plan);
        assert_eq!(lines.lines().count(), 10);
        assert!(lines.lines().all(|l| l.split_whitespace().count() == 3));
        assert_eq!(lines.lines().filter(|l| l.ends_with(" target")).count(), 5);
    }

    #[test]
    fn a_list_says_the_same_sides() {
        let planned = Sides::of(&recordings(), "x", &protocol()).unwrap();
        let mut listed = protocol();
        listed.listed.insert("x".into(), planned.to_list());
        // Whatever order the manifest has.
        let mut reversed = recordings();
        reversed.reverse();
        assert_eq!(Sides::of(&reversed, "x", &listed).unwrap(), planned);
        for bad in ["", "side\tspeaker\titems\nenroll\ta\n", "side\tspeaker\titems\nx\ta\tb\n"] {
            listed.listed.insert("x".into(), bad.into());
            assert!(Sides::of(&reversed, "x", &listed).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn held_back_speakers_are_enrolled_and_tested_in_different_sessions() {
        let held = (0..).map(|i| format!("s{i}")).filter(|s| held_back(s));
        let [two, one]: [String; 2] = held.take(2).collect::<Vec<_>>().try_into().unwrap();
        let other = (0..).map(|i| format!("s{i}")).find(|s| !held_back(s)).unwrap();
        let all = [
            recording(&two, "a_1.wav", 4.0, "1"),
            recording(&two, "b_2.wav", 3.0, "2"),
            recording(&two, "common_voice_fr_2.wav", 3.0, "1"),
            recording(&two, "c_3.wav", 3.0, "3"),
            recording(&two, "d_1.wav", 9.0, "1"),
            recording(&one, "e_1.wav", 3.0, "1"),
            recording(&one, "f_1.wav", 3.0, "1"),
            recording(&other, "g_1.wav", 3.0, "1"),
            recording(&other, "h_2.wav", 3.0, "2"),
        ];
        let protocol = Protocol { held_back: vec!["x".into()], ..protocol() };
        let sides = Sides::of(&all, "x", &protocol).unwrap();
        assert_eq!(sides.speakers.len(), 1);
        assert_eq!(texts(&sides.templates), ["a_1.wav,common_voice_fr_2.wav"]);
        assert_eq!(texts(&sides.tests), ["b_2.wav", "c_3.wav"]);
    }

    #[test]
    fn tests_of_net_speech_join_recordings_and_use_each_once() {
        let all = recordings();
        let sides = Sides::of(&all, "x", &protocol()).unwrap();
        let tests = |seconds| {
            let plan = sides.net_speech_plan("x", Condition::Clean, &all, seconds);
            assert_eq!(plan.name(), format!("x-clean-{seconds}s"));
            texts(&plan.sides.tests)
        };
        assert_eq!(
            tests(2),
            [
                "1%20.wav#as_is:0+all@2000",
                "2%20.wav#as_is:0+all@2000",
                "5%20.wav&6%20.wav#as_is:0+all@2000",
                "7%20.wav&8%20.wav#as_is:0+all@2000",
            ]
        );
        assert_eq!(
            tests(5),
            [
                "1%20.wav&2%20.wav#as_is:0+all@5000",
                "5%20.wav&6%20.wav&7%20.wav&8%20.wav#as_is:0+all@5000"
            ]
        );
        assert!(tests(10).is_empty());
    }
}
